"""Secrets that are planted in a running store, and the search for them afterwards in everything that the store writes or says.

To add a door: one line in DOORS. To add a place where clients put secrets: one line in CARRIERS. To add a kind of secret with a life of its own: a
function in `canary_lives.LIVES`, which makes and uses it and gives what must be found nowhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.cluster_servers import stored_bytes
from tests.oci.requests_made import Store
from tests.security.raw import Raw
from tests.serving import Server

BUCKET = "canary-bucket"
BOOTSTRAP = """
[[users]]
name = "bird"
password_env = "CANARY_PASSWORD"
[[users.keys]]
access_key = "BIRDSKEY"
secret_key = "{static}"
[[users.tokens]]
token = "{token}"

[[encryption_keys]]
id = "canary-kms"

[[buckets]]
name = "canary-bucket"
owner = "bird"
"""

# Requests of every kind: which listener, method, target. Some are answered, most are refused, one way or another.
DOORS: tuple[tuple[str, str, str], ...] = (
    ("data", "GET", "/"),
    ("data", "GET", f"/{BUCKET}?list-type=2"),
    ("data", "GET", f"/{BUCKET}/there"),
    ("data", "HEAD", f"/{BUCKET}/not-there"),
    ("data", "PUT", f"/{BUCKET}/written"),
    ("data", "POST", f"/{BUCKET}?delete"),
    ("data", "PUT", f"/{BUCKET}?acl"),
    ("data", "PUT", f"/{BUCKET}?lifecycle"),
    ("data", "DELETE", "/no-such-bucket"),
    ("data", "GET", "/NO_BUCKET_NAME"),
    ("data", "OPTIONS", f"/{BUCKET}/there"),
    ("data", "BREW", "/"),
    ("data", "GET", "no-path"),
    ("data", "GET", f"/n/default/b/{BUCKET}/o"),
    ("data", "GET", f"/p/x/n/default/b/{BUCKET}/o/there"),
    ("data", "POST", f"/n/default/b/{BUCKET}/p"),
    ("control", "GET", "/metrics"),
    ("control", "GET", "/health/ready"),
    ("control", "GET", "/not-there"),
    ("control", "GET", "/api/v1/users"),
    ("control", "POST", "/api/v1/users"),
    ("control", "POST", "/api/v1/sessions"),
    ("data", "POST", f"/{BUCKET}"),
    ("data", "POST", f"/n/default/b/{BUCKET}/actions/copyObject"),
    ("data", "GET", "/20160918/users"),
    ("data", "POST", "/20160918/users/x/apiKeys"),
    ("data", "POST", "/v1/token/upst/actions/GenerateUpst"),
    ("data", "POST", "/v1/authentication/refresh"),
    ("control", "DELETE", "/api/v1/sessions/current"),
    ("control", "PUT", "/api/v1/users/bird/password"),
    ("control", "POST", "/api/v1/users/bird/keys"),
    ("control", "GET", "/api/v1/requests/0123456789ABCDEF"),
    ("control", "GET", "/20160918/users"),
    ("control", "PUT", "/metrics"),
)

# Where clients put secrets, rightly or not: {x} is the secret, {b64} its base64, {hex} the 64 hexadecimal digits of a signature.
_V4 = "authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature={hex}"
CARRIERS: dict[str, str] = {
    "bearer token": "authorization: Bearer {x}",
    "basic password": "authorization: Basic {b64}",
    "signature of version 4": _V4.replace("{key}", "BIRDSKEY"),
    "signature of version 2": "authorization: AWS BIRDSKEY:{b64}",
    "token as key of version 4": _V4.replace("{key}", "hft_{x}"),
    "token as key of version 2": "authorization: AWS hft_{x}:c2lnbmF0dXJl",
    "signature of OCI": 'authorization: Signature version="1",keyId="t/u/f",algorithm="rsa-sha256",headers="date",signature="{b64}"',
    "session of OCI": 'authorization: Signature version="1",keyId="ST${x}",algorithm="rsa-sha256",headers="date",signature="x"',
    "cookie": "cookie: session={x}; __Host-holdfast={x}",
    "session token": "x-amz-security-token: {x}",
    "customer's key": "x-amz-server-side-encryption-customer-key: {b64}",
    "customer's key of a source": "x-amz-copy-source-server-side-encryption-customer-key: {b64}",
    "customer's key of OCI": "opc-sse-customer-key: {b64}",
    "csrf token": "x-csrf-token: {x}",
    "proxy password": "proxy-authorization: Basic {b64}",
    "query: signature of version 4": "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=BIRDSKEY&X-Amz-Signature={hex}",
    "query: token as key": "?X-Amz-Credential=hft_{x}%2F20260101&X-Amz-Signature={hex}",
    "query: signature of version 2": "?AWSAccessKeyId=BIRDSKEY&Expires=9999999999&Signature={x}",
    "query: token as key of version 2": "?AWSAccessKeyId=hft_{x}&Expires=9999999999&Signature=x",
    "query: session token": "?X-Amz-Security-Token={x}",
    "query: access token": "?access_token={x}&token={x}&password={x}",
    "path: pre-authenticated request": "/p/{x}/n/default/b/canary-bucket/o/there",
    "path: twice encoded": "/%70/{x}/n/default/b/canary-bucket/o/there",
    "path: upload of a pre-authenticated request": "/p/{x}/n/default/b/canary-bucket/u/there/id/1/",
    "body: password in JSON": '{{"name": "bird", "password": "{x}", "secret-key": "{x}", "token": "{x}"}}',
    "body: private key": '{{"key": "-----BEGIN PRIVATE KEY-----\\n{x}\\n-----END PRIVATE KEY-----"}}',
    "body: form": "username=bird&password={x}",
}
# Said back only to the client that sent it, so that it can be laid beside what the server computed (S3 API Reference, SignatureDoesNotMatch and
# InvalidAccessKeyId): signatures, and what was named as an access key.
ECHOED = re.compile(rb"<(SignatureProvided|StringToSign|StringToSignBytes|AWSAccessKeyId)>[^<]*</\1>")


class Canary(NamedTuple):
    """A secret, and what it was."""

    kind: str
    text: str


class Home:
    """A store in which canaries live, and everything that it said to anybody."""

    def __init__(self, server: Server, planted: dict[str, str]) -> None:
        self.server = server
        self.planted = planted
        self.answers: list[tuple[str, bytes]] = []
        self.raw = Raw(server)
        self.store = Store(server)

    def ask(self, kind: str, listener: str, data: bytes) -> bytes:
        """The bytes that come back for these, kept."""
        host, _, port = (self.server.endpoint if listener == "data" else self.server.control).partition("://")[2].rpartition(":")
        got = b""
        with socket.create_connection((host, int(port)), timeout=5) as sock:
            sock.settimeout(5)
            try:
                sock.sendall(data)
                while piece := sock.recv(65536):
                    got += piece
            except (ConnectionError, TimeoutError):
                pass
        self.answers.append((kind, got))
        return got

    def send(self, kind: str, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"", **signing: Any) -> Any:
        """A signed request of `bird`, whose answer is kept."""
        signing = {"access_key": "BIRDSKEY", "secret_key": self.planted["static secret"], **signing}
        reply = self.raw.send(method, target, headers, body, **signing)
        self.answers.append((kind, reply.raw))
        return reply


def request_with(carrier: str, x: str, method: str, target: str) -> bytes:
    """The bytes of a request that carries `x`."""
    filled = carrier.format(x=x, b64=b64encode(x.encode()).decode(), hex=hashlib.sha256(x.encode()).hexdigest())
    header, body = "", ""
    if carrier.startswith("?"):
        target += ("&" if "?" in target else "?") + filled[1:]
    elif carrier.startswith("/"):
        target = filled
    elif ": " in carrier and not carrier.startswith("{"):
        header = filled + "\r\n"
    else:
        body = filled
    kind = "application/json" if body.startswith("{") else "application/x-www-form-urlencoded"
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    head = f"{method} {target} HTTP/1.1\r\nhost: localhost\r\nx-amz-date: {date}\r\nconnection: close\r\n{header}"
    return f"{head}content-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


def carried(home: Home) -> Iterator[Canary]:
    """Every carrier through every door, each with a secret of its own."""
    for kind, carrier in CARRIERS.items():
        x = secrets.token_urlsafe(30)
        for listener, method, target in DOORS:
            home.ask(kind, listener, request_with(carrier, x, method, target))
        yield Canary(kind, x)
        if "{hex}" in carrier:
            yield Canary(kind, hashlib.sha256(x.encode()).hexdigest())


def start(home: Path) -> Home:
    """A store at debug level with canaries in its bootstrap file."""
    planted = {
        "static secret": secrets.token_urlsafe(30),
        "access token": "hft_" + secrets.token_urlsafe(32),
        "password": secrets.token_urlsafe(24),
    }
    home.mkdir(parents=True, exist_ok=True)
    (home / "site.toml").write_text(BOOTSTRAP.format(static=planted["static secret"], token=planted["access token"]))
    root = secrets.token_urlsafe(30)
    env = {"CANARY_PASSWORD": planted["password"], "HOLDFAST_ROOT_SECRET_KEY": root}
    server = Server(home, bootstrap=home / "site.toml", log_level="debug", env=env)
    server.secret_key = root
    return Home(server.start(), {**planted, "root secret": root})


def forms(text: str) -> set[bytes]:
    """How a secret may stand somewhere."""
    raw = text.encode()
    return {raw, quote(text, safe="").encode(), b64encode(raw).rstrip(b"="), raw.hex().encode(), json.dumps(text)[1:-1].encode()}


def written(home: Home) -> Iterator[tuple[str, bytes]]:
    """Everything that the store wrote, shows or said."""
    server = home.server
    for path in sorted(server.data_dir.rglob("*")):
        if path.is_file() and path.name != "master.key":
            yield f"file {path.relative_to(server.data_dir)}", path.read_bytes()
    if "engine" in server.settings:
        yield "file tables and pool of the cluster", stored_bytes(server.settings["engine"])
    yield "stdout", server.out.read_bytes()
    yield "stderr", server.log.read_bytes()
    if server.process is not None and server.process.returncode is None:
        for where in ("/metrics", "/health/live", "/health/ready"):
            yield where, server.get(where)[1].encode()
        for name, pid in {**server.facts()["processes"], "supervisor": server.process.pid}.items():
            yield f"ps of {name}", Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/comm").read_bytes()
    command = [sys.executable, "-m", "holdfast", "config", *server.arguments()]
    yield "holdfast config", subprocess.run(command, env=server.env, capture_output=True, timeout=60, check=True).stdout
    for kind, answer in home.answers:
        yield f"answer to {kind}", answer


def leaks(canaries: list[Canary], everything: list[tuple[str, bytes]]) -> list[str]:
    """Where any of them stands."""
    found = []
    for where, data in everything:
        for canary in canaries:
            for form in forms(canary.text):
                if form in data and not (where.startswith("answer") and _echoed(form, data)):
                    found.append(f"{canary.kind} in {where}: ...{data[max(0, data.index(form) - 60) : data.index(form)]!r}")
                    break
    return found


def _echoed(form: bytes, data: bytes) -> bool:
    """Whether it stands only where a client is told what it sent itself."""
    return form not in ECHOED.sub(b"", data)


def settle(home: Home) -> None:
    """Until the logs are flushed."""

    async def nothing(engine: Any, directory: Any) -> None:
        await asyncio.sleep(0.5)

    home.store.do(nothing)
