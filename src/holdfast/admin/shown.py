"""How what the store knows is shown by the administration API: OCI's names in kebab case, times in RFC 3339, never a secret.

The only types with a secret in them are the `New...` ones, which the route that made it answers, once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from holdfast.admin.route import Shown
from holdfast.model import identity
from holdfast.model.identity import ACTIVE


def moment(ms: int) -> str | None:
    """RFC 3339 with milliseconds and +00:00; None for 0, which means never."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds") if ms else None


class Tenancy(Shown):
    id: str
    name: str
    namespace: str
    description: str
    s3_compartment_id: str
    time_created: str | None


class Compartment(Shown):
    id: str
    name: str
    description: str
    compartment_id: str
    """Its parent; the tenancy's for one right below the root, "" for the root."""
    tenancy_id: str
    lifecycle_state: str
    time_created: str | None


class Enrolment(Shown):
    organisation_id: str
    user_id: str
    s3_user: str
    """The S3 identity that the user is there: owner of buckets, name in access control lists."""
    manager: bool
    time_created: str | None


class User(Shown):
    id: str
    name: str
    display_name: str
    email: str
    description: str
    compartment_id: str
    canonical_id: str
    rights: str
    lifecycle_state: str
    subject: str
    """The issuer by which he signs in, and its name for him."""
    groups: list[str]
    organisations: list[Enrolment]
    time_created: str | None


class ServiceAccount(Shown):
    id: str
    name: str
    description: str
    compartment_id: str
    canonical_id: str
    lifecycle_state: str
    time_created: str | None


class Group(Shown):
    id: str
    name: str
    description: str
    compartment_id: str
    time_created: str | None


class Membership(Shown):
    id: str
    group_id: str
    user_id: str
    lifecycle_state: str
    time_created: str | None


class Policy(Shown):
    id: str
    name: str
    description: str
    compartment_id: str
    statements: list[str]
    version_date: str | None
    time_created: str | None


class Role(Shown):
    name: str
    permissions: list[str]
    actions: list[str]


class RoleBinding(Shown):
    role: str
    principal_id: str
    principal: str
    scope: str
    target: str
    """The OCID of a tenancy or compartment, the store's number of a bucket."""
    time_created: str | None


class Key(Shown):
    id: str
    display_name: str
    user_id: str
    lifecycle_state: str
    time_created: str | None
    time_expires: str | None


class NewKey(Key):
    key: str
    """The secret: shown only here."""


class NewTenancy(Tenancy):
    administrator: NewKey | None
    """The key of the administrator who was made with it: its secret is shown only here."""


class ApiKey(Shown):
    fingerprint: str
    key_id: str
    """What signatures of the OCI name: tenancy, user and fingerprint."""
    key_value: str
    user_id: str
    lifecycle_state: str
    time_created: str | None


class Session(Shown):
    user_id: str
    token: str | None
    """The bearer of the session, shown only here; None where it came as a cookie."""
    time_expires: str | None


class HasPassword(Shown):
    user_id: str
    has_password: bool


class Explained(Shown):
    who: str
    principal: str
    action: str
    resource: str
    allowed: bool
    because: str
    permissions: list[str]
    said: list[dict[str, str]]
    """What each policy said, as identity, resource or limit."""
    suggestion: str
    """The smallest change that would allow it."""


class Recorded(Shown):
    request_id: str
    access: dict[str, Any]
    audit: list[dict[str, Any]]
    explained: Explained | None
    """How the same question is decided now."""


class Token(Shown):
    id: str
    display_name: str
    user_id: str
    organisation_id: str
    s3_user: str
    lifecycle_state: str
    time_created: str | None
    time_expires: str | None


class NewToken(Token):
    token: str
    """The secret: shown only here."""


class Organisation(Shown):
    id: str
    name: str
    display_name: str
    description: str
    compartment_id: str
    joining: str
    time_created: str | None


class Deleted(Shown):
    deleted: str


class WhoAmI(Shown):
    id: str
    name: str
    kind: str
    tenancy_id: str
    tenancy: str
    namespace: str
    canonical_id: str
    how: str
    region: str
    """The region of the store."""


def tenancy(found: identity.Tenancy) -> Tenancy:
    return Tenancy(
        id=found.id,
        name=found.name,
        namespace=found.namespace,
        description=found.description,
        s3_compartment_id=found.s3_compartment or found.id,
        time_created=moment(found.created_ms),
    )


def compartment(found: identity.Compartment) -> Compartment:
    return Compartment(
        id=found.id,
        name=found.name,
        description=found.description,
        compartment_id=found.parent,
        tenancy_id=found.tenancy,
        lifecycle_state=found.status,
        time_created=moment(found.created_ms),
    )


