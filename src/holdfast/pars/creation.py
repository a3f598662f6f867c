"""Making a pre-authenticated request: what may be asked for, and its id and token.

Source: OCI, "Using Pre-Authenticated Requests" and CreatePreauthenticatedRequestDetails.
"""

from __future__ import annotations

import re
from base64 import b64encode
from secrets import token_bytes, token_urlsafe

import msgspec

from holdfast.engine.api import Catalog, Gone
from holdfast.model.buckets import Bucket
from holdfast.model.errors import InvalidArgument, NoSuchBucket
from holdfast.model.pars import ACCESS_TYPES, LISTABLE, READING, SINGLE, WRITING, Par
from holdfast.pars.expiry import parse_expiry
from holdfast.pars.url import digest_of

NAME_CHARACTERS_MAX = 255
TARGET_BYTES_MAX = 1024
TOKEN_BYTES = 48
LIST_OBJECTS, DENY = "ListObjects", "Deny"

_NAME = re.compile(r"[A-Za-z0-9._-]+\Z")
_NOT_IN_NAMES = re.compile("[\r\n\0]")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for, as text; `object_name` is a prefix with an access type that is for any object."""

    name: str
    access_type: str
    time_expires: str
    object_name: str = ""
    listing: str = ""


def granted(access: str, *, listing: bool = False) -> tuple[str, ...]:
    """The permissions that a request of this access type passes on, all of which its creator needs when it is made."""
    found: tuple[str, ...] = ()
    if access in READING:
        found += ("OBJECT_READ",)
    if access in WRITING:
        found += ("OBJECT_CREATE", "OBJECT_OVERWRITE")
    return (*found, "OBJECT_INSPECT") if listing else found


def new_token() -> str:
    """64 characters safe in a URL, 384 random bits."""
    return token_urlsafe(TOKEN_BYTES)


def new_par(asked: Asked, bucket: Bucket, creator: str, now_ms: int) -> tuple[Par, str]:
    """A request to store, and its token, which nobody can find out later. The id tells nothing about the token.

    Errors: InvalidArgument says which member is wrong."""
    name, access, target = asked.name, asked.access_type, asked.object_name
    if not name or len(name) > NAME_CHARACTERS_MAX or _NAME.match(name) is None:
        raise _wrong("name", f"name must have 1 to {NAME_CHARACTERS_MAX} letters, digits, '-', '_' and '.'.")
    if access not in ACCESS_TYPES:
        raise _wrong("accessType", f"accessType must be one of {', '.join(ACCESS_TYPES)}.")
    if access in SINGLE and not target:
        raise _wrong("objectName", f"objectName is required with accessType {access}.")
    if len(target.encode("utf-8", "surrogatepass")) > TARGET_BYTES_MAX or _NOT_IN_NAMES.search(target):
        raise _wrong("objectName", f"objectName must have at most {TARGET_BYTES_MAX} bytes of UTF-8, and no CR, LF or NUL.")
    if asked.listing not in ("", DENY, LIST_OBJECTS):
        raise _wrong("bucketListingAction", f"bucketListingAction must be {DENY} or {LIST_OBJECTS}.")
    if asked.listing == LIST_OBJECTS and access not in LISTABLE:
        raise _wrong("bucketListingAction", f"bucketListingAction {LIST_OBJECTS} needs accessType {' or '.join(sorted(LISTABLE))}.")
    expires_ms = parse_expiry(asked.time_expires)
    if expires_ms <= now_ms:
        raise _wrong("timeExpires", "timeExpires must be in the future.")
    token = new_token()
    id = b64encode(token_bytes(TOKEN_BYTES)).decode("ascii")
    par = Par(
        id=f"{id}:{target}" if access in SINGLE else id,
        bucket_id=bucket.id,
        namespace=bucket.namespace,
        bucket=bucket.name,
        name=name,
        access=access,
        target=target,
        listing=asked.listing == LIST_OBJECTS,
        creator=creator,
        created_ms=now_ms,
        expires_ms=expires_ms,
        digest=digest_of(token),
    )
    return par, token


async def create_par(catalog: Catalog, par: Par) -> Par:
    """Stores it. Errors: NoSuchBucket when the bucket went meanwhile."""
    try:
        return await catalog.create_par(par)
    except Gone:
        raise NoSuchBucket(None, BucketName=par.bucket) from None


def _wrong(member: str, message: str) -> InvalidArgument:
    return InvalidArgument(message, ArgumentName=member)
