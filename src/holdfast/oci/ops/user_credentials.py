"""Credentials of users: API keys, customer secret keys (the keys of S3) and auth tokens. Every user may manage its own."""

from __future__ import annotations

import secrets
from base64 import b64encode

from holdfast.identities.documents import Unknown
from holdfast.model.errors import AccessDenied, InvalidArgument
from holdfast.model.identity import ACTIVE, Key, User
from holdfast.model.messages import Response
from holdfast.oci.answers import document
from holdfast.oci.identity_call import LimitExceeded, attempt, check_etag, entity, nothing, once
from holdfast.oci.identity_documents import (
    AuthTokenDetails,
    CreateApiKeyDetails,
    CustomerSecretKeyDetails,
    api_key_json,
    auth_token_json,
    secret_key_json,
)
from holdfast.oci.identity_giving import require_to_open
from holdfast.oci.operation import Call, operation
from holdfast.oci.ops.users import user_of
from holdfast.wire.values import iso_date_ms

HELD_MAX = 100
"""Of each kind and user. OCI allows two or three, which is its price list and not its protocol."""
_TEXT_CHARACTERS_MAX = 400
_API_KEYS = "/20160918/users/{userId}/apiKeys"
_SECRET_KEYS = "/20160918/users/{userId}/customerSecretKeys"  # noqa: S105
_AUTH_TOKENS = "/20160918/users/{userId}/authTokens"


def _room(held: int, what: str) -> None:
    if held >= HELD_MAX:
        raise LimitExceeded(f"A user can have {HELD_MAX} {what}.")


def _text(text: str, name: str) -> str:
    if not 1 <= len(text) <= _TEXT_CHARACTERS_MAX:
        raise InvalidArgument(f"{name} must have 1 to {_TEXT_CHARACTERS_MAX} characters.", ArgumentName=name)
    return text


@operation("UploadApiKey", "POST", _API_KEYS, body=CreateApiKeyDetails, asks=False)
async def upload_api_key(call: Call) -> Response:
    """Errors: AccessDenied, InvalidArgument (no RSA key), Conflict, LimitExceeded."""
    user = await user_of(call)
    await require_to_open(call, user)
    api_keys = call.services.directory.api_keys

    async def make() -> tuple[str, Response]:
        _room(len(await api_keys.of_user(user.id)), "API keys")
        try:
            made = await attempt("ApiKey", api_keys.add(user.id, call.body.key, call.now_ms))
        except ValueError as error:
            raise InvalidArgument(f"{error}.", ArgumentName="key") from None
        return made.fingerprint, entity(made, api_key_json(made, user.tenancy))

    async def again(fingerprint: str) -> Response | None:
        found = next((key for key in await api_keys.of_user(user.id) if key.fingerprint == fingerprint), None)
        return None if found is None else entity(found, api_key_json(found, user.tenancy))

    return await once(call, make, again)


@operation("ListApiKeys", "GET", _API_KEYS, asks=False)
async def list_api_keys(call: Call) -> Response:
    """Errors: AccessDenied."""
    user = await user_of(call)
    return document([api_key_json(key, user.tenancy) for key in await call.services.directory.api_keys.of_user(user.id)])


@operation("DeleteApiKey", "DELETE", _API_KEYS + "/{fingerprint}", conditional=True, asks=False)
async def delete_api_key(call: Call) -> Response:
    """Errors: AccessDenied, NoEtagMatch."""
    user = await user_of(call)
    api_keys, fingerprint = call.services.directory.api_keys, call.names["fingerprint"]
    found = next((key for key in await api_keys.of_user(user.id) if key.fingerprint == fingerprint), None)
    if found is None:
        raise AccessDenied
    check_etag(call, found)
    try:
        await api_keys.delete(user.id, fingerprint)
    except Unknown:
        raise AccessDenied from None
    return nothing()


async def _secret_key_of(call: Call, user: User) -> Key:
    """The key that the path names, if it is that user's. Errors: AccessDenied."""
    found = await call.services.directory.keys.get(call.names["customerSecretKeyId"])
    if found is None or found.user_id != user.id:
        raise AccessDenied
    return found


@operation("CreateCustomerSecretKey", "POST", _SECRET_KEYS, body=CustomerSecretKeyDetails, asks=False)
async def create_customer_secret_key(call: Call) -> Response:
    """Access key and secret for S3; the secret is in no other answer. Errors: AccessDenied, InvalidArgument, LimitExceeded."""
    user = await user_of(call)
    await require_to_open(call, user)
    keys, name = call.services.directory.keys, _text(call.body.display_name, "displayName")

    async def shown(access_key: str, secret: str) -> Response | None:
        found = await keys.get(access_key)
        return None if found is None else entity(found, secret_key_json(found) | {"key": secret})

    async def make() -> tuple[str, Response]:
        _room(len(await keys.of_user(user.id)), "customer secret keys")
        secret = b64encode(secrets.token_bytes(32)).decode()
        made = await attempt("CustomerSecretKey", keys.create(user.id, call.now_ms, secrets.token_hex(20), secret, name))
        response = await shown(made.access_key, made.secret)
        if response is None:  # deleted at the same time
            raise AccessDenied
        return made.access_key, response

    async def again(access_key: str) -> Response | None:
        found = await keys.credential(access_key)
        return None if found is None or found.user.id != user.id else await shown(access_key, found.secret)

    return await once(call, make, again)


