"""The users, keys and buckets that a TOML file declares."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from holdfast.engine.api import AlreadyExists, Catalog, Stale
from holdfast.identities.directory import Directory
from holdfast.identities.documents import Taken, Unknown
from holdfast.identities.first_start import ADMINISTRATOR, ensure_administrators
from holdfast.model.buckets import Bucket, is_bucket_name
from holdfast.model.identity import User

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


async def apply(declared: Declared, directory: Directory, catalog: Catalog, *, region: str, now_ms: int) -> list[str]:
    """Makes the store hold what the file declares; nothing is taken away. Says what was changed: a second time, nothing.

    Errors: BootstrapError when something else already has a declared name, id or key; EngineError.
    """
    changes: list[str] = []
    for wanted in declared.users:
        try:
            user = await _apply_user(wanted, directory, now_ms, changes)
            for key in wanted.keys:
                await _apply_key(key, user, directory, now_ms, changes)
        except (Taken, Unknown, Stale) as error:
            raise BootstrapError(f"user {wanted.name!r}: {error or 'it changes at the same time'}") from None
    for bucket in declared.buckets:
        await _apply_bucket(bucket, directory, catalog, region, now_ms, changes)
    return changes


async def _apply_user(wanted: DeclaredUser, directory: Directory, now_ms: int, changes: list[str]) -> User:
    users, rights = directory.users, "none" if wanted.rights == "all" else wanted.rights
    found = await users.by_name(wanted.name)
    if found is None:
        made = User(
            id="",
            name=wanted.name,
            canonical_id=wanted.canonical_id,
            display_name=wanted.display_name,
            email=wanted.email,
            rights=rights,
            created_ms=now_ms,
        )
        changes.append(f"made user {wanted.name}")
        user = await users.create_user(made)
    else:
        user = msgspec.structs.replace(
            found,
            canonical_id=wanted.canonical_id or found.canonical_id,
            display_name=wanted.display_name or wanted.name,
            email=wanted.email,
            rights=rights,
        )
        if user != found:
            changes.append(f"changed user {wanted.name}")
            await users.change_user(user)
    if wanted.rights == "all":
        await _apply_administrator(user, directory, now_ms, changes)
    return user


async def _apply_administrator(user: User, directory: Directory, now_ms: int, changes: list[str]) -> None:
    tenancy = await directory.tenancies.get(user.tenancy)
    if tenancy is None:
        raise Unknown(f"there is no tenancy {user.tenancy!r}")
    group = await ensure_administrators(directory, tenancy, now_ms)
    if all(membership.group != group.id for membership in user.memberships):
        await directory.groups.add_user(group.id, user.id, now_ms)
        changes.append(f"added user {user.name} to group {group.name}")


async def _apply_key(wanted: DeclaredKey, user: User, directory: Directory, now_ms: int, changes: list[str]) -> None:
    found = await directory.keys.credential(wanted.access_key)
    if found is None:
        await directory.keys.create(user.id, now_ms, wanted.access_key, wanted.secret_key)
        changes.append(f"made key {wanted.access_key}")
    elif found.user.id != user.id:
        raise Taken(f"the access key {wanted.access_key!r} belongs to user {found.user.name!r}")
    elif found.secret != wanted.secret_key:
        await directory.keys.set_secret(wanted.access_key, wanted.secret_key)
        changes.append(f"changed the secret of key {wanted.access_key}")


async def _apply_bucket(wanted: DeclaredBucket, directory: Directory, catalog: Catalog, region: str, now_ms: int, changes: list[str]) -> None:
    owner = await directory.users.by_name(wanted.owner)
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
