"""Conditions of bucket policies: operators, keys, and what is not known yet."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.model.errors import MalformedPolicy
from holdfast.model.objects import Facts, Version
from tests.unit.authz.policies import request, under


@pytest.mark.parametrize(
    ("condition", "given", "holds"),
    [
        ({"StringEquals": {"aws:Referer": "http://a/"}}, {"referer": "http://a/"}, True),
        ({"StringEquals": {"aws:Referer": ["x", "http://a/"]}}, {"referer": "http://a/"}, True),
        ({"StringEquals": {"aws:Referer": "http://a/*"}}, {"referer": "http://a/b"}, False),
        ({"StringEquals": {"aws:Referer": "x"}}, {}, False),
        ({"StringNotEquals": {"aws:Referer": "x"}}, {}, True),
        ({"StringNotEquals": {"aws:Referer": ["x", "y"]}}, {"referer": "y"}, False),
        ({"StringEqualsIfExists": {"aws:Referer": "x"}}, {}, True),
        ({"StringEqualsIfExists": {"aws:Referer": "x"}}, {"referer": "y"}, False),
        ({"StringLike": {"aws:Referer": "http://a/*"}}, {"referer": "http://a/b"}, True),
        ({"StringNotLike": {"aws:Referer": "http://a/*"}}, {"referer": "http://a/b"}, False),
        ({"StringEqualsIgnoreCase": {"AWS:referer": "HTTP://A/"}}, {"referer": "http://a/"}, True),
        ({"StringNotEqualsIgnoreCase": {"aws:Referer": "HTTP://A/"}}, {"referer": "http://a/"}, False),
        ({"StringLike": {"aws:UserAgent": "aws-cli/*"}}, {"user_agent": "aws-cli/2.0"}, True),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, {}, True),
        ({"IpAddress": {"aws:SourceIp": ["198.51.100.0/24", "192.0.2.7"]}}, {}, True),
        ({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}, {"peer": "2001:db8::1"}, True),
        ({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, {}, False),
        ({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, {"x_forwarded_for": "198.51.100.1"}, False),
        ({"NotIpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, {}, True),
        ({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, {}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, True),
        ({"Bool": {"aws:SecureTransport": True}}, {}, False),
        ({"Bool": {"aws:SecureTransport": True}}, {"secure": True}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2027-01-15T08:00:00Z"}}, {}, False),
        ({"DateGreaterThanEquals": {"aws:CurrentTime": "2027-01-15T08:00:00Z"}}, {}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2027-01-15T08:00:01Z"}}, {}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2027-01-15T10:00:01+02:00"}}, {}, True),
        ({"NumericLessThan": {"aws:EpochTime": 1_800_000_001}}, {}, True),
        ({"DateEquals": {"aws:EpochTime": "1800000000"}}, {}, True),
        ({"Null": {"aws:Referer": "true"}}, {}, True),
        ({"Null": {"aws:Referer": "true"}}, {"referer": "x"}, False),
        ({"Null": {"aws:Referer": False}}, {"referer": "x"}, True),
        ({"StringEquals": {"aws:username": "ben"}}, {}, True),
        ({"StringEquals": {"aws:username": "root"}}, {"aws:username": "root", "username": "root", "groups": "admin"}, False),
        ({"StringEquals": {"aws:userid": "ocid1.user.oc1..ben"}}, {"userid": "other"}, True),
        ({"StringEquals": {"aws:PrincipalType": "User"}}, {}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::default:user/b*"}}, {}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:*:user/ben"}}, {}, None),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/b*"}}, {}, False),
        ({"StringEquals": {"aws:PrincipalAccount": "default", "aws:username": "ann"}}, {}, False),
        ({"StringEquals": {"aws:PrincipalAccount": "default"}, "Bool": {"aws:SecureTransport": "false"}}, {}, True),
        ({"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}, {}, True),
        ({"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}, {}, False),
        ({"StringLike": {"aws:Referer": "http://${aws:username}/*"}}, {"referer": "http://ben/x"}, True),
        ({"StringEquals": {"aws:Referer": "${aws:username}*"}}, {"referer": "ben*"}, True),
    ],
)
def test_m182_conditions(condition: dict[str, Any], given: dict[str, Any], holds: bool | None) -> None:
    """GHSA-6r96-hmgc-726c: no header of the request becomes a key of its own."""
    if holds is None:
        with pytest.raises(MalformedPolicy):
            under(condition)
        return
    asked = request(**given)
    assert under(condition, request=asked) == ("allow" if holds else "")
    assert under(condition, "Deny", request=asked) == ("deny" if holds else "")


@pytest.mark.parametrize(
    ("condition", "target", "holds"),
    [
        ({"StringEquals": {"s3:prefix": "a/"}}, "/photos?prefix=a%2F", True),
        ({"StringEquals": {"s3:prefix": "a/"}}, "/photos?prefix=a%2Fb", False),
        ({"StringEquals": {"s3:prefix": "a b"}}, "/photos?prefix=a+b", True),
        ({"StringEquals": {"s3:prefix": ""}}, "/photos", False),
        ({"StringEquals": {"s3:prefix": ""}}, "/photos?prefix=", True),
        ({"StringEquals": {"s3:delimiter": "/"}}, "/photos?delimiter=/", True),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, "/photos?max-keys=10", True),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, "/photos?max-keys=11", False),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, "/photos", False),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, "/photos?max-keys=ten", False),
    ],
)
def test_m182_conditions_of_listings(condition: dict[str, Any], target: str, holds: bool) -> None:
    found = under(condition, action="ListBucket", key="", request=request(target), operation="ListObjectsV2")
    assert found == ("allow" if holds else "")


def test_the_prefix_of_what_may_be_known_not_to_be_there_is_its_key() -> None:
    only = {"StringLike": {"s3:prefix": "public/*"}}
    asked = request("/photos/private/x?prefix=public/")
    assert under(only, action="ListBucket", key="public/x", operation="HeadObject") == "allow"
    assert under(only, action="ListBucket", key="private/x", request=asked, operation="GetObject") == ""


@pytest.mark.parametrize(
    ("condition", "target", "given", "operation", "holds"),
    [
        ({"StringEquals": {"s3:x-amz-acl": "public-read"}}, "/photos/k", {"x_amz_acl": "public-read"}, "PutObject", True),
        ({"StringEquals": {"s3:x-amz-acl": "public-read"}}, "/photos/k?x-amz-acl=public-read", {}, "PutObject", True),
        ({"StringEquals": {"s3:x-amz-acl": "private"}}, "/photos/k?X-Amz-Acl=public-read", {"x_amz_acl": "private"}, "PutObject", False),
        ({"StringEquals": {"s3:x-amz-grant-full-control": "id=c-ann"}}, "/photos/k", {"x_amz_grant_full_control": "id=c-ann"}, "PutObject", True),
        ({"StringLike": {"s3:x-amz-copy-source": "photos/public/*"}}, "/photos/k", {"x_amz_copy_source": "/photos/public%2Fx"}, "CopyObject", True),
        ({"StringLike": {"s3:x-amz-copy-source": "photos/a*"}}, "/photos/k", {"x_amz_copy_source": "photos/b?versionId=a"}, "UploadPartCopy", False),
        ({"StringEquals": {"s3:x-amz-metadata-directive": "COPY"}}, "/photos/k", {"x_amz_metadata_directive": "COPY"}, "CopyObject", True),
        ({"Null": {"s3:x-amz-server-side-encryption": "true"}}, "/photos/k", {}, "PutObject", True),
        ({"Null": {"s3:x-amz-server-side-encryption": "true"}}, "/photos/k", {"x_amz_server_side_encryption": "AES256"}, "PutObject", False),
        ({"StringEquals": {"s3:RequestObjectTag/a": "1"}}, "/photos/k", {"x_amz_tagging": "b=2&a=1"}, "PutObject", True),
        ({"StringEquals": {"s3:RequestObjectTag/A": "1"}}, "/photos/k", {"x_amz_tagging": "b=2&a=1"}, "PutObject", False),
        ({"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["a", "b"]}}, "/photos/k", {"x_amz_tagging": "b=2&a=1"}, "PutObject", True),
        ({"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["a"]}}, "/photos/k", {"x_amz_tagging": "b=2&a=1"}, "PutObject", False),
        ({"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["a"]}}, "/photos/k", {}, "PutObject", True),
        ({"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": ["a"]}}, "/photos/k", {"x_amz_tagging": "b=2&a=1"}, "PutObject", True),
        ({"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": ["a"]}}, "/photos/k", {}, "PutObject", False),
        ({"ForAnyValue:StringNotEquals": {"s3:RequestObjectTagKeys": ["a"]}}, "/photos/k", {"x_amz_tagging": "a=1"}, "PutObject", False),
        ({"ForAnyValue:StringNotEquals": {"s3:RequestObjectTagKeys": ["a"]}}, "/photos/k", {"x_amz_tagging": "a=1&b="}, "PutObject", True),
        ({"Null": {"s3:if-none-match": "false"}}, "/photos/k", {"if_none_match": "*"}, "PutObject", True),
        ({"Bool": {"s3:ObjectCreationOperation": "false"}}, "/photos/k", {}, "UploadPart", True),
    ],
)  # fmt: skip
def test_m182_conditions_of_writes(condition: dict[str, Any], target: str, given: dict[str, str], operation: str, holds: bool) -> None:
    found = under(condition, action="PutObject", request=request(target, **given), operation=operation)
    assert found == ("allow" if holds else "")


def tagged(**tags: str) -> Version:
    return Version(key="k", facts=Facts(tags=tags))


def test_tags_of_the_object_are_not_known_before_it_is_looked_up_and_that_lets_nobody_in() -> None:
    public = {"StringEquals": {"s3:ExistingObjectTag/security": "public"}}
    assert under(public, target=tagged(security="public")) == "allow"
    assert under(public, target=tagged(security="private")) == under(public, target=tagged()) == ""
    assert under(public, "Allow") == "" and under(public, "Deny") == "deny"
    assert under(public, "Deny", target=tagged(security="private")) == ""
    other = {"StringNotEquals": {"s3:ExistingObjectTag/security": "public"}}
    assert under(other, "Deny", target=tagged()) == under(other, "Deny") == "deny"
    also = {**public, "StringEquals": {"s3:ExistingObjectTag/security": "public", "aws:username": "ann"}}
    assert under(also, "Deny") == "", "another condition that fails is enough"
    assert under(public, "Deny", action="PutObjectAcl", operation="PutObject") == "", "a new version has no tags yet"


def test_tags_of_an_unread_body_let_nobody_in() -> None:
    public = {"StringEquals": {"s3:RequestObjectTag/security": "public"}}
    asked: dict[str, Any] = {"action": "PutObjectTagging", "operation": "PutObjectTagging", "request": request(x_amz_tagging="security=public")}
    assert (under(public, **asked), under(public, "Deny", **asked)) == ("", "deny")
    assert under(public, **asked, tags={"security": "public"}) == "allow"
    assert under(public, **asked, tags={}) == under(public, "Deny", **asked, tags={}) == ""


def test_the_version_that_is_asked_for() -> None:
    one = {"StringEquals": {"s3:VersionId": "v1"}}
    assert under(one, action="GetObjectVersion", request=request("/photos/k?versionId=v1")) == "allow"
    assert under(one, action="GetObjectVersion", request=request("/photos/k?versionId=v2")) == ""
    copied = request("/photos/k", x_amz_copy_source="photos/x?versionId=v1")
    assert under(one, action="GetObjectVersion", request=copied, operation="CopyObject") == "allow"
    assert under(one, "Deny", action="DeleteObjectVersion", operation="DeleteObjects") == "deny"


@pytest.mark.parametrize(
    ("secure", "tls", "denied"), [(True, "1.2", True), (True, "1.3", False), (True, "", True), (False, "", False)]
)  # fmt: skip
def test_m182_the_version_of_tls_is_the_one_of_the_connection_and_where_a_proxy_has_it_what_denies_denies(
    secure: bool, tls: str, denied: bool
) -> None:
    asked = request(secure=secure, x_amz_tls="1.3")
    asked.tls = tls
    assert (under({"NumericLessThan": {"s3:TlsVersion": "1.3"}}, "Deny", request=asked) == "deny") is denied


@pytest.mark.parametrize(
    ("target", "headers", "denied"),
    [
        ("/photos/k", {"x_amz_date": "20270115T075959Z"}, False),
        ("/photos/k", {"x_amz_date": "20270115T075000Z"}, True),
        ("/photos/k?X-Amz-Date=20270115T075000Z", {}, True),
        ("/photos/k", {}, False),
    ],
)
def test_m182_the_age_of_a_signature(target: str, headers: dict[str, str], denied: bool) -> None:
    asked = request(target, **headers)
    assert (under({"NumericGreaterThan": {"s3:signatureAge": "60000"}}, "Deny", request=asked) == "deny") is denied


@pytest.mark.parametrize(
    ("condition", "target", "given", "action", "denied"),
    [
        ({"Null": {"s3:x-amz-server-side-encryption": "true"}}, "/n/a/b/photos/o/k", {"x_amz_server_side_encryption": "AES256"}, "PutObject", True),
        ({"Null": {"s3:x-amz-acl": "true"}}, "/n/a/b/photos/o/k?x-amz-acl=private", {}, "PutObject", True),
        ({"StringNotLike": {"s3:x-amz-copy-source": "photos/*"}}, "/n/a/b/photos/actions/copyObject", {}, "CopyObject", True),
        ({"NumericGreaterThan": {"s3:max-keys": "10"}}, "/n/a/b/photos/o?limit=11&max-keys=1", {}, "ListObjects", True),
        ({"NumericGreaterThan": {"s3:max-keys": "10"}}, "/n/a/b/photos/o?limit=10", {}, "ListObjects", False),
        ({"StringNotEquals": {"s3:prefix": "a/"}}, "/n/a/b/photos/o?prefix=a/", {}, "ListObjects", False),
    ],
)  # fmt: skip
def test_headers_of_s3_satisfy_no_condition_for_the_native_api(
    condition: dict[str, Any], target: str, given: dict[str, str], action: str, denied: bool
) -> None:
    asked = {"ListObjects": {"action": "ListBucket", "key": ""}, "CopyObject": {"action": "PutObject"}}.get(action, {"action": action})
    found = under(condition, "Deny", request=request(target, **given), operation=action, native=True, **asked)
    assert (found == "deny") is denied


def test_without_a_request_what_denies_by_address_denies() -> None:
    assert under({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, "Deny", request=None) == "deny"
    assert under({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, request=None) == ""
