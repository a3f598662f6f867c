"""Pre-authenticated requests with curl and plain HTTP against a running server."""

from __future__ import annotations

import http.client
import json
import re
from base64 import b64encode
from hashlib import md5
from typing import Any
from urllib.parse import urlsplit

from tests.oci.requests_made import Store

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def ask(method: str, url: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (names in lower case) and body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        path = parts.path + ("?" + parts.query if parts.query else "")
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


REFUSED = (401, b'{"code":"NotAuthenticated","message":"PAR does not exist"}')


def refused(answer: tuple[int, dict[str, str], bytes]) -> bool:
    return (answer[0], answer[2]) == REFUSED


# ---- objects ----


def test_put_get_and_head_M70_M72_M82_M83(store: Store, s3: Any, bucket: str) -> None:
    _, url = store.par(bucket, "AnyObjectReadWrite")
    status, headers, body = ask("PUT", url + "a%20b%2Fc", b"hello world", opc_meta_version="2020May", Content_Type="text/x-mine")
    assert (status, body) == (200, b"")
    assert headers["opc-content-md5"] == b64encode(md5(b"hello world").digest()).decode()
    assert UUID.fullmatch(headers["etag"]) and UUID.fullmatch(headers["version-id"]) and headers["x-api-id"] == "native"
    written = headers["etag"]
    for method in ("GET", "HEAD"):
        status, headers, body = ask(method, url + "a%20b/c")
        assert (status, body) == (200, b"hello world" if method == "GET" else b"")
        assert {name: headers[name] for name in ("accept-ranges", "content-length", "content-md5", "etag", "storage-tier", "content-type")} == {
            "accept-ranges": "bytes", "content-length": "11", "content-md5": b64encode(md5(b"hello world").digest()).decode(), "etag": written,
            "storage-tier": "Standard", "content-type": "text/x-mine",
        }  # fmt: skip
        assert headers["opc-meta-version"] == "2020May" and headers["x-api-id"] == "native" and UUID.fullmatch(headers["version-id"])
        assert re.fullmatch(r"[A-Za-z0-9-]+:[A-Za-z0-9_-]+", headers["opc-request-id"]) and headers["last-modified"].endswith(" GMT")
    seen = s3.head_object(Bucket=bucket, Key="a b/c")
    assert seen["Metadata"] == {"version": "2020May"} and seen["ContentType"] == "text/x-mine"
    status, headers, body = ask("GET", url + "a%20b/c", Range="bytes=6-")
    assert (status, body, headers["content-range"], headers["content-length"]) == (206, b"world", "bytes 6-10/11", "5")
    status, headers, body = ask("GET", url + "a%20b/c", Range="bytes=11-")
    assert status == 416 and json.loads(body)["code"] == "InvalidRange"
    status, headers, body = ask("GET", url + "missing")
    assert (status, json.loads(body)["code"]) == (404, "ObjectNotFound")


def test_multipart_M73_M74_M75_M76_M77(store: Store, s3: Any, bucket: str) -> None:
    _, url = store.par(bucket, "AnyObjectWrite")
    status, headers, body = ask("PUT", url + "big%2Fid%2F1", opc_multipart="true", opc_meta_a="b", Content_Type="text/x-mine")
    told = json.loads(body)
    assert status == 200 and list(told) == ["namespace", "bucket", "object", "uploadId", "timeCreated", "storageTier", "accessUri"]
    assert (told["namespace"], told["bucket"], told["object"], told["storageTier"]) == ("default", bucket, "big/id/1", "Standard")
    assert re.fullmatch(rf"/p/[A-Za-z0-9_-]{{64}}/n/default/b/{bucket}/u/big%2Fid%2F1/id/{told['uploadId']}/", told["accessUri"])
    assert told["accessUri"].split("/")[2] not in url
    up = store.server.endpoint + told["accessUri"]
    for number in (3, 1, 2):
        status, headers, body = ask("PUT", f"{up}{number}", bytes([48 + number]) * 10, opc_meta_a="not kept")
        assert status == 200 and headers["etag"] and headers["opc-content-md5"]
    status, headers, body = ask("POST", up)
    assert (status, body) == (200, b"") and re.fullmatch(r"[A-Za-z0-9+/]{22}==-3", headers["opc-multipart-md5"])
    status, _, body = ask("POST", up)
    assert (status, json.loads(body)) == (404, {"code": "NoSuchUpload", "message": "No such upload"})
    found = s3.get_object(Bucket=bucket, Key="big/id/1")
    assert found["Body"].read() == b"1" * 10 + b"2" * 10 + b"3" * 10
    assert (found["Metadata"], found["ContentType"]) == ({"a": "b"}, "text/x-mine")
    assert refused(ask("GET", up)) and refused(ask("PUT", up, b"x")) and refused(ask("PUT", up.replace("/u/", "/o/"), b"x"))
    up = store.server.endpoint + json.loads(ask("PUT", url + "other", opc_multipart="true")[2])["accessUri"]
    assert ask("PUT", up + "1", b"x" * 100_000)[0] == 200
    assert ask("DELETE", up)[0] == 204
    assert (ask("PUT", up + "1", b"x")[0], ask("DELETE", up)[0]) == (404, 404)
