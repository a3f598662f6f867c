"""Gathers the evidence for a question, and asks it: what stands between a proven caller and every operation."""

from __future__ import annotations

from holdfast.authz.acl import ACLS, OF_VERSION
from holdfast.authz.actions import KNOWN
from holdfast.authz.bucket_policy import SETTING as POLICY
from holdfast.authz.bucket_policy import policy_of
from holdfast.authz.decide import Decision, Effect, Evidence, Policy, Question, Target, decide, refusal
from holdfast.authz.permissions import IDENTITY_OPERATIONS, MANAGERS, OF_OPERATION, S3_ACTION, SELF_SERVICE
from holdfast.authz.public_buckets import PUBLIC
from holdfast.model import acl
from holdfast.model.buckets import Bucket, tenancy_namespace
from holdfast.model.errors import AccessDenied
from holdfast.model.identity import USER, Caller, Organisation, User
from holdfast.model.messages import Request
from holdfast.model.objects import Version
from holdfast.model.ownership import is_strangers
from holdfast.model.public_access import PUBLIC_TYPE

_WITHOUT_BUCKET = frozenset(("s3:ListAllMyBuckets", "s3:CreateBucket"))
_FOR_DATA_ONLY = frozenset(("token", "par"))


class AllResources:
    """The administrator's policy: everything, for everybody who holds it."""

    name = "rights: all"
    lists_buckets = "all"

    def says(self, question: Question) -> Effect:
        return "allow"


class OwnBuckets:
    """Make buckets and list one's own, and everything in those that one owns, but for the bytes, tags and lists of what others own there
    (S3 User Guide, "Controlling ownership of objects"): those it gives only while it is not known whose the version is (`asks_again`). For
    buckets of another tenancy it leaves the word to them: they have to allow it besides (`decide`)."""

    name = "rights: own-buckets"
    lists_buckets = "own"

    def says(self, question: Question) -> Effect:
        bucket, user = question.bucket, question.caller.user
        if bucket is None:
            at_home = user is not None and question.compartment in ("", user.tenancy, user.compartment)
            return "allow" if question.action in _WITHOUT_BUCKET and at_home else ""
        if user is None:
            return ""
        if bucket.owner == user.canonical_id:
            return "allow" if question.target is None or question.action not in OF_VERSION or not _strangers(bucket, question.target) else ""
        return "allow" if tenancy_namespace(bucket.namespace) != user.namespace else ""

    def consider(self, question: Question) -> list[tuple[str, Effect, str]]:
        """What it says to a question, and why it says nothing."""
        said, bucket, user = self.says(question), question.bucket, question.caller.user
        if said or bucket is None or user is None:
            return [(self.name, said, "")]
        return [(self.name, said, "the object is somebody else's" if bucket.owner == user.canonical_id else "the bucket is somebody else's")]


def _strangers(bucket: Bucket, target: Target) -> bool:
    """Whether what was found in a bucket is a version of somebody else's than the bucket's owner."""
    return isinstance(target, Version) and is_strangers(bucket, target.owner)


def asks_again(caller: Caller, bucket: Bucket, version: Version) -> bool:
    """Whether what the caller was allowed before the version was looked up has to be asked again with it: he owns the bucket, and may
    not own the version. Whoever looks up a version to read, tag or share it asks this."""
    return version.owner != bucket.owner and caller.user is not None and caller.user.canonical_id == bucket.owner


class SelfService:
    """Every user looks after its own credentials, without a policy; a service account's are others' to give."""

    name = "self-service of users"

    def says(self, question: Question) -> Effect:
        user, target = question.caller.user, question.target
        if user is None or user.kind != USER or not isinstance(target, User) or target.id != user.id:
            return ""
        return "allow" if question.operation in SELF_SERVICE else ""


class OrganisationManagers:
    """Who is made a manager of an organisation decides there on who belongs to it, without a policy."""

    name = "manager of the organisation"

    def says(self, question: Question) -> Effect:
        user, target = question.caller.user, question.target
        if user is None or not isinstance(target, Organisation) or question.operation not in MANAGERS or target.tenancy != user.tenancy:
            return ""
        return "allow" if any(each.manager and each.organisation == target.id for each in user.enrolments) else ""


_all: tuple[Policy, ...] = (AllResources(),)
_own: tuple[Policy, ...] = (OwnBuckets(),)
_self: tuple[Policy, ...] = (SelfService(), OrganisationManagers())
_IDENTITY: dict[str, tuple[Policy, ...]] = {"all": _all, "own-buckets": _own, "none": ()}
_ALONE = {rights: Evidence(identity=identity) for rights, identity in _IDENTITY.items()}
_WITH_ACLS = {rights: Evidence(identity=identity, resource=ACLS) for rights, identity in _IDENTITY.items()}


def rights_of(rights: str) -> tuple[Policy, ...]:
    """The built-in policies that a user's `rights` name; () for a name that is not known."""
    return _IDENTITY.get(rights, ())


def identity_of(caller: Caller) -> tuple[Policy, ...]:
    """What speaks for a caller as such, compiled."""
    if caller.user is None:
        return ()
    return _IDENTITY.get(caller.user.rights, ()) if caller.grants is None else caller.grants


