"""Signature Version 4: scope, dates, expiry, unsigned headers, encodings, curl, and what a mismatch shows."""

from __future__ import annotations

import asyncio
import hashlib
import hmac

import pytest

from holdfast.authn.authenticate import authenticate
from holdfast.authn.settings import Settings
from holdfast.model.errors import (
    AccessDenied,
    AuthorizationHeaderMalformed,
    AuthorizationQueryParametersError,
    InvalidArgument,
    InvalidRequest,
    RequestTimeTooSkewed,
    SignatureDoesNotMatch,
)
from holdfast.model.messages import Request
from tests.unit.authn.signed import ACCESS_KEY, KEYS, NOW, SECRET, SETTINGS, Pieces, read, sign, verify

URL = "http://127.0.0.1:9000/bucket/key"
STAMP = "20260101T120000Z"
EMPTY = hashlib.sha256(b"").hexdigest()


def by_hand(
    canonical: str, target: str, *, method: str = "PUT", body: bytes = b"", chunked: bool = False, stamp: str = STAMP, date: str = "20260101",
    service: str = "s3", signed: str = "host;x-amz-date", **headers: str,
) -> Request:  # fmt: skip
    """A request that signs exactly this canonical request."""
    scope = f"{date}/us-east-1/{service}/aws4_request"
    key = ("AWS4" + SECRET).encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    sent = {
        "host": "127.0.0.1:9000",
        "x-amz-date": stamp,
        "authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={signed}, Signature={signature}",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = {name.encode(): value.encode() for name, value in sent.items() if value}
    return Request(method, target.encode(), raw, Pieces(body, length=None if chunked else -1), received_at=NOW)


def canonical(path: str, query: str, payload: str, *, method: str = "PUT") -> str:
    return f"{method}\n{path}\n{query}\nhost:127.0.0.1:9000\nx-amz-date:{STAMP}\n\nhost;x-amz-date\n{payload}"


def test_M5_another_region_is_named() -> None:
    with pytest.raises(AuthorizationHeaderMalformed, match="'eu-central-1' is wrong; expecting 'us-east-1'") as caught:
        verify(sign("v4-header", "GET", URL, region="eu-central-1"))
    assert caught.value.fields == {"Region": "us-east-1"}
    with pytest.raises(AuthorizationQueryParametersError) as caught_too:
        verify(sign("v4-query", "GET", URL, region="eu-central-1"))
    assert caught_too.value.fields == {"Region": "us-east-1"}
    ashburn = Settings(region="us-ashburn-1")
    assert verify(sign("v4-header", "GET", URL, region="us-ashburn-1"), settings=ashburn).how == "v4-header"


@pytest.mark.parametrize("service", ["iam", "sts", "s3tables", ""])
def test_CVE_2026_55873_another_service_is_refused(service: str) -> None:
    with pytest.raises(AuthorizationHeaderMalformed):
        verify(by_hand(canonical("/b", "", EMPTY), "/b", service=service, user_agent="curl/7.88.1"))


@pytest.mark.parametrize("how", ["v4-header", "v2-header"])
@pytest.mark.parametrize("seconds", [-901, 901, 1201, 86400])
def test_M220_CVE_2015_8466_a_skewed_clock_and_a_replay_are_refused(how: str, seconds: int) -> None:
    with pytest.raises(RequestTimeTooSkewed) as caught:
        verify(sign(how, "GET", URL), now=NOW + seconds)
    assert caught.value.fields["MaxAllowedSkewMilliseconds"] == "900000"
    assert caught.value.fields["ServerTime"].endswith("Z")
    assert "RequestTime" in caught.value.fields


@pytest.mark.parametrize("how", ["v4-header", "v2-header"])
@pytest.mark.parametrize("seconds", [-900, 0, 900])
def test_a_quarter_of_an_hour_is_allowed(how: str, seconds: int) -> None:
    assert verify(sign(how, "GET", URL), now=NOW + seconds).how == how


@pytest.mark.parametrize("how", ["v4-header", "v2-header"])
def test_CVE_2015_8466_no_date_is_refused(how: str) -> None:
    request = sign(how, "GET", URL)
    for name in (b"date", b"x-amz-date"):
        request.headers.pop(name, None)
    with pytest.raises(AccessDenied):
        verify(request)


def test_the_scope_is_of_the_day_that_was_signed() -> None:
    with pytest.raises(AuthorizationHeaderMalformed, match="Invalid credential date"):
        verify(by_hand(canonical("/b", "", EMPTY), "/b", date="20251231", user_agent="curl/7.88.1"))


def test_a_date_header_may_stand_for_x_amz_date() -> None:
    text = "PUT\n/b\n\ndate:Thu, 01 Jan 2026 12:00:00 GMT\nhost:127.0.0.1:9000\n\ndate;host\n" + EMPTY
    request = by_hand(text, "/b", signed="date;host", x_amz_date="", date_="", user_agent="curl/7.88.1")
    request.headers[b"date"] = b"Thu, 01 Jan 2026 12:00:00 GMT"
    assert verify(request).how == "v4-header"


def test_M41_expiry_of_a_presigned_url() -> None:
    week = 604800
    request = sign("v4-query", "GET", URL, expires_s=week)
    assert verify(request, now=NOW + week).how == "v4-query"
    with pytest.raises(AccessDenied, match="Request has expired") as caught:
        verify(request, now=NOW + week + 1)
    assert list(caught.value.fields) == ["X-Amz-Expires", "Expires", "ServerTime"]
    with pytest.raises(AccessDenied, match="not yet valid"):
        verify(request, now=NOW - 901)
    for expires in (week + 1, 0, -1):
        with pytest.raises(AuthorizationQueryParametersError):
            verify(sign("v4-query", "GET", URL, expires_s=expires))
        with pytest.raises(AuthorizationQueryParametersError):
            verify(sign("v4-query", "GET", URL + "?versionId=x", expires_s=expires))


@pytest.mark.parametrize(
    "old", [b"X-Amz-Expires=3600", b"X-Amz-Date=20260101T120000Z", b"X-Amz-SignedHeaders=host", b"X-Amz-Algorithm=AWS4-HMAC-SHA256"]
)
def test_every_parameter_of_a_presigned_url_is_needed_once(old: bytes) -> None:
    for new in (b"", old + b"&" + old, old.partition(b"=")[0] + b"=", old.partition(b"=")[0] + b"=zzz"):
        signed = sign("v4-query", "GET", URL)
        request = Request("GET", b"/bucket/key?" + signed.query.replace(old, new), signed.headers, Pieces())
        with pytest.raises(AuthorizationQueryParametersError):
            verify(request)


ADDED = ["acl", "tagging", "copy-source", "meta-a", "object-lock-mode", "server-side-encryption", "grant-read", "date", "decoded-content-length"]


@pytest.mark.parametrize("how", ["v4-header", "v4-query"])
@pytest.mark.parametrize("name", ADDED)
def test_SeaweedFS_9121_CVE_2026_71191_an_unsigned_header_is_refused(how: str, name: str) -> None:
    request = sign(how, "PUT", URL)
    request.headers.pop(f"x-amz-{name}".encode(), None) if how == "v4-query" else None
    if how == "v4-header" and name == "date":
        return
    request.headers[f"x-amz-{name}".encode()] = b"x"
    with pytest.raises(AccessDenied) as caught:
        verify(request)
    assert caught.value.fields == {"HeadersNotSigned": f"x-amz-{name}"}


def test_the_bearer_of_a_presigned_url_may_add_only_a_hash_of_the_body() -> None:
    def presigned(value: bytes) -> Request:
        request = sign("v4-query", "PUT", URL, body=b"data")
        request.headers[b"x-amz-content-sha256"] = value
        return request

    for value in (b"UNSIGNED-PAYLOAD", hashlib.sha256(b"data").hexdigest().encode()):
        request = presigned(value)
        assert verify(request).how == "v4-query"
        assert read(request) == b"data"
    with pytest.raises(AccessDenied):
        verify(presigned(b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"))


def test_signed_parameters_of_a_presigned_url_count_as_headers() -> None:
    request = sign("v4-query", "PUT", URL + "?x-amz-acl=private&x-amz-meta-name=a%20b")
    verify(request)
    assert request.headers[b"x-amz-acl"] == b"private"
    assert request.headers[b"x-amz-meta-name"] == b"a b"
    for value in ("a%0d%0ab", "%00"):
        with pytest.raises(InvalidArgument):
            verify(sign("v4-query", "PUT", URL + "?x-amz-meta-name=" + value))


def test_M211_a_mismatch_shows_what_was_signed() -> None:
    import botocore.auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = sign("v4-header", "GET", URL + "?list-type=2&prefix=a%2Fb", headers={"x-amz-meta-a": "one  two"})
    aws = AWSRequest("GET", URL + "?list-type=2&prefix=a%2Fb", headers={"x-amz-meta-a": "one  two"})
    signer = botocore.auth.S3SigV4Auth(Credentials(ACCESS_KEY, SECRET), "s3", "us-east-1")
    aws.context["timestamp"] = STAMP
    aws.headers["X-Amz-Date"] = STAMP
    aws.headers["X-Amz-Content-SHA256"] = EMPTY
    debugged = signer.canonical_request(aws)
    request.headers[b"authorization"] = request.headers[b"authorization"][:-64] + b"0" * 64
    with pytest.raises(SignatureDoesNotMatch) as caught:
        verify(request)
    fields = caught.value.fields
    assert list(fields) == ["AWSAccessKeyId", "StringToSign", "SignatureProvided", "StringToSignBytes", "CanonicalRequest", "CanonicalRequestBytes"]
    assert fields["CanonicalRequest"] == debugged
    assert fields["StringToSign"] == signer.string_to_sign(aws, debugged)
    assert bytes.fromhex(fields["CanonicalRequestBytes"]).decode() == debugged
    assert fields["StringToSignBytes"].startswith("41 57 53 34")


def test_a_secret_that_changed_counts_at_once() -> None:
    from holdfast.model.identity import Credential
    from tests.unit.authn.signed import USER, Keys

    keys = Keys(Credential(access_key=ACCESS_KEY, secret="new", user=USER))
    assert verify(sign("v4-header", "GET", URL)).user is USER
    with pytest.raises(SignatureDoesNotMatch):
        verify(sign("v4-header", "GET", URL), keys=keys)
    assert verify(sign("v4-header", "GET", URL, secret="new"), keys=keys).user is USER


class TestCurl788:
    """M217: curl 7.88 sends no x-amz-content-sha256; it signs the hash of --data, and of nothing for --upload-file (both measured)."""

    def test_no_body(self) -> None:
        assert verify(by_hand(canonical("/bucket", "", EMPTY), "/bucket", user_agent="curl/7.88.1")).how == "v4-header"

    @pytest.mark.parametrize("chunked", [False, True])
    def test_upload_file(self, chunked: bool) -> None:
        request = by_hand(canonical("/bucket/k", "", EMPTY), "/bucket/k", body=b"hello\n", chunked=chunked, user_agent="curl/7.88.1")
        verify(request)
        assert read(request) == b"hello\n"

    def test_data(self) -> None:
        signed = canonical("/bucket/k", "", hashlib.sha256(b"hello\n").hexdigest())
        request = by_hand(signed, "/bucket/k", body=b"hello\n", user_agent="curl/7.88.1")
        verify(request)
        assert request.body.length == 6
        assert read(request) == b"hello\n"
        with pytest.raises(SignatureDoesNotMatch):
            verify(by_hand(signed, "/bucket/k", body=b"hellO\n", user_agent="curl/7.88.1"))

    def test_a_query_is_signed_as_it_is_sent(self) -> None:
        query = "list-type=2&delimiter=/&prefix=a"
        assert verify(by_hand(canonical("/bucket", query, EMPTY), "/bucket?" + query, user_agent="curl/7.88.1"))

    def test_too_large_to_hold(self) -> None:
        request = by_hand(canonical("/b/k", "", hashlib.sha256(b"x" * 100).hexdigest()), "/b/k", body=b"x" * 100, user_agent="curl/7.88.1")
        with pytest.raises(InvalidRequest, match="x-amz-content-sha256"):
            asyncio.run(authenticate(request, KEYS, NOW, Settings(unhashed_body_bytes_max=99)))

    def test_other_clients_must_send_the_header(self) -> None:
        with pytest.raises(InvalidRequest, match="x-amz-content-sha256"):
            verify(by_hand(canonical("/bucket", "", EMPTY), "/bucket", user_agent="Boto3"))

    def test_the_header_cannot_be_taken_away(self) -> None:
        request = sign("v4-header", "PUT", URL)
        del request.headers[b"x-amz-content-sha256"]
        request.headers[b"user-agent"] = b"curl/7.88.1"
        request.body = Pieces(b"evil")
        with pytest.raises(SignatureDoesNotMatch):
            verify(request)


@pytest.mark.parametrize(
    ("sent", "signed"),
    [("/b/a@b", "/b/a%40b"), ("/b/a+b", "/b/a%2Bb"), ("/b/%7Ea", "/b/~a"), ("/b/%c3%a9", "/b/%C3%A9"), ("/b//a", "/b//a"), ("/b/a%2Fb", "/b/a%2Fb")],
)
def test_clients_encode_paths_differently(sent: str, signed: str) -> None:
    assert verify(by_hand(canonical(signed, "", EMPTY), sent, user_agent="curl/7.88.1"))


@pytest.mark.parametrize(
    ("sent", "signed"),
    [("/b/a", "/b//a"), ("/b/a%20b", "/b/a+b"), ("/b/a%252Fb", "/b/a%2Fb"), ("/b/x/../a", "/b/a"), ("/b/A", "/b/a"), ("/b/a/", "/b/a")],
)
def test_two_keys_never_share_a_signature(sent: str, signed: str) -> None:
    with pytest.raises(SignatureDoesNotMatch):
        verify(by_hand(canonical(signed, "", EMPTY), sent, user_agent="curl/7.88.1"))


@pytest.mark.parametrize(
    ("sent", "signed"), [("p=a+b", "p=a%20b"), ("p=a/b", "p=a%2Fb"), ("uploads", "uploads="), ("b=1&a=2", "a=2&b=1"), ("a-b=1&a=2", "a=2&a-b=1")]
)
def test_clients_encode_queries_differently(sent: str, signed: str) -> None:
    assert verify(by_hand(canonical("/b", signed, EMPTY), "/b?" + sent, user_agent="curl/7.88.1"))


@pytest.mark.parametrize(("sent", "signed"), [("p=a+b", "p=a%2Bb"), ("p=a%26c=1", "p=a&c=1"), ("p=1", "p=1&q="), ("p=a%253D", "p=a%3D")])
def test_two_queries_never_share_a_signature(sent: str, signed: str) -> None:
    with pytest.raises(SignatureDoesNotMatch):
        verify(by_hand(canonical("/b", signed, EMPTY), "/b?" + sent, user_agent="curl/7.88.1"))


def test_caches_are_bounded() -> None:
    from holdfast.authn import signing, sigv4, times

    for number in range(5000):
        signing.signer_for("secret", b"%d/s3" % number)
        times.iso_basic(b"202601%02dT%02d%02d%02dZ" % (number // 2000 + 1, number % 24, number % 60, number % 59))
    assert len(signing._signers) <= 4096
    assert len(sigv4._heads) <= 4096
    assert len(times.STAMPS) <= 1024
    assert verify(sign("v4-header", "GET", URL), settings=SETTINGS)
