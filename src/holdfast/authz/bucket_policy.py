"""A bucket's policy as evidence: compiled once for each revision of the bucket, a deny before any allow."""

from __future__ import annotations

import logging

from holdfast.authz.actions import KNOWN
from holdfast.authz.bucket_policy_document import Principals, Statement, read_policy
from holdfast.authz.bucket_policy_keys import object_level, variable
from holdfast.authz.decide import Effect, Question
from holdfast.model.buckets import Bucket, tenancy_namespace
from holdfast.model.errors import Refusal
from holdfast.model.identity import User
from holdfast.model.public_access import restricts_public_buckets

log = logging.getLogger(__name__)

SETTING = "policy"
"""The bucket's setting: the document as it was written."""
OWN = frozenset(("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"))
"""What no policy takes from the owner of its bucket (PutBucketPolicy: "As a security precaution, the root user ...")."""

_COMPILED_MAX = 1024


class BucketPolicy:
    """The policy of one revision of a bucket. Errors of making one: as `read_policy`."""

    __slots__ = ("_actions", "_restricted", "_statements", "is_public", "name", "reads_tags", "revision", "text")

    def __init__(self, text: str, bucket: Bucket) -> None:
        self.text = text
        self.revision = bucket.revision
        self._statements = read_policy(text, bucket.name, tenancy_namespace(bucket.namespace))
        self._actions: dict[str, tuple[Statement, ...]] = {}
        self.is_public = any(statement.is_public for statement in self._statements)
        self._restricted = self.is_public and restricts_public_buckets(bucket)
        self.reads_tags = any("requestobjecttag" in condition.name.lower() for each in self._statements for condition in each.conditions)
        self.name = ""

    def says(self, question: Question) -> Effect:
        """Deny where any statement denies, allow where one allows; `name` then names the statement."""
        user, bucket = question.caller.user, question.bucket
        assert bucket is not None
        owns = user is not None and user.canonical_id == bucket.owner and question.action in OWN
        if self._restricted and (user is None or user.namespace != tenancy_namespace(bucket.namespace)):
            self.name = "bucket policy, public and restricted"
            return "deny"
        resource = f"{bucket.name}/{question.key}" if object_level(question.action) else bucket.name
        for statement in self._of_action(question.action):
            if not statement.allows and owns:
                continue
            if _speaks(statement, question, user, bucket, resource):
                self.name = f"bucket policy, statement {statement.name}"
                return "allow" if statement.allows else "deny"
        return ""

    def _of_action(self, action: str) -> tuple[Statement, ...]:
        """The statements about an action, those that deny first."""
        found = self._actions.get(action)
        if found is None:
            rows = [each for each in self._statements if action in each.actions or (each.every and action not in KNOWN)]
            found = tuple(sorted(rows, key=lambda each: each.allows))
            if action in KNOWN:
                self._actions[action] = found
        return found


class Unreadable:
    """In the place of a policy that cannot be compiled any more: nobody gets in by it, and only the owner can put another."""

    name = "bucket policy that cannot be read"
    is_public = reads_tags = False

    def __init__(self, text: str, bucket: Bucket) -> None:
        self.text = text
        self.revision = bucket.revision

    def says(self, question: Question) -> Effect:
        user, bucket = question.caller.user, question.bucket
        owns = user is not None and bucket is not None and user.canonical_id == bucket.owner
        return "" if owns and question.action in OWN else "deny"


_compiled: dict[tuple[int, str], BucketPolicy | Unreadable] = {}


def policy_of(bucket: Bucket) -> BucketPolicy | Unreadable | None:
    """The policy of a bucket; None where nobody set one."""
    text = bucket.settings.get(SETTING)
    if text is None:
        return None
    place = (bucket.id, bucket.namespace)
    found = _compiled.get(place)
    if found is None or found.revision != bucket.revision or found.text != text:
        if len(_compiled) >= _COMPILED_MAX:
            del _compiled[next(iter(_compiled))]
        try:
            found = BucketPolicy(text, bucket)
        except Refusal as refusal:
            log.error("bucket policy: %s", refusal.message, extra={"bucket": bucket.name})
            found = Unreadable(text, bucket)
        _compiled[place] = found
    return found


def _speaks(statement: Statement, question: Question, user: User | None, bucket: Bucket, resource: str) -> bool:
    """Whether a statement about this action is about this caller, resource and request. What cannot be known yet counts for a denial."""
    if _names(statement.principals, user, bucket, statement.allows) is statement.not_principals:
        return False

    def lookup(name: str) -> str | None:
        return variable(question, name)

    if any(pattern.matches(resource, lookup) for pattern in statement.resources) is statement.not_resources:
        return False
    unknown = False
    for condition in statement.conditions:
        holds = condition.holds(question)
        if holds is False:
            return False
        unknown = unknown or holds is None
    return not (unknown and statement.allows)


def _names(principals: Principals, user: User | None, bucket: Bucket, allows: bool) -> bool:
    """Whether the caller is among them. A tenancy stands for everybody in it; yet to allow one's own tenancy leaves it to the identity
    policies there, as S3 does with the ARN of an account's root."""
    if principals.everybody:
        return True
    if user is None:
        return False
    if user.canonical_id in principals.ids or user.id in principals.ids:
        return True
    home = tenancy_namespace(bucket.namespace)
    accounts = (user.namespace, user.tenancy or user.namespace, *([""] if user.namespace == home else []))
    if principals.users and any((account, name) in principals.users for account in accounts for name in (user.name, user.id, user.canonical_id)):
        return True
    return not (allows and user.namespace == home) and not principals.accounts.isdisjoint(accounts)
