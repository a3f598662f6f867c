"""Users and service accounts: made, listed, changed, deleted."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from holdfast.admin import find, giving, shown
from holdfast.admin.faults import conflict
from holdfast.admin.names import CanonicalId, Email, Reference, Text, UserName
from holdfast.admin.route import Call, Input, Listed, Route, changes
from holdfast.authz.giving import own_buckets
from holdfast.model.identity import SERVICE_ACCOUNT, USER, User

Status = Literal["ACTIVE", "INACTIVE"]
Subject = Annotated[
    str,
    Meta(max_length=1300, pattern=r"^(https?://[\x21-\x7e]+ [^\x00-\x1f\x7f]{1,255})?\Z",
         description="The URL of the issuer by which he signs in, a space, and its name for him (sub); empty: he does not"),
]  # fmt: skip


class CreateUser(Input):
    name: UserName
    description: Text = ""
    display_name: Text = ""
    email: Email = ""
    rights: Literal["none", "own-buckets"] = "none"
    canonical_id: CanonicalId | None = None


class UpdateUser(Input):
    name: UserName | None = None
    description: Text | None = None
    display_name: Text | None = None
    email: Email | None = None
    status: Status | None = None
    subject: Subject | None = None


class CreateServiceAccount(Input):
    name: UserName
    description: Text = ""
    compartment: Reference = ""


class UpdateServiceAccount(Input):
    name: UserName | None = None
    description: Text | None = None
    status: Status | None = None


_MEMBERS = {"name": "name", "description": "description", "display_name": "display_name", "email": "email", "status": "status"}
_MEMBERS_OF_ROBOT = {"name": "name", "description": "description", "status": "status"}


async def list_users(call: Call) -> list[Listed]:
    found = await call.directory.users.all(call.tenancy.id, USER)
    return [Listed(target=user, compartment=call.tenancy.id, shown=shown.user(user)) for user in sorted(found, key=lambda user: user.name)]


async def create_user(call: Call) -> shown.User:
    body: CreateUser = call.body
    if body.rights != "none" or body.canonical_id is not None:
        giving.require(call, own_buckets(await call.world()), "buckets of one's own, or a canonical id that may own some")
    made = User(
        id="",
        name=body.name,
        canonical_id=body.canonical_id or "",
        display_name=body.display_name,
        email=body.email,
        description=body.description,
        rights=body.rights,
        tenancy=call.tenancy.id,
        created_ms=call.now_ms,
    )
    return shown.user(await call.directory.users.create_user(made))


async def get_user(call: Call) -> shown.User:
    return shown.user(call.target)


async def update_user(call: Call) -> shown.User:
    user, body = call.target, call.body
    given = changes(body, _MEMBERS)
    if given.get("status") == "INACTIVE" and user.id == call.user.id:
        raise conflict("You would lock yourself out.")
    if body.subject:
        await giving.require_identity(call, user, f"a way to sign in as {user.name!r}")
    changed = await call.directory.users.change_user(msgspec.structs.replace(user, **given))
    if body.subject is not None:
        changed = await call.directory.users.set_subject(user.id, body.subject)
    return shown.user(changed)


async def delete_user(call: Call) -> shown.Deleted:
    if call.target.id == call.user.id:
        raise conflict("You would lock yourself out.")
    await call.directory.users.delete_user(call.target.id)
    return shown.Deleted(deleted=call.target.id)


async def list_robots(call: Call) -> list[Listed]:
    found = await call.directory.users.all(call.tenancy.id, SERVICE_ACCOUNT)
    rows = sorted(found, key=lambda user: user.name)
    return [Listed(target=user, compartment=user.compartment or call.tenancy.id, shown=shown.robot(user)) for user in rows]


async def create_robot(call: Call) -> shown.ServiceAccount:
    body: CreateServiceAccount = call.body
    where = call.found.compartment
    made = User(
        id="",
        name=body.name,
        canonical_id="",
        display_name=body.name,
        description=body.description,
        rights="none",
        tenancy=call.tenancy.id,
        kind=SERVICE_ACCOUNT,
        compartment="" if where == call.tenancy.id else where,
        created_ms=call.now_ms,
    )
    return shown.robot(await call.directory.users.create_user(made))


async def get_robot(call: Call) -> shown.ServiceAccount:
    return shown.robot(call.target)


async def update_robot(call: Call) -> shown.ServiceAccount:
    given = changes(call.body, _MEMBERS_OF_ROBOT)
    return shown.robot(await call.directory.users.change_user(msgspec.structs.replace(call.target, **given)))


ROUTES = (
    Route(method="GET", path="/users", operation="ListUsers", says="Lists users", does=list_users, about=find.in_tenancy,
          lists=True, shows=list[shown.User]),
    Route(method="POST", path="/users", operation="CreateUser", says="Makes a user", does=create_user, about=find.in_tenancy,
          body=CreateUser, shows=shown.User, status=201),
    Route(method="GET", path="/users/{user}", operation="GetUser", says="Shows a user; ~ is the caller", does=get_user, about=find.the_user,
          shows=shown.User),
    Route(method="PUT", path="/users/{user}", operation="UpdateUser", says="Changes a user", does=update_user, about=find.the_user,
          body=UpdateUser, shows=shown.User),
    Route(method="DELETE", path="/users/{user}", operation="DeleteUser", says="Deletes a user with all its credentials", does=delete_user,
          about=find.the_user, shows=shown.Deleted),
    Route(method="GET", path="/service-accounts", operation="HoldfastListServiceAccounts", says="Lists service accounts", does=list_robots,
          about=find.in_tenancy, lists=True, shows=list[shown.ServiceAccount]),
    Route(method="POST", path="/service-accounts", operation="HoldfastCreateServiceAccount", says="Makes a service account in a compartment",
          does=create_robot, about=find.in_named_compartment, body=CreateServiceAccount, shows=shown.ServiceAccount, status=201),
    Route(method="GET", path="/service-accounts/{service-account}", operation="HoldfastGetServiceAccount", says="Shows a service account",
          does=get_robot, about=find.the_robot, shows=shown.ServiceAccount),
    Route(method="PUT", path="/service-accounts/{service-account}", operation="HoldfastUpdateServiceAccount", says="Changes a service account",
          does=update_robot, about=find.the_robot, body=UpdateServiceAccount, shows=shown.ServiceAccount),
    Route(method="DELETE", path="/service-accounts/{service-account}", operation="HoldfastDeleteServiceAccount",
          says="Deletes a service account with all its keys and roles", does=delete_user, about=find.the_robot, shows=shown.Deleted),
)  # fmt: skip
