"""Brings users of a store made before there were tenancies up to date: an OCID, a tenancy, and membership in the place of rights "all".

Only the preparing process does this, before any other is there. Each user is done in an order that can be begun again at any point.
"""

from __future__ import annotations

import msgspec

from holdfast.identities.directory import Directory
from holdfast.identities.documents import under
from holdfast.model.identity import Group, Key, Membership, Tenancy, User
from holdfast.model.ocids import derived_ocid

_USER = msgspec.json.Decoder(User)
_KEY = msgspec.json.Decoder(Key)


async def upgrade(directory: Directory, tenancy: Tenancy, administrators: Group | None, now_ms: int) -> int:
    """How many users were brought up to date. Errors: EngineError."""
    registry = directory.registry
    old = [_USER.decode(document.value) async for document in under(registry, "user")]
    old = [user for user in old if not user.tenancy]
    for user in old:
        new = _renewed(user, tenancy, administrators, now_ms)
        await registry.put("user", new.id, msgspec.json.encode(new))
        for membership in new.memberships:
            await registry.put("membership", membership.id, new.id.encode())
        for document in [document async for document in under(registry, "key") if _KEY.decode(document.value).user_id == user.id]:
            key = msgspec.structs.replace(_KEY.decode(document.value), user_id=new.id)
            await registry.put("key", document.name, msgspec.json.encode(key))
        leads = [("name", f"{tenancy.id}/{new.name}"), ("canonical", new.canonical_id), ("email", new.email.lower())]
        for kind, name in leads:
            if name:
                await registry.put(kind, name, new.id.encode())
        if user.id == "administrator":
            await registry.put("administrator", "user", new.id.encode())
        await registry.delete("user", user.id)  # last: until now all of this is done again
    return len(old)


def _renewed(user: User, tenancy: Tenancy, administrators: Group | None, now_ms: int) -> User:
    memberships = user.memberships
    if user.rights == "all" and administrators is not None:
        id = derived_ocid("groupmembership", user.id, administrators.id)
        memberships = (Membership(id=id, group=administrators.id, created_ms=now_ms),)
    return msgspec.structs.replace(
        user,
        id=derived_ocid("user", user.id),
        tenancy=tenancy.id,
        namespace=tenancy.namespace,
        rights="none" if memberships else user.rights,
        memberships=memberships,
        created_ms=user.created_ms or now_ms,
    )
