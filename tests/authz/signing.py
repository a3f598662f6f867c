"""Requests signed by botocore in every way there is, sent as they are over a connection that stays open."""

from __future__ import annotations

import base64
import datetime
import hashlib
import http.client
import re
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import urlsplit

import botocore.auth
from botocore.auth import HmacV1Auth, HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

MODES = ("v4-header", "v4-query", "v2-header", "v2-query")
_SIGNERS: dict[str, Any] = {
    "v4-header": lambda key, region: S3SigV4Auth(key, "s3", region),
    "v4-query": lambda key, region: S3SigV4QueryAuth(key, "s3", region, expires=60),
    "v2-header": lambda key, region: HmacV1Auth(key),
    "v2-query": lambda key, region: HmacV1QueryAuth(key, expires=60),
}


class Answer(NamedTuple):
    """What came back; `code` is the S3 error code, "" where there is none (and for HEAD)."""

    status: int
    code: str
    headers: tuple[str, ...]
    body: bytes


class Wire:
    """One connection to a server."""

    def __init__(self, endpoint: str, region: str) -> None:
        self.endpoint, self.region = endpoint, region
        parts = urlsplit(endpoint)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)

    def close(self) -> None:
        self._connection.close()

    def send(self, mode: str, method: str, target: str, key: tuple[str, str], headers: dict[str, str], body: bytes, *, late_s: float = 0) -> Answer:
        """Signs in a mode ("" sends without a signature) as if it were `late_s` ago, and sends."""
        sent = {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode(), **headers} if body else dict(headers)
        request = AWSRequest(method=method, url=self.endpoint + target, data=b"" if "query" in mode else body, headers=sent)
        request.context["payload_signing_enabled"] = True
        if mode:
            then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=late_s)
            with (
                patch.object(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: then.replace(tzinfo=None) if remove_tzinfo else then),
                patch.object(botocore.auth, "formatdate", lambda usegmt: then.strftime("%a, %d %b %Y %H:%M:%S GMT")),
                patch.object(botocore.auth.time, "time", then.timestamp),
            ):
                _SIGNERS[mode](Credentials(*key), self.region).add_auth(request)
        parts = urlsplit(request.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._connection.request(method, path, body or None, {**dict(request.headers.items()), "Content-Length": str(len(body))})
        answer = self._connection.getresponse()
        data = answer.read()
        found = re.search(rb"<Code>(\w+)</Code>", data)
        return Answer(answer.status, found[1].decode() if found else "", tuple(sorted(name.lower() for name, _ in answer.getheaders())), data)