def enrolment(found: identity.Enrolment, user_id: str) -> Enrolment:
    return Enrolment(
        organisation_id=found.organisation, user_id=user_id, s3_user=found.canonical_id, manager=found.manager,
        time_created=moment(found.created_ms),
    )  # fmt: skip


def user(found: identity.User) -> User:
    return User(
        id=found.id,
        name=found.name,
        display_name=found.display_name,
        email=found.email,
        description=found.description,
        compartment_id=found.tenancy,
        canonical_id=found.canonical_id,
        rights=found.rights,
        lifecycle_state=found.status,
        subject=found.subject,
        groups=[membership.group for membership in found.memberships],
        organisations=[enrolment(each, found.id) for each in found.enrolments],
        time_created=moment(found.created_ms),
    )


def robot(found: identity.User) -> ServiceAccount:
    return ServiceAccount(
        id=found.id,
        name=found.name,
        description=found.description,
        compartment_id=found.compartment or found.tenancy,
        canonical_id=found.canonical_id,
        lifecycle_state=found.status,
        time_created=moment(found.created_ms),
    )


def group(found: identity.Group) -> Group:
    return Group(
        id=found.id, name=found.name, description=found.description, compartment_id=found.tenancy, time_created=moment(found.created_ms)
    )


def membership(found: identity.Membership, user_id: str) -> Membership:
    return Membership(id=found.id, group_id=found.group, user_id=user_id, lifecycle_state=ACTIVE, time_created=moment(found.created_ms))


def policy(found: identity.PolicyDocument) -> Policy:
    return Policy(
        id=found.id,
        name=found.name,
        description=found.description,
        compartment_id=found.compartment or found.tenancy,
        statements=list(found.statements),
        version_date=found.version_date or None,
        time_created=moment(found.created_ms),
    )


def binding(found: identity.Binding, holder: identity.User | identity.Group) -> RoleBinding:
    return RoleBinding(
        role=found.role,
        principal_id=holder.id,
        principal=holder.name,
        scope=found.scope,
        target=found.target,
        time_created=moment(found.created_ms),
    )


def organisation(found: identity.Organisation) -> Organisation:
    return Organisation(
        id=found.id,
        name=found.name,
        display_name=found.display_name,
        description=found.description,
        compartment_id=found.tenancy,
        joining=found.joining,
        time_created=moment(found.created_ms),
    )


def _life(status: str, expires_ms: int, now_ms: int) -> str:
    return "EXPIRED" if expires_ms and expires_ms <= now_ms else status


def key(found: identity.Key, now_ms: int) -> Key:
    return Key(
        id=found.access_key,
        display_name=found.display_name,
        user_id=found.user_id,
        lifecycle_state=_life(found.status, found.expires_ms, now_ms),
        time_created=moment(found.created_ms),
        time_expires=moment(found.expires_ms),
    )


def new_key(made: identity.Credential, stored: identity.Key) -> NewKey:
    return NewKey(
        id=stored.access_key,
        key=made.secret,
        display_name=stored.display_name,
        user_id=stored.user_id,
        lifecycle_state=stored.status,
        time_created=moment(stored.created_ms),
        time_expires=moment(stored.expires_ms),
    )


def token_label(organisation: str, s3_user: str) -> str:
    return f"S3 Access key for {organisation} COU ({s3_user})"


def token(found: identity.Token, s3_user: str, name: str, organisation: identity.Organisation | None, now_ms: int) -> Token:
    """`s3_user`: the S3 identity that the token opens; `name`: the user's."""
    label = token_label(organisation.display_name, s3_user) if organisation else f"S3 Access key of {name}"
    return Token(
        id=found.id,
        display_name=label,
        user_id=found.user_id,
        organisation_id=found.organisation,
        s3_user=s3_user,
        lifecycle_state=_life(found.status, found.expires_ms, now_ms),
        time_created=moment(found.created_ms),
        time_expires=moment(found.expires_ms),
    )


def api_key(found: identity.ApiKey, user: identity.User) -> ApiKey:
    return ApiKey(
        fingerprint=found.fingerprint,
        key_id=f"{user.tenancy}/{user.id}/{found.fingerprint}",
        key_value=found.public_pem,
        user_id=user.id,
        lifecycle_state=found.status,
        time_created=moment(found.created_ms),
    )


def new_tenancy(made: identity.Tenancy, administrator: NewKey | None) -> NewTenancy:
    return NewTenancy(
        id=made.id,
        name=made.name,
        namespace=made.namespace,
        description=made.description,
        s3_compartment_id=made.s3_compartment or made.id,
        time_created=moment(made.created_ms),
        administrator=administrator,
    )
