"""Access tokens as access keys: believed with any secret in every way of signing, and never repeated."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from holdfast.authn.settings import Settings
from holdfast.authn.sigv4 import Scope, parse_scope
from holdfast.model.errors import (
    AccessDenied,
    IncompleteBody,
    InvalidAccessKeyId,
    InvalidRequest,
    Refusal,
    SignatureDoesNotMatch,
    XAmzContentSHA256Mismatch,
)
from holdfast.model.identity import Credential, User
from holdfast.model.messages import Request
from tests.unit.authn.signed import ACCESS_KEY, NOW, Keys, Pieces, read, sign, verify
from tests.unit.authn.test_bodies import SIGNED, SIGNED_TRAILER, TRAILER, encode

TOKEN = "hft_CANARYcanaryCANARYcanaryCANARYcanaryCANARYcan"
PERSON = User(id="u9", name="ann", canonical_id="ann_chem", display_name="ann_chem")
KNOWN = Credential(access_key="token:t1", secret="", user=PERSON, bearer=True)
WAYS = ("v4-header", "v4-query", "v2-header", "v2-query")


def keys(**changes: object) -> Keys:
    found = Keys(Credential(access_key=ACCESS_KEY, secret="right-secret", user=PERSON))
    found.known[TOKEN] = Credential(
        **{"access_key": KNOWN.access_key, "secret": "", "user": PERSON, "bearer": True, **changes}  # type: ignore[arg-type]
    )
    return found


def arrive(request: Request, peer: str = "127.0.0.1", secure: bool = False) -> Request:
    request.peer, request.secure = peer, secure
    return request


@pytest.mark.parametrize(("how", "secret"), list(itertools.product(WAYS, ("", "x", "another secret"))))
def test_M129_M130_a_token_is_believed_with_any_secret(how: str, secret: str) -> None:
    caller = verify(arrive(sign(how, "GET", "http://h/b/k", access_key=TOKEN, secret=secret)), keys=keys())
    assert (caller.how, caller.user, caller.access_key) == ("token", PERSON, "token:t1")


@pytest.mark.parametrize("how", WAYS)
def test_M132_a_key_is_not(how: str) -> None:
    with pytest.raises(SignatureDoesNotMatch):
        verify(arrive(sign(how, "GET", "http://h/b/k", secret="")), keys=keys())


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("changes", [None, {"status": "INACTIVE"}, {"expires_ms": int(NOW * 1000)}], ids=["unknown", "inactive", "expired"])
def test_M133_a_token_that_does_not_count_is_not_repeated(how: str, changes: dict[str, object] | None) -> None:
    with pytest.raises(InvalidAccessKeyId) as caught:
        verify(arrive(sign(how, "GET", "http://h/b/k", access_key=TOKEN)), keys=Keys() if changes is None else keys(**changes))
    assert caught.value.fields == {} and "CANARY" not in str(caught.value)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("transport", "peer", "secure", "comes"), [
    ("loopback", "127.0.0.1", False, True), ("loopback", "::1", False, True), ("loopback", "::ffff:127.0.0.1", False, True),
    ("loopback", "10.0.0.1", False, False), ("loopback", "::127.1", False, False), ("loopback", "", False, False),
    ("loopback", "10.0.0.1", True, True), ("tls", "127.0.0.1", False, False), ("tls", "10.0.0.1", True, True), ("any", "10.0.0.1", False, True),
])  # fmt: skip
def test_M133_a_token_in_clear_is_refused_unless_allowed(how: str, known: bool, transport: str, peer: str, secure: bool, comes: bool) -> None:
    request = arrive(sign(how, "GET", "http://h/b/k", access_key=TOKEN), peer, secure)
    settings, found = Settings(token_transport=transport), keys() if known else Keys()
    if not comes:
        with pytest.raises(AccessDenied, match="TLS"):
            verify(request, keys=found, settings=settings)
    elif known:
        assert verify(request, keys=found, settings=settings).user == PERSON
    else:
        with pytest.raises(InvalidAccessKeyId):
            verify(request, keys=found, settings=settings)


@pytest.mark.parametrize("how", WAYS)
def test_keys_come_in_clear_as_ever(how: str) -> None:
    request = arrive(sign(how, "GET", "http://h/b/k", secret="right-secret"), "10.0.0.1")
    assert verify(request, keys=keys(), settings=Settings(token_transport="tls")).how == how


def test_the_body_of_a_token_is_what_its_hash_says() -> None:
    assert read_with(b"data") == b"data"
    request = arrive(sign("v4-header", "PUT", "http://h/b/k", access_key=TOKEN, secret="", body=b"data"))
    request.body = Pieces(b"liar")
    verify(request, keys=keys())
    with pytest.raises(XAmzContentSHA256Mismatch):
        read(request)


def read_with(body: bytes) -> bytes:
    request = arrive(sign("v4-header", "PUT", "http://h/b/k", access_key=TOKEN, secret="", body=body))
    verify(request, keys=keys())
    return read(request)


def chunked(body: bytes, decoded: int, mode: str, trailer: bool) -> Request:
    headers = {"x-amz-content-sha256": mode, "x-amz-decoded-content-length": str(decoded), "content-encoding": "aws-chunked"}
    if trailer:
        headers["x-amz-trailer"] = TRAILER[0].decode()
    request = arrive(sign("v4-header", "PUT", "http://h/b/k", access_key=TOKEN, secret="", headers=headers))
    request.headers[b"x-amz-content-sha256"] = mode.encode()
    request.body = Pieces(body)
    return request


@pytest.mark.parametrize(("mode", "trailer"), [(SIGNED, False), (SIGNED_TRAILER, True)])
def test_chunks_of_a_token_keep_their_frames_and_their_signatures_are_not_compared(mode: str, trailer: bool) -> None:
    data = b"0123456789" * 3000
    body = encode(data, b"0" * 64, trailers=(TRAILER,) if trailer else (), trailing=trailer)
    request = chunked(body, len(data), mode, trailer)
    verify(request, keys=keys())
    assert read(request) == data
    for wrong, error in ((body[:-20], IncompleteBody), (body.replace(b";chunk-signature=", b";x=", 1), InvalidRequest), (body + b"x", Refusal)):
        request = chunked(wrong, len(data), mode, trailer)
        verify(request, keys=keys())
        with pytest.raises(error):
            read(request)
    request = chunked(body, len(data) - 1, mode, trailer)
    verify(request, keys=keys())
    with pytest.raises(IncompleteBody):
        read(request)


def test_signed_chunks_need_version_4_with_a_token_too() -> None:
    request = arrive(sign("v2-header", "PUT", "http://h/b/k", access_key=TOKEN, secret=""))
    request.headers |= {b"x-amz-content-sha256": SIGNED.encode(), b"x-amz-decoded-content-length": b"3"}
    with pytest.raises(InvalidRequest):
        verify(request, keys=keys())


def test_without_a_hash_only_curl_is_heard() -> None:
    request = arrive(sign("v4-header", "PUT", "http://h/b/k", access_key=TOKEN, secret="", body=b"data"))
    del request.headers[b"x-amz-content-sha256"]
    with pytest.raises(InvalidRequest):
        verify(request, keys=keys())
    request.headers[b"user-agent"] = b"curl/7.88.1"
    assert verify(request, keys=keys()).how == "token"


def test_m246_what_was_parsed_does_not_show_a_token() -> None:
    scope = parse_scope(f"{TOKEN}/20260101/us-east-1/s3/aws4_request".encode())
    assert isinstance(scope, Scope)
    for text in (repr(scope), str(scope), f"{scope}", repr((scope,))):
        assert "CANARY" not in text


@pytest.mark.parametrize("how", WAYS)
def test_M192_an_access_key_may_be_the_name_of_a_principal(how: str) -> None:
    name = "testuser/scm@EXAMPLE.COM"
    found = Keys(Credential(access_key=name, secret=hashlib.sha256(b"x").hexdigest(), user=PERSON))
    assert verify(sign(how, "GET", "http://h/b/k", access_key=name, secret=hashlib.sha256(b"x").hexdigest()), keys=found).access_key == name
    with pytest.raises(SignatureDoesNotMatch):
        verify(sign(how, "GET", "http://h/b/k", access_key=name, secret="wrong"), keys=found)
