"""What a request says and this operation does not do is refused: nothing that changes the meaning is passed over in silence."""

from __future__ import annotations

import pytest

from tests.security.raw import Raw

PAST, FUTURE = "Sat, 01 Jan 2000 00:00:00 GMT", "Sat, 01 Jan 2050 00:00:00 GMT"


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("PUT", "k", {"if-unmodified-since": PAST}),
        ("PUT", "k", {"if-modified-since": FUTURE}),
        ("PUT", "k", {"content-range": "bytes 0-0/10"}),
        ("PUT", "k", {"x-amz-copy-source-range": "bytes=0-0"}),
        ("PUT", "k", {"x-amz-copy-source-if-match": "x"}),
        ("PUT", "k", {"x-amz-copy-source": "/{bucket}/k", "x-amz-copy-source-range": "bytes=0-0", "x-amz-metadata-directive": "REPLACE"}),
        ("DELETE", "k", {"if-none-match": "*"}),
        ("DELETE", "k", {"if-unmodified-since": PAST}),
        ("PUT", "k?tagging", {"if-match": "x"}),
        ("POST", "k?uploads", {"if-none-match": "*"}),
        ("DELETE", "", {"if-match": "x"}),
    ],
)  # fmt: skip
def test_conditions_and_ranges_that_would_not_be_held(raw: Raw, scratch: str, method: str, target: str, headers: dict[str, str]) -> None:
    assert raw.send("PUT", f"/{scratch}/k", {}, b"kept").status == 200
    body = b"<Tagging><TagSet/></Tagging>" if target.endswith("tagging") else b""
    reply = raw.send(method, f"/{scratch}/{target}", {name: value.format(bucket=scratch) for name, value in headers.items()}, body)
    assert (reply.status, reply.code) == (501, "NotImplemented")
    assert raw.send("GET", f"/{scratch}/k").body == b"kept"


def test_conditions_of_an_upload_s_parts_would_not_be_held(raw: Raw, scratch: str) -> None:
    started = raw.send("POST", f"/{scratch}/k?uploads").body
    upload = started.partition(b"<UploadId>")[2].partition(b"<")[0].decode()
    for headers in ({"if-none-match": "*"}, {"if-match": "x"}, {"content-range": "bytes 0-0/10"}, {"x-amz-copy-source-range": "bytes=0-0"}):
        assert raw.send("PUT", f"/{scratch}/k?partNumber=1&uploadId={upload}", headers, b"x").status == 501
    assert b"<Part>" not in raw.send("GET", f"/{scratch}/k?uploadId={upload}").body


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", "k?versionId=x"), ("POST", "k?uploads&versionId=x"), ("DELETE", "?versionId=x"), ("PUT", "?versioning&versionId=x"),
        ("DELETE", "?policy&versionId=x"), ("DELETE", "k?partNumber=1"), ("POST", "k?partNumber=1&uploads"),
    ],
)  # fmt: skip
def test_a_version_or_a_part_that_the_operation_does_not_take(raw: Raw, scratch: str, method: str, target: str) -> None:
    assert raw.send("PUT", f"/{scratch}/k", {}, b"kept").status == 200
    assert (reply := raw.send(method, f"/{scratch}/{target}", {}, b"")).status == 400 and reply.code == "InvalidArgument"
    assert raw.send("GET", f"/{scratch}/k").body == b"kept"


def test_framing_that_is_not_taken_off_is_not_stored(raw: Raw, scratch: str) -> None:
    """aws-chunked whose x-amz-content-sha256 says that the body is plain: stored as it is, the object would be the framing."""
    framed = b"1\r\nx\r\n0\r\n\r\n"
    for payload in ({"payload_hash": "UNSIGNED-PAYLOAD"}, {}):
        headers = {"x-amz-decoded-content-length": "1", "content-encoding": "aws-chunked"}
        reply = raw.send("PUT", f"/{scratch}/k", headers, framed, **payload)
        assert (reply.status, reply.code) == (400, "InvalidRequest")
    assert raw.send("GET", f"/{scratch}/k").status == 404
    assert raw.send("PUT", f"/{scratch}/k", {"content-encoding": "aws-chunked"}, b"plain").status == 200
    assert raw.send("PUT", f"/{scratch}/k", {"x-amz-decoded-content-length": "5"}, b"plain").status == 200
