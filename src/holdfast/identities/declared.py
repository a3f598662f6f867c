"""The bootstrap file as it is read: every table and field that it may hold."""

from __future__ import annotations

import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from holdfast.identities.first_start import ADMINISTRATOR
from holdfast.model.buckets import is_bucket_name
from holdfast.model.identity import looks_like_token
from holdfast.model.names import NAME, ORGANISATION_NAME, SAYS, USER_NAME

_SECRET_CHARACTERS_MIN = 8
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_FORMS = {"users": USER_NAME, "service_accounts": USER_NAME, "organisations": ORGANISATION_NAME}
_TOKEN = re.compile(r"hft_[A-Za-z0-9_-]{32,120}")
Status = Literal["ACTIVE", "INACTIVE"]


class BootstrapError(Exception):
    """The bootstrap file cannot be applied; the message says where and why."""


class DeclaredKey(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[[users.keys]]`: a fixed key. `expires` is a moment with its offset from UTC."""

    access_key: str
    secret_key: str
    display_name: str = ""
    status: Status = "ACTIVE"
    expires: datetime | None = None

    def __repr__(self) -> str:
        """Without the secret: it must not get into a log or a traceback."""
        return f"DeclaredKey(access_key={self.access_key!r})"


class DeclaredToken(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[[users.tokens]]`: a fixed access token, "hft_" and 32 characters or more; `organisation` is the name of one that declares the user, or ""."""

    token: str
    organisation: str = ""

    def __repr__(self) -> str:
        """Without the token: it must not get into a log or a traceback."""
        return f"DeclaredToken(organisation={self.organisation!r})"


class DeclaredRole(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[[users.roles]]`: `target` is the path of a compartment ("a:b"), the name of a bucket, or "" for the tenancy."""

    role: str
    scope: Literal["tenancy", "compartment", "bucket"] = "tenancy"
    target: str = ""


class DeclaredServiceAccount(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`[[service_accounts]]`. `tenancy` is a name, "" for the one of the first start; `compartment` a path, "" for the root."""

    name: str
    tenancy: str = ""
    compartment: str = ""
    description: str = ""
    display_name: str = ""
    canonical_id: str = ""
    rights: Literal["all", "own-buckets", "none"] = "none"
    status: Status = "ACTIVE"
    keys: tuple[DeclaredKey, ...] = ()
    api_keys: tuple[str, ...] = ()
    roles: tuple[DeclaredRole, ...] = ()


class DeclaredUser(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`[[users]]`. What is left out is made, and then kept: `display_name` is the name, `canonical_id` is random. `rights` "all" is membership of
    the group Administrators. `api_keys` are public keys in PEM; `password_env` names the environment variable with the password."""

    name: str
    tenancy: str = ""
    description: str = ""
    display_name: str = ""
    canonical_id: str = ""
    email: str = ""
    rights: Literal["all", "own-buckets", "none"] = "own-buckets"
    status: Status = "ACTIVE"
    password_env: str = ""
    keys: tuple[DeclaredKey, ...] = ()
    api_keys: tuple[str, ...] = ()
    tokens: tuple[DeclaredToken, ...] = ()
    roles: tuple[DeclaredRole, ...] = ()


class DeclaredTenancy(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`[[tenancies]]`: `s3_compartment` is the path of the compartment of buckets that are made through S3, "" the root."""

    name: str
    namespace: str
    description: str = ""
    s3_compartment: str = ""


class DeclaredCompartment(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`[[compartments]]`: `path` is all names from the root down ("projects:alpha"); those above it must be declared before it, or be there."""

    path: str
    tenancy: str = ""
    description: str = ""


class DeclaredGroup(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`[[groups]]`: `members` are names of users and service accounts."""

    name: str
    tenancy: str = ""
    description: str = ""
    members: tuple[str, ...] = ()
    roles: tuple[DeclaredRole, ...] = ()


class DeclaredPolicy(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`[[policies]]`: attached to `compartment`, a path, "" the root."""

    name: str
    statements: tuple[str, ...]
    tenancy: str = ""
    compartment: str = ""
    description: str = ""
    version_date: str = ""


class DeclaredOrganisation(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`[[organisations]]`: `members` are names of users, each of which is the S3 identity `<user>_<organisation>` in it; `managers` those of them who
    decide on who joins. `joining` "request": users see it and may ask to be enrolled."""

    name: str
    tenancy: str = ""
    display_name: str = ""
    description: str = ""
    joining: Literal["closed", "request", ""] = ""
    members: tuple[str, ...] = ()
    managers: tuple[str, ...] = ()


class DeclaredBucket(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`[[buckets]]`: `owner` is the name of a user in `tenancy`; `compartment` a path for one that is made; `versioning` is only set where given."""

    name: str
    owner: str
    tenancy: str = ""
    compartment: str = ""
    versioning: Literal["", "Enabled", "Suspended"] = ""


class DeclaredEncryptionKey(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`[[encryption_keys]]`: a key of the key service, of random material; one that exists stays as it is."""

    id: str
    description: str = ""


class Declared(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A whole bootstrap file."""

    tenancies: tuple[DeclaredTenancy, ...] = ()
    compartments: tuple[DeclaredCompartment, ...] = ()
    users: tuple[DeclaredUser, ...] = ()
    service_accounts: tuple[DeclaredServiceAccount, ...] = ()
    groups: tuple[DeclaredGroup, ...] = ()
    policies: tuple[DeclaredPolicy, ...] = ()
    organisations: tuple[DeclaredOrganisation, ...] = ()
    buckets: tuple[DeclaredBucket, ...] = ()
    encryption_keys: tuple[DeclaredEncryptionKey, ...] = ()


def parse(text: str, origin: str) -> Declared:
    """A bootstrap file read strictly. Errors: BootstrapError names the file, the place (`users[1].keys[0]`) and the fault."""
    try:
        declared = msgspec.convert(tomllib.loads(text), Declared)
    except tomllib.TOMLDecodeError as error:
        raise BootstrapError(f"{origin}: {error}") from None
    except msgspec.ValidationError as error:
        fault, _, place = str(error).partition(" - at `$")
        raise BootstrapError(f"{origin}: {place.rstrip('`').lstrip('.') or 'the file'}: {fault}") from None
    _check_uniqueness(origin, declared)
    for at, user in enumerate(declared.users):
        if user.name == ADMINISTRATOR and not user.tenancy:
            raise BootstrapError(f"{origin}: users[{at}].name: {user.name!r} cannot be the name of a declared user")
        for nth, token in enumerate(user.tokens):
            if _TOKEN.fullmatch(token.token) is None:
                raise BootstrapError(f'{origin}: users[{at}].tokens[{nth}]: a token is "hft_" and 32 to 120 letters, digits, "_" and "-"')
    people: dict[str, tuple[DeclaredUser | DeclaredServiceAccount, ...]] = {"users": declared.users, "service_accounts": declared.service_accounts}
    for place, holders in people.items():
        for at, holder in enumerate(holders):
            for nth, key in enumerate(holder.keys):
                _check_key(f"{origin}: {place}[{at}].keys[{nth}]", key)
    for at, tenancy in enumerate(declared.tenancies):
        if _NAMESPACE.fullmatch(tenancy.namespace) is None:
            raise BootstrapError(f"{origin}: tenancies[{at}].namespace: {tenancy.namespace!r} is not a namespace (letters, digits, '_', '.', '-')")
    for at, compartment in enumerate(declared.compartments):
        if not all(re.match(NAME, name) for name in compartment.path.split(":")):
            raise BootstrapError(f"{origin}: compartments[{at}].path: {compartment.path!r} cannot be a path of names: each has {SAYS[NAME]}")
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


def _check_uniqueness(origin: str, declared: Declared) -> None:
    people: list[DeclaredUser | DeclaredServiceAccount] = [*declared.users, *declared.service_accounts]
    keys = [key.access_key for holder in people for key in holder.keys]
    for place in ("tenancies", "users", "service_accounts", "groups", "policies", "organisations", "buckets"):
        seen: set[tuple[str, str]] = set()
        for at, row in enumerate(getattr(declared, place)):
            name = (getattr(row, "tenancy", ""), row.name if place in ("users", "service_accounts") else row.name.lower())
            form = _FORMS.get(place, NAME)
            if place != "buckets" and re.match(form, row.name) is None:
                raise BootstrapError(f"{origin}: {place}[{at}].name: {row.name!r} cannot be a name: it has {SAYS[form]}")
            if name in seen:
                raise BootstrapError(f"{origin}: {place}[{at}].name: {row.name!r} is declared twice")
            seen.add(name)
    _unique(origin, "tenancies", "namespace", [tenancy.namespace for tenancy in declared.tenancies])
    _unique(origin, "compartments", "path", [f"{row.tenancy}/{row.path.lower()}" for row in declared.compartments])
    _unique(origin, "users", "canonical_id", [holder.canonical_id for holder in people])
    _unique(origin, "users", "email", [user.email.lower() for user in declared.users])
    _unique(origin, "users.keys", "access_key", keys)


def _unique(origin: str, place: str, field: str, values: list[str]) -> None:
    seen: set[str] = set()
    for at, value in enumerate(values):
        if value and value in seen:
            raise BootstrapError(f"{origin}: {place}[{at}].{field}: {value!r} is declared twice")
        seen.add(value)


def _check_key(place: str, key: DeclaredKey) -> None:
    if not key.access_key or len(key.secret_key) < _SECRET_CHARACTERS_MIN:
        raise BootstrapError(f"{place}: a key needs an access_key, and a secret_key of {_SECRET_CHARACTERS_MIN} characters or more")
    if looks_like_token(key.access_key):
        raise BootstrapError(f"{place}: an access_key cannot have the form of an access token")
    if key.expires is not None and key.expires.tzinfo is None:
        raise BootstrapError(f"{place}: expires needs an offset from UTC, for example 2030-01-01T00:00:00Z")
