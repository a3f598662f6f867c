"""Session tokens: a key that is good for minutes in the place of an API key, as `oci session authenticate` and `oci session refresh` ask for it."""

from __future__ import annotations

import msgspec

from holdfast.authn.oci_signature import load_public_key
from holdfast.authn.session_tokens import LIFE_S_MAX
from holdfast.model.errors import InvalidArgument, NotAuthenticated
from holdfast.model.messages import Response
from holdfast.oci.answers import document
from holdfast.oci.operation import Call, operation

MINUTES_MIN, MINUTES_MAX = 5, LIFE_S_MAX // 60
_BITS_MIN, _PEM_CHARACTERS_MAX = 2048, 8192


class GenerateUserSecurityTokenDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The public half of the session's key, in PEM, and how long the token shall be good for."""

    public_key: str
    session_expiration_in_minutes: int = MINUTES_MAX


class RefreshDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The token that shall be replaced by a younger one."""

    current_token: str


@operation(
    "GenerateUserSecurityToken", "POST", "/v1/token/upst/actions/GenerateUpst", body=GenerateUserSecurityTokenDetails, asks=False
)
async def generate_user_security_token(call: Call) -> Response:
    """A token of the caller, for a request signed by an API key: a session does not begin another. Errors: InvalidArgument, NotAuthenticated."""
    given: GenerateUserSecurityTokenDetails = call.body
    if call.caller.how != "oci-key":
        raise NotAuthenticated
    if not MINUTES_MIN <= given.session_expiration_in_minutes <= MINUTES_MAX:
        raise InvalidArgument(f"sessionExpirationInMinutes must be from {MINUTES_MIN} to {MINUTES_MAX}.")
    public = load_public_key(given.public_key) if len(given.public_key) <= _PEM_CHARACTERS_MAX else None
    if public is None or public.key_size < _BITS_MIN:
        raise InvalidArgument(f"publicKey must be an RSA key of at least {_BITS_MIN} bits, in PEM.", ArgumentName="publicKey")
    tokens = await call.services.signing.tokens()
    life_s = given.session_expiration_in_minutes * 60
    return document({"token": tokens.issue(call.user.id, call.user.tenancy, public, call.request.received_at, life_s)})


@operation("RefreshUserSecurityToken", "POST", "/v1/authentication/refresh", body=RefreshDetails, body_bytes_max=32 * 1024, asks=False)
async def refresh_user_security_token(call: Call) -> Response:
    """A younger token of the same session, until the session is a day old. Errors: NotAuthenticated."""
    given: RefreshDetails = call.body
    now = call.request.received_at
    refreshed = (await call.services.signing.tokens()).refresh(given.current_token, now)
    if call.caller.how != "oci-session" or refreshed is None or refreshed.user_id != call.user.id:
        raise NotAuthenticated
    return document({"token": refreshed.token})
