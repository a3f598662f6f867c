"""Bucket policy documents: what is refused when one is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.authz.bucket_policy_document import BYTES_MAX, read_policy
from holdfast.model.errors import MalformedPolicy, NotImplemented, PolicyTooLarge
from tests.unit.authz.policies import ALL, document, statement


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the first byte must be '{'"),
        (" {}", "the first byte must be '{'"),
        ("[]", "the first byte must be '{'"),
        ("{", "invalid Json"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "invalid Json"),
        ('{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', "invalid Json"),
        ('{"Statement":[{"Effect":NaN}]}', "invalid Json"),
        ('{"Id":"\\ud800","Statement":[]}', "invalid Json"),
        ("{}", "Missing required field Statement"),
        (document(), "Statement is empty!"),
        (document(statement(), Version="2012-10-18"), "valid version string"),
        (document(statement(), Version=["2012-10-17"]), "valid version string"),
        (document(statement(), Id=3), "Invalid policy syntax"),
        (document(statement(), Comment="x"), "Unknown field Comment"),
        (document(statement(), Statement="x"), "Invalid policy syntax"),
        (document(statement(), Statement=["x"]), "Invalid policy syntax"),
        (document(statement(Sid="a"), statement(Sid="a")), "must be unique"),
        (document(statement(Sid=1)), "Invalid policy syntax"),
        (document(statement(Note="x")), "Unknown field Note"),
        (document(statement(Effect="allow")), "Invalid effect : allow"),
        (document(statement(Effect=["Allow"])), "Invalid effect"),
        (document({"Principal": "*", "Action": "s3:*", "Resource": ALL}), "Missing required field Effect"),
        (document({"Effect": "Deny", "Action": "s3:*", "Resource": ALL}), "Missing required field Principal"),
        (document({"Effect": "Deny", "Principal": "*", "Resource": ALL}), "Missing required field Action"),
        (document({"Effect": "Deny", "Principal": "*", "Action": "s3:*"}), "Missing required field Resource"),
        (document(statement(NotPrincipal="*")), "both Principal and NotPrincipal"),
        (document(statement(NotAction="s3:*")), "both Action and NotAction"),
        (document(statement(NotResource=ALL)), "both Resource and NotResource"),
        (document({"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::x:root"}, "Action": "s3:*", "Resource": ALL}), "Allow with NotPrincipal"),
    ],
)  # fmt: skip
def test_m182_documents_that_are_none(text: str, words: str) -> None:
    with pytest.raises(MalformedPolicy, match=words.replace("{", r"\{").replace("(", r"\(")):
        read_policy(text, "photos", "default")


@pytest.mark.parametrize(
    "principal",
    ["ben", "", [], {}, ["*"], {"AWS": []}, {"AWS": ""}, {"AWS": "ben"}, {"AWS": ["*", 3]}, {"AWS": {"a": "b"}}, {"User": "*"}, {"aws": "*"},
     {"AWS": "arn:aws:iam::default:user/*"}, {"AWS": "arn:aws:iam::*:root"}, {"AWS": "arn:aws:iam::default:role/x"}, {"AWS": "arn:aws:sts::x:root"},
     {"AWS": "arn:aws:iam::default:user/"}, {"AWS": "arn:aws:iam::default:user"}, {"AWS": "12345678901"}, {"AWS": "ocid1.group.oc1..aa"}],
)  # fmt: skip
def test_principals_that_are_none(principal: Any) -> None:
    with pytest.raises(MalformedPolicy, match="Invalid principal in policy"):
        read_policy(document(statement(Principal=principal)), "photos", "default")


def test_principals_that_never_come_here_are_not_passed_over() -> None:
    for kind in ("Service", "Federated"):
        with pytest.raises(NotImplemented):
            read_policy(document(statement(Principal={kind: "logging.s3.amazonaws.com"})), "photos", "default")


@pytest.mark.parametrize("action", ["", [], "GetObject", "s3:", "s3:GetObjects", "s3:Frob*", "iam:*", "ec2:*", 3, ["s3:GetObject", None], {"a": "b"}])
def test_actions_that_are_none(action: Any) -> None:
    with pytest.raises(MalformedPolicy, match="Policy has invalid action"):
        read_policy(document(statement(Action=action)), "photos", "default")


@pytest.mark.parametrize(
    "resource",
    ["", [], "photos", "photos/*", "arn:aws:s3:::", "arn:aws:s3:::other/*", "arn:aws:s3:::photo", "arn:aws:s3:::photos2/*", "arn:aws:s3:::other*",
     "arn:aws:s3:::/photos", "arn:aws:s3::tenant:photos", "arn:aws:s3:eu:default:photos", "arn:aws:sqs:::photos", ["arn:aws:s3:::photos", "x"], 7,
     "arn:aws:s3:::photos/${aws:nobody}", "arn:aws:s3:::photos/${}", "arn:aws:s3:::photos/${s3:RequestObjectTagKeys}"],
)  # fmt: skip
def test_m182_resources_of_another_bucket_or_none(resource: Any) -> None:
    with pytest.raises(MalformedPolicy, match="Policy has invalid resource"):
        read_policy(document(statement(Resource=resource)), "photos", "default")


@pytest.mark.parametrize("resource", ["*", "arn:aws:s3:::*", "arn:aws:s3:::ph?tos*", "arn:aws:s3:::*/*", "arn:aws:s3::default:photos/x"])
def test_resources_that_can_mean_this_bucket(resource: str) -> None:
    assert read_policy(document(statement(Resource=resource)), "photos", "default")


@pytest.mark.parametrize(
    "condition",
    [
        "x", [], {"StringEquals": "x"}, {"StringEquals": {}}, {"StringEquals": {"aws:Referer": []}}, {"StringEquals": {"aws:Referer": {"a": "b"}}},
        {"StringEquals": {"aws:Referer": None}}, {"StringEqual": {"aws:Referer": "x"}}, {"": {"aws:Referer": "x"}},
        {"ForEveryValue:StringEquals": {"aws:Referer": "x"}}, {"IfExists": {"aws:Referer": "x"}}, {"NullIfExists": {"aws:Referer": "true"}},
        {"StringEquals": {"aws:SourceVpc": "x"}}, {"StringEquals": {"s3:nothing": "x"}}, {"StringEquals": {"referer": "x"}},
        {"StringEquals": {"s3:ExistingObjectTag": "x"}}, {"StringEquals": {"s3:ExistingObjectTag/": "x"}}, {"StringEquals": {"": "x"}},
        {"StringEquals": {"aws:SourceIp": "192.0.2.1"}}, {"IpAddress": {"aws:SourceIp": "192.0.2.1/33"}}, {"IpAddress": {"aws:Referer": "192.0.2.1"}},
        {"IpAddress": {"aws:SourceIp": ["192.0.2.1", "home"]}}, {"Bool": {"aws:SecureTransport": "yes"}},
        {"NumericEquals": {"aws:EpochTime": "many"}},
        {"DateLessThan": {"aws:CurrentTime": "tomorrow"}}, {"DateLessThan": {"aws:CurrentTime": "2026-13-01T00:00:00Z"}},
        {"Null": {"aws:Referer": "x"}},
        {"Null": {"aws:Referer": ["true", "false"]}}, {"ArnLike": {"aws:PrincipalArn": "user/ben"}},
        {"ArnLike": {"aws:Referer": "arn:aws:iam::x:root"}},
        {"StringEquals": {"aws:Referer": "${aws:nobody}"}}, {"StringLike": {"aws:Referer": "${s3:RequestObjectTagKeys}"}},
        {"StringEquals": {"s3:prefix": "x"}}, {"StringEquals": {"s3:x-amz-acl": "x"}}, {"StringEquals": {"s3:RequestObjectTag/a": "x"}},
    ],
)  # fmt: skip
def test_m182_conditions_that_are_not_known_or_do_not_apply_are_refused(condition: Any) -> None:
    with pytest.raises(MalformedPolicy):
        read_policy(document(statement(Condition=condition)), "photos", "default")


def test_m182_the_size_counts_without_white_space() -> None:
    filler = statement(Sid="x" * (BYTES_MAX - len(document(statement(Sid="")).replace(" ", ""))))
    exact = document(filler)
    assert read_policy(json.dumps(json.loads(exact), indent=400), "photos", "default")
    filler["Sid"] += "x"
    with pytest.raises(PolicyTooLarge):
        read_policy(document(filler), "photos", "default")


@pytest.mark.parametrize("cut", range(1, 120, 7))
def test_a_document_cut_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(MalformedPolicy):
        read_policy(document(statement())[:-cut], "photos", "default")
