"""Who there is and who can ask: tenancies, compartments, principals, groups, organisations, credentials, and the caller of one request.

Source: OCI IAM ("Managing compartments", "Managing policies"), Yandex Cloud (service accounts, roles), the S3 User Guide (canonical ids). Ids
are OCIDs (`ocid1.<type>.oc1..<60 characters a-z2-7>`); times are milliseconds since the epoch, 0 for never.
"""

from __future__ import annotations

from typing import Any

import msgspec

ACTIVE, INACTIVE = "ACTIVE", "INACTIVE"
USER, SERVICE_ACCOUNT = "user", "service-account"
TOKEN_PREFIX = "hft_"  # noqa: S105


def looks_like_token(access_key: str) -> bool:
    """Whether an access key may be an access token, or hold one: then nothing of it is ever repeated, known or not."""
    return TOKEN_PREFIX in access_key


class Tenancy(msgspec.Struct, frozen=True, kw_only=True):
    """Owns one object-storage namespace, a tree of compartments, people and policies. Its id is that of its root compartment too."""

    id: str
    name: str
    namespace: str
    description: str = ""
    created_ms: int = 0
    s3_compartment: str = ""  # where buckets made through S3 go; "" = the root


class Compartment(msgspec.Struct, frozen=True, kw_only=True):
    """A folder in a tenancy's tree; `parent` is a compartment's id, or the tenancy's for those right below the root."""

    id: str
    tenancy: str
    parent: str
    name: str
    description: str = ""
    status: str = ACTIVE
    created_ms: int = 0


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Users that policies name together. Who is in it stands in the users."""

    id: str
    tenancy: str
    name: str
    description: str = ""
    created_ms: int = 0
    roles: tuple[Binding, ...] = ()


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    """A federated group (COU). `name` is lower case; each enrolment in it is an S3 identity of its own.

    `joining`: "request", its tenancy's users see it and may ask to be enrolled; "closed", they may not.
    """

    id: str
    tenancy: str
    name: str
    display_name: str = ""
    description: str = ""
    created_ms: int = 0
    joining: str = "closed"


class PolicyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Statements of the policy language, as written, attached to a compartment (its id; the tenancy's for the root)."""

    id: str
    tenancy: str
    compartment: str
    name: str
    statements: tuple[str, ...]
    description: str = ""
    version_date: str = ""
    created_ms: int = 0


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """That a user is in a group; `id` is an OCID of its own."""

    id: str
    group: str
    created_ms: int = 0


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """That a user belongs to an organisation, and who it is there: `canonical_id` is `<user>_<organisation>` in lower case.

    `manager`: it decides there on who asks to be enrolled, and ends enrolments.
    """

    organisation: str
    canonical_id: str
    display_name: str
    created_ms: int = 0
    manager: bool = False


class EnrolmentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """That a user asks to be enrolled in an organisation. `status`: "PENDING", or "REFUSED"; one that was granted is there no more."""

    organisation: str
    user: str
    message: str = ""
    status: str = "PENDING"
    created_ms: int = 0


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """A role given on a scope: `role` "storage.editor"; `scope` "tenancy", "compartment" or "bucket"; `target` the OCID, or the
    engine's id of the bucket as decimal text (a bucket made anew under the old name is another one)."""

    role: str
    scope: str
    target: str
    created_ms: int = 0


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A principal: a user, or a service account (`kind`), which cannot sign in to the console and lives in a `compartment`.

    `canonical_id` is the S3 identity that owns buckets and that ACLs name; for a caller that came by an organisation's token it is the
    one of that enrolment. `rights` is its built-in policy, beside groups, policies and roles: "own-buckets" (create buckets, and
    everything in those it owns but to read what others own there), "none", or "all" (everything). `subject`: for who signs in by an
    issuer, its URL, a space, and its name for the person; "" for nobody.
    """

    id: str
    name: str
    canonical_id: str
    display_name: str
    email: str = ""
    namespace: str = "default"
    rights: str = "own-buckets"
    tenancy: str = ""
    kind: str = USER
    description: str = ""
    compartment: str = ""
    status: str = ACTIVE
    created_ms: int = 0
    memberships: tuple[Membership, ...] = ()
    enrolments: tuple[Enrolment, ...] = ()
    roles: tuple[Binding, ...] = ()
    subject: str = ""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenancy's policies are compiled against: one snapshot for one generation of the registry. Compartments and groups by id."""

    tenancy: Tenancy
    compartments: dict[str, Compartment] = {}
    groups: dict[str, Group] = {}
    policies: tuple[PolicyDocument, ...] = ()


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An access key as stored: the secret sealed under the master key, never in clear.

    `kind`: "static" (customer secret key, static key) or "getsecret" (Ozone's, the access key is the principal's name).
    """

    access_key: str
    user_id: str
    sealed_secret: bytes
    status: str = ACTIVE
    created_ms: int = 0
    expires_ms: int = 0  # 0: never
    kind: str = "static"
    display_name: str = ""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An access token as stored, under the SHA-256 of itself: it is used as access key, and any secret beside it is ignored."""

    digest: str
    id: str
    user_id: str
    organisation: str = ""
    status: str = ACTIVE
    created_ms: int = 0
    expires_ms: int = 0


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """The public half of an RSA key that signs OCI requests; `fingerprint` is the MD5 of its DER, in pairs joined by colons."""

    user_id: str
    fingerprint: str
    public_pem: str
    status: str = ACTIVE
    created_ms: int = 0


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """An access key ready to verify with: the secret in clear (in memory only) and whose it is.

    `bearer`: an access token, whose holder need not know a secret; `access_key` is then "token:" and the token's id, never the token itself.
    `grants`: what the principal's built-in rights, groups, policies and roles allow, compiled (`holdfast.authz.decide.Policy`);
    None where only `user.rights` is to be looked at.
    """

    access_key: str
    secret: str
    user: User
    status: str = ACTIVE
    expires_ms: int = 0
    bearer: bool = False
    grants: tuple[Any, ...] | None = None

    def __repr__(self) -> str:
        """Without the secret: what is printed ends up in logs."""
        return f"Credential(access_key={self.access_key!r}, status={self.status!r}, user={self.user!r})"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who sent a request and how that was proven. `user` is None for an anonymous caller.

    `how` is one of "anonymous", "v4-header", "v4-query", "v2-header", "v2-query", "token", "oci-key", "oci-session", "par", "session".
    `grants` is the credential's identity evidence; `limits` are policies that each must allow besides: the scope of a PAR, of a session.
    """

    how: str = "anonymous"
    user: User | None = None
    access_key: str = ""
    grants: tuple[Any, ...] | None = None
    limits: tuple[Any, ...] = ()


ANONYMOUS = Caller()
