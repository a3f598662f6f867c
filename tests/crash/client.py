"""The smallest S3 client that can tell "acknowledged" from "unknown": SigV4 in headers, one connection, no retries.

A library would retry a request whose answer was lost, and so blur what the ledger must know exactly.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import re
import time
import urllib.parse
from collections.abc import Iterator
from typing import NamedTuple

UNSIGNED = "UNSIGNED-PAYLOAD"


class Answer(NamedTuple):
    """A whole response; `headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def etag(self) -> str:
        return self.headers.get("etag", "").strip('"')

    @property
    def code(self) -> str:
        """The code of an S3 error body, or ""."""
        found = re.search(rb"<Code>([^<]+)</Code>", self.body)
        return found[1].decode() if found else ""


class Listed(NamedTuple):
    key: str
    etag: str
    size: int


class Client:
    """Speaks to one path-style endpoint. A transport error is raised (OSError or HTTPException): the outcome is then unknown."""

    def __init__(self, port: int, access: str, secret: str, region: str = "us-east-1", timeout_s: float = 20, host: str = "127.0.0.1") -> None:
        self.port, self.access, self.secret, self.region, self.timeout_s = port, access, secret, region, timeout_s
        self.host = host
        self.link: http.client.HTTPConnection | None = None
        self._signing: tuple[str, bytes] = ("", b"")

    def close(self) -> None:
        if self.link:
            self.link.close()
        self.link = None

    def _signing_key(self, day: str) -> bytes:
        if self._signing[0] != day:
            key = b"AWS4" + self.secret.encode()
            for word in (day, self.region, "s3", "aws4_request"):
                key = hmac.digest(key, word.encode(), "sha256")
            self._signing = (day, key)
        return self._signing[1]

    def request(
        self, method: str, path: str, query: dict[str, str] | None = None, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """Sends one signed request and reads the whole answer. `path` begins with "/" and is not yet encoded."""
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        raw_path = urllib.parse.quote(path, safe="/-_.~")
        raw_query = urllib.parse.urlencode(sorted((query or {}).items()), quote_via=urllib.parse.quote, safe="-_.~")
        signed = {"host": f"{self.host}:{self.port}", "x-amz-content-sha256": UNSIGNED, "x-amz-date": now, **(headers or {})}
        names = ";".join(sorted(signed))
        canonical = "\n".join([method, raw_path, raw_query, *(f"{k}:{signed[k]}" for k in sorted(signed)), "", names, UNSIGNED])
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self._signing_key(now[:8]), text.encode(), "sha256").hexdigest()
        signed["authorization"] = f"AWS4-HMAC-SHA256 Credential={self.access}/{scope}, SignedHeaders={names}, Signature={signature}"
        if self.link is None:
            self.link = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_s)
        try:
            self.link.request(method, raw_path + ("?" + raw_query if raw_query else ""), body or None, signed)
            response = self.link.getresponse()
            data = response.read()
        except BaseException:
            self.close()
            raise
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, data)

    def create_bucket(self, bucket: str) -> None:
        answer = self.request("PUT", f"/{bucket}")
        if answer.status != 200:
            raise AssertionError(f"create bucket: {answer}")

    def put(self, bucket: str, key: str, body: bytes) -> Answer:
        return self.request("PUT", f"/{bucket}/{key}", body=body)

    def get(self, bucket: str, key: str) -> Answer:
        return self.request("GET", f"/{bucket}/{key}")

    def delete(self, bucket: str, key: str) -> Answer:
        return self.request("DELETE", f"/{bucket}/{key}")

    def copy(self, bucket: str, source: str, key: str) -> Answer:
        return self.request("PUT", f"/{bucket}/{key}", headers={"x-amz-copy-source": f"/{bucket}/{source}"})

    def start_upload(self, bucket: str, key: str) -> str | None:
        """The upload id; None when the server says that it cannot now (503, 507)."""
        answer = self.request("POST", f"/{bucket}/{key}", {"uploads": ""})
        found = re.search(rb"<UploadId>([^<]+)</UploadId>", answer.body)
        if answer.status not in (200, 503, 507) or (answer.status == 200 and not found):
            raise AssertionError(f"start upload: {answer}")
        return found[1].decode() if found else None

    def put_part(self, bucket: str, key: str, upload: str, number: int, body: bytes) -> Answer:
        return self.request("PUT", f"/{bucket}/{key}", {"partNumber": str(number), "uploadId": upload}, body)

    def complete(self, bucket: str, key: str, upload: str, etags: list[str]) -> Answer:
        parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>&quot;{e}&quot;</ETag></Part>" for n, e in enumerate(etags, 1))
        return self.request("POST", f"/{bucket}/{key}", {"uploadId": upload}, f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode())

    def abort(self, bucket: str, key: str, upload: str) -> Answer:
        return self.request("DELETE", f"/{bucket}/{key}", {"uploadId": upload})

    def uploads(self, bucket: str) -> list[tuple[str, str]]:
        """(key, upload id) of the first thousand uploads in progress."""
        answer = self.request("GET", f"/{bucket}", {"uploads": ""})
        found = []
        for upload in re.findall(rb"<Upload>(.*?)</Upload>", answer.body, re.DOTALL):
            key, upload_id = (re.search(rb"<%s>([^<]+)</%s>" % (name, name), upload) for name in (b"Key", b"UploadId"))
            found.append((key[1].decode(), upload_id[1].decode()))  # type: ignore[index]
        return found

    def list(self, bucket: str, prefix: str = "") -> Iterator[Listed]:
        """Every key of the bucket, page by page (ListObjectsV2)."""
        after = ""
        while True:
            answer = self.request("GET", f"/{bucket}", {"list-type": "2", "prefix": prefix, "start-after": after})
            if answer.status != 200:
                raise AssertionError(f"list: {answer}")
            for entry in re.findall(rb"<Contents>(.*?)</Contents>", answer.body, re.DOTALL):
                found = {n: re.search(rb"<%s>([^<]*)</%s>" % (n, n), entry) for n in (b"Key", b"ETag", b"Size")}
                key, etag, size = (found[n][1].decode() for n in (b"Key", b"ETag", b"Size"))  # type: ignore[index]
                after = key
                yield Listed(key, etag.replace("&quot;", "").strip('"'), int(size))
            if b"<IsTruncated>true</IsTruncated>" not in answer.body:
                return
