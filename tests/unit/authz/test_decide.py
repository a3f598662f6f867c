"""The decision, step by step, and the table of actions."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.authz.actions import ACTIONS, VERSIONED, WITH_HEADER, is_action
from holdfast.authz.decide import Effect, Evidence, Question, decide
from holdfast.authz.gather import ask, authorize
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied
from holdfast.model.identity import ANONYMOUS, Caller, User
from holdfast.s3 import ops
from holdfast.s3.operation import OPERATIONS
from holdfast.wire.model import service


def caller(rights: str, canonical_id: str = "me", namespace: str = "default") -> Caller:
    user = User(id="u", name="u", canonical_id=canonical_id, display_name="u", rights=rights, namespace=namespace)
    return Caller(how="v4-header", user=user, access_key="K")


MINE = Bucket(namespace="default", name="mine", region="r", owner="me")
THEIRS = Bucket(namespace="default", name="theirs", region="r", owner="them")


class Says:
    """A policy that always says the same."""

    def __init__(self, name: str, effect: Effect) -> None:
        self.name, self.effect = name, effect

    def says(self, question: Question) -> Effect:
        return self.effect


ALLOW, DENY, SILENT = Says("yes", "allow"), Says("no", "deny"), Says("mute", "")


@pytest.mark.parametrize(
    ("rights", "action", "bucket", "allowed"),
    [
        ("all", "s3:GetObject", THEIRS, True),
        ("all", "s3:ListAllMyBuckets", None, True),
        ("own-buckets", "s3:GetObject", MINE, True),
        ("own-buckets", "s3:PutBucketPolicy", MINE, True),
        ("own-buckets", "s3:GetObject", THEIRS, False),
        ("own-buckets", "s3:CreateBucket", None, True),
        ("own-buckets", "s3:ListAllMyBuckets", None, True),
        ("own-buckets", "s3:GetObject", None, False),
        ("none", "s3:GetObject", MINE, False),
        ("none", "s3:CreateBucket", None, False),
        ("something new", "s3:GetObject", MINE, False),
    ],
)
def test_M22_rights_say_who_may_what(rights: str, action: str, bucket: Bucket | None, allowed: bool) -> None:
    assert ask(caller(rights), action, bucket, "key").allowed is allowed


@pytest.mark.parametrize("action", sorted(set(ACTIONS.values())))
@pytest.mark.parametrize("bucket", [MINE, None, Bucket(namespace="default", name="b", region="r", owner="")])
def test_anonymous_callers_have_nothing(action: str, bucket: Bucket | None) -> None:
    assert not ask(ANONYMOUS, action, bucket).allowed


@pytest.mark.parametrize(
    ("evidence", "who", "allowed"),
    [
        (Evidence((ALLOW, DENY), (ALLOW,)), "same", False),
        (Evidence((ALLOW,), (ALLOW, DENY)), "same", False),
        (Evidence((ALLOW,), (ALLOW,), (ALLOW, DENY)), "same", False),
        (Evidence((ALLOW,), (), (ALLOW, SILENT)), "same", False),
        (Evidence((ALLOW,), (), (SILENT, DENY)), "same", False),
        (Evidence((ALLOW,), (), (ALLOW, ALLOW)), "same", True),
        (Evidence((), (), (ALLOW,)), "same", False),
        (Evidence((ALLOW,), ()), "same", True),
        (Evidence((SILENT,), (ALLOW,)), "same", True),
        (Evidence((), ()), "same", False),
        (Evidence((ALLOW,), ()), "other", False),
        (Evidence((), (ALLOW,)), "other", False),
        (Evidence((ALLOW,), (ALLOW,)), "other", True),
        (Evidence((ALLOW,), ()), "anonymous", False),
        (Evidence((), (ALLOW,)), "anonymous", True),
        (Evidence((), (ALLOW,), (SILENT,)), "anonymous", False),
    ],
)
def test_the_five_steps(evidence: Evidence, who: str, allowed: bool) -> None:
    callers = {"same": caller("none"), "other": caller("none", namespace="elsewhere"), "anonymous": ANONYMOUS}
    decision = decide(Question(callers[who], "s3:GetObject", MINE, "key"), evidence)
    assert decision.allowed is allowed
    assert decision.because


def test_a_deny_is_named() -> None:
    assert decide(Question(caller("all"), "s3:GetObject", MINE), Evidence((ALLOW,), (DENY,))).because == "denied by no"


def test_authorize_wants_every_action() -> None:
    asyncio.run(authorize(caller("own-buckets"), ("s3:GetObject", "s3:GetObjectTagging"), MINE))
    for actions, bucket in [(("s3:GetObject",), THEIRS), (("s3:CreateBucket", "s3:GetObject"), None)]:
        with pytest.raises(AccessDenied):
            asyncio.run(authorize(caller("own-buckets"), actions, bucket))
    with pytest.raises(ValueError, match="no S3 action"):
        asyncio.run(authorize(caller("all"), ("s3:GetObjekt",), MINE))


def test_every_operation_of_the_model_has_its_action() -> None:
    import botocore.session

    names = set(botocore.session.get_session().get_service_model("s3").operation_names)
    assert names == set(ACTIONS)


def test_what_operations_need_are_actions() -> None:
    ops.load()
    assert service() and OPERATIONS
    wrong = {name: operation.needs for name, operation in OPERATIONS.items() if not all(map(is_action, operation.needs))}
    assert not wrong
    asks_for_each_key = {"DeleteObjects"}
    differs = {
        name: operation.needs for name, operation in OPERATIONS.items() if ACTIONS[name] not in operation.needs and name not in asks_for_each_key
    }
    assert not differs
    assert all(is_action(action) for action in (*VERSIONED, *VERSIONED.values(), *WITH_HEADER.values()))
