"""Presigned SigV4 URLs, made in bulk before a run so that signing is no part of what is measured."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import re
import time
from urllib.parse import quote

EXPIRES_S = 6 * 3600


class Endpoint:
    """One server on loopback. Without keys the paths stay bare (a static web server)."""

    def __init__(self, port: int, access: str = "", secret: str = "", region: str = "us-east-1") -> None:
        self.port, self.access = port, access
        self.host = f"127.0.0.1:{port}"
        self._date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self._scope = f"{self._date[:8]}/{region}/s3/aws4_request"
        key = b"AWS4" + secret.encode()
        for word in self._scope.split("/"):
            key = hmac.digest(key, word.encode(), "sha256")
        self._key = key

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def target(self, method: str, path: str, query: dict[str, str] | None = None) -> str:
        """The path and query of a presigned request. Source: "Authenticating Requests: Using Query Parameters" of the S3 API reference."""
        path = quote(path, safe="/-_.~")
        if not self.access:
            return path
        signed = {
            **(query or {}),
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self.access}/{self._scope}",
            "X-Amz-Date": self._date,
            "X-Amz-Expires": str(EXPIRES_S),
            "X-Amz-SignedHeaders": "host",
        }
        line = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(signed.items()))
        canonical = f"{method}\n{path}\n{line}\nhost:{self.host}\n\nhost\nUNSIGNED-PAYLOAD"
        text = f"AWS4-HMAC-SHA256\n{self._date}\n{self._scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        return f"{path}?{line}&X-Amz-Signature={hmac.digest(self._key, text.encode(), 'sha256').hex()}"

    def call(self, method: str, path: str, query: dict[str, str] | None = None, body: bytes = b"", ok: tuple[int, ...] = (200, 204)) -> bytes:
        """Sends one request and gives the body of its answer. Errors: SystemExit when the status is not one of `ok`."""
        link = http.client.HTTPConnection(self.host, timeout=80)
        try:
            link.request(method, self.target(method, path, query), body or None)
            answer = link.getresponse()
            data = answer.read()
        finally:
            link.close()
        if answer.status not in ok:
            raise SystemExit(f"{method} {path} of {self.host} answers {answer.status}: {data[:300]!r}")
        return data

    def start_upload(self, path: str) -> str:
        found = re.search(rb"<UploadId>([^<]+)</UploadId>", self.call("POST", path, {"uploads": ""}))
        if not found:
            raise SystemExit(f"no upload id for {path}")
        return found[1].decode()
