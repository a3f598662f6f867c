"""Gathers the evidence for a question, and asks it: what stands between a proven caller and every operation."""

from __future__ import annotations

from holdfast.authz.acl import ACLS
from holdfast.authz.actions import KNOWN
from holdfast.authz.decide import Decision, Effect, Evidence, Policy, Question, decide
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied
from holdfast.model.identity import Caller
from holdfast.model.messages import Request
from holdfast.model.objects import Upload, Version

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


_all: tuple[Policy, ...] = (AllResources(),)
_own: tuple[Policy, ...] = (OwnBuckets(),)
_IDENTITY: dict[str, tuple[Policy, ...]] = {"all": _all, "own-buckets": _own, "none": ()}
_ALONE = {rights: Evidence(identity=identity) for rights, identity in _IDENTITY.items()}
_WITH_ACLS = {rights: Evidence(identity=identity, resource=ACLS) for rights, identity in _IDENTITY.items()}


def rights_of(rights: str) -> tuple[Policy, ...]:
    """The built-in policies that a user's `rights` name; () for a name that is not known."""
    return _IDENTITY.get(rights, ())


def gather(question: Question) -> Evidence:
    """The evidence that this store holds on a question. Rights that are not known count as none.

    Access control lists only ever allow, so they are left out where they cannot change the answer: for an administrator, and
    for the owner of the bucket, whose rights are those of his identity.
    """
    caller, bucket = question.caller, question.bucket
    user, grants, limits = caller.user, caller.grants, caller.limits
    if user is None:
        return _WITH_ACLS["none"]
    alone = bucket is None or user.rights == "all" or bucket.owner == user.canonical_id
    if grants is None and not limits:
        return (_ALONE if alone else _WITH_ACLS).get(user.rights) or (_ALONE if alone else _WITH_ACLS)["none"]
    identity = _IDENTITY.get(user.rights, ()) if grants is None else grants
    return Evidence(identity, () if alone else ACLS, limits)


def ask(caller: Caller, action: str, bucket: Bucket | None, key: str = "", target: Version | Upload | None = None) -> Decision:
    """One question, answered."""
    question = Question(caller, action, bucket, key, target)
    return decide(question, gather(question))


async def authorize(
    caller: Caller,
    actions: tuple[str, ...],
    bucket: Bucket | None,
    key: str = "",
    target: Version | Upload | None = None,
    request: Request | None = None,
    operation: str = "",
) -> None:
    """Errors: AccessDenied unless the caller may do every one of `actions` on that bucket and key ("" for none), and on the version or
    upload that was found there, if it was looked up. `request` and `operation` are what conditions look at.

    No actions, no question: that is for operations like DeleteObjects, which ask once for each key.
    """
    for action in actions:
        if action not in KNOWN:
            raise ValueError(f"{action!r} is no S3 action")
        question = Question(caller, action, bucket, key, target, request, operation)
        if not decide(question, gather(question)).allowed:
            raise AccessDenied()
