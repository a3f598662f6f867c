"""Policies of browser forms: documents that are refused, conditions that a form must meet, and who signed it."""

from __future__ import annotations

import asyncio
import hmac
import json
from base64 import b64encode
from typing import Any

import pytest

from holdfast.authn.post_form import authenticate_form, check_form, read_policy
from holdfast.authn.settings import Settings
from holdfast.authn.signing import signer_for
from holdfast.model.errors import (
    AccessDenied,
    AuthorizationQueryParametersError,
    InvalidAccessKeyId,
    InvalidArgument,
    InvalidPolicyDocument,
    InvalidToken,
    Refusal,
    SignatureDoesNotMatch,
)
from holdfast.model.identity import Credential, User

NOW = 1_800_000_000.0
EXPIRATION = "2027-01-15T08:00:01Z"
SECRET = "a secret of twenty characters"
SCOPE = b"20270115/us-east-1/s3/aws4_request"
USER = User(id="u", name="ann", canonical_id="c", display_name="Ann")


class Keys:
    async def find(self, access_key: str) -> Credential | None:
        if access_key == "TOKEN":
            return Credential(access_key="token:1", secret="", user=USER, bearer=True)
        return Credential(access_key="AK", secret=SECRET, user=USER) if access_key == "AK" else None


def encoded(*conditions: Any, **given: Any) -> str:
    return b64encode(json.dumps({"expiration": EXPIRATION, "conditions": list(conditions), **given}).encode()).decode()


def v2(policy: str, **given: str) -> dict[str, str]:
    signature = b64encode(hmac.digest(SECRET.encode(), policy.encode(), "sha1")).decode()
    return {"policy": policy, "awsaccesskeyid": "AK", "signature": signature, **given}


def v4(policy: str, **given: str) -> dict[str, str]:
    return {
        "policy": policy, "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": "AK/" + SCOPE.decode(), "x-amz-date": "20270115T080000Z",
        "x-amz-signature": signer_for(SECRET, SCOPE).sign(policy.encode()), **given,
    }  # fmt: skip


def who(fields: dict[str, str]) -> Any:
    return asyncio.run(authenticate_form(fields, Keys(), NOW, Settings()))


