"""Keys and bucket names are bytes to the store, never paths: traversal, odd slashes, SQL and markup mean nothing but themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes
from xml.etree import ElementTree

import pytest

from tests.security.raw import Raw

TRAVERSAL = [
    "..",
    "../x",
    "a/../b",
    "a/../../other/k",
    "./x",
    "a/./b",
    "..%2fx",
    "%2e%2e/x",
    "%2e%2e%2fx",
    "%252e%252e%252fx",
    "..%5cx",
    "%5c..%5cx",
    "C:%5cx",
    "%2fetc%2fpasswd",
    "%2Fabs",
    "a%2F..%2Fb",
    "....//x",
    "a//b",
    "/lead",
    "trail/",
    "%2e",
    "%2e%2e",
]


def files_under(root: Path) -> set[str]:
    return {str(p) for p in root.rglob("*") if p.is_file() and "logs" not in p.parts}


@pytest.mark.parametrize("key", TRAVERSAL)
def test_cve_2026_54917_cve_2025_68705_traversal_is_literal(raw: Raw, scratch: str, keys: Any, server: Any, key: str) -> None:
    """CVE-2026-54917, CVE-2025-68705, CVE-2023-28433, S3Proxy CVE-2025-24961: the key is stored under its own name, and nothing lands elsewhere."""
    outside = files_under(Path(server.data_dir).parent) - files_under(Path(server.data_dir))
    assert raw.send("PUT", f"/{scratch}/{key}", body=b"here").status == 200
    assert [unquote_to_bytes(k) for k in keys()] == [unquote_to_bytes(key)]
    assert raw.send("GET", f"/{scratch}/{key}").body == b"here"
    assert files_under(Path(server.data_dir).parent) - files_under(Path(server.data_dir)) == outside
    assert raw.send("DELETE", f"/{scratch}/{key}").status == 204
    assert keys() == []


@pytest.mark.parametrize("bucket", ["..", ".", "%2e%2e", "%2e", "..%2f..", "a%2fb", "a%00b", "%00", "a%5cb", "A_B", "%0d%0aset-cookie:x"])
def test_s3proxy_cve_2025_24961_bucket_names(raw: Raw, server: Any, bucket: str) -> None:
    """S3Proxy CVE-2025-24961, CVE-2015-5245: a bucket that is no bucket name is refused, and no header grows out of it."""
    before = files_under(Path(server.data_dir))
    for method in ("PUT", "GET", "DELETE", "HEAD"):
        reply = raw.send(method, f"/{bucket}")
        assert 400 <= reply.status < 500, (method, reply.raw[:200])
        assert "set-cookie" not in reply.headers
    assert {f for f in files_under(Path(server.data_dir)) - before if "blobs" in f} == set()


@pytest.mark.parametrize("key", ["%00", "a%00b", "%ff", "%c0%af", "%ed%a0%80", "a%"])
def test_cve_2023_28433_nul_and_bad_utf8_are_refused(raw: Raw, scratch: str, keys: Any, key: str) -> None:
    assert raw.send("PUT", f"/{scratch}/{key}", body=b"x").status == 400
    assert keys() == []


@pytest.mark.parametrize("target", ["//", "///b", "/%2f", "/?", "//?list-type=2", "/..", "/%2e%2e/%2e%2e"])
def test_cve_2021_3531_odd_slashes(raw: Raw, target: str) -> None:
    for method in ("GET", "PUT", "HEAD", "DELETE", "POST"):
        assert raw.send(method, target).status in (200, 301, 400, 403, 404, 405, 501)


@pytest.mark.parametrize(
    "key",
    ["'; DROP TABLE versions;--", '";--', "%", "_", "\\", "a'b", "a%b_c", "<&>\"']]>", "\x01\x1f", "￾", "🎉", "é", "é", "+", " ", "a b+c", "~*()!"],
)
def test_cve_2024_40120_cve_2013_2161_names_are_literal(raw: Raw, scratch: str, key: str) -> None:
    """CVE-2024-40120, CVE-2013-2161: whatever the key holds, only that key is meant, and listings stay valid XML."""
    encoded = quote(key, safe="")
    for name in (encoded, quote(key + "x", safe=""), "other"):
        assert raw.send("PUT", f"/{scratch}/{name}", body=b"1").status == 200
    listed = raw.send("GET", f"/{scratch}?list-type=2&prefix={encoded}")
    assert listed.status == 200 and listed.body.count(b"<Key>") == 2
    listed = raw.send("GET", f"/{scratch}?encoding-type=url&list-type=2&prefix={encoded}")
    found = [
        unquote_to_bytes((e.text or "").replace("+", " ")).decode() for e in ElementTree.fromstring(listed.body).iter() if e.tag.endswith("}Key")
    ]
    assert found == [key, key + "x"]
    assert raw.send("DELETE", f"/{scratch}/{encoded}").status == 204
    assert raw.send("GET", f"/{scratch}?list-type=2").body.count(b"<Key>") == 2


@pytest.mark.parametrize(
    "source",
    [
        "",
        "/",
        "b",
        "b/",
        "?versionId=",
        "/?versionId=x",
        "%",
        "%ff/%ff",
        "x" * 7000,
        "//k",
        "b/k?versionId=",
        "arn:aws:s3:us-east-1:1:accesspoint/x/object/k",
    ],
)
def test_cve_2024_47866_copy_source(raw: Raw, scratch: str, keys: Any, source: str) -> None:
    """CVE-2024-47866, versitygw 422b5a70: an empty, half or hopeless copy source is a client error."""
    for target in (f"/{scratch}/k", f"/{scratch}/k?partNumber=1&uploadId=none"):
        reply = raw.send("PUT", target, {"x-amz-copy-source": source})
        assert 400 <= reply.status < 500 or reply.status == 501, reply.raw[:200]
    assert keys() == []


@pytest.mark.parametrize("key", [t for t in TRAVERSAL if "%25" not in t])
def test_cve_2026_55874_traversal_in_copy_source(raw: Raw, scratch: str, keys: Any, key: str) -> None:
    """CVE-2026-55874, versitygw 67aaa80d: the copy source is decoded once, and dots in it stay dots."""
    assert raw.send("PUT", f"/{scratch}/plain", body=b"plain").status == 200
    assert raw.send("PUT", f"/{scratch}/to", {"x-amz-copy-source": f"/{scratch}/{key}"}).status == 404
    assert raw.send("PUT", f"/{scratch}/{key}", body=b"dots").status == 200
    assert raw.send("PUT", f"/{scratch}/to", {"x-amz-copy-source": f"/{scratch}/{key}"}).status == 200
    assert raw.send("GET", f"/{scratch}/to").body == b"dots"


def test_versitygw_67aaa80d_encoded_version_marker_is_part_of_the_key(raw: Raw, scratch: str) -> None:
    assert raw.send("PUT", f"/{scratch}/k%3FversionId=null", body=b"odd").status == 200
    assert raw.send("PUT", f"/{scratch}/k", body=b"plain").status == 200
    assert raw.send("PUT", f"/{scratch}/to", {"x-amz-copy-source": f"{scratch}/k%3FversionId=null"}).status == 200
    assert raw.send("GET", f"/{scratch}/to").body == b"odd"
    assert raw.send("PUT", f"/{scratch}/to", {"x-amz-copy-source": f"{scratch}/k?versionId=null"}).status == 200
    assert raw.send("GET", f"/{scratch}/to").body == b"plain"


def test_cve_2026_58372_traversal_in_bulk_delete(raw: Raw, scratch: str, keys: Any) -> None:
    assert raw.send("PUT", f"/{scratch}/k", body=b"x").status == 200
    other = scratch + "-other"
    assert raw.send("PUT", f"/{other}").status == 200
    assert raw.send("PUT", f"/{other}/k", body=b"x").status == 200
    import base64
    import hashlib

    for key in (f"../{other}/k", f"/../{other}/k", f"..\\{other}\\k", f"%2e%2e/{other}/k"):
        body = f"<Delete><Object><Key>{key}</Key></Object></Delete>".encode()
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        assert raw.send("POST", f"/{scratch}?delete=", {"content-md5": md5}, body).status == 200
    assert raw.send("GET", f"/{other}/k").body == b"x" and keys() == ["k"]
    assert raw.send("DELETE", f"/{other}/k").status == 204
    assert raw.send("DELETE", f"/{other}").status == 204


@pytest.mark.parametrize("name", ["x/../../status", "..", "%2e%2e%2f", "null%00", "x" * 5000, "'", "-1"])
def test_seaweedfs_pr_10309_upload_and_version_ids(raw: Raw, scratch: str, name: str) -> None:
    """SeaweedFS PR 10436 and 10309: ids are looked up, never pasted anywhere."""
    encoded = name if "%" in name else quote(name, safe="")
    for method, target in (
        ("GET", f"/{scratch}/k?uploadId={encoded}"),
        ("DELETE", f"/{scratch}/k?uploadId={encoded}"),
        ("PUT", f"/{scratch}/k?partNumber=1&uploadId={encoded}"),
        ("GET", f"/{scratch}/k?versionId={encoded}"),
        ("HEAD", f"/{scratch}/k?versionId={encoded}"),
    ):
        assert 400 <= raw.send(method, target).status < 500
