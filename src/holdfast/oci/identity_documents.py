"""The documents of OCI's identity service: what its requests hold, and how tenancies, people and policies are written.

Source: OCI, "Identity and Access Management Service API", its data types.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from holdfast.identities.departure import AuthToken
from holdfast.model import errors
from holdfast.model.identity import ACTIVE, ApiKey, Compartment, Group, Key, Membership, PolicyDocument, Tenancy, User
from holdfast.wire.values import iso_date_ms

_BLOCKED = 4  # the third bit of inactiveStatus


class Tagged(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Tags, which these documents may have in OCI and cannot here."""

    freeform_tags: dict[str, str] | None = None
    defined_tags: dict[str, dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        if self.freeform_tags or self.defined_tags:
            raise errors.NotImplemented("Tags of users, groups, policies and compartments are not implemented.")


class CreateUserDetails(Tagged, frozen=True, kw_only=True):
    compartment_id: str
    name: str
    description: str
    email: str = ""


class UpdateUserDetails(Tagged, frozen=True, kw_only=True):
    description: str | None = None
    email: str | None = None
    db_user_name: str | None = None


class UpdateStateDetails(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    blocked: bool | None = None


class UpdateUserCapabilitiesDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    can_use_console_password: bool | None = None
    can_use_api_keys: bool | None = None
    can_use_auth_tokens: bool | None = None
    can_use_smtp_credentials: bool | None = None
    can_use_db_credentials: bool | None = None
    can_use_customer_secret_keys: bool | None = None
    can_use_o_auth2_client_credentials: bool | None = msgspec.field(default=None, name="canUseOAuth2ClientCredentials")


class CreateGroupDetails(Tagged, frozen=True, kw_only=True):
    compartment_id: str
    name: str
    description: str


class UpdateGroupDetails(Tagged, frozen=True, kw_only=True):
    description: str | None = None


class AddUserToGroupDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    user_id: str
    group_id: str


class CreatePolicyDetails(Tagged, frozen=True, kw_only=True):
    compartment_id: str
    name: str
    statements: list[str]
    description: str
    version_date: str | None = None


class UpdatePolicyDetails(Tagged, frozen=True, kw_only=True):
    description: str | None = None
    statements: list[str] | None = None
    version_date: str | None = None


class CreateCompartmentDetails(Tagged, frozen=True, kw_only=True):
    compartment_id: str
    name: str
    description: str


class UpdateCompartmentDetails(Tagged, frozen=True, kw_only=True):
    name: str | None = None
    description: str | None = None


class MoveCompartmentDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    target_compartment_id: str


class CreateApiKeyDetails(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: str


class CustomerSecretKeyDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    display_name: str


class AuthTokenDetails(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: str


_UNTAGGED: dict[str, Any] = {"freeformTags": {}, "definedTags": {}}
_CAPABLE = {
    "canUseConsolePassword": True,
    "canUseApiKeys": True,
    "canUseAuthTokens": True,
    "canUseSmtpCredentials": False,
    "canUseDbCredentials": False,
    "canUseCustomerSecretKeys": True,
    "canUseOAuth2ClientCredentials": False,
}


def capabilities() -> dict[str, bool]:
    """What every user can use here."""
    return dict(_CAPABLE)


def _life(status: str, created_ms: int) -> dict[str, Any]:
    inactive = None if status == ACTIVE else _BLOCKED
    return {"timeCreated": iso_date_ms(created_ms), "lifecycleState": status, "inactiveStatus": inactive}


def user_json(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "compartmentId": user.tenancy,
        "name": user.name,
        "description": user.description,
        "email": user.email or None,
        "emailVerified": False,
        "dbUserName": None,
        "identityProviderId": None,
        "externalIdentifier": None,
        **_life(user.status, user.created_ms),
        "capabilities": _CAPABLE,
        "isMfaActivated": False,
        "lastSuccessfulLoginTime": None,
        "previousSuccessfulLoginTime": None,
        **_UNTAGGED,
    }


def group_json(group: Group) -> dict[str, Any]:
    about = {"id": group.id, "compartmentId": group.tenancy, "name": group.name, "description": group.description}
    return about | _life(ACTIVE, group.created_ms) | _UNTAGGED


def membership_json(membership: Membership, user: User) -> dict[str, Any]:
    about = {"id": membership.id, "compartmentId": user.tenancy, "groupId": membership.group, "userId": user.id}
    return about | _life(ACTIVE, membership.created_ms)


def policy_json(policy: PolicyDocument) -> dict[str, Any]:
    return {
        "id": policy.id,
        "compartmentId": policy.compartment,
        "name": policy.name,
        "statements": list(policy.statements),
        "description": policy.description,
        **_life(ACTIVE, policy.created_ms),
        "versionDate": policy.version_date or None,
        **_UNTAGGED,
    }


def compartment_json(compartment: Compartment, accessible: bool | None = None) -> dict[str, Any]:
    return {
        "id": compartment.id,
        "compartmentId": compartment.parent or None,
        "name": compartment.name,
        "description": compartment.description,
        **_life(compartment.status, compartment.created_ms),
        "isAccessible": accessible,
        **_UNTAGGED,
    }


def tenancy_json(tenancy: Tenancy, region_key: str) -> dict[str, Any]:
    about = {"id": tenancy.id, "name": tenancy.name, "description": tenancy.description, "homeRegionKey": region_key}
    return about | {"upiIdcsCompatibilityLayerEndpoint": None} | _UNTAGGED


def secret_key_json(key: Key) -> dict[str, Any]:
    """Without the secret."""
    expires = iso_date_ms(key.expires_ms) if key.expires_ms else None
    about = {"id": key.access_key, "userId": key.user_id, "displayName": key.display_name, "timeExpires": expires}
    return about | _life(key.status, key.created_ms)


def api_key_json(key: ApiKey, tenancy_id: str) -> dict[str, Any]:
    about = {"keyId": f"{tenancy_id}/{key.user_id}/{key.fingerprint}", "keyValue": key.public_pem, "fingerprint": key.fingerprint}
    return about | {"userId": key.user_id} | _life(key.status, key.created_ms)


def auth_token_json(token: AuthToken) -> dict[str, Any]:
    """Without the token."""
    return {"id": token.id, "userId": token.user_id, "description": token.description, "timeExpires": None, **_life(token.status, token.created_ms)}


def etag_of(value: msgspec.Struct) -> str:
    """Another text for every state of a document."""
    return sha256(msgspec.json.encode(value)).hexdigest()[:40]


def region_key(region: str) -> str:
    """Three capital letters: "eu-frankfurt-1" is FRA, as OCI abbreviates most of its regions."""
    parts = [part for part in region.split("-") if part.isalpha()]
    return (parts[1] if len(parts) > 1 else region.replace("-", ""))[:3].upper()