def test_m182_who_signed_the_policy_is_the_caller() -> None:
    policy = encoded({"key": "k"})
    assert (who(v2(policy)).how, who(v2(policy)).user) == ("v2-post", USER)
    assert (who(v4(policy)).how, who(v4(policy)).user) == ("v4-post", USER)
    assert who({"key": "k"}).user is None


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"signature": None}, InvalidArgument), ({"policy": None}, InvalidArgument), ({"awsaccesskeyid": None}, InvalidArgument),
        ({"signature": "x"}, SignatureDoesNotMatch), ({"signature": ""}, SignatureDoesNotMatch), ({"signature": "ü"}, SignatureDoesNotMatch),
        ({"policy": encoded({"key": "other"})}, SignatureDoesNotMatch), ({"awsaccesskeyid": "KA"}, InvalidAccessKeyId),
        ({"awsaccesskeyid": "TOKEN"}, InvalidAccessKeyId), ({"x-amz-security-token": "x"}, InvalidToken),
        ({"x-amz-signature": "0" * 64}, InvalidArgument),
    ],
)  # fmt: skip
def test_m182_version_2_of_a_form_that_is_not_as_signed(change: dict[str, str | None], refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        who({name: value for name, value in {**v2(encoded({"key": "k"})), **change}.items() if value is not None})


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"x-amz-signature": None}, InvalidArgument), ({"policy": None}, InvalidArgument), ({"x-amz-credential": None}, InvalidArgument),
        ({"x-amz-date": None}, InvalidArgument), ({"x-amz-algorithm": None}, InvalidArgument),
        ({"x-amz-signature": "0" * 64}, SignatureDoesNotMatch), ({"x-amz-signature": "x"}, AuthorizationQueryParametersError),
        ({"policy": encoded({"key": "other"})}, SignatureDoesNotMatch), ({"x-amz-algorithm": "none"}, AuthorizationQueryParametersError),
        ({"x-amz-credential": "KA/" + SCOPE.decode()}, InvalidAccessKeyId), ({"x-amz-credential": "TOKEN/" + SCOPE.decode()}, InvalidAccessKeyId),
        ({"x-amz-credential": "AK/20270115/eu/s3/aws4_request"}, AuthorizationQueryParametersError),
        ({"x-amz-credential": "AK/20270115/us-east-1/sqs/aws4_request"}, AuthorizationQueryParametersError),
        ({"x-amz-credential": "AK"}, AuthorizationQueryParametersError), ({"x-amz-date": "20270116T080000Z"}, AuthorizationQueryParametersError),
        ({"x-amz-date": "today"}, AuthorizationQueryParametersError), ({"x-amz-security-token": "x"}, InvalidToken),
    ],
)  # fmt: skip
def test_m182_version_4_of_a_form_that_is_not_as_signed(change: dict[str, str | None], refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        who({name: value for name, value in {**v4(encoded({"key": "k"})), **change}.items() if value is not None})


@pytest.mark.parametrize(
    "policy",
    [
        "", "x", "e30", b64encode(b"[]").decode(), b64encode(b'"x"').decode(), b64encode(b"\xff").decode(), "e30=\n",
        b64encode(b"[" * 10_000).decode(),
        b64encode(b'{"expiration":"2027-01-15T08:00:01Z","expiration":"2099-01-15T08:00:01Z","conditions":[]}').decode(),
        encoded({}), encoded({"a": "b", "c": "d"}), encoded({"a": 1}), encoded({"": "b"}), encoded("x"), encoded([]), encoded(["eq", "$key"]),
        encoded(["eq", "key", "k"]), encoded(["eq", "$", "k"]), encoded(["eq", "$key", 1]), encoded(["ends-with", "$key", "k"]), encoded([1, 2, 3]),
        encoded(["content-length-range", 0]), encoded(["content-length-range", -1, 0]), encoded(["content-length-range", 0, 1, 2]),
        encoded(["content-length-range", 0, 1.5]), encoded(["content-length-range", True, 2]), encoded(["content-length-range", "x", 2]),
        encoded(expiration=None), encoded(expiration=0), encoded(expiration="2027-01-15 08:00:01+00:00"), encoded(expiration="2027-13-15T08:00:01Z"),
        encoded(expiration="2027-01-15T08:00:01+02:00"), encoded(conditions=None), encoded(conditions={}), encoded(note="x"),
        b64encode(b'{"conditions":[]}').decode(), b64encode(b'{"expiration":"2027-01-15T08:00:01Z"}').decode(),
        b64encode(b'{"EXPIRATION":"2027-01-15T08:00:01Z","conditions":[]}').decode(),
    ],
)  # fmt: skip
def test_m182_policies_that_are_none(policy: str) -> None:
    with pytest.raises(InvalidPolicyDocument):
        read_policy(policy)


def test_ranges_narrow_each_other_and_may_be_text() -> None:
    read = read_policy(encoded(["content-length-range", 1, 10], ["Content-Length-Range", "5", "20"]))
    assert (read.bytes_min, read.bytes_max) == (5, 10)


def test_escapes_of_the_policy_language() -> None:
    text = b64encode(rb'{"expiration":"2027-01-15T08:00:01.000Z","conditions":[["eq","$key","\$a\\$b\u00fc\v\n"]]}').decode()
    assert read_policy(text).conditions[0].value == "$a\\$bü\v\n"


BASE: tuple[Any, ...] = ({"bucket": "photos"}, ["starts-with", "$key", "user/"])


def check(*conditions: Any, now: float = NOW, bucket: str = "photos", base: tuple[Any, ...] = BASE, **fields: str) -> None:
    given = {name.replace("_", "-"): value for name, value in {"key": "user/k", **fields}.items()}
    check_form(read_policy(encoded(*base, *conditions)), given, bucket, now)


def test_m182_a_form_that_keeps_to_its_policy() -> None:
    check()
    check(["eq", "$ACL", "private"], acl="private")
    check(["starts-with", "$x-amz-meta-a", ""], x_amz_meta_a="anything")
    check(["starts-with", "$x-amz-meta-a", ""])
    check(policy="p", signature="s", awsaccesskeyid="a", x_ignore_me="x", x_amz_checksum_sha256="x")


@pytest.mark.parametrize(
    "broken",
    [
        lambda: check(now=NOW + 1), lambda: check(bucket="other"), lambda: check(base=BASE[1:]), lambda: check(base=BASE[:1]),
        lambda: check(base=({"bucket": "photos"}, ["eq", "$key", "k"])), lambda: check(key="k"), lambda: check(key="User/k"),
        lambda: check(acl="public-read"), lambda: check({"acl": "private"}, acl="public-read"), lambda: check({"acl": "private"}),
        lambda: check(["starts-with", "$content-type", "image/"], content_type="text/html"), lambda: check(x_amz_meta_a="x"),
        lambda: check(x_amz_server_side_encryption="AES256"), lambda: check(success_action_redirect="http://evil"), lambda: check(note="x"),
        lambda: check(["eq", "$x-amz-meta-a", ""], x_amz_meta_a="x"), lambda: check({"acl": "Private"}, acl="private"),
    ],
)  # fmt: skip
def test_m182_a_form_that_does_not(broken: Any) -> None:
    """CVE-2026-27607, CVE-2023-43040."""
    with pytest.raises(AccessDenied, match="Invalid according to Policy"):
        broken()


def test_the_bucket_field_is_the_bucket_of_the_url() -> None:
    policy = read_policy(encoded({"bucket": "photos"}, ["starts-with", "$key", ""]))
    check_form(policy, {"key": "k", "bucket": "photos"}, "photos", NOW)
    for field, url in (("photos", "other"), ("other", "photos")):
        with pytest.raises(AccessDenied):
            check_form(policy, {"key": "k", "bucket": field}, url, NOW)
