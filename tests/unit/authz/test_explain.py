"""An explanation says what each rule said, and its suggestion, applied, allows what was refused."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.authz.actions import KNOWN
from holdfast.authz.decide import Question, decide
from holdfast.authz.explain import Explanation, explain
from holdfast.authz.gather import gather, question_of
from holdfast.authz.permissions import OF_OPERATION
from holdfast.authz.roles import ROLES
from holdfast.model import acl
from holdfast.model.identity import ANONYMOUS, Binding, Caller, User
from holdfast.model.objects import Version
from tests.unit.authz.worlds import OPS, ROOT, A, B, bucket, caller_of, user, world

WITHOUT_BUCKET = ("s3:CreateBucket", "s3:ListAllMyBuckets", "s3:ListAllMyDirectoryBuckets")


def asked(who: User, action: str = "s3:GetObject", key: str = "a/k", compartment: str = B, *statements: str, operation: str = "") -> Question:
    place = None if action in WITHOUT_BUCKET else bucket("logs", compartment)
    return Question(caller_of(who, world(*statements)), action, place, key if place else "", None, None, operation)


def allowed_by(text: str, question: Question) -> bool:
    """Whether the question is allowed once that statement is stored in the tenancy."""
    assert question.caller.user is not None
    again = msgspec.structs.replace(question, caller=caller_of(question.caller.user, world(text)))
    return explain(again).allowed


@pytest.mark.parametrize("groups", [(OPS,), ()])
@pytest.mark.parametrize("action", sorted(KNOWN))
def test_the_suggested_statement_allows_it_and_nothing_smaller_was_missing(action: str, groups: tuple[str, ...]) -> None:
    question = asked(user(*groups), action)
    found = explain(question, world())
    assert not found.allowed and found.suggestion.startswith("Allow group Ops to {" if groups else "Allow any-user to {")
    assert allowed_by(found.suggestion, question)
    other = msgspec.structs.replace(question, bucket=question.bucket and bucket("other", B), compartment="")
    if question.bucket is not None:
        assert not allowed_by(found.suggestion, other) and "in compartment a:b where" in found.suggestion
    if not groups:
        stranger = msgspec.structs.replace(question, caller=caller_of(user(id="ocid1.user.oc1..v"), world(found.suggestion)))
        assert not explain(stranger).allowed


@pytest.mark.parametrize("operation", sorted(operation for operation, needs in OF_OPERATION.items() if needs))
def test_the_suggested_statement_allows_operations_of_the_other_dialects(operation: str) -> None:
    place = bucket("logs", A) if "Object" in operation else None
    question = question_of(caller_of(user(OPS), world()), operation, bucket=place, compartment="" if place else B)
    found = explain(question, world())
    assert not found.allowed and allowed_by(found.suggestion, question), found.suggestion


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_whatever_the_key_is_the_suggestion_is_a_statement_that_allows_it(key: str) -> None:
    question = asked(user(OPS), key=key)
    assert allowed_by(explain(question, world()).suggestion, question)


def test_only_what_is_missing_is_suggested() -> None:
    question = asked(user(OPS), "s3:PutObject", "k", B, "Allow group Ops to {OBJECT_CREATE} in tenancy")
    assert explain(question, world()).suggestion.startswith("Allow group Ops to {OBJECT_OVERWRITE} in compartment a:b")


@pytest.mark.parametrize("action", sorted(KNOWN - set(WITHOUT_BUCKET)))
def test_a_service_account_is_told_the_smallest_role(action: str) -> None:
    who = user(kind="service-account")
    found = explain(asked(who, action), world())
    role = re.fullmatch(r"role (storage\.\w+) on bucket logs", found.suggestion)
    assert role is not None
    holder = user(kind="service-account", roles=(Binding(role=role[1], scope="bucket", target="7"),))
    assert explain(asked(holder, action)).allowed
    smaller = [name for name, each in ROLES.items() if len(each.actions) < len(ROLES[role[1]].actions)]
    for name in smaller:
        assert not explain(asked(user(roles=(Binding(role=name, scope="bucket", target="7"),)), action)).allowed


@pytest.mark.parametrize(
    ("who", "action", "key", "says"),
    [
        (ANONYMOUS, "s3:GetObject", "k", f"a grant of READ to uri={acl.ALL_USERS} in the access control list of logs/k"),
        (ANONYMOUS, "s3:ListBucket", "", f"a grant of READ to uri={acl.ALL_USERS} in the access control list of logs"),
        (ANONYMOUS, "s3:GetBucketTagging", "", '{"Effect": "Allow", "Principal": "*", "Action": "s3:GetBucketTagging", "Resource": "arn:aws'),
        (Caller(how="v4-header", user=user(namespace="other")), "s3:GetObject", "k", "a grant of READ to id=una in the access control list"),
    ],
)
def test_others_are_told_what_the_resource_would_have_to_say(who: Caller, action: str, key: str, says: str) -> None:
    found = explain(Question(who, action, bucket("logs"), key))
    assert not found.allowed and found.suggestion.startswith(says)


def test_every_rule_that_was_asked_is_there_with_its_reason() -> None:
    statements = (
        "Allow group Ops to inspect objects in tenancy",
        "Allow group Ops to read objects in compartment c",
        "Allow group Ops to read objects in compartment a where target.bucket.name = 'x'",
        "Allow group Dev to read objects in tenancy",
    )
    found: Explanation = explain(asked(user(OPS, roles=(Binding(role="viewer", scope="bucket", target="8"),)), "s3:GetObject", "k", B, *statements))
    assert [(said.part, said.effect, said.why) for said in found.said if said.part == "identity"] == [
        ("identity", "", "does not give OBJECT_READ"),
        ("identity", "", "does not reach this compartment"),
        ("identity", "", "its condition does not hold"),
        ("identity", "", "is bound elsewhere"),
    ]
    assert (found.who, found.how, found.action, found.resource, found.permissions) == ("Una", "v4-header", "s3:GetObject", "logs/k", ("OBJECT_READ",))
    assert found.because == "nothing allows it"


def test_the_owner_of_a_bucket_is_told_why_what_is_anothers_is_closed_to_him() -> None:
    owner = caller_of(user(rights="own-buckets", canonical_id="somebody"), world())
    question = Question(owner, "s3:GetObject", bucket("logs", B), "k", Version(key="k", owner="ben"))
    found = explain(question, world())
    assert [(said.name, said.effect, said.why) for said in found.said if said.part == "identity"] == [
        ("rights: own-buckets", "", "the object is somebody else's")
    ]
    assert not found.allowed and "OBJECT_READ" in found.suggestion and allowed_by(found.suggestion, question)
    assert explain(msgspec.structs.replace(question, target=Version(key="k", owner="somebody")), world()).allowed
    assert explain(msgspec.structs.replace(question, action="s3:DeleteObjectVersion"), world()).allowed


def test_what_allowed_it_is_named() -> None:
    text = "Allow group Ops to read objects in compartment a"
    found = explain(asked(user(OPS), "s3:GetObject", "k", B, text))
    assert found.allowed and found.because == f'policy P: "{text}"' and found.suggestion == ""
    assert found.said[0].effect == "allow" and found.said[0].why == "gives OBJECT_READ"
    question = asked(user(roles=(Binding(role="storage.viewer", scope="tenancy", target=ROOT),)))
    assert explain(question).because.startswith("role storage.viewer on tenancy")


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "s3:ListBucket"])
def test_an_explanation_never_differs_from_the_decision(action: str) -> None:
    for who in (user(OPS), user(rights="own-buckets", canonical_id="somebody"), user(rights="all")):
        question = asked(who, action)
        decision = decide(question, gather(question))
        found = explain(question)
        assert (found.allowed, found.because) == (decision.allowed, decision.because)


def test_a_user_may_be_told_about_its_own() -> None:
    who = caller_of(user(), world())
    assert explain(question_of(who, "CreateCustomerSecretKey", target=who.user)).because == "self-service of users"
    bearer = caller_of(user(OPS), world("Allow group Ops to manage all-resources in tenancy"), "token")
    assert not explain(question_of(bearer, "CreateUser")).allowed


@pytest.mark.parametrize(("rights", "granted"), [("none", False), ("none", True), ("own-buckets", False), ("own-buckets", True)])
def test_m241_of_another_tenancy_the_side_that_is_missing_is_named(rights: str, granted: bool) -> None:
    who = msgspec.structs.replace(user(OPS), rights=rights)
    question = asked(who, "s3:ListBucket", "", B, "Allow group Ops to manage all-resources in tenancy")
    assert question.bucket is not None
    given = {acl.SETTING: acl.stored([acl.to(who.canonical_id, "READ")], question.bucket.owner)} if granted else {}
    question = msgspec.structs.replace(question, key="", bucket=msgspec.structs.replace(question.bucket, namespace="elsewhere", settings=given))
    found = explain(question)
    assert found.allowed == (granted and rights == "own-buckets")
    assert ("a grant of READ to id=" in found.suggestion) == (not granted)
    assert ("own-buckets, or a member of an organisation" in found.suggestion) == (rights == "none")
