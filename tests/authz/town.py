"""A running server and, beside it on the same data, the directory of its identities: what the admin API does, without its wire."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Coroutine
from typing import Any, TypeVar

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from holdfast.engine.api import Engine
from holdfast.identities import master
from holdfast.identities.directory import Directory
from holdfast.model.buckets import Bucket
from holdfast.model.identity import SERVICE_ACCOUNT, USER, Binding, Compartment, Credential, Group, PolicyDocument, Tenancy, User
from tests.serving import Server, heard, open_store

T = TypeVar("T")


def now_ms() -> int:
    return int(time.time() * 1000)


class Town:
    """Everybody in the first tenancy of a server. Each method is one step that has taken place when it returns."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.loop = asyncio.new_event_loop()
        self.engine = self.loop.run_until_complete(self._open())
        key = master.load(server.data_dir / master.FILE_NAME)
        assert key is not None
        self.directory = Directory(self.engine.registry, key)
        found = self.run(self.directory.tenancies.by_name("holdfast"))
        assert found is not None
        self.tenancy: Tenancy = found

    async def _open(self) -> Engine:
        return open_store(self.server.data_dir)

    def close(self) -> None:
        self.loop.run_until_complete(self.engine.close())
        self.loop.close()

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        before = self.engine.registry.generation()
        done = self.loop.run_until_complete(step)
        if self.engine.registry.generation() != before:  # else it only looked, or made what no process remembers
            self.loop.run_until_complete(heard(self.engine))
        return done

    def compartment(self, name: str, parent: Compartment | None = None) -> Compartment:
        return self.run(self.directory.compartments.create(self.tenancy.id, parent.id if parent else self.tenancy.id, name, "", now_ms()))

    def group(self, name: str) -> Group:
        return self.run(self.directory.groups.create(self.tenancy.id, name, "", now_ms()))

    def user(self, *groups: Group, rights: str = "none", kind: str = USER, compartment: str = "", tenancy: str = "") -> tuple[User, Credential]:
        """A new user with a key, in these groups."""
        name = f"u-{uuid.uuid4().hex[:12]}"
        given = User(id="", name=name, canonical_id="", display_name="", rights=rights, kind=kind, tenancy=tenancy, compartment=compartment)

        async def make() -> tuple[User, Credential]:
            made = await self.directory.users.create_user(given)
            for group in groups:
                await self.directory.groups.add_user(group.id, made.id, now_ms())
            return made, await self.directory.keys.create(made.id, now_ms())

        return self.run(make())

    def service_account(self, compartment: Compartment) -> tuple[User, Credential]:
        return self.user(kind=SERVICE_ACCOUNT, compartment=compartment.id)

    def policy(self, *statements: str, at: Compartment | None = None) -> PolicyDocument:
        name = f"p-{uuid.uuid4().hex[:12]}"
        return self.run(self.directory.policies.create(self.tenancy.id, at.id if at else self.tenancy.id, name, statements, "", now_ms()))

    def bind(self, user: User | Group, role: str, scope: str, target: str) -> None:
        self.run(self.directory.roles.bind(user.id, Binding(role=role, scope=scope, target=target, created_ms=now_ms())))

    def unbind(self, user: User | Group, role: str, scope: str, target: str) -> None:
        self.run(self.directory.roles.unbind(user.id, role, scope, target))

    def bucket(self, compartment: Compartment | None = None, owner: str = "somebody-else", name: str = "", namespace: str = "default") -> Bucket:
        """A bucket with one object "k", that nobody of the tests owns."""
        name = name or f"b-{uuid.uuid4().hex[:16]}"
        place = compartment.id if compartment else ""
        return self.run(
            self.engine.catalog.create_bucket(
                Bucket(namespace=namespace, name=name, region=self.server.region, owner=owner, compartment=place, created_ms=now_ms())
            )
        )


def root(server: Server) -> Any:
    """boto3's S3 client of the administrator."""
    nobody = User(id="", name="", canonical_id="", display_name="")
    return client(server, Credential(access_key=server.access_key, secret=server.secret_key, user=nobody))


def client(server: Server, key: Credential | None, **config: Any) -> Any:
    """boto3's S3 client with a key, or of nobody."""
    given = {"s3": {"addressing_style": "path"}, "retries": {"max_attempts": 0}} | ({} if key else {"signature_version": UNSIGNED}) | config
    keys = {"aws_access_key_id": key.access_key, "aws_secret_access_key": key.secret} if key else {}
    return boto3.client("s3", endpoint_url=server.endpoint, region_name=server.region, config=Config(**given), **keys)


def code(call: Any, **given: Any) -> str:
    """"" if a call succeeds, else the code that refuses it (the status of HEAD)."""
    try:
        call(**given)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""
