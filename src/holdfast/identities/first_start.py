"""What must exist from the first start: a tenancy, the group and policy of its administrators, and the administrator with a key."""

from __future__ import annotations

import msgspec

from holdfast.identities.directory import Directory
from holdfast.identities.documents import Taken
from holdfast.identities.upgrade import upgrade
from holdfast.model.identity import Group, Tenancy, User

TENANCY, NAMESPACE = "holdfast", "default"
ADMINISTRATOR = "administrator"
ADMINISTRATORS = "Administrators"
STATEMENT = "Allow group Administrators to manage all-resources in tenancy"
_DONE = ("first-start", "done")


class FirstStartError(Exception):
    """What must exist cannot be made; the message says why."""


class Administrator(msgspec.Struct, frozen=True):
    """The administrator's access key, and its secret if it was made just now and must be shown once, else ""."""

    access_key: str
    secret: str = ""

    def __repr__(self) -> str:
        """Without the secret: it must not get into a log or a traceback."""
        return f"Administrator(access_key={self.access_key!r})"


async def ensure_first(directory: Directory, *, access_key: str, secret: str, now_ms: int) -> Administrator:
    """Makes what is missing, brings a store of an older version up to date, and gives the administrator's key: the one given (a changed
    secret is an update), or one made at the first start.

    Group, policy and membership are made at the first start, and again when a key is given: so an administrator who locked
    himself out gets in again. Errors: FirstStartError when the access key belongs to somebody else; EngineError.
    """
    registry = directory.registry
    tenancy = await _tenancy(directory, now_ms)
    again = bool(access_key) or await registry.get(*_DONE) is None
    group = await ensure_administrators(directory, tenancy, now_ms) if again else await directory.groups.by_name(tenancy.id, ADMINISTRATORS)
    await upgrade(directory, tenancy, group, now_ms)
    user = await _administrator(directory, tenancy, now_ms)
    if again and group is not None and all(membership.group != group.id for membership in user.memberships):
        await directory.groups.add_user(group.id, user.id, now_ms)
    found = await _key(directory, user, access_key, secret, now_ms)
    if await registry.get(*_DONE) is None:
        await registry.put(*_DONE, b"")
    return found


async def _tenancy(directory: Directory, now_ms: int) -> Tenancy:
    tenancies = directory.tenancies
    found = await tenancies.get(await tenancies.default_id())
    if found is None:
        found = await tenancies.by_name(TENANCY) or await tenancies.create(TENANCY, NAMESPACE, now_ms)
        await tenancies.make_default(found.id)
    return found


async def ensure_administrators(directory: Directory, tenancy: Tenancy, now_ms: int) -> Group:
    """The group of a tenancy's administrators, with its policy."""
    group = await directory.groups.by_name(tenancy.id, ADMINISTRATORS)
    if group is None:
        group = await directory.groups.create(tenancy.id, ADMINISTRATORS, "Who may do everything in the tenancy", now_ms)
    policy = await directory.policies.by_name(tenancy.id, ADMINISTRATORS)
    if policy is None:
        description = "Lets the group Administrators do everything in the tenancy"
        await directory.policies.create(tenancy.id, tenancy.id, ADMINISTRATORS, (STATEMENT,), description, now_ms)
    elif STATEMENT not in policy.statements:
        await directory.policies.change(msgspec.structs.replace(policy, statements=(*policy.statements, STATEMENT)))
    return group


async def _administrator(directory: Directory, tenancy: Tenancy, now_ms: int) -> User:
    registry, users = directory.registry, directory.users
    found = await registry.get("administrator", "user")
    user = None if found is None else await users.user(found.value.decode())
    if user is None:
        user = await users.by_name(ADMINISTRATOR, tenancy.id)
        if user is None:
            made = User(
                id="", name=ADMINISTRATOR, canonical_id="", display_name=ADMINISTRATOR, tenancy=tenancy.id, rights="none", created_ms=now_ms
            )
            user = await users.create_user(made)
        await registry.put("administrator", "user", user.id.encode())
    return user


async def _key(directory: Directory, user: User, access_key: str, secret: str, now_ms: int) -> Administrator:
    registry, keys = directory.registry, directory.keys
    found = await registry.get("administrator", "key")
    if access_key:
        credential = await keys.credential(access_key)
        if credential is None:
            try:
                await keys.create(user.id, now_ms, access_key, secret)
            except Taken as taken:
                raise FirstStartError(f"administrator: {taken}") from None
        elif credential.user.id != user.id:
            raise FirstStartError(f"administrator: the access key {access_key!r} belongs to user {credential.user.name!r}")
        elif credential.secret != secret:
            await keys.set_secret(access_key, secret)
        if found is None or found.value.decode() != access_key:
            await registry.put("administrator", "key", access_key.encode())
        return Administrator(access_key)
    if found is not None and await keys.get(found.value.decode()) is not None:
        return Administrator(found.value.decode())
    made = await keys.create(user.id, now_ms)
    await registry.put("administrator", "key", made.access_key.encode())
    return Administrator(made.access_key, made.secret)
