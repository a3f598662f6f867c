"""Access tokens: bearer secrets that S3 clients use as access key, one for each user and organisation."""

from __future__ import annotations

import msgspec

from holdfast.admin import find, giving, shown
from holdfast.admin.faults import forbidden, missing
from holdfast.admin.names import Moment, Reference, expiry_ms
from holdfast.admin.route import Call, Found, Input, Route
from holdfast.admin.routes.organisations import enrol
from holdfast.authz.gather import permits_operation
from holdfast.identities.tokens import identity_in
from holdfast.model.identity import Organisation, Token, User


class CreateToken(Input):
    """`organisation` "" is the user as such; a user who is not in the organisation is enrolled, if the caller may do that."""

    organisation: Reference = ""
    expires: Moment | None = None


async def the_token(call: Call) -> Found:
    """By its OCID, or by its organisation."""
    found = await find.the_principal(call)
    user, name = found.target, call.path["token"]
    if not isinstance(user, User):
        return found
    organisation = await find.organisation_of(call, name)
    tokens = await call.directory.tokens.of_user(user.id)
    token = next((each for each in tokens if each.id == name or (organisation is not None and each.organisation == organisation.id)), None)
    return msgspec.structs.replace(found, thing=token, target=user if token else None, words=f"token {name!r} of the user")


async def _shown(call: Call, token: Token, user: User) -> shown.Token:
    organisation = await call.directory.organisations.get(token.organisation) if token.organisation else None
    identity = identity_in(user, token.organisation) or user
    return shown.token(token, identity.canonical_id, user.name, organisation, call.now_ms)


async def list_tokens(call: Call) -> list[shown.Token]:
    user: User = call.target
    return [await _shown(call, token, user) for token in await call.directory.tokens.of_user(user.id)]


async def _enrolled(call: Call, user: User, organisation: Organisation) -> User:
    if identity_in(user, organisation.id) is not None:
        return user
    decision = permits_operation(call.caller, "HoldfastEnrol", request=call.request, compartment=call.tenancy.id)
    if not decision.allowed:
        raise forbidden("HoldfastEnrol", decision.because)
    await enrol(call, user, organisation)
    found = await call.directory.users.user(user.id)
    if found is None:
        raise missing("The user is not there any more.")
    return found


async def create_token(call: Call) -> shown.NewToken:
    body: CreateToken = call.body
    user: User = call.target
    await giving.require_identity(call, user, f"a token of {user.name!r}")
    ends_ms = expiry_ms(body.expires, call.now_ms)
    organisation = None
    if body.organisation:
        organisation = await find.organisation_of(call, body.organisation)
        if organisation is None:
            raise missing(f"There is no organisation {body.organisation!r}.")
        user = await _enrolled(call, user, organisation)
    token, text = await call.directory.tokens.create(user.id, organisation.id if organisation else "", call.now_ms, ends_ms)
    known = msgspec.structs.asdict(await _shown(call, token, user))
    return shown.NewToken(**known, token=text)


async def revoke_token(call: Call) -> shown.Deleted:
    await call.directory.tokens.revoke(call.target.id)
    return shown.Deleted(deleted=call.target.id)


ROUTES = (
    Route(method="GET", path="/users/{user}/tokens", operation="HoldfastListTokens", says="Lists the tokens of a user, without their text",
          does=list_tokens, about=find.the_principal, shows=list[shown.Token]),
    Route(method="POST", path="/users/{user}/tokens", operation="HoldfastCreateToken",
          says="Makes a token; its text is shown only here, and an older one of the same organisation ends", does=create_token,
          about=find.the_principal, body=CreateToken, shows=shown.NewToken, status=201, secret=True),
    Route(method="DELETE", path="/users/{user}/tokens/{token}", operation="HoldfastRevokeToken",
          says="Revokes a token, by its OCID or its organisation", does=revoke_token, about=the_token, shows=shown.Deleted),
)  # fmt: skip
