"""Requests signed by botocore, the reference that the verifier is compared with."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import botocore.auth
from botocore.auth import HmacV1Auth, HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from holdfast.authn.authenticate import authenticate
from holdfast.authn.settings import Settings
from holdfast.model.errors import EntityTooLarge
from holdfast.model.identity import Caller, Credential, User
from holdfast.model.messages import Request

NOW = 1767268800.0  # 2026-01-01T12:00:00Z
ACCESS_KEY = "AKIDEXAMPLE"
SECRET = "wJalr/XUtnFEMI+K7MDENG=bPxRfiCYEXAMPLEKEY"
USER = User(id="u1", name="alice", canonical_id="c1", display_name="Alice")
SETTINGS = Settings(region="us-east-1")


class Keys:
    """Access keys held in a dict."""

    def __init__(self, *credentials: Credential) -> None:
        self.known = {credential.access_key: credential for credential in credentials}

    async def find(self, access_key: str) -> Credential | None:
        return self.known.get(access_key)

    def remembered(self, access_key: str) -> Credential | None:
        return self.known.get(access_key)


KEYS = Keys(
    Credential(access_key=ACCESS_KEY, secret=SECRET, user=USER),
    Credential(access_key="testuser/scm@EXAMPLE.COM", secret=SECRET, user=USER),
    Credential(access_key="ASLEEP", secret=SECRET, user=USER, status="INACTIVE"),
    Credential(access_key="PAST", secret=SECRET, user=USER, expires_ms=int(NOW * 1000) - 1),
)


class Pieces:
    """A body that arrives in the pieces given."""

    def __init__(self, *pieces: bytes, length: int | None = -1) -> None:
        self.pieces = [piece for piece in pieces if piece]
        self.length = sum(map(len, pieces)) if length == -1 else length
        self.trailers: dict[bytes, bytes] = {}

    async def read(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    async def read_all(self, limit: int) -> bytes:
        data = b"".join(self.pieces)
        self.pieces = []
        if len(data) > limit:
            raise EntityTooLarge()
        return data


class _Clock(datetime.datetime):
    @classmethod
    def utcnow(cls) -> datetime.datetime:
        return cls(2026, 1, 1, 12, 0, 0)

    @classmethod
    def now(cls, tz: Any = None) -> datetime.datetime:
        return cls(2026, 1, 1, 12, 0, 0, tzinfo=tz)


def run(awaitable: Any) -> Any:
    """Drives a coroutine that does not wait."""
    try:
        awaitable.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


def verify(request: Request, *, now: float = NOW, keys: Keys = KEYS, settings: Settings = SETTINGS, bucket: str = "") -> Caller:
    caller: Caller = run(authenticate(request, keys, now, settings, bucket))
    return caller


def read(request: Request) -> bytes:
    """The whole body, piece by piece."""

    async def pieces() -> bytes:
        found = []
        while piece := await request.body.read():
            found.append(piece)
        return b"".join(found)

    data: bytes = asyncio.run(pieces())
    return data


SIGNERS: dict[str, Any] = {
    "v4-header": lambda credentials, region, expires_s: S3SigV4Auth(credentials, "s3", region),
    "v4-query": lambda credentials, region, expires_s: S3SigV4QueryAuth(credentials, "s3", region, expires=expires_s),
    "v2-header": lambda credentials, region, expires_s: HmacV1Auth(credentials),
    "v2-query": lambda credentials, region, expires_s: HmacV1QueryAuth(credentials, expires=expires_s),
}


def sign(
    how: str,
    method: str,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    access_key: str = ACCESS_KEY,
    secret: str = SECRET,
    region: str = "us-east-1",
    expires_s: int = 3600,
    length: int | None = -1,
) -> Request:
    """The request that arrives when botocore signs this one at NOW, in the way `how`."""
    aws = AWSRequest(method=method, url=url, data=b"" if "query" in how else body, headers=headers or {})
    aws.context["payload_signing_enabled"] = True
    signer = SIGNERS[how](Credentials(access_key, secret), region, expires_s)
    with (
        patch.object(botocore.auth, "get_current_datetime", _Clock.utcnow),
        patch.object(botocore.auth, "formatdate", lambda usegmt: "Thu, 01 Jan 2026 12:00:00 GMT"),
        patch.object(botocore.auth.time, "time", lambda: NOW),
    ):
        signer.add_auth(aws)
    parts = urlsplit(aws.url)
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    sent = {name.lower().encode(): str(value).strip().encode("latin-1") for name, value in aws.headers.items()}
    sent.setdefault(b"host", parts.netloc.encode())
    return Request(method, target.encode(), sent, Pieces(body, length=length), received_at=NOW)
