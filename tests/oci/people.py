"""People who sign OCI requests: an RSA key in the store, the profile of the real `oci` command, and requests signed by hand."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import http.client
import json
import os
import subprocess
import time
import urllib.parse
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdfast.engine.api import Engine
from holdfast.identities.directory import Directory
from holdfast.model.identity import User
from tests.oci.requests_made import Store
from tests.serving import ROOT, Server

CLI = ROOT / ".build" / "oci" / "bin"
_KEYS: list[rsa.RSAPrivateKey] = []


def new_key(at: int = 0) -> rsa.RSAPrivateKey:
    """The `at`th key of this process: to make one takes a tenth of a second."""
    while len(_KEYS) <= at:
        _KEYS.append(rsa.generate_private_key(65537, 2048))
    return _KEYS[at]


class Answer(NamedTuple):
    """What a request was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Person:
    """A user with an API key."""

    def __init__(self, server: Server, user: User, key: rsa.RSAPrivateKey, fingerprint: str) -> None:
        self.server = server
        self.user = user
        self.key = key
        self.fingerprint = fingerprint
        self.key_id = f"{user.tenancy}/{user.id}/{fingerprint}"

    def signed(self, method: str, target: str, host: str, *, body: bytes | None = None, headers: dict[str, str] | None = None) -> dict[str, str]:
        """The headers of a signed request. With a `body` it is signed too, as for everything but objects."""
        sent = {"date": email.utils.formatdate(usegmt=True), "host": host, **(headers or {})}
        names = ["date", "(request-target)", "host"]
        if body is not None:
            sent |= {"content-length": str(len(body)), "x-content-sha256": base64.b64encode(hashlib.sha256(body).digest()).decode()}
            sent.setdefault("content-type", "application/json")
            names += ["content-length", "content-type", "x-content-sha256"]
        lines = [f"(request-target): {method.lower()} {target}" if name == "(request-target)" else f"{name}: {sent[name]}" for name in names]
        signature = base64.b64encode(self.key.sign("\n".join(lines).encode(), padding.PKCS1v15(), SHA256())).decode()
        sent["authorization"] = (
            f'Signature algorithm="rsa-sha256",headers="{" ".join(names)}",keyId="{self.key_id}",signature="{signature}",version="1"'
        )
        return sent

    def ask(self, method: str, target: str, *, document: Any = None, data: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """A signed request: with a JSON document, or with the bytes of an object."""
        host = urllib.parse.urlsplit(self.server.endpoint).netloc
        body = json.dumps(document).encode() if document is not None else b"" if method in ("POST", "PUT") and data is None else None
        sent = self.signed(method, target, host, body=body, headers=headers)
        return send(self.server, method, target, sent, body if body is not None else data)

    def profile(self, folder: Path) -> Path:
        """A configuration file of the `oci` command."""
        folder.mkdir(parents=True, exist_ok=True)
        private = folder / "private.pem"
        private.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        private.chmod(0o600)
        config = folder / "config"
        config.write_text(
            f"[DEFAULT]\nuser={self.user.id}\ntenancy={self.user.tenancy}\nfingerprint={self.fingerprint}\n"
            f"key_file={private}\nregion={self.server.region}\n"
        )
        config.chmod(0o600)
        return config


def send(server: Server, method: str, target: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
    """A request as it is, with nothing added."""
    host = urllib.parse.urlsplit(server.endpoint).netloc
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"host": host, **headers}.items():
            connection.putheader(name, value)
        if body is not None and "content-length" not in {name.lower() for name in headers}:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def person(store: Store, name: str, rights: str = "all", key: int = 0) -> Person:
    """A user of that name with the API key number `key`."""
    user, private = store.user(name, rights), new_key(key)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    async def add(engine: Engine, directory: Directory) -> str:
        for known in await directory.api_keys.of_user(user.id):
            if known.public_pem == pem:
                return known.fingerprint
        return (await directory.api_keys.add(user.id, pem, int(time.time() * 1000))).fingerprint

    fingerprint: str = store.do(add)
    return Person(store.server, user, private, fingerprint)


def require_client() -> None:
    if not (CLI / "oci").exists():
        pytest.skip("the oci command is not installed: tests/setup/clients.sh does it")


def environment() -> dict[str, str]:
    """Of the real client: no other authority than the test's, no notices."""
    kept = {name: value for name, value in os.environ.items() if name not in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PYTHONPATH")}
    return kept | {"OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING": "True", "SUPPRESS_LABEL_WARNING": "True", "PYTHONDONTWRITEBYTECODE": ""}


def oci(config: Path, endpoint: str, *arguments: str, ca: str | None = None, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The real command."""
    command = [str(CLI / "oci"), "--config-file", str(config), "--endpoint", endpoint, "--no-retry", *(["--cert-bundle", ca] if ca else [])]
    return subprocess.run([*command, *arguments], env=environment(), input=stdin, capture_output=True, timeout=120)
