"""Access control lists as pure data: grants, the groups and canned lists that S3 knows, and the one form in which a list is stored.

Source: S3 User Guide, "Access control list (ACL) overview". A stored list is compact JSON, pairs of grantee and permission; a grantee is
the URI of a group, or "=" and a canonical id. "" is the private list: the owner has full control and nobody else has anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import msgspec

READ, WRITE, READ_ACP, WRITE_ACP, FULL_CONTROL = "READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"
PERMISSIONS = (READ, WRITE, READ_ACP, WRITE_ACP, FULL_CONTROL)

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
GROUPS = frozenset((ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY))
PUBLIC_GROUPS = frozenset((ALL_USERS, AUTHENTICATED_USERS))

SETTING = "acl"
"""The name of a list among a bucket's settings, and in the `extra` facts of a version."""
GRANTS_MAX = 100
"""S3 User Guide: an ACL can have up to 100 grants."""


class Grant(NamedTuple):
    """One permission for one grantee."""

    grantee: str
    permission: str

    @property
    def canonical_id(self) -> str:
        """The canonical id of the grantee; "" for a group."""
        return self.grantee[1:] if self.grantee[0] == "=" else ""


Acl = tuple[Grant, ...]

_GRANTS = msgspec.json.Decoder(tuple[Grant, ...])


def to(canonical_id: str, permission: str) -> Grant:
    """A grant to the identity with that canonical id."""
    return Grant("=" + canonical_id, permission)


def private(owner: str) -> Acl:
    """The list of what nobody else may touch."""
    return (to(owner, FULL_CONTROL),)


def stored(grants: Iterable[Grant], owner: str) -> str:
    """The stored form of a list: groups first, none twice; "" for the private list of `owner`."""
    ordered = dict.fromkeys(sorted(grants, key=lambda grant: grant.grantee[0] == "="))
    return "" if tuple(ordered) == private(owner) else msgspec.json.encode(tuple(ordered)).decode()


@lru_cache(4096)
def _read(text: str) -> Acl:
    return _GRANTS.decode(text)


def grants_of(text: str, owner: str) -> Acl:
    """The grants of a stored list of something that `owner` owns."""
    return _read(text) if text else private(owner)


def is_public(grants: Iterable[Grant]) -> bool:
    """Whether a list grants anything to everybody, or to everybody with a key (S3 User Guide, "The meaning of public")."""
    return any(grant.grantee in PUBLIC_GROUPS for grant in grants)


def permits(grants: Acl, permission: str, canonical_id: str, *, public: bool = True) -> bool:
    """Whether a list gives `permission` to a caller: `canonical_id` "" is an anonymous one, and counts as everybody only.

    Without `public`, grants to everybody and to everybody with a key count for nothing."""
    identity = "=" + canonical_id if canonical_id else ALL_USERS
    for grantee, granted in grants:
        if granted in (permission, FULL_CONTROL):
            if grantee == identity and (public or canonical_id):
                return True
            if public and (grantee == ALL_USERS or (canonical_id and grantee == AUTHENTICATED_USERS)):
                return True
    return False


_TO_GROUPS: dict[str, Acl] = {
    "private": (),
    "public-read": (Grant(ALL_USERS, READ),),
    "public-read-write": (Grant(ALL_USERS, READ), Grant(ALL_USERS, WRITE)),
    "authenticated-read": (Grant(AUTHENTICATED_USERS, READ),),
    "log-delivery-write": (Grant(LOG_DELIVERY, WRITE), Grant(LOG_DELIVERY, READ_ACP)),
    "aws-exec-read": (),  # for EC2 to fetch machine images; there is no EC2 beside this store, so it lets nobody in
    "bucket-owner-read": (),
    "bucket-owner-full-control": (),
}
BUCKET_OWNER_FULL_CONTROL = "bucket-owner-full-control"
_TO_BUCKET_OWNER = {"bucket-owner-read": READ, BUCKET_OWNER_FULL_CONTROL: FULL_CONTROL}
CANNED_FOR_BUCKETS = frozenset(_TO_GROUPS) - frozenset(_TO_BUCKET_OWNER)
CANNED_FOR_OBJECTS = frozenset(_TO_GROUPS) - {"log-delivery-write"}


def canned(name: str, owner: str, bucket_owner: str) -> Acl:
    """The grants of a canned list for something of `owner` in a bucket of `bucket_owner`; the name must be a known one."""
    grants = (*_TO_GROUPS[name], to(owner, FULL_CONTROL))
    permission = _TO_BUCKET_OWNER.get(name)
    return (*grants, to(bucket_owner, permission)) if permission and bucket_owner != owner else grants
