"""The access control list that a request asks for: in its body, by a canned name, or by x-amz-grant headers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from holdfast.identities.names import canonical_id_of_email, display_name
from holdfast.model import acl
from holdfast.model.acl import Grant
from holdfast.model.buckets import Bucket
from holdfast.model.errors import (
    AccessControlListNotSupported,
    AccessDenied,
    InvalidArgument,
    InvalidRequest,
    MalformedACLError,
    MissingSecurityHeader,
    UnexpectedContent,
    UnresolvableGrantByEmailAddress,
)
from holdfast.model.ownership import acls_count, owner_of_new
from holdfast.model.public_access import blocks_public_acls
from holdfast.s3.operation import Call
from holdfast.wire.values import header_text

_GRANT_WRITE = b"x-amz-grant-write"
_GRANTEE = re.compile(r"""\s*(id|emailaddress|uri)\s*=\s*(?:"([^"]*)"|([^",\s]+))\s*(,|\Z)""", re.IGNORECASE)
_MEMBERS = {"grant_read": acl.READ, "grant_write": acl.WRITE, "grant_read_acp": acl.READ_ACP, "grant_write_acp": acl.WRITE_ACP,
            "grant_full_control": acl.FULL_CONTROL}  # fmt: skip


class ObjectAclHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """The members that give a list to something new."""

    acl: str | None = None
    grant_full_control: str | None = None
    grant_read: str | None = None
    grant_read_acp: str | None = None
    grant_write_acp: str | None = None


class AclHeaders(ObjectAclHeaders, frozen=True, kw_only=True):
    """The same, for an operation whose model has x-amz-grant-write too."""

    grant_write: str | None = None


def asks_for_acl(given: ObjectAclHeaders, headers: dict[bytes, bytes]) -> bool:
    """Whether any header asks for a list."""
    return (
        given.acl is not None
        or given.grant_full_control is not None
        or given.grant_read is not None
        or given.grant_read_acp is not None
        or given.grant_write_acp is not None
        or _GRANT_WRITE in headers
    )


async def owned(call: Call[Any], given: ObjectAclHeaders, bucket: Bucket) -> tuple[str, dict[str, str]]:
    """Whose an object is that this request makes, and its `extra` facts: its access control list, where it is not private. What a canned
    list or tags need besides (`holdfast.authz.actions.WITH_HEADER`) is asked for here.

    Errors: as `acl_of_new_object`; AccessDenied."""
    if given.acl is not None:
        await call.require("s3:PutObjectAcl", bucket, call.input.key)
    if call.input.tagging:
        await call.require("s3:PutObjectTagging", bucket, call.input.key)
    user = call.caller.user
    owner = owner_of_new(bucket, user.canonical_id if user is not None else "", given.acl)
    if not asks_for_acl(given, call.request.headers):
        return owner, {}
    text = await acl_of_new_object(call, given, bucket, owner)
    return owner, {acl.SETTING: text} if text else {}


async def acl_of_new_object(call: Call[Any], given: ObjectAclHeaders, bucket: Bucket, owner: str) -> str:
    """The list, in stored form, of an object that `owner` will own.

    Errors: InvalidArgument, InvalidRequest (canned and grants), UnresolvableGrantByEmailAddress; AccessControlListNotSupported where the
    bucket's owner owns everything, but for the list that says so; AccessDenied where public lists are blocked."""
    grants = await _of_headers(call, given, acl.CANNED_FOR_OBJECTS, owner, bucket.owner)
    if not acls_count(bucket):
        if given.acl == acl.BUCKET_OWNER_FULL_CONTROL or (given.acl is None and grants == acl.private(bucket.owner)):
            return ""
        raise AccessControlListNotSupported
    return _admitted(grants, owner, bucket)


async def acl_of_new_bucket(call: Call[Any], given: AclHeaders, owner: str) -> str:
    """The list, in stored form, of a bucket that `owner` makes. Canned lists for its owner say nothing about a bucket and are private
    (S3 User Guide, "Canned ACL"). Errors: as `acl_of_new_object`."""
    if not asks_for_acl(given, call.request.headers):
        return ""
    return acl.stored(await _of_headers(call, given, frozenset(acl.CANNED_FOR_BUCKETS | acl.CANNED_FOR_OBJECTS), owner, owner), owner)


