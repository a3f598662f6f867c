"""Requests that attack the server itself: lengths, header tricks, XML bombs, skewed clocks, unsigned headers, absurd numbers."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.security.raw import Raw


@pytest.mark.parametrize(
    "length", ["-1", "9223372036854775808", "18446744073709551616", "+5", "5,5", "5 5", "0x5", "", "5\r\ncontent-length: 6", "five"]
)
def test_cve_2019_19337_content_length(raw: Raw, scratch: str, keys: Any, length: str) -> None:
    sent = raw.sign("PUT", f"/{scratch}/k", {}, "UNSIGNED-PAYLOAD") | {"content-length": length}
    assert raw.exchange(raw.head("PUT", f"/{scratch}/k", sent) + b"hello!", half_close=True, timeout_s=5).status in (400, 411, 413)
    assert keys() == []


def test_m80_a_too_large_length_is_refused_before_the_body(raw: Raw, scratch: str) -> None:
    sent = raw.sign("PUT", f"/{scratch}/k", {"expect": "100-continue"}, "UNSIGNED-PAYLOAD") | {"content-length": str(6 << 40)}
    reply = raw.exchange(raw.head("PUT", f"/{scratch}/k", sent), timeout_s=5)
    assert reply.code == "EntityTooLarge" and b"100 Continue" not in reply.raw


def test_expect_is_answered_after_authentication(raw: Raw, scratch: str) -> None:
    sent = raw.sign("PUT", f"/{scratch}/k", {"expect": "100-continue"}, "UNSIGNED-PAYLOAD", secret_key="wrong") | {"content-length": "5"}
    reply = raw.exchange(raw.head("PUT", f"/{scratch}/k", sent), timeout_s=5)
    assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch") and b"100 Continue" not in reply.raw
    sent = raw.sign("PUT", f"/{scratch}/k", {"expect": "100-continue"}, "UNSIGNED-PAYLOAD") | {"content-length": "5"}
    with raw.connect() as sock:
        sock.sendall(raw.head("PUT", f"/{scratch}/k", sent))
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"hello")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_smuggling_content_length_and_transfer_encoding(raw: Raw, scratch: str, keys: Any) -> None:
    """h11 CVE-2025-43859, gunicorn CVE-2024-1135 and kin: two framings are refused, and what follows on the connection is not answered."""
    for framing in (
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding : chunked",
    ):
        sent = raw.sign("PUT", f"/{scratch}/k", {}, "UNSIGNED-PAYLOAD")
        head = raw.head("PUT", f"/{scratch}/k", sent)[:-2] + framing.encode() + b"\r\n\r\n"
        reply = raw.exchange(head + b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n", half_close=True, timeout_s=5)
        assert reply.status in (400, 501) and reply.raw.count(b"HTTP/1.1 ") == 1, (framing, reply.raw[:200])
    assert keys() == []


@pytest.mark.parametrize("skew_s", [-16 * 60, 16 * 60, -86400, 86400])
def test_s3s_17f259c_m220_skew(raw: Raw, skew_s: int) -> None:
    reply = raw.send("GET", "/", at=time.time() + skew_s)
    assert (reply.status, reply.code) == (403, "RequestTimeTooSkewed")


def test_cve_2015_8466_no_date(raw: Raw) -> None:
    sent = raw.sign("GET", "/")
    del sent["x-amz-date"]
    assert raw.exchange(raw.head("GET", "/", sent)).status in (400, 403)


@pytest.mark.parametrize("service", ["iam", "sts", "s3tables", "", "s3express"])
def test_cve_2026_55873_scope_of_another_service(raw: Raw, service: str) -> None:
    assert raw.send("GET", "/", service=service).status in (400, 403)


def test_m5_region_of_the_scope_is_named(raw: Raw) -> None:
    reply = raw.send("GET", "/", region="eu-frankfurt-1")
    assert (reply.status, reply.code) == (400, "AuthorizationHeaderMalformed") and f"<Region>{raw.region}</Region>".encode() in reply.body


PRESIGNED_EXTRAS = [
    ("x-amz-acl", "public-read"),
    ("x-amz-tagging", "a=b"),
    ("x-amz-copy-source", "/other/secret"),
    ("x-amz-meta-a", "b"),
    ("x-amz-object-lock-mode", "GOVERNANCE"),
    ("x-amz-server-side-encryption", "AES256"),
    ("x-amz-grant-read", 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'),
    ("x-amz-storage-class", "GLACIER"),
    ("x-amz-website-redirect-location", "/evil"),
]


@pytest.mark.parametrize(("name", "value"), PRESIGNED_EXTRAS)
def test_seaweedfs_pr_9121_cve_2026_71191_unsigned_headers_on_a_presigned_put(
    raw: Raw, scratch: str, keys: Any, server: Any, name: str, value: str
) -> None:
    for version in ("s3v4", "s3"):
        s3 = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id=raw.access_key,
            aws_secret_access_key=raw.secret_key,
            region_name=raw.region,
            config=Config(signature_version=version, s3={"addressing_style": "path"}),
        )
        target = s3.generate_presigned_url("put_object", Params={"Bucket": scratch, "Key": "k"}).partition(raw.hostport)[2]
        reply = raw.exchange(raw.head("PUT", target, {"host": raw.hostport, name: value, "content-length": "1"}) + b"x", timeout_s=5)
        assert reply.status == 403, reply.raw[:300]
    assert keys() == []


BOMBS = {
    "entity": b'<!DOCTYPE d [<!ENTITY e "x">]><Delete><Object><Key>&e;</Key></Object></Delete>',
    "file": b'<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&e;</Key></Object></Delete>',
    "parameter": b'<!DOCTYPE d [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x">%p;]><Delete/>',
    "laughs": b"<!DOCTYPE d [<!ENTITY a 'ha'>"
    + b"".join(b"<!ENTITY a%d '%s'>" % (i, (b"&a%d;" % (i - 1) if i else b"&a;") * 10) for i in range(10))
    + b"]><Delete>&a9;</Delete>",
    "xinclude": b'<Delete xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd" parse="text"/></Delete>',
    "deep": b"<Delete>" * 10_000,
    "wide": b"<Delete>" + b"<a/>" * 200_000 + b"</Delete>",
    "attributes": b"<Delete " + b" ".join(b'a%d="x"' % i for i in range(50_000)) + b"/>",
    "utf16": "<Delete/>".encode("utf-16"),
    "utf7": b'<?xml version="1.0" encoding="UTF-7"?><Delete/>',
    "nul": b"<Delete>\x00</Delete>",
    "empty": b"",
    "text": b"not xml",
    "two": b"<Delete/><Delete/>",
    "cut": b"<Delete><Object><Key>a",
    "unknown": b"<Delete><Objekt><Key>a</Key></Objekt></Delete>",
    "nokey": b"<Delete><Object></Object></Delete>",
    "doubled": b"<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
}


@pytest.mark.parametrize("bomb", sorted(BOMBS))
def test_cve_2022_47950_cve_2020_12059_xml(raw: Raw, scratch: str, keys: Any, bomb: str) -> None:
    """CVE-2022-47950, CVE-2020-12059, CVE-2018-1000538: refused quickly, nothing read from files, nothing deleted."""
    assert raw.send("PUT", f"/{scratch}/a", body=b"x").status == 200
    body = BOMBS[bomb]
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    for method, target in (
        ("POST", f"/{scratch}?delete="),
        ("PUT", f"/{scratch}?tagging="),
        ("PUT", f"/{scratch}?versioning="),
        ("POST", f"/{scratch}/k?uploadId=x"),
    ):
        started = time.monotonic()
        reply = raw.send(method, target, {"content-md5": md5}, body)
        assert 400 <= reply.status < 500, (target, reply.raw[:300])
        assert time.monotonic() - started < 10
        assert b"root:" not in reply.body
    assert keys() == ["a"]


def test_cve_2018_1000538_huge_xml_body_is_refused_early(raw: Raw, scratch: str) -> None:
    for target in (f"/{scratch}?delete=", f"/{scratch}?tagging=", f"/{scratch}/k?uploadId=x"):
        method = "PUT" if "tagging" in target else "POST"
        sent = raw.sign(method, target, {}, "UNSIGNED-PAYLOAD") | {"content-length": str(5 << 30)}
        assert raw.exchange(raw.head(method, target, sent) + b"<Delete>" * 1000, timeout_s=5).status in (400, 413)
        sent = raw.sign(method, target, {}, "UNSIGNED-PAYLOAD") | {"transfer-encoding": "chunked"}
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        assert raw.exchange(raw.head(method, target, sent) + chunk * 200, timeout_s=5).status in (0, 400, 411, 413)


@pytest.mark.parametrize("number", ["2147483648", "-1", "1000000000", "0", "x", "", "1e3", "\uff19"])
def test_cve_2018_16846_page_sizes(raw: Raw, scratch: str, number: str) -> None:
    from urllib.parse import quote

    n = quote(number, safe="")
    for target in (
        f"/{scratch}?list-type=2&max-keys={n}",
        f"/{scratch}?max-keys={n}",
        f"/{scratch}?max-keys={n}&versions=",
        f"/{scratch}?max-uploads={n}&uploads=",
    ):
        assert raw.send("GET", target).status in (200, 400)


@pytest.mark.parametrize(
    "name",
    ["x-forwarded-for", "x-amz-meta-x", "user-agent", "accept", "range", "cookie", "content-disposition", "if-none-match", "if-modified-since"],
)
def test_cve_2026_71190_adversarial_header_values(raw: Raw, scratch: str, name: str) -> None:
    """CVE-2026-71190, starlette CVE-2025-62727: long repetitive values cost no time."""
    assert raw.send("PUT", f"/{scratch}/k", body=b"x").status == 200
    for value in ("a" * 7000, "bytes=" + "0-," * 2000, ",;=" * 2000, "W/" * 3000, "\x7f" * 10):
        started = time.monotonic()
        assert raw.send("GET", f"/{scratch}/k", {name: value}).status < 500
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("value", ["a\r\nset-cookie: x", "a\nb", "a\x00b"])
def test_cve_2020_1760_response_overrides(raw: Raw, scratch: str, value: str) -> None:
    from urllib.parse import quote

    assert raw.send("PUT", f"/{scratch}/k", body=b"x").status == 200
    for name in ("response-content-type", "response-content-disposition", "response-cache-control"):
        reply = raw.send("GET", f"/{scratch}/k?{name}={quote(value, safe='')}")
        assert reply.status == 400 and "set-cookie" not in reply.headers
        anonymous = raw.exchange(raw.head("GET", f"/{scratch}/k?{name}=text%2Fhtml", {"host": raw.hostport}))
        assert anonymous.status in (400, 403)


def test_cve_2024_36107_conditions_tell_anonymous_callers_nothing(raw: Raw, scratch: str) -> None:
    assert raw.send("PUT", f"/{scratch}/there", body=b"x").status == 200
    answers = set()
    for key in ("there", "missing"):
        for name, value in (
            ("if-match", "*"),
            ("if-none-match", "*"),
            ("if-modified-since", "Mon, 01 Jan 2035 00:00:00 GMT"),
            ("if-unmodified-since", "Mon, 01 Jan 2001 00:00:00 GMT"),
        ):
            reply = raw.exchange(raw.head("GET", f"/{scratch}/{key}", {"host": raw.hostport, name: value}))
            answers.add((reply.status, reply.code))
    assert answers == {(403, "AccessDenied")}


@pytest.mark.parametrize(
    "header",
    [
        "x-amz-server-side-encryption-internal",
        "x-minio-internal-x",
        "x-holdfast-internal",
        "x-copy-from",
        "x-backend-storage-policy",
        "x-rgw-auth",
        "x-amz-replication-status",
        "userid",
        "aws:username",
    ],
)
def test_pr_10244_private_headers_are_ignored(raw: Raw, scratch: str, header: str) -> None:
    """PR 10244, CVE-2026-34204, CVE-2026-71192, CVE-2026-97149: internal-looking headers change nothing and are not kept."""
    reply = raw.send("PUT", f"/{scratch}/k", {header: "root"}, b"mine", unsigned=() if header.startswith("x-amz-") else (header,))
    assert reply.status in (200, 400, 501)
    if reply.status == 200:
        got = raw.send("GET", f"/{scratch}/k")
        assert got.body == b"mine" and header not in got.headers


@pytest.mark.parametrize(
    "pair", [("minioadmin", "minioadmin"), ("rustfsadmin", "rustfsadmin"), ("admin", "admin"), ("test", "test"), ("holdfast", "holdfast"), ("", "")]
)
def test_cve_2026_45039_no_default_credentials(raw: Raw, pair: tuple[str, str]) -> None:
    reply = raw.send("GET", "/", access_key=pair[0], secret_key=pair[1] or "x")
    assert reply.status in (400, 403)


def test_cve_2023_28432_unknown_routes_tell_nothing(raw: Raw) -> None:
    for target in ("/minio/bootstrap/v1/verify", "/metrics", "/health/live", "/debug/pprof/", "/admin", "/.env", "/console"):
        for method in ("GET", "POST"):
            reply = raw.exchange(raw.head(method, target, {"host": raw.hostport, "content-length": "0"}))
            assert reply.status in (400, 403, 404, 405, 501) and b"SECRET" not in reply.body.upper().replace(b"SECURITY", b"")
