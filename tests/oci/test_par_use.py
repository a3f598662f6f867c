"""Pre-authenticated requests with curl and plain HTTP against a running server."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import uuid
from base64 import b64encode
from hashlib import md5, sha256
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from holdfast.model.objects import Version
from tests.conftest import make_client
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


def test_names_travel_percent_encoded_or_raw_M118_M239(store: Store, s3: Any, bucket: str) -> None:
    """What is written through one door is read through the other, with the same bytes, type and metadata."""
    _, url = store.par(bucket, "AnyObjectReadWrite", listing=True)
    names = ["a b+c", "é/ü", "..", "a//b", "%2F", "/lead", "trail/", "x/id/1", "\U0001f600?#", "n/x/b/y/o/z"]
    for name in names:
        assert ask("PUT", url + quote(name, safe=""), name.encode(), opc_meta_x="1")[0] == 200
        assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == name.encode()
        s3.put_object(Bucket=bucket, Key=name, Body=b"by s3", ContentType="a/b", Metadata={"y": "2"})
        status, headers, body = ask("GET", url + quote(name, safe=""))
        assert (status, body, headers["content-type"], headers["opc-meta-y"]) == (200, b"by s3", "a/b", "2")
        par, single = store.par(bucket, "ObjectRead", name)
        assert ask("GET", single)[2] == b"by s3" and par.id.endswith(":" + name)
    assert ask("GET", url + "a%20b+c")[0] == 200 and refused(ask("GET", single[:-1] + "x"))
    listed = [each["name"] for each in json.loads(ask("GET", url)[2])["objects"]]
    assert listed == sorted(names, key=lambda name: name.encode())


def test_conditions_M82(store: Store, bucket: str) -> None:
    _, url = store.par(bucket, "AnyObjectReadWrite")
    etag = ask("PUT", url + "k", b"1", If_None_Match="*")[1]["etag"]
    for answer, code in (
        (ask("PUT", url + "k", b"2", If_None_Match="*"), "IfNoneMatchFailed"),
        (ask("PUT", url + "k", b"2", If_Match="other"), "IfMatchFailed"),
        (ask("PUT", url + "none", b"2", If_Match="*"), "IfMatchFailed"),
        (ask("GET", url + "k", If_Match="other"), "IfMatchFailed"),
        (ask("PUT", url + "k", opc_multipart="true", If_None_Match="*"), "IfNoneMatchFailed"),
    ):
        assert (answer[0], json.loads(answer[2])["code"]) == (412, code)
    status, headers, body = ask("GET", url + "k", If_None_Match=etag)
    assert (status, body, headers["etag"]) == (304, b"", etag)
    assert ask("GET", url + "k", If_Match=etag)[2] == b"1"
    assert ask("PUT", url + "k", b"2", If_Match=etag)[0] == 200
    assert ask("PUT", url + "k", b"3", If_Match=etag)[0] == 412
    assert ask("GET", url + "k")[2] == b"2"
    up = store.server.endpoint + json.loads(ask("PUT", url + "new", opc_multipart="true", If_None_Match="*")[2])["accessUri"]
    assert ask("PUT", up + "1", b"part")[0] == ask("PUT", url + "new", b"meanwhile")[0] == 200
    answer = ask("POST", up)
    assert (answer[0], json.loads(answer[2])["code"]) == (412, "IfNoneMatchFailed")
    assert ask("GET", url + "new")[2] == b"meanwhile"


def test_bad_input_is_told_and_changes_nothing(store: Store, s3: Any, bucket: str) -> None:
    _, url = store.par(bucket, "AnyObjectReadWrite", listing=True)
    up = store.server.endpoint + json.loads(ask("PUT", url + "k", opc_multipart="true")[2])["accessUri"]
    for answer, status, code in (
        (ask("PUT", url + "k", b"1", Content_MD5="AAAAAAAAAAAAAAAAAAAAAA=="), 400, "UnmatchedContentMD5"),
        (ask("PUT", url + "k", b"1", Content_MD5="x"), 400, "InvalidParameter"),
        (ask("PUT", url + "k", b"1", opc_content_sha256="AAAA"), 400, "InvalidParameter"),
        (ask("PUT", url + "k", b"1", opc_checksum_algorithm="SHA384"), 501, "NotImplemented"),
        (ask("PUT", url + "k", b"1", opc_sse_customer_key="x"), 400, "InvalidParameter"),
        (ask("PUT", url + "k", b"1", storage_tier="Fast"), 400, "InvalidParameter"),
        (ask("PUT", url + "k" * 1025, b"1"), 400, "InvalidObjectName"),
        (ask("PUT", url + "a%0Ab", b"1"), 400, "InvalidParameter"),
        (ask("PUT", url + "a%00b", opc_multipart="true"), 400, "InvalidParameter"),
        (ask("PUT", url + "k", b"1", opc_meta_a="x" * 4001), 400, "InvalidParameter"),
        (ask("PUT", url + "k", b"body", opc_multipart="true"), 400, "InvalidParameter"),
        (ask("PUT", url + "k", opc_multipart="true", opc_checksum_algorithm="SHA384"), 400, "InvalidParameter"),
        (ask("PUT", up + "0", b"1"), 400, "InvalidParameter"),
        (ask("PUT", up + "10001", b"1"), 400, "InvalidParameter"),
        (ask("PUT", up + "x", b"1"), 400, "InvalidParameter"),
        (ask("POST", up), 400, "InvalidUploadPart"),
        (ask("GET", url + "k?what=1"), 400, "InvalidParameter"),
        (ask("GET", url + "k?versionId=none"), 404, "ObjectVersionNotFound"),
        (ask("GET", url + "?fields=colour"), 400, "InvalidParameter"),
        (ask("GET", url + "?limit=0"), 400, "InvalidParameter"),
        (ask("GET", url + "?limit=1&limit=2"), 400, "InvalidParameter"),
        (ask("GET", url + "?delimiter=x"), 400, "InvalidParameter"),
        (ask("GET", url + "?colour=red"), 400, "InvalidParameter"),
        (ask("GET", url + "?prefix=%ff"), 400, "InvalidParameter"),
    ):
        assert (answer[0], json.loads(answer[2])["code"]) == (status, code), answer
    assert json.loads(ask("POST", up)[2])["message"] == "There are no parts to commit"
    assert json.loads(ask("GET", url)[2]) == {"objects": []}
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_key_of_ones_own_must_come_again_to_read(store: Store, s3: Any, bucket: str) -> None:
    """SSE-C through a pre-authenticated request, whole and in parts; the default encryption of the bucket holds as well."""
    _, url = store.par(bucket, "AnyObjectReadWrite")
    key, other = bytes(range(32)), bytes(32)

    def triple(key: bytes) -> dict[str, str]:
        return {
            "opc_sse_customer_algorithm": "AES256",
            "opc_sse_customer_key": b64encode(key).decode(),
            "opc_sse_customer_key_sha256": b64encode(sha256(key).digest()).decode(),
        }

    assert ask("PUT", url + "k", b"hidden" * 20_000, **triple(key))[0] == 200
    assert ask("GET", url + "k", **triple(key), Range="bytes=6-11")[2] == b"hidden"
    assert ask("HEAD", url + "k", **triple(key))[1]["opc-sse-customer-algorithm"] == "AES256"
    up = store.server.endpoint + json.loads(ask("PUT", url + "big", opc_multipart="true", **triple(key))[2])["accessUri"]
    assert ask("PUT", up + "1", b"1" * 100_000, **triple(key))[0] == 200
    assert ask("PUT", up + "2", b"2", **triple(other))[0] == ask("PUT", up + "2", b"2")[0] == 400
    assert ask("POST", up)[0] == 200
    assert ask("GET", url + "big", **triple(key))[2] == b"1" * 100_000
    for name in ("k", "big"):
        for headers in ({}, triple(other)):
            status, _, body = ask("GET", url + name, **headers)
            assert status == 400 and b"hidden" not in body and ask("HEAD", url + name, **headers)[0] == 400
    s3.put_bucket_encryption(
        Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    )  # fmt: skip
    assert ask("PUT", url + "k", b"sealed")[0] == 200 and ask("GET", url + "k")[2] == b"sealed"
    up = store.server.endpoint + json.loads(ask("PUT", url + "big", opc_multipart="true")[2])["accessUri"]
    assert ask("PUT", up + "1", b"2" * 100_000)[0] == ask("POST", up)[0] == 200
    assert ask("GET", url + "big")[2] == b"2" * 100_000
    assert {s3.head_object(Bucket=bucket, Key=name)["ServerSideEncryption"] for name in ("k", "big")} == {"AES256"}


def test_limits_are_told_before_the_body_is_read_M80(store: Store, bucket: str) -> None:
    """The client promises more than is allowed and sends nothing: it is answered at once, and without `100 Continue`."""
    _, url = store.par(bucket, "AnyObjectWrite")
    up = store.server.endpoint + json.loads(ask("PUT", url + "k", opc_multipart="true")[2])["accessUri"]
    for place in (url + "k", up + "1"):
        parts = urlsplit(place)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as wire:
            size = (50 << 30) + 1
            wire.sendall(f"PUT {parts.path} HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\nExpect: 100-continue\r\n\r\n".encode())
            answer = wire.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413 ") and b'"RequestEntityTooLarge"' in answer


def test_uploads_go_on_after_a_restart_M78(serve: Any) -> None:
    own = serve()
    store = Store(own)
    client = make_client(own)
    client.create_bucket(Bucket="photos")
    _, url = store.par("photos", "ObjectReadWrite", "big")
    uri = json.loads(ask("PUT", url, opc_multipart="true")[2])["accessUri"]
    assert ask("PUT", own.endpoint + uri + "1", b"1" * 1_000_000)[0] == 200
    own.finish()
    own.start()
    assert ask("PUT", own.endpoint + uri + "2", b"2" * 1_000_000)[0] == 200
    assert ask("POST", own.endpoint + uri)[0] == 200
    again = own.endpoint + urlsplit(url).path
    assert ask("GET", again)[2] == b"1" * 1_000_000 + b"2" * 1_000_000


def test_a_write_request_takes_any_number_of_uploads_M59_M71(store: Store, s3: Any, bucket: str) -> None:
    _, url = store.par(bucket, "AnyObjectWrite", "in/")
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    for number in range(1000):
        connection.request("PUT", f"{parts.path}in/{number}", b"a=b&c=d", {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
    connection.close()
    found = s3.get_object(Bucket=bucket, Key="in/999")
    assert (found["Body"].read(), found["ContentType"]) == (b"a=b&c=d", "application/x-www-form-urlencoded")
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 1000


# ---- lists ----


def test_lists_M85_M86_M87_M90(store: Store, s3: Any, bucket: str) -> None:
    _, url = store.par(bucket, "AnyObjectReadWrite", listing=True)
    for name in ("b", "B", "a/1", "a/2", "ä"):
        assert ask("PUT", url + quote(name, safe=""), b"hello")[0] == 200
        assert {"name": name} in json.loads(ask("GET", url)[2])["objects"]
    assert ask("GET", url)[2] == '{"objects":[{"name":"B"},{"name":"a/1"},{"name":"a/2"},{"name":"b"},{"name":"ä"}]}'.encode()
    assert ask("GET", url[:-1])[2] == ask("GET", url)[2]
    every = ["name", "size", "etag", "md5", "timeCreated", "timeModified", "storageTier", "archivalState"]
    for count in range(1, len(every) + 1):
        for fields in (every[:count], [name.upper() for name in every[:count]], list(reversed(every[:count]))):
            (first, *_) = json.loads(ask("GET", f"{url}?fields={','.join(fields)}")[2])["objects"]
            assert set(first) == set(every[:count]) - {"archivalState"} | {"name"}
    (first, *_) = json.loads(ask("GET", f'{url}?fields=name,{quote("size,etag,md5,timeCreated,timeModified,storageTier")}')[2])["objects"]
    assert (first["name"], first["size"], first["md5"], first["storageTier"]) == ("B", 5, b64encode(md5(b"hello").digest()).decode(), "Standard")
    assert first["etag"] == ask("HEAD", url + "B")[1]["etag"] and first["timeModified"] >= first["timeCreated"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["timeCreated"])
    found = json.loads(ask("GET", url + "?delimiter=/&prefix=a")[2])
    assert found == {"objects": [], "prefixes": ["a/"]}
    assert [each["name"] for each in json.loads(ask("GET", url + "?start=a/2&end=b")[2])["objects"]] == ["a/2"]
    assert [each["name"] for each in json.loads(ask("GET", url + "?startAfter=a/2")[2])["objects"]] == ["b", "ä"]


@pytest.mark.parametrize("delimiter", ["", "/"])
def test_pages_cover_everything_once_M88(store: Store, s3: Any, bucket: str, delimiter: str) -> None:
    names = [f"k{number % 50:02d}/{number:04d}" for number in range(1200)] + [f"top{number:03d}" for number in range(1300)]

    async def fill(engine: Any, directory: Any) -> None:
        found = await engine.catalog.bucket("default", bucket)
        await asyncio.gather(*[engine.catalog.commit(found, Version(key=name, etag="0" * 32)) for name in names])

    store.do(fill)
    _, url = store.par(bucket, "AnyObjectRead", listing=True)
    seen: list[str] = []
    start, pages = "", 0
    while True:
        found = json.loads(ask("GET", f"{url}?limit=700&delimiter={delimiter}&start={quote(start)}")[2])
        some = [each["name"] for each in found["objects"]] + found.get("prefixes", [])
        assert len(some) <= 700
        seen += some
        pages += 1
        if "nextStartWith" not in found:
            break
        start = found["nextStartWith"]
    expected = names if not delimiter else [f"k{number:02d}/" for number in range(50)] + [name for name in names if name.startswith("top")]
    assert sorted(seen) == sorted(expected) and pages == (4 if not delimiter else 2)


def test_a_list_shows_the_prefix_only_M57_M63_M89(store: Store, s3: Any, bucket: str) -> None:
    for name in ("other/1", "service/1", "service/deep/2", "services.html", "serv"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    _, url = store.par(bucket, "AnyObjectReadWrite", "service", listing=True)

    def names(query: str) -> list[str]:
        found = json.loads(ask("GET", url + query)[2])
        return [each["name"] for each in found["objects"]] + found.get("prefixes", [])

    assert names("") == ["service/1", "service/deep/2", "services.html"]
    assert names("?prefix=other") == names("?prefix=x") == []
    assert names("?prefix=") == names("?prefix=ser") == names("?start=a") == names("?startAfter=other/1") == names("")
    assert names("?prefix=service/") == ["service/1", "service/deep/2"]
    assert names("?prefix=service/d") == ["service/deep/2"]
    assert names("?delimiter=/") == ["services.html", "service/"]
    assert names("?prefix=other&delimiter=/") == []
    assert refused(ask("GET", url + "other/1")) and refused(ask("PUT", url + "other/2", b"x")) and refused(ask("GET", url + "serv"))
    assert ask("PUT", url + "service-new", b"x")[0] == 200
    _, silent = store.par(bucket, "AnyObjectReadWrite", "service")
    assert refused(ask("GET", silent)) and ask("GET", silent + "service/1")[0] == 200


# ---- hosts ----


def test_any_host_leads_here_and_a_buckets_own_host_keeps_its_keys_M69(store: Store, s3: Any, bucket: str) -> None:
    """The door is found by the path, whatever the host; on the virtual host of a bucket `/p/...` is a key, unless it can only be a request."""
    _, url = store.par(bucket, "AnyObjectReadWrite")
    assert ask("PUT", url + "k", b"x", Host="objectstorage.us-east-1.example.com")[0] == 200
    assert ask("GET", url + "k", Host="objectstorage.us-east-1.example.com:443")[2] == b"x"
    s3.put_object(Bucket=bucket, Key="p/index.html", Body=b"a page", ACL="public-read")
    page = store.server.endpoint + "/p/index.html"
    assert ask("GET", page, Host=f"{bucket}.localhost")[2] == b"a page"
    assert refused(ask("GET", page))
    assert ask("GET", url + "k", Host=f"{bucket}.localhost")[2] == b"x"


# ---- browsers ----


def test_a_page_of_any_origin_may_read_the_answers_M84(store: Store, bucket: str) -> None:
    _, url = store.par(bucket, "AnyObjectReadWrite", listing=True)
    ask("PUT", url + "k", b"x", opc_meta_my="1")
    shared = {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "POST,PUT,GET,HEAD,DELETE,OPTIONS",
        "access-control-allow-credentials": "true",
    }
    asked = [("GET", "k"), ("HEAD", "k"), ("GET", ""), ("GET", "missing"), ("DELETE", "k"), ("PUT", "k2"), ("OPTIONS", "k"), ("OPTIONS", "")]
    for method, place in asked:
        _, headers, _ = ask(method, url + place)
        assert {name: headers[name] for name in shared} == shared
        exposed = headers["access-control-expose-headers"].split(",")
        assert exposed == sorted(set(exposed)) and exposed == [name.lower() for name in exposed]
        sent = headers.keys() - {"server", "connection", "access-control-expose-headers", "access-control-allow-headers", "access-control-max-age"}
        assert sent <= set(exposed)
    assert "opc-meta-my" in ask("GET", url + "k")[1]["access-control-expose-headers"]
    for place in (url + "k", store.server.endpoint + "/p/" + "x" * 64 + "/n/default/b/none/o/k"):
        status, headers, body = ask("OPTIONS", place, Origin="https://a.test", Access_Control_Request_Method="PUT",
                                    Access_Control_Request_Headers="opc-meta-a, content-type")  # fmt: skip
        assert (status, body, headers["access-control-allow-headers"]) == (200, b"", "opc-meta-a, content-type")


# ---- the bucket ----


def test_a_bucket_with_requests_is_not_deleted_through_s3_M65(store: Store, s3: Any) -> None:
    name = f"held-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    held = [store.par(name, "AnyObjectRead")[0], store.par(name, "ObjectRead", "k")[0]]
    for count, text in ((2, "2 pre-authenticated requests lead"), (1, "1 pre-authenticated request leads")):
        with pytest.raises(s3.exceptions.ClientError) as caught:
            s3.delete_bucket(Bucket=name)
        answer = caught.value.response
        assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (409, "BucketNotEmpty")
        assert text in answer["Error"]["Message"], count
        store.delete(held.pop())
    s3.delete_bucket(Bucket=name)
