"""`holdfast admin` and the administration API as tests use them, in somebody's name."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from unittest import mock

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError as S3Error

from holdfast.cli.client import Client, Key, ServiceError
from holdfast.cli.main import main
from tests.serving import Server


class Ran(NamedTuple):
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)["data"]


class Somebody:
    """One caller of one server."""

    def __init__(self, server: Server, access_key: str, secret: str, id: str = "", name: str = "") -> None:
        self.server = server
        self.access_key, self.secret, self.id, self.name = access_key, secret, id, name
        self._client = Client(server.control, Key(access_key, secret))

    def run(self, *arguments: str, stdin: str = "", **env: str) -> Ran:
        """`holdfast ...`, in this process: the same code without the start of an interpreter."""
        out, err = io.StringIO(), io.StringIO()
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "AWS_"))}
        environ |= {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret, "HOLDFAST_CONTROL": self.server.control, **env}
        with contextlib.ExitStack() as held:
            held.enter_context(mock.patch.dict(os.environ, environ, clear=True))
            held.enter_context(mock.patch.object(sys, "stdin", io.StringIO(stdin)))
            held.enter_context(contextlib.redirect_stdout(out))
            held.enter_context(contextlib.redirect_stderr(err))
            try:
                code = main(arguments)
            except SystemExit as ended:
                code = int(ended.code or 0)
        return Ran(code, out.getvalue(), err.getvalue())

    def admin(self, *arguments: str) -> Any:
        """The data of a command that must succeed."""
        return self.run("admin", *arguments).data

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        """Status and document of one call of the API."""
        try:
            return 200, self._client.ask(method, path, query, body)
        except ServiceError as error:
            return error.status, error.answer

    def s3(self) -> Any:
        """A boto3 client with this key."""
        return s3_client(self.server, self.access_key, self.secret)


def s3_client(server: Server, access_key: str, secret: str) -> Any:
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0})
    return boto3.client(
        "s3", endpoint_url=server.endpoint, aws_access_key_id=access_key, aws_secret_access_key=secret, region_name=server.region, config=config
    )


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def new_user(root: Somebody, *statements: str) -> Somebody:
    """A user with a key, in a group of its own; G in the statements stands for that group."""
    name, group = unique("user"), unique("group")
    id = root.admin("user", "create", "--name", name)["id"]
    root.admin("group", "create", "--name", group)
    root.admin("group", "add-user", "--group", group, "--user", name)
    if statements:
        given = [statement.replace("group G", f"group {group}") for statement in statements]
        root.admin("policy", "create", "--name", group, "--statements", json.dumps(given))
    key = root.admin("key", "create", "--user", name)
    return Somebody(root.server, key["id"], key["key"], id, name)


CONNECTIONS = 8


def everywhere(call: Callable[[], Any]) -> list[str]:
    """Calls S3 over several connections at once, so that every worker is asked; the code of each refusal, "" for none."""
    together = threading.Barrier(CONNECTIONS)

    def one(_: int) -> str:
        together.wait(20)
        try:
            call()
        except S3Error as error:
            return str(error.response["Error"]["Code"])
        return ""

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        return list(threads.map(one, range(CONNECTIONS)))


@contextlib.contextmanager
def refused(code: str) -> Iterator[None]:
    """Asserts that S3 refuses with that code."""
    try:
        yield
    except S3Error as error:
        assert error.response["Error"]["Code"] == code, error
    else:
        raise AssertionError(f"it was not refused with {code}")
