"""What must exist from the start: the administrator, and the users, keys and buckets that a TOML file declares."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from holdfast.engine.api import AlreadyExists, Catalog, Registry, Stale
from holdfast.identities.users import Taken, Users, new_canonical_id
from holdfast.model.buckets import Bucket, is_bucket_name
from holdfast.model.identity import User

ADMINISTRATOR = "administrator"
_SECRET_CHARACTERS_MIN = 8


class BootstrapError(Exception):
    """The bootstrap file cannot be applied; the message says where and why."""


class DeclaredKey(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[[users.keys]]`: a fixed key."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        """Without the secret: it must not get into a log or a traceback."""
        return f"DeclaredKey(access_key={self.access_key!r})"


class DeclaredUser(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`[[users]]`. What is left out is made, and then kept: `display_name` is the name, `canonical_id` is random."""

    name: str
    display_name: str = ""
    canonical_id: str = ""
    email: str = ""
    rights: Literal["all", "own-buckets", "none"] = "own-buckets"
    keys: tuple[DeclaredKey, ...] = ()


class DeclaredBucket(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`[[buckets]]`: `owner` is the name of a user; `versioning` is only set where it is given."""

    name: str
    owner: str
    versioning: Literal["", "Enabled", "Suspended"] = ""


class Declared(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A whole bootstrap file."""

    users: tuple[DeclaredUser, ...] = ()
    buckets: tuple[DeclaredBucket, ...] = ()


class Administrator(msgspec.Struct, frozen=True):
    """The administrator's access key, and its secret if it was made just now and must be shown once, else ""."""

    access_key: str
    secret: str = ""

    def __repr__(self) -> str:
        """Without the secret: it must not get into a log or a traceback."""
        return f"Administrator(access_key={self.access_key!r})"


def parse(text: str, origin: str) -> Declared:
    """A bootstrap file read strictly. Errors: BootstrapError names the file, the place (`users[1].keys[0]`) and the fault."""
    try:
        declared = msgspec.convert(tomllib.loads(text), Declared)
    except tomllib.TOMLDecodeError as error:
        raise BootstrapError(f"{origin}: {error}") from None
    except msgspec.ValidationError as error:
        fault, _, place = str(error).partition(" - at `$")
        raise BootstrapError(f"{origin}: {place.rstrip('`').lstrip('.') or 'the file'}: {fault}") from None
    _unique(origin, "users", "name", [user.name for user in declared.users])
    _unique(origin, "users", "canonical_id", [user.canonical_id for user in declared.users])
    _unique(origin, "users", "email", [user.email.lower() for user in declared.users])
    _unique(origin, "users.keys", "access_key", [key.access_key for user in declared.users for key in user.keys])
    _unique(origin, "buckets", "name", [bucket.name for bucket in declared.buckets])
    for at, user in enumerate(declared.users):
        if not user.name or user.name == ADMINISTRATOR:
            raise BootstrapError(f"{origin}: users[{at}].name: {user.name!r} cannot be the name of a declared user")
        for nth, key in enumerate(user.keys):
            if not key.access_key or len(key.secret_key) < _SECRET_CHARACTERS_MIN:
                raise BootstrapError(
                    f"{origin}: users[{at}].keys[{nth}]: a key needs an access_key, and a secret_key of {_SECRET_CHARACTERS_MIN} characters or more"
                )
    for at, bucket in enumerate(declared.buckets):
        if not is_bucket_name(bucket.name):
            raise BootstrapError(f"{origin}: buckets[{at}].name: {bucket.name!r} is not a bucket name")
    return declared


def read(path: Path) -> Declared:
    """Errors: BootstrapError."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BootstrapError(f"{path}: {error}") from None


def _unique(origin: str, place: str, field: str, values: list[str]) -> None:
    seen: set[str] = set()
    for at, value in enumerate(values):
        if value and value in seen:
            raise BootstrapError(f"{origin}: {place}[{at}].{field}: {value!r} is declared twice")
        seen.add(value)


async def apply(declared: Declared, users: Users, catalog: Catalog, *, region: str, now_ms: int) -> list[str]:
    """Makes the store hold what the file declares; nothing is taken away. Says what was changed: a second time, nothing.

    Errors: BootstrapError when something else already has a declared name, id or key; EngineError.
    """
    changes: list[str] = []
    for wanted in declared.users:
        try:
            user = await _apply_user(wanted, users, changes)
            for key in wanted.keys:
                await _apply_key(key, user, users, now_ms, changes)
        except (Taken, Stale) as error:
            raise BootstrapError(f"user {wanted.name!r}: {error or 'it changes at the same time'}") from None
    for bucket in declared.buckets:
        await _apply_bucket(bucket, users, catalog, region, now_ms, changes)
    return changes


async def _apply_user(wanted: DeclaredUser, users: Users, changes: list[str]) -> User:
    found = await users.by_name(wanted.name)
    if found is None:
        canonical_id = wanted.canonical_id or new_canonical_id()
        display_name = wanted.display_name or wanted.name
        made = User(id=canonical_id, name=wanted.name, canonical_id=canonical_id, display_name=display_name, email=wanted.email, rights=wanted.rights)
        changes.append(f"made user {wanted.name}")
        return await users.create_user(made)
    changed = msgspec.structs.replace(
        found,
        canonical_id=wanted.canonical_id or found.canonical_id,
        display_name=wanted.display_name or wanted.name,
        email=wanted.email,
        rights=wanted.rights,
    )
    if changed != found:
        changes.append(f"changed user {wanted.name}")
        await users.change_user(changed)
    return changed


async def _apply_key(wanted: DeclaredKey, user: User, users: Users, now_ms: int, changes: list[str]) -> None:
    found = await users.credential(wanted.access_key)
    if found is None:
        await users.create_key(user.id, now_ms, access_key=wanted.access_key, secret=wanted.secret_key)
        changes.append(f"made key {wanted.access_key}")
    elif found.user.id != user.id:
        raise Taken(f"the access key {wanted.access_key!r} belongs to user {found.user.name!r}")
    elif found.secret != wanted.secret_key:
        await users.change_key(wanted.access_key, secret=wanted.secret_key)
        changes.append(f"changed the secret of key {wanted.access_key}")


async def _apply_bucket(wanted: DeclaredBucket, users: Users, catalog: Catalog, region: str, now_ms: int, changes: list[str]) -> None:
    owner = await users.by_name(wanted.owner)
    if owner is None:
        raise BootstrapError(f"bucket {wanted.name!r}: there is no user {wanted.owner!r}")
    found = await catalog.bucket(owner.namespace, wanted.name)
    if found is None:
        bucket = Bucket(
            namespace=owner.namespace, name=wanted.name, region=region, owner=owner.canonical_id, created_ms=now_ms, versioning=wanted.versioning
        )
        try:
            await catalog.create_bucket(bucket)
        except AlreadyExists:
            raise BootstrapError(f"bucket {wanted.name!r} is being made at the same time") from None
        changes.append(f"made bucket {wanted.name}")
        return
    if found.owner != owner.canonical_id:
        raise BootstrapError(f"bucket {wanted.name!r} exists and belongs to somebody else than {wanted.owner!r}")
    if wanted.versioning and found.versioning != wanted.versioning:
        await catalog.change_bucket(msgspec.structs.replace(found, versioning=wanted.versioning))
        changes.append(f"changed bucket {wanted.name}")


async def ensure_administrator(users: Users, registry: Registry, *, access_key: str, secret: str, now_ms: int) -> Administrator:
    """The administrator with a key: the one given (a changed secret is an update), or one made at the first start.

    Errors: BootstrapError when the access key belongs to somebody else.
    """
    user = await users.user(ADMINISTRATOR)
    found = await registry.get("administrator", "key")
    if user is None:
        user = User(id=ADMINISTRATOR, name=ADMINISTRATOR, canonical_id=new_canonical_id(), display_name=ADMINISTRATOR, rights="all")
        await users.create_user(user)
    if access_key:
        try:
            await _apply_key(DeclaredKey(access_key, secret), user, users, now_ms, [])
        except Taken as taken:
            raise BootstrapError(f"administrator: {taken}") from None
        if found is None or found.value.decode() != access_key:
            await registry.put("administrator", "key", access_key.encode())
        return Administrator(access_key)
    if found is not None and await users.key(found.value.decode()) is not None:
        return Administrator(found.value.decode())
    made = await users.create_key(ADMINISTRATOR, now_ms)
    await registry.put("administrator", "key", made.access_key.encode())
    return Administrator(made.access_key, made.secret)
