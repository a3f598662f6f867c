"""Users of a tenancy."""

from __future__ import annotations

import msgspec

from holdfast.model import errors
from holdfast.model.errors import AccessDenied, InvalidArgument
from holdfast.model.identity import ACTIVE, USER, User
from holdfast.model.messages import Response
from holdfast.oci.identity_call import (
    PAGED,
    Row,
    attempt,
    check_etag,
    checked_description,
    checked_user_name,
    entity,
    nothing,
    once,
    page_of,
    tenancy_of,
)
from holdfast.oci.identity_documents import (
    CreateUserDetails,
    UpdateStateDetails,
    UpdateUserCapabilitiesDetails,
    UpdateUserDetails,
    capabilities,
    user_json,
)
from holdfast.oci.operation import Call, operation

_USERS, _USER = "/20160918/users", "/20160918/users/{userId}"


async def user_of(call: Call, *, people_only: bool = True) -> User:
    """The user that the path names, if the caller may do this operation to it. A service account is only shown, but may manage its own
    credentials. Errors: AccessDenied."""
    found = await call.services.directory.users.user(call.names["userId"])
    if found is None or (people_only and found.kind != USER and found.id != call.user.id):
        raise AccessDenied
    await call.require(target=found, compartment=found.tenancy)
    return found


@operation("CreateUser", "POST", _USERS, body=CreateUserDetails, asks=False)
async def create_user(call: Call) -> Response:
    """A user who may do nothing until a policy says so. Errors: AccessDenied, Conflict, InvalidArgument."""
    given: CreateUserDetails = call.body
    tenancy = await tenancy_of(call, given.compartment_id)
    await call.require(compartment=tenancy.id)
    wanted = User(
        id="",
        name=checked_user_name(given.name),
        canonical_id="",
        display_name=given.name,
        email=given.email,
        rights="none",
        tenancy=tenancy.id,
        description=checked_description(given.description),
        created_ms=call.now_ms,
    )

    async def make() -> tuple[str, Response]:
        made = await attempt("User", call.services.directory.users.create_user(wanted))
        return made.id, entity(made, user_json(made))

    async def again(id: str) -> Response | None:
        found = await call.services.directory.users.user(id)
        return None if found is None else entity(found, user_json(found))

    return await once(call, make, again)


@operation("ListUsers", "GET", _USERS, query=(*PAGED, "identityProviderId", "externalIdentifier"), asks=False)
async def list_users(call: Call) -> Response:
    """Errors: AccessDenied, InvalidArgument."""
    tenancy = await tenancy_of(call, call.query["compartmentId"])
    await call.require(compartment=tenancy.id)
    federated = "identityProviderId" in call.query or "externalIdentifier" in call.query  # no user has one
    users = [] if federated else await call.services.directory.users.all(tenancy.id, USER)
    return page_of(call, [Row(user.id, user.name, user.created_ms, user_json(user)) for user in users])


@operation("GetUser", "GET", _USER, asks=False)
async def get_user(call: Call) -> Response:
    """A service account too: lists of members name them. Errors: AccessDenied."""
    user = await user_of(call, people_only=False)
    return entity(user, user_json(user))


@operation("UpdateUser", "PUT", _USER, body=UpdateUserDetails, conditional=True, asks=False)
async def update_user(call: Call) -> Response:
    """Errors: AccessDenied, Conflict (an e-mail address in use), NoEtagMatch, InvalidArgument."""
    given: UpdateUserDetails = call.body
    user = await user_of(call)
    if given.db_user_name:
        raise errors.NotImplemented("Database users are not implemented.")
    description = None if given.description is None else checked_description(given.description)

    def changed(before: User) -> User:
        check_etag(call, before)
        email = before.email if given.email is None else given.email
        return msgspec.structs.replace(before, description=before.description if description is None else description, email=email)

    after = await attempt("User", call.services.directory.users.amend(user.id, changed))
    return entity(after, user_json(after))


@operation("UpdateUserState", "PUT", _USER + "/state", body=UpdateStateDetails, conditional=True, asks=False)
async def update_user_state(call: Call) -> Response:
    """Unblocks a user, which is all that OCI has. Errors: AccessDenied, InvalidArgument, NoEtagMatch."""
    user = await user_of(call)
    if call.body.blocked is not False:
        raise InvalidArgument("blocked can only be false: a user is unblocked, never blocked so.", ArgumentName="blocked")

    def changed(before: User) -> User:
        check_etag(call, before)
        return msgspec.structs.replace(before, status=ACTIVE)

    after = await attempt("User", call.services.directory.users.amend(user.id, changed))
    return entity(after, user_json(after))


@operation("UpdateUserCapabilities", "PUT", _USER + "/capabilities", body=UpdateUserCapabilitiesDetails, conditional=True, asks=False)
async def update_user_capabilities(call: Call) -> Response:
    """Errors: AccessDenied, NoEtagMatch; NotImplemented for anything but what every user has."""
    user = await user_of(call)
    check_etag(call, user)
    given: dict[str, bool | None] = msgspec.to_builtins(call.body)
    has = capabilities()
    for name, wanted in given.items():
        if wanted is not None and wanted is not has[name]:
            raise errors.NotImplemented(f"{name} cannot be changed here: it is {str(has[name]).lower()} for every user.")
    return entity(user, user_json(user))


@operation("DeleteUser", "DELETE", _USER, conditional=True, asks=False)
async def delete_user(call: Call) -> Response:
    """With all its credentials and memberships; its buckets stay. Errors: AccessDenied, NoEtagMatch."""
    user = await user_of(call)
    check_etag(call, user)
    await attempt("User", _deleted(call, user))
    return nothing()


async def _deleted(call: Call, user: User) -> User:
    await call.services.directory.users.delete_user(user.id)
    return user
