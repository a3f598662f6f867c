"""aws-chunked bodies that lie: false sizes, missing ends, wrong signatures and trailers never store an object and never hang."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import zlib
from typing import Any

import pytest

from tests.security.raw import EMPTY_SHA256, Raw

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
DATA = bytes(range(256)) * 300


def chunk_signature(raw: Raw, previous: str, stamp: str, data: bytes) -> str:
    scope = f"{stamp[:8]}/{raw.region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256-PAYLOAD\n{stamp}\n{scope}\n{previous}\n{EMPTY_SHA256}\n{hashlib.sha256(data).hexdigest()}"
    return hmac.new(raw.signing_key(raw.secret_key, scope), text.encode(), hashlib.sha256).hexdigest()


def signed_chunks(raw: Raw, target: str, pieces: list[bytes], **more: str) -> tuple[bytes, list[bytes]]:
    """The head of a signed-chunks PUT and its chunks (each header, data and end in one), the last one the empty chunk."""
    length = sum(map(len, pieces))
    headers = {"x-amz-decoded-content-length": str(length), "content-encoding": "aws-chunked"} | more
    sent = raw.sign("PUT", target, headers, SIGNED)
    stamp, previous = sent["x-amz-date"], sent["authorization"].rpartition("=")[2]
    chunks = []
    for piece in [*pieces, b""]:
        previous = chunk_signature(raw, previous, stamp, piece)
        chunks.append(f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece + b"\r\n")
    sent["content-length"] = str(sum(map(len, chunks)))
    return raw.head("PUT", target, sent), chunks


def test_signed_chunks_are_stored(raw: Raw, scratch: str) -> None:
    head, chunks = signed_chunks(raw, f"/{scratch}/k", [DATA, DATA[:10]])
    assert raw.exchange(head + b"".join(chunks)).status == 200
    got = raw.send("GET", f"/{scratch}/k")
    assert got.body == DATA + DATA[:10] and "aws-chunked" not in got.headers.get("content-encoding", "")


def test_cve_2021_21390_chunk_larger_than_what_is_sent(raw: Raw, scratch: str, keys: Any) -> None:
    head, chunks = signed_chunks(raw, f"/{scratch}/k", [DATA])
    for lie in (b"ffffffff", b"%x" % (len(DATA) + 1)):
        forged = chunks[0].replace(b"%x;" % len(DATA), lie + b";", 1)
        assert raw.exchange(head + forged, half_close=True, timeout_s=5).status in (400, 403, 0)
        assert raw.exchange(head + forged + chunks[1], half_close=True, timeout_s=5).status in (400, 403, 0)
    assert keys() == []


@pytest.mark.parametrize("where", ["first", "last", "data", "seed"])
def test_seaweedfs_2180_wrong_chunk_signature(raw: Raw, scratch: str, keys: Any, where: str) -> None:
    head, chunks = signed_chunks(raw, f"/{scratch}/k", [DATA, DATA])
    if where == "first":
        chunks[0] = chunks[0].replace(b"chunk-signature=", b"chunk-signature=0", 1)[:-1] + b"\n"
        chunks[0] = chunks[0].replace(chunks[0].split(b"=")[1][:65], chunks[0].split(b"=")[1][:64], 1)
    elif where == "last":
        chunks[2] = chunks[2][: chunks[2].index(b"=") + 1] + b"0" * 64 + b"\r\n\r\n"
    elif where == "data":
        chunks[1] = chunks[1].replace(DATA[:100], b"x" * 100, 1)
    else:
        head = head.replace(b"Signature=", b"Signature=00", 1).replace(b"\r\n\r\n", b"\r\n\r\n")
    reply = raw.exchange(head + b"".join(chunks), timeout_s=5)
    assert reply.status in (400, 403) and reply.code in ("SignatureDoesNotMatch", "AuthorizationHeaderMalformed", "IncompleteBody"), reply.raw[:300]
    assert keys() == []


def test_cve_2026_49017_truncated_at_every_offset(raw: Raw, scratch: str, keys: Any) -> None:
    """A chunked upload cut anywhere is refused and leaves nothing; the connection does not linger."""
    head, chunks = signed_chunks(raw, f"/{scratch}/k", [b"hello", b"world!"])
    body = b"".join(chunks)
    started = time.monotonic()
    for cut in range(0, len(body), 7):
        assert raw.exchange(head + body[:cut], half_close=True, timeout_s=5).status in (0, 400, 403)
    assert time.monotonic() - started < 60
    assert keys() == []


@pytest.mark.parametrize(
    "header",
    [
        b"no-semicolon\r\n",
        b"5" * 10_000 + b"\r\n",
        b"ffffffffffffffff;chunk-signature=0\r\n",
        b"-5;chunk-signature=0\r\n",
        b"5\r;x\n",
        b"+5\r\n",
        b"0x5\r\n",
        b"\xb2\r\n",
        b" 5\r\n",
        b"\r\n",
    ],
)
def test_versitygw_748912fb_malformed_chunk_header(raw: Raw, scratch: str, keys: Any, header: bytes) -> None:
    for mode in (SIGNED, UNSIGNED_TRAILER):
        sent = raw.sign("PUT", f"/{scratch}/k", {"x-amz-decoded-content-length": "5"}, mode)
        body = header + b"hello\r\n0\r\n\r\n"
        sent["content-length"] = str(len(body))
        assert raw.exchange(raw.head("PUT", f"/{scratch}/k", sent) + body, timeout_s=5).status in (400, 403)
    assert keys() == []


def unsigned_trailer(
    raw: Raw, target: str, data: bytes, trailer: str, *, declared: int | None = None, announce: str = "x-amz-checksum-crc32", **signing: Any
) -> Any:
    headers = {
        "x-amz-decoded-content-length": str(len(data) if declared is None else declared),
        "x-amz-trailer": announce,
        "content-encoding": "aws-chunked",
    }
    sent = raw.sign("PUT", target, headers, UNSIGNED_TRAILER, **signing)
    body = b"%x\r\n%b\r\n0\r\n%b\r\n\r\n" % (len(data), data, trailer.encode())
    sent["content-length"] = str(len(body))
    return raw.exchange(raw.head("PUT", target, sent) + body, timeout_s=5)


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def test_m32_unsigned_trailer(raw: Raw, scratch: str, keys: Any) -> None:
    """M32: the right trailer is stored; a wrong, missing or foreign one is refused."""
    target = f"/{scratch}/k"
    assert unsigned_trailer(raw, target, DATA, f"x-amz-checksum-crc32:{crc32(b'other')}").code == "BadDigest"
    assert unsigned_trailer(raw, target, DATA, f"x-amz-checksum-crc32:{crc32(DATA)}", declared=len(DATA) - 1).status == 400
    assert unsigned_trailer(raw, target, DATA, f"x-amz-checksum-crc32:{crc32(DATA)}", declared=len(DATA) + 1).status == 400
    assert unsigned_trailer(raw, target, DATA, "x-amz-checksum-crc32:not base64!").status == 400
    assert unsigned_trailer(raw, target, DATA, f"x-amz-checksum-crc32c:{crc32(DATA)}").status == 400
    assert keys() == []
    assert unsigned_trailer(raw, target, DATA, f"x-amz-checksum-crc32:{crc32(DATA)}").status == 200
    assert keys() == ["k"]


def test_cve_2025_31489_unsigned_trailer_with_a_wrong_signature(raw: Raw, scratch: str, keys: Any) -> None:
    for target in (f"/{scratch}/k", f"/{scratch}/k?partNumber=1&uploadId=none"):
        reply = unsigned_trailer(raw, target, DATA, f"x-amz-checksum-crc32:{crc32(DATA)}", secret_key="wrong")
        assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch")
    assert keys() == []


def test_cve_2026_41145_credentials_in_the_query_without_a_signature(raw: Raw, scratch: str, keys: Any) -> None:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for signature in ("", "&X-Amz-Signature=" + "0" * 64, "&X-Amz-Signature="):
        target = (
            f"/{scratch}/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={raw.access_key}%2F{stamp[:8]}%2F{raw.region}%2Fs3%2Faws4_request"
            f"&X-Amz-Date={stamp}&X-Amz-Expires=600&X-Amz-SignedHeaders=host{signature}"
        )
        body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + crc32(b"hello").encode() + b"\r\n\r\n"
        headers = {
            "host": raw.hostport,
            "x-amz-content-sha256": UNSIGNED_TRAILER,
            "x-amz-trailer": "x-amz-checksum-crc32",
            "x-amz-decoded-content-length": "5",
            "content-length": str(len(body)),
        }
        assert raw.exchange(raw.head("PUT", target, headers) + body, timeout_s=5).status in (400, 403)
    assert keys() == []


def test_cve_2026_40344_snowball_header_changes_nothing(raw: Raw, scratch: str, keys: Any) -> None:
    reply = raw.send("PUT", f"/{scratch}/k", {"x-amz-meta-snowball-auto-extract": "true"}, DATA, secret_key="wrong")
    assert (reply.status, reply.code, keys()) == (403, "SignatureDoesNotMatch", [])


def test_versitygw_v2ch_aws_chunked_without_content_length(raw: Raw, scratch: str) -> None:
    """GHSA-v2ch-c8v8-fgr7: neither Content-Length nor Transfer-Encoding is 411; Transfer-Encoding alone is right."""
    sent = raw.sign("PUT", f"/{scratch}/k", {"x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-crc32"}, UNSIGNED_TRAILER)
    assert raw.exchange(raw.head("PUT", f"/{scratch}/k", sent), timeout_s=5).status in (400, 411)
    inner = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + crc32(b"hello").encode() + b"\r\n\r\n"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)
    sent["transfer-encoding"] = "chunked"
    assert raw.exchange(raw.head("PUT", f"/{scratch}/k", sent) + body, timeout_s=5).status == 200