def gather(question: Question) -> Evidence:
    """The evidence that this store holds on a question. Rights that are not known count as none.

    Access control lists only ever allow, so they are left out where they cannot change the answer: for an administrator, and
    for the owner of the bucket, whose rights are those of his identity, unless he asks about what is somebody else's; and where there is
    none, and nothing was looked up that has one.
    A bucket's policy may deny, and is always asked.
    """
    bucket = question.bucket
    if bucket is None or not bucket.settings:
        return _without_policy(question)
    found = _without_policy(question)
    if PUBLIC_TYPE in bucket.settings:
        found = Evidence(found.identity, (*PUBLIC, *found.resource), found.limits)
    policy = policy_of(bucket) if POLICY in bucket.settings else None
    return found if policy is None else Evidence(found.identity, (policy, *found.resource), found.limits)


def _without_policy(question: Question) -> Evidence:
    caller, bucket = question.caller, question.bucket
    user, grants, limits = caller.user, caller.grants, caller.limits
    if user is None:
        return Evidence((), ACLS, limits) if limits else _WITH_ACLS["none"]
    target = question.target
    if bucket is None or user.rights == "all":
        alone = True
    elif bucket.owner == user.canonical_id:
        alone = target is None or not _strangers(bucket, target)
    else:
        alone = target is None and acl.SETTING not in bucket.settings
    if grants is None and not limits:
        return (_ALONE if alone else _WITH_ACLS).get(user.rights) or (_ALONE if alone else _WITH_ACLS)["none"]
    identity = _IDENTITY.get(user.rights, ()) if grants is None else grants
    return Evidence(identity, () if alone else ACLS, limits)


def ask(caller: Caller, action: str, bucket: Bucket | None, key: str = "", target: Target | None = None) -> Decision:
    """One question, answered."""
    question = Question(caller, action, bucket, key, target)
    return decide(question, gather(question))


async def authorize(
    caller: Caller,
    actions: tuple[str, ...],
    bucket: Bucket | None,
    key: str = "",
    target: Target | None = None,
    request: Request | None = None,
    operation: str = "",
    *,
    permissions: tuple[str, ...] = (),
    tags: dict[str, str] | None = None,
) -> None:
    """Errors: AccessDenied unless the caller may do every one of `actions` on that bucket and key ("" for none), and on the version or
    upload that was found there, if it was looked up. `request`, `operation` and `tags` are what conditions look at; `permissions` take
    the place of those that the action needs.

    No actions, no question: that is for operations like DeleteObjects, which ask once for each key.
    """
    for action in actions:
        if action not in KNOWN:
            raise ValueError(f"{action!r} is no S3 action")
        question = Question(caller, action, bucket, key, target, request, operation, permissions, "", tags)
        denied = refusal(question, gather(question))
        if denied is not None:
            raise _denied(denied)


def permits_operation(
    caller: Caller,
    operation: str,
    *,
    bucket: Bucket | None = None,
    key: str = "",
    target: Target | None = None,
    request: Request | None = None,
    compartment: str = "",
    permissions: tuple[str, ...] = (),
) -> Decision:
    """Whether a caller may do an operation of OCI or of the admin API: on a bucket and key, on something of the identity service
    (`target`), in a compartment (its OCID; "" is the root of the caller's tenancy).

    `permissions` take the place of those that the operation needs. Errors: ValueError for an operation without a row in `OF_OPERATION`.
    """
    question = question_of(
        caller, operation, bucket=bucket, key=key, target=target, request=request, compartment=compartment, permissions=permissions
    )
    return decision_of(question)


def decision_of(question: Question) -> Decision:
    """The decision of any question, of whatever dialect."""
    caller = question.caller
    if question.operation in OF_OPERATION and not question.permissions and question.action not in KNOWN and caller.user is not None:
        return Decision(True, "every user may")
    if question.action.startswith("iam:") and (caller.how in _FOR_DATA_ONLY or caller.user is None):
        return Decision(False, f"a caller by {caller.how} has no rights over identities")
    return decide(question, evidence_of(question))


def evidence_of(question: Question) -> Evidence:
    """As `gather`; about identities no resource speaks, and every user speaks for itself."""
    if question.action.startswith("iam:"):
        return Evidence((*identity_of(question.caller), *_self), (), question.caller.limits)
    return gather(question)


def question_of(
    caller: Caller,
    operation: str,
    *,
    bucket: Bucket | None = None,
    key: str = "",
    target: Target | None = None,
    request: Request | None = None,
    compartment: str = "",
    permissions: tuple[str, ...] = (),
) -> Question:
    """The question that an operation of OCI or of the admin API asks. Errors: ValueError."""
    needs = permissions or OF_OPERATION.get(operation)
    if needs is None:
        raise ValueError(f"{operation!r} declares no permissions")
    action = "iam:" + operation if operation in IDENTITY_OPERATIONS else S3_ACTION.get(operation, "s3:Native" + operation)
    return Question(caller, action, bucket, key, target, request, operation, needs, compartment, None, True)


async def authorize_operation(
    caller: Caller,
    operation: str,
    *,
    bucket: Bucket | None = None,
    key: str = "",
    target: Target | None = None,
    request: Request | None = None,
    compartment: str = "",
    permissions: tuple[str, ...] = (),
) -> None:
    """As `permits_operation`. Errors: AccessDenied; ValueError."""
    decision = permits_operation(
        caller, operation, bucket=bucket, key=key, target=target, request=request, compartment=compartment, permissions=permissions
    )
    if not decision.allowed:
        raise _denied(decision)


def _denied(decision: Decision) -> AccessDenied:
    denied = AccessDenied()
    denied.because = decision.because
    return denied
