"""The mechanisms are told apart, and each proves the caller (M243)."""

from __future__ import annotations

import pytest

from holdfast.model.errors import (
    AccessDenied,
    AuthorizationHeaderMalformed,
    AuthorizationQueryParametersError,
    InvalidAccessKeyId,
    InvalidArgument,
    InvalidRequest,
    InvalidToken,
    Refusal,
    SignatureDoesNotMatch,
)
from holdfast.model.identity import ANONYMOUS
from holdfast.model.messages import Request
from tests.unit.authn.signed import SIGNERS, USER, Pieces, sign, verify

URL = "http://127.0.0.1:9000/bucket/some%20key?versionId=abc"
HOWS = sorted(SIGNERS)


def anonymous(target: bytes = b"/bucket/key", **headers: bytes) -> Request:
    sent = {b"host": b"127.0.0.1:9000"} | {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return Request("GET", target, sent, Pieces())


@pytest.mark.parametrize("how", HOWS)
def test_M243_each_mechanism_proves_the_caller(how: str) -> None:
    caller = verify(sign(how, "GET", URL))
    assert (caller.how, caller.user, caller.access_key) == (how, USER, "AKIDEXAMPLE")


@pytest.mark.parametrize("how", HOWS)
def test_M192_access_key_with_slash_and_at(how: str) -> None:
    assert verify(sign(how, "PUT", URL, access_key="testuser/scm@EXAMPLE.COM")).access_key == "testuser/scm@EXAMPLE.COM"


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("access_key", ["NOBODY", "ASLEEP", "PAST"])
def test_M18_unknown_inactive_and_expired_keys_are_one_refusal(how: str, access_key: str) -> None:
    with pytest.raises(InvalidAccessKeyId) as caught:
        verify(sign(how, "GET", URL, access_key=access_key))
    assert caught.value.fields == {"AWSAccessKeyId": access_key}


@pytest.mark.parametrize("how", HOWS)
def test_M132_a_wrong_secret_is_refused(how: str) -> None:
    with pytest.raises(SignatureDoesNotMatch):
        verify(sign(how, "GET", URL, secret="wrong"))


@pytest.mark.parametrize("how", HOWS)
def test_M43_another_method_or_key_is_refused(how: str) -> None:
    request = sign(how, "GET", URL)
    request.method = "PUT"
    with pytest.raises(SignatureDoesNotMatch):
        verify(request)
    request = sign(how, "GET", URL)
    request.path += b"x"
    with pytest.raises(SignatureDoesNotMatch):
        verify(request)


def test_no_signature_is_anonymous() -> None:
    assert verify(anonymous()) is ANONYMOUS
    assert verify(anonymous(b"/bucket?prefix=Signature")) is ANONYMOUS


@pytest.mark.parametrize("header", ["v4-header", "v2-header"])
@pytest.mark.parametrize("query", ["v4-query", "v2-query"])
def test_two_mechanisms_are_refused(header: str, query: str) -> None:
    request = sign(query, "GET", URL)
    request.headers[b"authorization"] = sign(header, "GET", URL).headers[b"authorization"]
    with pytest.raises(InvalidArgument):
        verify(request)


def test_two_signatures_in_one_query_are_refused() -> None:
    with pytest.raises(InvalidArgument):
        verify(anonymous(b"/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&AWSAccessKeyId=AKIDEXAMPLE"))


@pytest.mark.parametrize(
    ("value", "refusal"),
    [
        (b"", AccessDenied),
        (b"AWS HAHAHA", InvalidArgument),
        (b"AWS :sig", InvalidArgument),
        (b"Bearer abc", InvalidArgument),
        (b"AWS4-ECDSA-P256-SHA256 Credential=x", InvalidRequest),
        (b"AWS4-HMAC-SHA256", AuthorizationHeaderMalformed),
        (b"AWS4-HMAC-SHA256 ", AuthorizationHeaderMalformed),
        (b"AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=" + b"0" * 64, AuthorizationHeaderMalformed),
        (
            b"AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=x-amz-date, Signature=" + b"0" * 64,
            AuthorizationHeaderMalformed,
        ),
        (b"AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=\xff", AuthorizationHeaderMalformed),
        (
            b"AWS4-HMAC-SHA256 Credential=\xff/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=" + b"0" * 64,
            AuthorizationHeaderMalformed,
        ),
    ],
)
def test_malformed_authorization(value: bytes, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal) as caught:
        verify(anonymous(authorization=value))
    assert b"HAHAHA" not in str(caught.value.fields).encode()


@pytest.mark.parametrize(
    "target", [b"/b/k?X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Fus-east-1%2Fs3%2Faws4_request", b"/b/k?X-Amz-Signature=00", b"/b/k?X-Amz-Algorithm=x"]
)
def test_CVE_2026_41145_an_incomplete_signed_query_is_never_anonymous(target: bytes) -> None:
    request = anonymous(target, x_amz_content_sha256=b"STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    with pytest.raises(AuthorizationQueryParametersError):
        verify(request)


@pytest.mark.parametrize("target", [b"/b/k?AWSAccessKeyId=AKIDEXAMPLE", b"/b/k?Signature=abc", b"/b/k?AWSAccessKeyId=a&Signature=b&Expires=1e9"])
def test_an_incomplete_v2_query_is_never_anonymous(target: bytes) -> None:
    with pytest.raises(AccessDenied):
        verify(anonymous(target))


@pytest.mark.parametrize("how", ["v4-header", "v2-header"])
def test_a_session_token_is_refused_and_not_ignored(how: str) -> None:
    with pytest.raises(InvalidToken):
        verify(sign(how, "GET", URL, headers={"x-amz-security-token": "token"}))
