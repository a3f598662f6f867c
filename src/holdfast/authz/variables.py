"""The variables that conditions of policy statements look at, each a function of the question.

Source: OCI IAM, "General Variables for All Requests", "Details for Object Storage", "Details for IAM". None means that a variable does not
apply to the request, and then its comparison is false whatever it compares with.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from holdfast.authz.decide import Question
from holdfast.authz.permissions import OCI_OPERATION
from holdfast.model.identity import SERVICE_ACCOUNT, Group, PolicyDocument, User, World

TAG_VARIABLE = re.compile(r"target\.bucket\.tag\.[^.\s]{1,100}\.[^\s]{1,100}\Z")
DEFINED_TAGS = "definedTags"
"""The setting of a bucket that holds its defined tags, as JSON: {"namespace": {"key": "value"}}."""

Values = tuple[str, ...] | None
Variable = Callable[[Question, str, World], Values]
"""(question, requested permission, world): the values it has, all in lower case; a set-valued variable equals when any does."""

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _one(value: str | None) -> Values:
    return (value.lower(),) if value else None


def _user(question: Question) -> User | None:
    return question.caller.user


def _moment(question: Question) -> datetime | None:
    """When the request came, in UTC."""
    return None if question.request is None else datetime.fromtimestamp(question.request.received_at, UTC)


def _bucket_name(question: Question, permission: str, world: World) -> Values:
    """Lists of buckets are about no bucket, even where one by one is asked for."""
    return None if question.bucket is None or question.operation == "ListBuckets" else _one(question.bucket.name)


def compartment_of(question: Question, world: World) -> str:
    """The OCID of the compartment that a question is about."""
    if question.bucket is not None:
        return question.bucket.compartment or world.tenancy.id
    return question.compartment or world.tenancy.id


def _compartment_name(question: Question, permission: str, world: World) -> Values:
    id = compartment_of(question, world)
    if id == world.tenancy.id:
        return _one(world.tenancy.name)
    found = world.compartments.get(id)
    return _one(found.name) if found else None


def _groups_of(user: User | None) -> Values:
    return tuple(membership.group.lower() for membership in user.memberships) if user is not None else None


def _member(question: Question, permission: str, world: World) -> Values:
    """Whether who asks is in the group that it asks about."""
    target, user = question.target, _user(question)
    if not isinstance(target, Group) or user is None:
        return None
    return ("true" if any(membership.group == target.id for membership in user.memberships) else "false",)


def _target(kind: type, attribute: str) -> Variable:
    def value(question: Question, permission: str, world: World) -> Values:
        target = question.target
        return _one(getattr(target, attribute)) if isinstance(target, kind) else None

    return value


def _when(form: Callable[[datetime], str]) -> Variable:
    def value(question: Question, permission: str, world: World) -> Values:
        moment = _moment(question)
        return None if moment is None else (form(moment),)

    return value


def _principal(question: Question, permission: str, world: World) -> Values:
    user = _user(question)
    return None if user is None else ("serviceaccount" if user.kind == SERVICE_ACCOUNT else "user",)


def _operation(question: Question, permission: str, world: World) -> Values:
    """By OCI's name: an S3 deletion of a version is DeleteObjectVersion."""
    if question.action == "s3:DeleteObjectVersion":
        return ("deleteobjectversion",)
    return _one(OCI_OPERATION.get(question.operation, question.operation))


def _object_name(question: Question, permission: str, world: World) -> Values:
    return _one(question.key) if question.key else None


VARIABLES: dict[str, Variable] = {
    "request.user.id": lambda question, permission, world: _one(user.id) if (user := _user(question)) else None,
    "request.user.name": lambda question, permission, world: _one(user.name) if (user := _user(question)) else None,
    "request.groups.id": lambda question, permission, world: _groups_of(_user(question)),
    "request.permission": lambda question, permission, world: (permission.lower(),),
    "request.operation": _operation,
    "request.region": lambda question, permission, world: _one(question.bucket.region) if question.bucket else None,
    "request.principal.type": _principal,
    "request.utc-timestamp": _when(lambda moment: moment.strftime("%Y-%m-%dt%H:%M:%S")),
    "request.utc-timestamp.month-of-year": _when(lambda moment: str(moment.month)),
    "request.utc-timestamp.day-of-month": _when(lambda moment: str(moment.day)),
    "request.utc-timestamp.day-of-week": _when(lambda moment: _DAYS[moment.weekday()]),
    "request.utc-timestamp.time-of-day": _when(lambda moment: moment.strftime("%H:%M:%S")),
    "target.compartment.id": lambda question, permission, world: _one(compartment_of(question, world)),
    "target.compartment.name": _compartment_name,
    "target.bucket.name": _bucket_name,
    "target.object.name": _object_name,
    "target.user.id": _target(User, "id"),
    "target.user.name": _target(User, "name"),
    "target.group.id": _target(Group, "id"),
    "target.group.name": _target(Group, "name"),
    "target.group.member": _member,
    "target.policy.id": _target(PolicyDocument, "id"),
    "target.policy.name": _target(PolicyDocument, "name"),
}
"""By name in lower case; `target.bucket.tag.<namespace>.<key>` besides."""


def tag_variable(name: str) -> Variable:
    """The variable of one defined tag of the bucket."""
    space, _, key = name.removeprefix("target.bucket.tag.").partition(".")

    def value(question: Question, permission: str, world: World) -> Values:
        text = question.bucket.settings.get(DEFINED_TAGS) if question.bucket is not None and question.operation != "ListBuckets" else None
        if not text:
            return None
        spaces = {name.lower(): tags for name, tags in msgspec.json.decode(text, type=dict[str, dict[str, Any]]).items()}
        tag = {name.lower(): tag for name, tag in spaces.get(space, {}).items()}.get(key)
        return _one(tag) if isinstance(tag, str) else None

    return value
