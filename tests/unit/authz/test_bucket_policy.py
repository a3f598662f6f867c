"""What each statement of a bucket policy says to a question, and the decision with a policy in it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from holdfast.authz.bucket_policy import BucketPolicy, policy_of
from holdfast.authz.bucket_policy_patterns import Pattern
from holdfast.authz.decide import decide
from holdfast.authz.gather import ask, gather
from holdfast.model.buckets import Bucket
from holdfast.model.identity import ANONYMOUS, Caller, User
from tests.unit.authz.policies import ALL, ANN, BEN, BUCKET, EVE, document, person, question, says, statement

# -- principals


@pytest.mark.parametrize(
    ("principal", "who"),
    [
        ("*", "ann ben eve nobody"),
        ({"AWS": "*"}, "ann ben eve nobody"),
        ({"AWS": "arn:aws:iam::default:user/ben"}, "ben"),
        ({"AWS": ["arn:aws:iam:::user/ben", "arn:aws:iam::elsewhere:user/eve"]}, "ben eve"),
        ({"AWS": "arn:aws:iam:::user/c-ben"}, "ben"),
        ({"AWS": "arn:aws:iam:::user/eve"}, ""),
        ({"AWS": "arn:aws:iam::elsewhere:user/ben"}, ""),
        ({"AWS": "arn:aws:iam::ocid1.tenancy.oc1..default:user/ben"}, "ben"),
        ({"AWS": "ocid1.user.oc1..ben"}, "ben"),
        ({"AWS": "arn:aws:iam::elsewhere:root"}, "eve"),
        ({"AWS": "ocid1.tenancy.oc1..elsewhere"}, "eve"),
        ({"CanonicalUser": "c-ben"}, "ben"),
        ({"CanonicalUser": ["c-ben", "c-eve"], "AWS": "arn:aws:iam:::user/ann"}, "ann ben eve"),
        ({"CanonicalUser": "*"}, ""),
    ],
)
def test_m182_whom_an_allow_names(principal: Any, who: str) -> None:
    callers = {"ann": ANN, "ben": BEN, "eve": EVE, "nobody": ANONYMOUS}
    found = [name for name, caller in callers.items() if says(statement(Principal=principal), caller=caller) == "allow"]
    assert found == who.split()


def test_a_tenancy_that_is_allowed_in_its_own_bucket_still_needs_its_identity_policies_and_a_denial_counts() -> None:
    home = {"AWS": "arn:aws:iam::default:root"}
    assert says(statement(Principal=home), caller=BEN) == ""
    assert says(statement(Principal=home, Effect="Deny"), caller=BEN) == "deny"
    assert says(statement(Principal=home, Effect="Deny"), caller=EVE) == ""


def test_not_principal_denies_all_the_others() -> None:
    row = {"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam:::user/ben"}, "Action": "s3:*", "Resource": ALL}
    assert [says(row, caller=caller) for caller in (BEN, ANN, EVE, ANONYMOUS)] == ["", "deny", "deny", "deny"]


# -- actions and resources


@pytest.mark.parametrize(
    ("action", "asked", "allowed"),
    [
        ("s3:GetObject", "GetObject", True), ("s3:GetObject", "GetObjectVersion", False), ("s3:getobject", "GetObject", True),
        ("s3:Get*", "GetObjectAcl", True), ("s3:Get*", "PutObject", False), ("s3:?etObject", "GetObject", True), ("*", "DeleteObject", True),
        ("s3:*", "PutObject", True), (["s3:PutObject", "s3:DeleteObject"], "DeleteObject", True), ("s3:*Object", "GetObjectTagging", False),
    ],
)  # fmt: skip
def test_actions(action: Any, asked: str, allowed: bool) -> None:
    assert (says(statement(Action=action), action=asked) == "allow") is allowed


def test_not_action_is_every_other_one() -> None:
    row = {"Effect": "Deny", "Principal": "*", "NotAction": "s3:Get*", "Resource": "*"}
    assert says(row, action="GetObject") == ""
    assert says(row, action="PutObject") == "deny"
    unnamed = msgspec.structs.replace(question(), action="")
    assert BucketPolicy(document(row), BUCKET).says(unnamed) == "deny", "what another dialect asks and S3 has no word for is among the others"


@pytest.mark.parametrize(
    ("resource", "key", "allowed"),
    [
        (ALL, "a", True), (ALL, "a/b/c", True), ("arn:aws:s3:::photos", "a", False), ("arn:aws:s3:::photos*", "a", True),
        ("arn:aws:s3:::photos/a/*", "a/b", True), ("arn:aws:s3:::photos/a/*", "a", False), ("arn:aws:s3:::photos/a/*", "ab/c", False),
        ("arn:aws:s3:::photos/*.jpg", "a/b.jpg", True), ("arn:aws:s3:::photos/*.jpg", "a.jpeg", False), ("arn:aws:s3:::photos/?", "ab", False),
        ("arn:aws:s3:::photos/a*b*c", "a-b-b-c", True), ("arn:aws:s3:::photos/a*b*c", "acb", False), ("arn:aws:s3:::photos/../x", "../x", True),
        ("arn:aws:s3:::photos/../x", "x", False), ("arn:aws:s3:::photos/A", "a", False), ("arn:aws:s3:::photos/a.c", "abc", False),
        ("arn:aws:s3:::photos/${aws:username}/*", "ben/x", True), ("arn:aws:s3:::photos/${aws:username}/*", "ann/x", False),
        ("arn:aws:s3:::photos/${aws:username}/*", "${aws:username}/x", False), ("arn:aws:s3:::photos/${*}", "*", True),
        ("arn:aws:s3:::photos/${*}", "x", False), ("arn:aws:s3:::photos/${$}{x", "${x", True), ("*", "anything", True),
    ],
)  # fmt: skip
def test_m182_resources(resource: str, key: str, allowed: bool) -> None:
    assert (says(statement(Resource=resource), key=key) == "allow") is allowed


def test_a_name_with_a_star_is_no_wildcard() -> None:
    star = Caller(how="v4-header", user=User(id="s", name="*", canonical_id="s", display_name="s"), access_key="K")
    row = statement(Resource="arn:aws:s3:::photos/${aws:username}/*")
    assert says(row, caller=star, key="*/x") == "allow"
    assert says(row, caller=star, key="ann/x") == ""


def test_variables_belong_to_the_newer_version_and_have_defaults() -> None:
    old = json.dumps({"Version": "2008-10-17", "Statement": statement(Resource="arn:aws:s3:::photos/${aws:username}")})
    assert BucketPolicy(old, BUCKET).says(question(key="ben")) == ""
    assert BucketPolicy(old, BUCKET).says(question(key="${aws:username}")) == "allow"
    row = statement(Resource="arn:aws:s3:::photos/${aws:username, 'guest'}/*")
    assert says(row, caller=ANONYMOUS, key="guest/x") == "allow"
    assert says(statement(Resource="arn:aws:s3:::photos/${aws:username}/*"), caller=ANONYMOUS, key="/x") == ""


def test_the_bucket_itself_is_the_resource_of_bucket_actions() -> None:
    row = statement(Action="s3:ListBucket", Resource="arn:aws:s3:::photos")
    assert says(row, action="ListBucket", key="") == "allow"
    assert says(statement(Action="s3:ListBucket"), action="ListBucket", key="") == ""
    assert says(statement(Action="s3:PutObject", Resource="arn:aws:s3:::photos"), action="PutObject") == ""


def test_a_long_key_against_many_stars_costs_little() -> None:
    pattern = Pattern("*a?" * 300 + "b")
    assert not pattern.matches("a" * 1024, lambda name: None)


# -- the whole


def of(text: str, **given: Any) -> Bucket:
    return msgspec.structs.replace(BUCKET, settings={"policy": text, **given})


def test_m182_a_deny_wins_and_says_which_statement() -> None:
    bucket = of(document(statement(Sid="everybody"), statement(Sid="not Ben", Effect="Deny", Principal={"AWS": "arn:aws:iam:::user/ben"})))
    assert ask(BEN, "s3:GetObject", bucket, "k").because == "denied by bucket policy, statement not Ben"
    assert ask(person("zoe"), "s3:GetObject", bucket, "k").because == "bucket policy, statement everybody"
    assert ask(ANONYMOUS, "s3:GetObject", bucket, "k").allowed
    assert not ask(ANONYMOUS, "s3:PutObject", bucket, "k").allowed


def test_m182_a_deny_is_for_owner_and_administrator_too_but_the_owner_keeps_the_policy() -> None:
    bucket = of(document(statement(Effect="Deny", Action="s3:*", Resource=["arn:aws:s3:::photos", ALL])))
    root = person("root", rights="all")
    for caller in (ANN, root, BEN):
        assert not ask(caller, "s3:GetObject", bucket, "k").allowed
    for action in ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"):
        assert ask(ANN, action, bucket).allowed
        assert not ask(root, action, bucket).allowed
    assert not ask(ANN, "s3:GetBucketPolicyStatus", bucket).allowed


def test_m182_another_tenancy_needs_both_sides() -> None:
    bucket = of(document(statement(Principal={"AWS": "arn:aws:iam::elsewhere:user/eve"})))
    assert ask(EVE, "s3:GetObject", bucket, "k").allowed
    assert not ask(person("eve", "elsewhere", "none"), "s3:GetObject", bucket, "k").allowed
    assert not ask(EVE, "s3:PutObject", bucket, "k").allowed


def test_a_change_of_the_bucket_counts_at_once() -> None:
    bucket = of(document(statement()))
    assert ask(BEN, "s3:GetObject", bucket, "k").allowed
    changed = msgspec.structs.replace(bucket, revision=1, settings={"policy": document(statement(Effect="Deny"))})
    assert not ask(BEN, "s3:GetObject", changed, "k").allowed
    assert policy_of(changed) is policy_of(changed)
    other = msgspec.structs.replace(bucket, namespace="elsewhere")
    assert policy_of(other) is not policy_of(bucket)


def test_a_policy_that_cannot_be_read_any_more_lets_nobody_in_but_the_owner_to_replace_it() -> None:
    bucket = of('{"Version":"2012-10-17","Statement":{"Effect":"Maybe"}}')
    for caller in (ANN, BEN, person("root", rights="all"), ANONYMOUS):
        assert not ask(caller, "s3:GetObject", bucket, "k").allowed
    assert ask(ANN, "s3:PutBucketPolicy", bucket).allowed


@pytest.mark.parametrize(
    ("row", "public"),
    [
        (statement(), True),
        (statement(Principal={"AWS": "*"}), True),
        (statement(Effect="Deny"), False),
        (statement(Principal={"AWS": "arn:aws:iam:::user/ben"}), False),
        (statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/32"}}), False),
        (statement(Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}), False),
        (statement(Condition={"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "0.0.0.0/1"]}}), True),
        (statement(Condition={"IpAddress": {"aws:SourceIp": "2001:db8::/31"}}), True),
        (statement(Condition={"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}), True),
        (statement(Condition={"IpAddressIfExists": {"aws:SourceIp": "203.0.113.0/24"}}), True),
        (statement(Condition={"StringLike": {"aws:Referer": "http://a/"}}), True),
        (statement(Condition={"StringEquals": {"aws:userid": "u"}}), False),
        (statement(Condition={"StringLike": {"aws:userid": "u*"}}), True),
        (statement(Condition={"StringEquals": {"aws:userid": "${aws:userid}"}}), True),
        (statement(Condition={"StringNotEquals": {"aws:userid": "u"}}), True),
        (statement(Condition={"ForAllValues:StringEquals": {"aws:userid": "u"}}), True),
        (statement(Condition={"StringEquals": {"s3:ExistingObjectTag/security": "public"}}), True),
    ],
)
def test_m182_the_meaning_of_public(row: dict[str, Any], public: bool) -> None:
    assert BucketPolicy(document(row), BUCKET).is_public is public


def test_m182_restricted_public_buckets_let_in_only_the_tenancy() -> None:
    """GHSA-x298-9x87-fvjq: whatever else would let strangers in."""
    both = [statement(Action="s3:*", Resource=["arn:aws:s3:::photos", ALL])]
    bucket = of(document(*both), publicAccessBlock="R", acl='[["http://acs.amazonaws.com/groups/global/AllUsers","READ"]]')
    for action in ("s3:GetObject", "s3:ListBucket", "s3:ListBucketVersions"):
        assert not ask(ANONYMOUS, action, bucket, "").allowed
        assert not ask(EVE, action, bucket, "").allowed
        assert ask(BEN, action, bucket, "").allowed
    private = of(document(statement(Principal={"AWS": "arn:aws:iam::elsewhere:user/eve"})), publicAccessBlock="R")
    assert ask(EVE, "s3:GetObject", private, "k").allowed, "a policy that is not public is not restricted"


def test_without_a_policy_the_evidence_is_the_one_that_was_made_before() -> None:
    plain = question(bucket=BUCKET)
    assert gather(plain) is gather(plain)
    assert not decide(plain, gather(plain)).allowed