async def replacing_acl(call: Call[Any], given: AclHeaders, body: dict[str, Any] | None, bucket: Bucket, owner: str, *, of_bucket: bool) -> str:
    """The list, in stored form, that PutBucketAcl or PutObjectAcl puts in the place of another.

    Errors: as `acl_of_new_object`; MalformedACLError; MissingSecurityHeader when the request asks for none, UnexpectedContent when it
    does so twice; AccessDenied when the document names another owner."""
    if not acls_count(bucket):
        raise AccessControlListNotSupported
    if asks_for_acl(given, call.request.headers):
        if body is not None:
            raise UnexpectedContent
        known = acl.CANNED_FOR_BUCKETS if of_bucket else acl.CANNED_FOR_OBJECTS
        return _admitted(await _of_headers(call, given, known, owner, bucket.owner), owner, bucket)
    if body is None:
        raise MissingSecurityHeader(MissingHeaderName="x-amz-acl")
    named = (body.get("owner") or {}).get("id")
    if not named or "grants" not in body:
        raise MalformedACLError
    if named != owner:
        raise AccessDenied
    return _admitted([await _of_document(call, row) for row in body["grants"]], owner, bucket)


def _admitted(grants: Iterable[Grant], owner: str, bucket: Bucket) -> str:
    """Errors: InvalidRequest (too many grants), AccessDenied (public access is blocked)."""
    grants = tuple(grants)
    if len(grants) > acl.GRANTS_MAX:
        raise InvalidRequest(f"An access control list can have at most {acl.GRANTS_MAX} grants.")
    if blocks_public_acls(bucket) and acl.is_public(grants):
        raise AccessDenied
    return acl.stored(grants, owner)


async def _of_headers(call: Call[Any], given: ObjectAclHeaders, known: frozenset[str], owner: str, bucket_owner: str) -> acl.Acl:
    found: list[Grant] = []
    for member, permission in _MEMBERS.items():
        value = getattr(given, member, None)
        if value is None and member == "grant_write" and _GRANT_WRITE in call.request.headers:
            value = header_text(call.request.headers[_GRANT_WRITE])  # no member of the operations that make objects, and yet it is sent
        if value is not None:
            found += await _of_header(call, "x-amz-" + member.replace("_", "-"), value, permission)
    if given.acl is None:
        return tuple(found)
    if found:
        raise InvalidRequest("Specifying both Canned ACLs and Header Grants is not allowed")
    if given.acl not in known:
        raise InvalidArgument(None, ArgumentName="x-amz-acl", ArgumentValue=given.acl)
    return acl.canned(given.acl, owner, bucket_owner)


async def _of_header(call: Call[Any], name: str, value: str, permission: str) -> list[Grant]:
    """`id="..", emailAddress="..", uri=".."`, as many as one likes."""
    grants: list[Grant] = []
    at, comma = 0, ","
    while comma:
        found = _GRANTEE.match(value, at)
        if found is None:
            raise InvalidArgument("Argument format not recognized", ArgumentName=name, ArgumentValue=value)
        kind, quoted, plain, comma = found.groups()
        grants.append(await _grant(call, kind.lower(), quoted if quoted is not None else plain, permission))
        at = found.end()
    return grants


_KINDS = {"CanonicalUser": ("id", "id"), "AmazonCustomerByEmail": ("email_address", "emailaddress"), "Group": ("uri", "uri")}


async def _of_document(call: Call[Any], row: dict[str, Any]) -> Grant:
    """One Grant of an AccessControlPolicy. Errors: MalformedACLError; as `_grant`."""
    grantee, permission = row.get("grantee"), row.get("permission")
    if not grantee or not permission:
        raise MalformedACLError
    member, kind = _KINDS[grantee["type"]]
    if not grantee.get(member):
        raise MalformedACLError
    return await _grant(call, kind, grantee[member], permission)


async def _grant(call: Call[Any], kind: str, value: str, permission: str) -> Grant:
    """A grant to somebody who exists. Errors: InvalidArgument, UnresolvableGrantByEmailAddress."""
    if kind == "uri":
        if value not in acl.GROUPS:
            raise InvalidArgument("Invalid group uri", ArgumentName="uri", ArgumentValue=value)
        return Grant(value, permission)
    registry = call.engine.registry
    if kind == "id":
        user = call.caller.user
        if (user is None or user.canonical_id != value) and await display_name(registry, value) is None:
            raise InvalidArgument("Invalid id", ArgumentName="CanonicalUser/ID", ArgumentValue=value)
        return acl.to(value, permission)
    found = await canonical_id_of_email(registry, value)
    if found is None:
        raise UnresolvableGrantByEmailAddress
    return acl.to(found, permission)
