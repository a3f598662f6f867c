"""Bodies: hashes and aws-chunked in every mode, told the truth and lied to; the decoder never waits and never believes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.authn.bodies import HashedBody, stored_content_encoding
from holdfast.authn.chunked import Decoder, Seal
from holdfast.authn.signing import Signer
from holdfast.model.errors import (
    EntityTooLarge,
    IncompleteBody,
    InvalidArgument,
    InvalidRequest,
    MalformedTrailerError,
    MissingContentLength,
    Refusal,
    SignatureDoesNotMatch,
    XAmzContentSHA256Mismatch,
)
from holdfast.model.messages import Request
from tests.unit.authn.signed import SECRET, Pieces, read, run, sign, verify

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = SIGNED + "-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
DATA = b"".join(b"%07d\n" % number for number in range(5000))
TRAILER = (b"x-amz-checksum-crc32", b"AAAAAA==")
SCOPE = b"20260101/us-east-1/s3/aws4_request"
STAMP = b"20260101T120000Z"
EMPTY = hashlib.sha256(b"").hexdigest().encode()


def signing_key() -> bytes:
    key = b"AWS4" + SECRET.encode()
    for step in SCOPE.split(b"/"):
        key = hmac.digest(key, step, "sha256")
    return key


def encode(
    data: bytes,
    seed: bytes,
    *,
    size: int = 8192,
    signed: bool = True,
    trailers: tuple[tuple[bytes, bytes], ...] = (),
    trailing: bool = False,
    minio: bool = False,
) -> bytes:
    """A body as AWS documents it, signed by plain hmac; `minio` writes trailers as minio-go does."""
    key, last, out = signing_key(), seed, []
    for at in [*range(0, len(data), size), len(data)]:
        chunk = data[at : at + size]
        if signed:
            text = b"\n".join((b"AWS4-HMAC-SHA256-PAYLOAD", STAMP, SCOPE, last, EMPTY, hashlib.sha256(chunk).hexdigest().encode()))
            last = hmac.digest(key, text, "sha256").hex().encode()
            out.append(b"%x;chunk-signature=%b\r\n" % (len(chunk), last))
        else:
            out.append(b"%x\r\n" % len(chunk))
        if chunk:
            out.append(chunk + b"\r\n")
    out += [b"%b:%b%b" % (name, value, b"\n" if minio else b"\r\n") for name, value in trailers]
    if signed and trailing:
        block = b"".join(b"%b:%b\n" % trailer for trailer in trailers)
        text = b"\n".join((b"AWS4-HMAC-SHA256-TRAILER", STAMP, SCOPE, last, hashlib.sha256(block).hexdigest().encode()))
        out.append((b"\r\n" if minio else b"") + b"x-amz-trailer-signature:" + hmac.digest(key, text, "sha256").hex().encode() + b"\r\n")
    elif minio:
        out.append(b"\r\n")
    return b"".join(out) + b"\r\n"


def put(mode: str, *, length: int = len(DATA), trailer: bytes = b"", chunked: bool = True) -> tuple[Request, bytes]:
    """A signed PUT in that mode, still without its body, and its signature."""
    headers = {"x-amz-content-sha256": mode, "x-amz-decoded-content-length": str(length), "content-encoding": "aws-chunked"}
    if trailer:
        headers["x-amz-trailer"] = trailer.decode()
    from unittest.mock import patch

    import botocore.auth

    with (
        patch.object(botocore.auth.S3SigV4Auth, "payload", lambda self, request: mode),
        patch.object(botocore.auth.S3SigV4Auth, "_modify_request_before_signing", botocore.auth.SigV4Auth._modify_request_before_signing),
    ):
        request = sign("v4-header", "PUT", "http://h/b/k", headers=headers)
    return request, request.headers[b"authorization"][-64:]


def send(mode: str, make: Callable[[bytes], bytes], *, length: int = len(DATA), trailer: bytes = b"", piece: int = 0) -> Request:
    request, seed = put(mode, length=length, trailer=trailer)
    raw = make(seed)
    pieces = [raw[at : at + piece] for at in range(0, len(raw), piece)] if piece else [raw]
    request.body = Pieces(*pieces, length=None)
    verify(request)
    return request


MODES: list[tuple[str, bool, bool, bool]] = [
    (SIGNED, True, False, False),
    (SIGNED_TRAILER, True, True, False),
    (SIGNED_TRAILER, True, True, True),
    (UNSIGNED_TRAILER, False, True, False),
    (UNSIGNED_TRAILER, False, True, True),
]


def whole(signed: bool, trailing: bool, minio: bool, data: bytes = DATA) -> Callable[[bytes], bytes]:
    return lambda seed: encode(data, seed, signed=signed, trailers=(TRAILER,) if trailing else (), trailing=trailing, minio=minio)


@pytest.mark.parametrize(("mode", "signed", "trailing", "minio"), MODES)
@pytest.mark.parametrize("piece", [0, 1000, 8192, 8279])
def test_M32_every_streaming_mode_is_decoded_and_its_trailers_given(mode: str, signed: bool, trailing: bool, minio: bool, piece: int) -> None:
    request = send(mode, whole(signed, trailing, minio), trailer=TRAILER[0] if trailing else b"", piece=piece)
    assert request.body.length == len(DATA)
    assert read(request) == DATA
    assert request.body.trailers == (dict([TRAILER]) if trailing else {})


@pytest.mark.parametrize(("mode", "signed", "trailing", "minio"), MODES)
def test_an_empty_body_has_one_chunk(mode: str, signed: bool, trailing: bool, minio: bool) -> None:
    request = send(mode, whole(signed, trailing, minio, b""), length=0, trailer=TRAILER[0] if trailing else b"")
    assert read(request) == b""


def test_read_all_decodes_and_is_bounded() -> None:
    assert run(send(SIGNED, whole(True, False, False)).body.read_all(len(DATA))) == DATA
    with pytest.raises(EntityTooLarge):
        run(send(SIGNED, whole(True, False, False)).body.read_all(len(DATA) - 1))


@pytest.mark.parametrize(("mode", "signed", "trailing", "minio"), MODES)
def test_CVE_2026_49017_truncated_anywhere_is_never_whole(mode: str, signed: bool, trailing: bool, minio: bool) -> None:
    data = DATA[:60]
    _, seed = put(mode, length=60, trailer=TRAILER[0] if trailing else b"")
    raw = encode(data, seed, size=25, signed=signed, trailers=(TRAILER,) if trailing else (), trailing=trailing, minio=minio)
    kept_whole = 2 if minio and not signed else 0  # minio-go's last line is empty and says nothing
    for cut in range(len(raw) - kept_whole):
        broken, _ = put(mode, length=60, trailer=TRAILER[0] if trailing else b"")
        broken.body = Pieces(raw[:cut], length=None)
        verify(broken)
        with pytest.raises(Refusal):
            read(broken)


@pytest.mark.parametrize(("mode", "signed", "trailing", "minio"), MODES)
def test_one_changed_byte_is_refused_where_it_is_signed(mode: str, signed: bool, trailing: bool, minio: bool) -> None:
    if not signed:
        return
    _, seed = put(mode, length=60, trailer=TRAILER[0] if trailing else b"")
    raw = encode(DATA[:60], seed, size=25, signed=signed, trailers=(TRAILER,) if trailing else (), trailing=trailing, minio=minio)
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        request, _ = put(mode, length=60, trailer=TRAILER[0] if trailing else b"")
        request.body = Pieces(changed, length=None)
        verify(request)
        with pytest.raises(Refusal):
            read(request)


LIES: list[tuple[str, bytes, type[Refusal]]] = [
    ("CVE-2021-21390 a false size", b"ffffffff\r\nabc\r\n", IncompleteBody),
    ("a false size then the end", b"10\r\nabc\r\n0\r\n\r\n", IncompleteBody),
    ("the largest size", b"ffffffffffffffff\r\nabc", IncompleteBody),
    ("too long a size", b"00000000000000000a\r\n0123456789\r\n0\r\n\r\n", InvalidRequest),
    ("a negative size", b"-a\r\n0123456789\r\n", InvalidRequest),
    ("a signed size", b"+a\r\n0123456789\r\n", InvalidRequest),
    ("0x", b"0xa\r\n0123456789\r\n", InvalidRequest),
    ("an underscore", b"0_a\r\n0123456789\r\n", InvalidRequest),
    ("digits of another script", "\u0661\u0660\r\n0123456789\r\n".encode(), InvalidRequest),
    ("white space", b" a\r\n0123456789\r\n", InvalidRequest),
    ("a bare line feed", b"a\n0123456789\r\n0\r\n\r\n", InvalidRequest),
    ("only a carriage return", b"a\r0123456789\r\n0\r\n\r\n", InvalidRequest),
    ("an extension", b"a;x=y\r\n0123456789\r\n0\r\n\r\n", InvalidRequest),
    ("a header of a megabyte", b"a;" + b"x" * 1_000_000, InvalidRequest),
    ("too short a chunk", b"9\r\n0123456789\r\n0\r\n\r\n", InvalidRequest),
    ("too few bytes in all", b"9\r\n012345678\r\n0\r\n\r\n", IncompleteBody),
    ("too many bytes in all", b"b\r\n01234567890\r\n0\r\n\r\n", IncompleteBody),
    ("no last chunk", b"a\r\n0123456789\r\n", IncompleteBody),
    ("nothing", b"", IncompleteBody),
    ("bytes after the end", b"a\r\n0123456789\r\n0\r\n\r\nx", IncompleteBody),
    ("a line after the end", b"a\r\n0123456789\r\n0\r\n\r\nx\r\n", InvalidRequest),
    ("a second body", b"a\r\n0123456789\r\n0\r\n\r\na\r\n0123456789\r\n0\r\n\r\n", InvalidRequest),
    ("two empty lines", b"a\r\n0123456789\r\n0\r\n\r\n\r\n\r\n", InvalidRequest),
    ("a trailer that was not announced", b"a\r\n0123456789\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n", MalformedTrailerError),
    ("an unsigned trailer signature", b"a\r\n0123456789\r\n0\r\nx-amz-trailer-signature:00\r\n\r\n", MalformedTrailerError),
]


@pytest.mark.parametrize(("lie", "raw", "refusal"), LIES, ids=[lie[0] for lie in LIES])
@pytest.mark.parametrize("piece", [0, 1])
def test_chunk_lies_are_refused(lie: str, raw: bytes, refusal: type[Refusal], piece: int) -> None:
    if piece and len(raw) > 10_000:
        return
    request = send(UNSIGNED_TRAILER, lambda seed: raw, length=10, piece=piece)
    with pytest.raises(refusal):
        read(request)


@pytest.mark.parametrize(
    "trailers",
    [
        b"",
        b"x-amz-checksum-crc32:AA==\r\nx-amz-checksum-crc32:AA==\r\n",
        b"x-amz-checksum-sha1:AA==\r\n",
        b"x-amz-checksum-crc32\r\n",
        b"x-amz-checksum-crc32:\r\n",
        b"x-amz-checksum-crc32:a\x00b\r\n",
        b" x-amz-checksum-crc32:AA==\r\n",
        b"x-amz-checksum-crc32:" + b"a" * 9000 + b"\r\n",
    ],
)
def test_announced_trailers_come_once_and_well_formed(trailers: bytes) -> None:
    request = send(UNSIGNED_TRAILER, lambda seed: b"a\r\n0123456789\r\n0\r\n" + trailers + b"\r\n", length=10, trailer=b"x-amz-checksum-crc32")
    with pytest.raises((MalformedTrailerError, InvalidRequest)):
        read(request)


def test_chunk_signatures_are_needed_and_chained() -> None:
    for make in (
        lambda seed: encode(DATA, seed, signed=False),
        lambda seed: encode(DATA, b"0" * 64),
        lambda seed: encode(DATA[8192:16384] + DATA[:8192] + DATA[16384:], seed).replace(DATA[8192:16384], DATA[:8192], 1),
    ):
        with pytest.raises(SignatureDoesNotMatch):
            read(send(SIGNED, make))


def test_a_signed_trailer_needs_its_signature() -> None:
    def without_signature(seed: bytes) -> bytes:
        raw = encode(DATA, seed, trailers=(TRAILER,), trailing=True)
        return raw[: raw.index(b"x-amz-trailer-signature")] + b"\r\n"

    with pytest.raises((SignatureDoesNotMatch, IncompleteBody)):
        read(send(SIGNED_TRAILER, without_signature, trailer=TRAILER[0]))


@pytest.mark.parametrize("mode", [SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER])
def test_SeaweedFS_2180_CVE_2025_31489_a_wrong_request_signature_is_refused_in_every_mode(mode: str) -> None:
    request, _ = put(mode)
    request.headers[b"authorization"] = request.headers[b"authorization"][:-64] + b"0" * 64
    for extra in ({}, {b"x-amz-meta-snowball-auto-extract": b"true"}):  # CVE-2026-40344
        request.headers |= extra
        with pytest.raises(Refusal) as caught:
            verify(request)
        assert caught.value.status == 403


def test_the_mode_is_signed() -> None:
    request, _ = put(SIGNED)
    request.headers[b"x-amz-content-sha256"] = UNSIGNED_TRAILER.encode()
    with pytest.raises(SignatureDoesNotMatch):
        verify(request)


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ({"x-amz-content-sha256": UNSIGNED_TRAILER}, MissingContentLength),
        ({"x-amz-content-sha256": UNSIGNED_TRAILER, "x-amz-decoded-content-length": "-1"}, InvalidArgument),
        ({"x-amz-content-sha256": UNSIGNED_TRAILER, "x-amz-decoded-content-length": "1" * 30}, InvalidArgument),
        ({"x-amz-content-sha256": UNSIGNED_TRAILER, "x-amz-decoded-content-length": "5"}, IncompleteBody),
        ({"x-amz-content-sha256": UNSIGNED_TRAILER, "x-amz-decoded-content-length": "0", "x-amz-trailer": "x-evil"}, InvalidRequest),
        ({"x-amz-content-sha256": SIGNED, "x-amz-decoded-content-length": "0"}, InvalidRequest),
        ({"x-amz-content-sha256": "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "x-amz-decoded-content-length": "0"}, InvalidArgument),
        ({"x-amz-content-sha256": "E3B0C442"}, InvalidArgument),
        ({"x-amz-content-sha256": "0" * 64}, XAmzContentSHA256Mismatch),
    ],
)
def test_what_a_body_promises_is_checked_before_it_is_read(headers: dict[str, str], refusal: type[Refusal]) -> None:
    request = Request("PUT", b"/b/k", {name.encode(): value.encode() for name, value in headers.items()}, Pieces())
    with pytest.raises(refusal):
        verify(request)


@pytest.mark.parametrize("how", ["v2-header", "v4-header"])
def test_a_promised_hash_is_checked_before_the_end_is_given(how: str) -> None:
    request = sign(how, "PUT", "http://h/b/k", body=b"data", headers={"x-amz-content-sha256": hashlib.sha256(b"data").hexdigest()})
    verify(request)
    assert isinstance(request.body, HashedBody)
    assert read(request) == b"data"
    for method in (read, lambda request: run(request.body.read_all(10))):
        request = sign(how, "PUT", "http://h/b/k", body=b"data", headers={"x-amz-content-sha256": hashlib.sha256(b"data").hexdigest()})
        request.body = Pieces(b"da", b"tA")
        verify(request)
        with pytest.raises(XAmzContentSHA256Mismatch) as caught:
            method(request)
        assert list(caught.value.fields) == ["ClientComputedContentSHA256", "S3ComputedContentSHA256"]


def test_whoever_hashes_anyway_may_take_the_check_over() -> None:
    body = HashedBody(Pieces(b"data"), hashlib.sha256(b"data").hexdigest())
    body.hand_over()
    assert run(body.read()) == b"data"
    assert run(body.read()) == b""
    body.check(hashlib.sha256(b"data").hexdigest())
    with pytest.raises(XAmzContentSHA256Mismatch):
        body.check(hashlib.sha256(b"else").hexdigest())


def test_large_pieces_pass_through_uncopied() -> None:
    piece = b"x" * 100_000
    decoder = Decoder(200_000, seal=Seal(Signer(b"k"), b"", b"", b""), announced=frozenset(), trailing=False)
    decoder.feed(b"%x;chunk-signature=%b\r\n" % (200_000, b"0" * 64))
    assert decoder.feed(piece) is piece


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 100), st.lists(st.integers(1, 50), max_size=30), st.booleans())
def test_any_chunking_and_any_splitting_decodes(data: bytes, size: int, cuts: list[int], signed: bool) -> None:
    raw = encode(data, b"seed", size=size, signed=signed, trailers=(TRAILER,), trailing=True)
    seal = Seal(Signer(signing_key()), STAMP, SCOPE, b"seed") if signed else None
    decoder = Decoder(len(data), seal=seal, announced=frozenset([TRAILER[0]]), trailing=True)
    out = []
    for cut in cuts:
        out.append(decoder.feed(raw[:cut]))
        raw = raw[cut:]
    out.append(decoder.feed(raw))
    decoder.finish()
    assert b"".join(out) == data
    assert decoder.trailers == dict([TRAILER])


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=80)
    | st.lists(st.sampled_from([b"\r\n", b"\n", b"0", b"5", b"hello", b";chunk-signature=", b"x-amz-trailer-signature:"])).map(b"".join)
)
def test_no_garbage_is_believed_and_none_breaks_the_decoder(raw: bytes) -> None:
    decoder = Decoder(5, seal=None, announced=frozenset(), trailing=True)
    try:
        out = decoder.feed(raw)
        decoder.finish()
    except Refusal as refusal:
        assert refusal.status < 500
    else:
        assert len(out) == 5


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("aws-chunked", ""), ("aws-chunked,gzip", "gzip"), ("gzip, AWS-Chunked", "gzip"), ("gzip", "gzip"), ("", ""), ("br, gzip", "br, gzip")],
)
def test_aws_chunked_is_not_stored(sent: str, stored: str) -> None:
    assert stored_content_encoding(sent) == stored
