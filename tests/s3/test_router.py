"""Every operation of the model, written by botocore, is routed to itself; what S3 knows is never ignored."""

from __future__ import annotations

import pytest

from holdfast.model.errors import Refusal
from holdfast.model.messages import Request
from holdfast.s3.hosts import Hosts
from holdfast.s3.router import Router
from holdfast.wire.model import service
from tests.wire.samples import AVAILABLE, arguments, serialise

ALIASES = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration", "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration", "PutBucketNotification": "PutBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
}  # fmt: skip
"""Deprecated twins, which no request can tell apart; ListDirectoryBuckets is sent to another endpoint and looks the same."""

ROUTER = Router(Hosts(("s3.example.org",)))


def route(method: str, target: str, **headers: bytes) -> tuple[str, str, str]:
    found = ROUTER.match(Request(method, target.encode("latin-1"), {k.replace("_", "-").encode(): v for k, v in headers.items()}, None))  # type: ignore[arg-type]
    return found[:3]


def refused(method: str, target: str, **headers: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        route(method, target, **headers)
    return caught.value.code


@pytest.mark.parametrize("name", service().names)
def test_each_operation_of_the_model_is_routed_to_itself(name: str) -> None:
    """M143: with every optional parameter and with none."""
    if name not in AVAILABLE:
        pytest.skip("this botocore needs an endpoint of its own for it")
    for minimal in (True, False):
        method, target, headers, _ = serialise(name, arguments(name, seed=7, minimal=minimal))
        request = Request(method, target, headers, None)  # type: ignore[arg-type]
        expected = ALIASES.get(name, name)
        if name == "ListDirectoryBuckets" and not minimal:
            expected = name
        assert ROUTER.match(request).operation == expected


@pytest.mark.parametrize(
    ("target", "bucket", "key"),
    [
        ("/b/a/../c", "b", "a/../c"), ("/b/..", "b", ".."), ("/b/%2e%2e/x", "b", "../x"), ("/b/..%2fx", "b", "../x"), ("/b/%252e", "b", "%2e"),
        ("/b//k", "b", "/k"), ("/b/k//", "b", "k//"), ("/b/./k", "b", "./k"), ("/b/a+b%20c", "b", "a+b c"), ("/b/a\\b", "b", "a\\b"),
        ("/b/%C3%A9%E4%B8%AD", "b", "é中"), ("/b/", "b", ""), ("/b", "b", ""), ("/", "", ""),
    ],
)  # fmt: skip
def test_a_path_is_decoded_once_and_never_normalised(target: str, bucket: str, key: str) -> None:
    """CVE-2026-54917, CVE-2021-3531, versitygw cd0b4e6d"""
    assert route("GET", target)[1:] == (bucket, key)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("//", "InvalidURI"), ("///b", "InvalidURI"), ("/b/%zz", "InvalidURI"), ("/b/%2", "InvalidURI"), ("/b/%ff", "InvalidURI"),
        ("/b/a%00b", "InvalidURI"), ("/%2f", "InvalidBucketName"), ("/..%2fx/k", "InvalidBucketName"), ("/a%0d%0ab/k", "InvalidBucketName"),
        ("/b%20c/k", "InvalidBucketName"), ("b/k", "InvalidURI"), ("*", "InvalidURI"), ("/b/" + "k" * 1025, "KeyTooLongError"),
        ("/b/" + "%C3%A9" * 513, "KeyTooLongError"), ("/b/k?prefix=1&prefix=2", "InvalidArgument"), ("/b/k?%zz=1", "InvalidURI"),
    ],
)  # fmt: skip
def test_a_target_that_means_nothing_is_refused(target: str, code: str) -> None:
    """CVE-2015-5245"""
    assert refused("GET", target) == code


def test_the_longest_key_is_accepted() -> None:
    assert len(route("GET", "/b/" + "k" * 1024)[2]) == 1024
    assert len(route("GET", "/b/" + "%C3%A9" * 512)[2]) == 512