@operation("ListCustomerSecretKeys", "GET", _SECRET_KEYS, asks=False)
async def list_customer_secret_keys(call: Call) -> Response:
    """Without secrets. Errors: AccessDenied."""
    user = await user_of(call)
    return document([secret_key_json(key) for key in await call.services.directory.keys.of_user(user.id)])


@operation(
    "UpdateCustomerSecretKey", "PUT", _SECRET_KEYS + "/{customerSecretKeyId}", body=CustomerSecretKeyDetails, conditional=True, asks=False
)
async def update_customer_secret_key(call: Call) -> Response:
    """Errors: AccessDenied, InvalidArgument, NoEtagMatch."""
    user = await user_of(call)
    found = await _secret_key_of(call, user)
    check_etag(call, found)
    name = _text(call.body.display_name, "displayName")
    after = await attempt("CustomerSecretKey", call.services.directory.keys.rename(found.access_key, name))
    return entity(after, secret_key_json(after))


@operation("DeleteCustomerSecretKey", "DELETE", _SECRET_KEYS + "/{customerSecretKeyId}", conditional=True, asks=False)
async def delete_customer_secret_key(call: Call) -> Response:
    """It stops at once. Errors: AccessDenied, NoEtagMatch."""
    found = await _secret_key_of(call, await user_of(call))
    check_etag(call, found)
    try:
        await call.services.directory.keys.delete(found.access_key)
    except Unknown:
        raise AccessDenied from None
    return nothing()


@operation("CreateOrResetUIPassword", "POST", "/20160918/users/{userId}/uiPassword", asks=False)
async def create_or_reset_ui_password(call: Call) -> Response:
    """A new password for the console, which is in no other answer; sessions of the old one end. Errors: AccessDenied."""
    user = await user_of(call)
    await require_to_open(call, user)
    password = secrets.token_urlsafe(15)
    try:
        await call.services.directory.passwords.set(user.id, password)
    except Unknown:
        raise AccessDenied from None
    about = {"userId": user.id, "password": password, "timeCreated": iso_date_ms(call.now_ms), "lifecycleState": ACTIVE, "inactiveStatus": None}
    return document(about)


@operation("CreateAuthToken", "POST", _AUTH_TOKENS, body=AuthTokenDetails, asks=False)
async def create_auth_token(call: Call) -> Response:
    """The token is in no other answer; asked for again with the same retry token, it is another one in its place.

    Errors: AccessDenied, InvalidArgument, LimitExceeded."""
    user = await user_of(call)
    await require_to_open(call, user)
    tokens, description = call.services.directory.auth_tokens, _text(call.body.description, "description")

    async def make() -> tuple[str, Response]:
        _room(len(await tokens.of_user(user.id)), "auth tokens")
        try:
            made, text = await tokens.create(user.id, description, call.now_ms)
        except Unknown:
            raise AccessDenied from None
        return made.id, entity(made, auth_token_json(made) | {"token": text})

    async def again(id: str) -> Response | None:
        try:
            found, text = await tokens.renew(user.id, id)
        except Unknown:
            return None
        return entity(found, auth_token_json(found) | {"token": text})

    return await once(call, make, again)


@operation("ListAuthTokens", "GET", _AUTH_TOKENS, asks=False)
async def list_auth_tokens(call: Call) -> Response:
    """Without the tokens. Errors: AccessDenied."""
    user = await user_of(call)
    return document([auth_token_json(token) for token in await call.services.directory.auth_tokens.of_user(user.id)])


@operation("UpdateAuthToken", "PUT", _AUTH_TOKENS + "/{authTokenId}", body=AuthTokenDetails, conditional=True, asks=False)
async def update_auth_token(call: Call) -> Response:
    """Errors: AccessDenied, InvalidArgument, NoEtagMatch."""
    user = await user_of(call)
    tokens, id = call.services.directory.auth_tokens, call.names["authTokenId"]
    found = await tokens.get(user.id, id)
    if found is None:
        raise AccessDenied
    check_etag(call, found)
    after = await attempt("AuthToken", tokens.describe(user.id, id, _text(call.body.description, "description")))
    return entity(after, auth_token_json(after))


@operation("DeleteAuthToken", "DELETE", _AUTH_TOKENS + "/{authTokenId}", conditional=True, asks=False)
async def delete_auth_token(call: Call) -> Response:
    """Errors: AccessDenied, NoEtagMatch."""
    user = await user_of(call)
    tokens, id = call.services.directory.auth_tokens, call.names["authTokenId"]
    found = await tokens.get(user.id, id)
    if found is None:
        raise AccessDenied
    check_etag(call, found)
    try:
        await tokens.delete(user.id, id)
    except Unknown:
        raise AccessDenied from None
    return nothing()
