"""Signature Version 2: resources, dates, expiry, and what its query form leaves unsigned."""

from __future__ import annotations

import hmac
from base64 import b64encode

import pytest

from holdfast.authn.sigv2 import canonical_resources
from holdfast.model.errors import AccessDenied, InvalidArgument, SignatureDoesNotMatch
from holdfast.model.messages import Request
from tests.unit.authn.signed import ACCESS_KEY, NOW, SECRET, Pieces, sign, verify

DATE = "Thu, 01 Jan 2026 15:00:00 +0300"  # as `date -R` prints NOW


def curl(text: str, target: str, *, method: str = "PUT", **headers: str) -> Request:
    """What the quickstart's `openssl sha1 -hmac` signs and its curl sends."""
    signature = b64encode(hmac.digest(SECRET.encode(), text.encode(), "sha1")).decode()
    sent = {"host": "storage.example", "date": DATE, "authorization": f"AWS {ACCESS_KEY}:{signature}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, target.encode(), {name.encode(): value.encode() for name, value in sent.items()}, Pieces())


def test_M218_M219_M220_M221_the_cycle_of_the_quickstart() -> None:
    assert verify(curl(f"PUT\n\n\n{DATE}\n/bucket", "/bucket")).how == "v2-header"
    assert verify(curl(f"PUT\n\n\n{DATE}\n/bucket/new-prefix/sample-object.txt", "/bucket/new-prefix/sample-object.txt"))
    assert verify(curl(f"PUT\n\ntext/plain\n{DATE}\n/bucket/k", "/bucket/k", content_type="text/plain"))
    assert verify(curl(f"GET\n\n\n{DATE}\n/bucket", "/bucket?list-type=2", method="GET"))
    assert verify(curl(f"DELETE\n\n\n{DATE}\n/bucket", "/bucket", method="DELETE"))


def test_x_amz_date_takes_the_place_of_date() -> None:
    text = f"GET\n\n\n\nx-amz-date:{DATE}\nx-amz-meta-a:1,2\n/bucket/k"
    assert verify(curl(text, "/bucket/k", method="GET", x_amz_date=DATE, x_amz_meta_a="1,2", date="nonsense"))


@pytest.mark.parametrize("date", ["", "nonsense", "Tue, 07 Jul 1950 21:53:04 GMT", "Thu, 99 Foo 2026", "99999999999999999999"])
def test_a_date_that_is_none_is_refused(date: str) -> None:
    with pytest.raises(AccessDenied):
        verify(curl(f"GET\n\n\n{date}\n/bucket", "/bucket", method="GET", date=date))
    with pytest.raises(AccessDenied):  # a good Date does not help
        verify(curl(f"GET\n\n\n\nx-amz-date:{date}\n/bucket", "/bucket", method="GET", x_amz_date=date))


def test_the_bucket_of_a_virtual_host_is_signed() -> None:
    text = f"GET\n\n\n{DATE}\n/bucket/k"
    assert verify(curl(text, "/k", method="GET"), bucket="bucket")
    with pytest.raises(SignatureDoesNotMatch):
        verify(curl(text, "/k", method="GET"))
    with pytest.raises(SignatureDoesNotMatch):
        verify(curl(text, "/bucket/k", method="GET"), bucket="other")


@pytest.mark.parametrize(
    ("query", "forms"),
    [
        (b"", [b"/b/k"]),
        (b"list-type=2&prefix=a", [b"/b/k"]),
        (b"uploads", [b"/b/k?uploads"]),
        (b"uploads=", [b"/b/k?uploads=", b"/b/k?uploads"]),
        (b"versionId=1&partNumber=2&uploadId=3", [b"/b/k?partNumber=2&uploadId=3&versionId=1"]),
        (b"response-content-type=a%2Fb", [b"/b/k?response-content-type=a/b", b"/b/k?response-content-type=a%2Fb"]),
        (b"response-content-type=a%26c", [b"/b/k?response-content-type=a&c", b"/b/k?response-content-type=a%26c"]),
        (b"versionId=a%26uploads", [b"/b/k?versionId=a%26uploads"]),
        (b"versionId=a%26x%26uploads", [b"/b/k?versionId=a%26x%26uploads"]),
        (b"response-content-type=a%26versionId=3", [b"/b/k?response-content-type=a%26versionId=3"]),
    ],
)
def test_sub_resources_are_signed(query: bytes, forms: list[bytes]) -> None:
    assert canonical_resources(b"/b/k", query, "") == forms


def test_a_bucket_may_be_signed_with_the_slash_that_it_lacks() -> None:
    assert canonical_resources(b"/b", b"acl", "") == [b"/b?acl", b"/b/?acl"]
    assert canonical_resources(b"/b/k", b"", "") == [b"/b/k"]
    assert canonical_resources(b"/", b"", "") == [b"/"]


def test_a_url_expires() -> None:
    request = sign("v2-query", "GET", "http://h/b/k", expires_s=600)
    assert verify(request, now=NOW + 600).how == "v2-query"
    with pytest.raises(AccessDenied, match="Request has expired"):
        verify(request, now=NOW + 601)


@pytest.mark.parametrize("name", ["retention", "legal-hold", "attributes", "encryption", "publicAccessBlock", "unheard-of"])
def test_the_bearer_of_a_url_cannot_turn_it_into_another_operation(name: str) -> None:
    request = sign("v2-query", "PUT", "http://h/b/k")
    request.query += b"&" + name.encode()
    with pytest.raises(AccessDenied, match="not covered"):
        verify(request)
    request = sign("v2-query", "PUT", "http://h/b/k")
    request.query += b"&acl"
    with pytest.raises(SignatureDoesNotMatch):
        verify(request)


@pytest.mark.parametrize("header", ["x-amz-acl", "x-amz-copy-source", "content-type", "content-md5"])
def test_the_bearer_of_a_url_cannot_add_a_header(header: str) -> None:
    request = sign("v2-query", "PUT", "http://h/b/k")
    request.headers[header.encode()] = b"x"
    with pytest.raises(SignatureDoesNotMatch):
        verify(request)


def test_signed_headers_may_be_in_the_query() -> None:
    request = sign("v2-query", "PUT", "http://h/b/k", headers={"x-amz-acl": "private", "Content-Type": "text/plain"})
    assert b"x-amz-acl=private" in request.query
    request.headers = {b"host": b"h"}
    verify(request)
    assert request.headers[b"x-amz-acl"] == b"private"
    assert request.headers[b"content-type"] == b"text/plain"


def test_a_parameter_given_twice_is_refused() -> None:
    request = sign("v2-query", "GET", "http://h/b/k")
    request.query += b"&Expires=9999999999"
    with pytest.raises(InvalidArgument):
        verify(request)


@pytest.mark.parametrize(
    "added", ["x-amz-copy-source=%2Fsecret%2Fkey", "X-Amz-Acl=public-read", "x%2Damz-acl=x", "retention", "legal-hold=", "encryption"]
)
def test_what_the_signature_does_not_cover_cannot_be_added_to_a_signed_request(added: str) -> None:
    """Version 2 signs some parameters only: whoever hears a request must not make a copy, an ACL or another operation of it."""
    text = f"PUT\n\n\n{DATE}\n/bucket/k"
    assert verify(curl(text, "/bucket/k")).how == "v2-header"
    with pytest.raises(AccessDenied):
        verify(curl(text, f"/bucket/k?{added}"))


def test_parameters_that_version_2_leaves_unsigned_are_taken() -> None:
    query = "list-type=2&prefix=a&max-keys=5&x-id=ListObjectsV2&max-buckets=5&allow-unordered=true"
    assert verify(curl(f"GET\n\n\n{DATE}\n/bucket", f"/bucket?{query}", method="GET")).how == "v2-header"