@pytest.mark.parametrize(
    ("method", "target", "code"),
    [
        ("PUT", "/b/k?partNumber=1", "InvalidArgument"), ("PUT", "/b/k?uploadId=x", "InvalidArgument"), ("PUT", "/b/k?versions", "MethodNotAllowed"),
        ("PUT", "/b/k?torrent", "MethodNotAllowed"), ("DELETE", "/b/k?acl", "MethodNotAllowed"), ("DELETE", "/b?versioning", "MethodNotAllowed"),
        ("DELETE", "/b/k?uploads", "MethodNotAllowed"), ("HEAD", "/b/k?acl", "MethodNotAllowed"), ("GET", "/b/k?policy", "MethodNotAllowed"),
        ("GET", "/b?acl&policy", "InvalidRequest"), ("PUT", "/b?acl&tagging", "InvalidRequest"), ("PATCH", "/b/k", "MethodNotAllowed"),
        ("POST", "/b/k", "MethodNotAllowed"), ("DELETE", "/", "MethodNotAllowed"), ("PUT", "/", "MethodNotAllowed"),
        ("GET", "/b?list-type=3", "InvalidArgument"),
        ("POST", "/b/k?select&select-type=1", "InvalidArgument"), ("OPTIONS", "/b/k?acl", "BadRequest"),
    ],
)  # fmt: skip
def test_a_subresource_is_never_ignored(method: str, target: str, code: str) -> None:
    """Else PUT ?acl by a wrong method would write an object, and DELETE ?tagging would delete one."""
    assert refused(method, target) == code


def test_copies_are_told_from_uploads_by_the_source_in_header_or_query() -> None:
    """CVE-2026-71191: a source in the query of a presigned URL is a source too."""
    assert route("PUT", "/b/k")[0] == "PutObject"
    assert route("PUT", "/b/k", x_amz_copy_source=b"")[0] == "CopyObject"
    assert route("PUT", "/b/k?x-amz-copy-source=b/k")[0] == "CopyObject"
    assert route("PUT", "/b/k?partNumber=1&uploadId=x", x_amz_copy_source=b"b/k")[0] == "UploadPartCopy"


def test_parameters_of_signatures_and_unknown_ones_change_nothing() -> None:
    assert route("GET", "/b/k?X-Amz-Signature=1&X-Amz-Date=2&x-id=GetObject&foo")[0] == "GetObject"
    assert route("GET", "/b/k?AWSAccessKeyId=a&Signature=b&Expires=1&versionId=null&partNumber=2")[0] == "GetObject"


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        (b"photos.s3.example.org", "photos"), (b"PHOTOS.s3.EXAMPLE.org:9000", "photos"), (b"a.b.s3.example.org", "a.b"), (b"s3.example.org", ""),
        (b"s3.example.org:80", ""), (b"[::1]:9000", ""), (b"127.0.0.1", ""), (b"evil-s3.example.org", ""), (b"", ""),
        (b"photos.s3.example.org.", "photos"),
    ],
)  # fmt: skip
def test_a_host_below_a_domain_names_the_bucket(host: bytes, bucket: str) -> None:
    """M152 M153"""
    hosts = Hosts(("s3.example.org",))
    assert hosts.bucket(host) == bucket
    assert hosts.bucket(host) == bucket  # remembered


def test_the_longer_domain_wins_and_no_domain_means_path_style() -> None:
    assert Hosts(("localhost", "s3.localhost")).bucket(b"b.s3.localhost:1") == "b"
    assert Hosts(("localhost", "s3.localhost")).bucket(b"b.localhost:1") == "b"
    assert not Hosts()
    assert Hosts().bucket(b"b.localhost") == ""


def test_a_virtual_host_takes_the_whole_path_as_key() -> None:
    assert route("GET", "/photos/k", host=b"b.s3.example.org") == ("GetObject", "b", "photos/k")
    assert route("GET", "//k", host=b"b.s3.example.org") == ("GetObject", "b", "/k")
    assert route("PUT", "/", host=b"b.s3.example.org") == ("CreateBucket", "b", "")
    assert refused("GET", "/", host=b"a_$.s3.example.org") == "InvalidBucketName"
