"""The one decision: may this caller do this to that? Pure, and it says why.

Five steps, as the design's section "Authorization" gives them. What speaks for or against is evidence in three parts; each part is a
tuple of policies, so that a new source of rights is a new policy and never a new path around `decide`.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from holdfast.model.buckets import Bucket, tenancy_namespace
from holdfast.model.identity import Caller, Compartment, Group, Organisation, PolicyDocument, Tenancy, User
from holdfast.model.messages import Request
from holdfast.model.objects import Upload, Version

Target = Version | Upload | User | Group | Organisation | PolicyDocument | Compartment | Tenancy
"""What a question can be about once it was looked up."""

Effect = Literal["allow", "deny", ""]
"""What a policy says to a question; "" when it says nothing."""


class Question(msgspec.Struct, frozen=True, gc=False):
    """Who asks to do what, and on what. `action` is an action of the field ("s3:PutObject", "iam:CreateUser"), `key` "" where none is named.

    `bucket` is None for what is not in a bucket: to list one's buckets, to make a new one. `target` is what the
    request is about (a version, an upload, a user), once it was looked up: None says nothing about whether there is one. `request` is what conditions
    look at (address, TLS, headers, query), None where there is none. `operation` names the operation of the dialect that asks.
    `permissions` are the permissions of OCI's policy language of which every one is needed; () means those of the action
    (`holdfast.authz.permissions`). `compartment` is where something that is not a bucket is, or where a bucket is to be made: an OCID, "" the root.
    `tags` are those that the body gives to an object, None while it is unread. `native`: OCI's API asks, for which S3's headers mean nothing.
    """

    caller: Caller
    action: str
    bucket: Bucket | None = None
    key: str = ""
    target: Target | None = None
    request: Request | None = None
    operation: str = ""
    permissions: tuple[str, ...] = ()
    compartment: str = ""
    tags: dict[str, str] | None = None
    native: bool = False


class Policy(Protocol):
    """One piece of evidence. `name` is what the reason calls it; read after `says`, and only for the answer that was given last."""

    @property
    def name(self) -> str: ...

    def says(self, question: Question) -> Effect: ...


class Evidence(msgspec.Struct, frozen=True):
    """`identity`: what the caller's policies, groups and roles say; `resource`: the bucket's policy and ACLs; `limits`: what a scope, a
    session or a boundary restricts to."""

    identity: tuple[Policy, ...] = ()
    resource: tuple[Policy, ...] = ()
    limits: tuple[Policy, ...] = ()


class Decision(msgspec.Struct, frozen=True, gc=False):
    """Whether it is allowed, and which policy or missing right made it so."""

    allowed: bool
    because: str


def decide(question: Question, evidence: Evidence) -> Decision:
    """Any explicit deny says no; every limit must allow; an anonymous caller needs a resource allow; the same tenancy
    needs identity or resource; another tenancy needs both; else no."""
    refused, allow = _weigh(question, evidence)
    return Decision(False, refused) if refused else Decision(True, ", ".join([policy.name for policy in allow]))


def refusal(question: Question, evidence: Evidence) -> Decision | None:
    """As `decide`, for who only asks why not: None when it is allowed, and what allowed it is not worked out."""
    refused, _ = _weigh(question, evidence)
    return Decision(False, refused) if refused else None


def _weigh(question: Question, evidence: Evidence) -> tuple[str, tuple[Policy, ...]]:
    """Why not ("" when it is allowed), and the policies that allow it."""
    identity: Policy | None = None
    resource: Policy | None = None
    for policy in evidence.identity:
        effect = policy.says(question)
        if effect == "deny":
            return "denied by " + policy.name, ()
        if effect and identity is None:
            identity = policy
    for policy in evidence.resource:
        effect = policy.says(question)
        if effect == "deny":
            return "denied by " + policy.name, ()
        if effect and resource is None:
            resource = policy
    outside = ""
    for policy in evidence.limits:
        effect = policy.says(question)
        if effect == "deny":
            return "denied by " + policy.name, ()
        if not effect:
            outside = outside or policy.name
    if outside:
        return "outside " + outside, ()
    user = question.caller.user
    if user is None:
        return ("anonymous, and nothing of the resource allows it", ()) if resource is None else ("", (resource,))
    bucket = question.bucket
    if bucket is None or bucket.namespace == user.namespace or tenancy_namespace(bucket.namespace) == user.namespace:
        if identity is not None:
            return "", (identity,)
        return ("nothing allows it", ()) if resource is None else ("", (resource,))
    if identity is None or resource is None:
        return "another tenancy: it needs an allow of both sides", ()
    return "", (identity, resource)
