"""Gathers the evidence for a question, and asks it: what stands between a proven caller and every operation."""

from __future__ import annotations

from holdfast.authz.actions import is_action
from holdfast.authz.decide import Decision, Effect, Evidence, Policy, Question, decide
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied
from holdfast.model.identity import Caller

_WITHOUT_BUCKET = frozenset(("s3:ListAllMyBuckets", "s3:CreateBucket"))


class AllResources:
    """The administrator's policy: everything, for everybody who holds it."""

    name = "rights: all"

    def says(self, question: Question) -> Effect:
        return "allow"


class OwnBuckets:
    """Make buckets and list one's own, and everything in those that one owns."""

    name = "rights: own-buckets"

    def says(self, question: Question) -> Effect:
        bucket, user = question.bucket, question.caller.user
        if bucket is None:
            return "allow" if question.action in _WITHOUT_BUCKET else ""
        return "allow" if user is not None and bucket.owner == user.canonical_id else ""


_NOTHING = Evidence()
_all: tuple[Policy, ...] = (AllResources(),)
_own: tuple[Policy, ...] = (OwnBuckets(),)
_BY_RIGHTS = {"all": Evidence(identity=_all), "own-buckets": Evidence(identity=_own), "none": _NOTHING}


def gather(question: Question) -> Evidence:
    """The evidence that this store holds on a question. An anonymous caller brings none; rights that are not known count as none."""
    user = question.caller.user
    return _NOTHING if user is None else _BY_RIGHTS.get(user.rights, _NOTHING)


def ask(caller: Caller, action: str, bucket: Bucket | None, key: str = "") -> Decision:
    """One question, answered."""
    question = Question(caller, action, bucket, key)
    return decide(question, gather(question))


async def authorize(caller: Caller, actions: tuple[str, ...], bucket: Bucket | None, key: str = "") -> None:
    """Errors: AccessDenied unless the caller may do every one of `actions` on that bucket and key ("" for none).

    No actions, no question: that is for operations like DeleteObjects, which ask once for each key.
    """
    for action in actions:
        if not is_action(action):
            raise ValueError(f"{action!r} is no S3 action")
        question = Question(caller, action, bucket, key)
        if not decide(question, gather(question)).allowed:
            raise AccessDenied()
