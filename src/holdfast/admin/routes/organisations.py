"""Organisations (COUs): in each of them a user is an S3 identity of its own."""

from __future__ import annotations

from typing import Literal

import msgspec

from holdfast.admin import find, giving, shown
from holdfast.admin.faults import missing
from holdfast.admin.names import OrganisationName, Reference, Text
from holdfast.admin.route import Call, Found, Input, Listed, Route, changes
from holdfast.authz.giving import everything_in, own_buckets
from holdfast.model.identity import Enrolment, Organisation, User

Joining = Literal["closed", "request"]


class CreateOrganisation(Input):
    """`joining` "request": every user of the tenancy sees it, and may ask to be enrolled."""

    name: OrganisationName
    display_name: Text = ""
    description: Text = ""
    joining: Joining = "closed"


class UpdateOrganisation(Input):
    display_name: Text | None = None
    description: Text | None = None
    joining: Joining | None = None


class UpdateMember(Input):
    """`manager`: he decides on who belongs to the organisation."""

    manager: bool


class Enrol(Input):
    """`take-over`: the S3 identity may have been that of a user who is gone, and its buckets become this one's."""

    user: Reference
    take_over: bool = False


async def the_organisation(call: Call) -> Found:
    found = await find.organisation_of(call, call.path["organisation"])
    return Found(target=found, compartment=call.tenancy.id, words=f"organisation {call.path['organisation']!r}")


async def list_organisations(call: Call) -> list[Listed]:
    found = sorted(await call.directory.organisations.all(call.tenancy.id), key=lambda organisation: organisation.name)
    return [Listed(target=None, compartment=call.tenancy.id, shown=shown.organisation(organisation)) for organisation in found]


async def create_organisation(call: Call) -> shown.Organisation:
    body: CreateOrganisation = call.body
    made = await call.directory.organisations.create(call.tenancy.id, body.name, body.display_name, body.description, call.now_ms, body.joining)
    return shown.organisation(made)


async def get_organisation(call: Call) -> shown.Organisation:
    return shown.organisation(call.target)


async def update_organisation(call: Call) -> shown.Organisation:
    given = changes(call.body, {"display_name": "display_name", "description": "description", "joining": "joining"})
    return shown.organisation(await call.directory.organisations.change(msgspec.structs.replace(call.target, **given)))


async def delete_organisation(call: Call) -> shown.Deleted:
    await call.directory.organisations.delete(call.target.id)
    return shown.Deleted(deleted=call.target.id)


async def list_members(call: Call) -> list[shown.Enrolment]:
    id = call.target.id
    found = sorted(await call.directory.organisations.members(id), key=lambda user: user.name)
    return [shown.enrolment(each, user.id) for user in found for each in user.enrolments if each.organisation == id]


async def enrol(call: Call, user: User, organisation: Organisation, *, take_over: bool = False) -> Enrolment:
    """Makes a user an S3 identity of an organisation, with buckets of its own. Errors: Fault."""
    world = await call.world()
    giving.require(call, own_buckets(world), "an identity with buckets of its own")
    if take_over:
        giving.require(call, everything_in(call.tenancy.id, world), "an identity that may own buckets already")
    return await call.directory.organisations.enrol(user.id, organisation.id, call.now_ms, take_over=take_over)


async def add_member(call: Call) -> shown.Enrolment:
    user = await find.user_of(call, call.body.user)
    if user is None:
        raise missing(f"There is no user {call.body.user!r}.")
    return shown.enrolment(await enrol(call, user, call.target, take_over=call.body.take_over), user.id)


async def remove_member(call: Call) -> shown.Deleted:
    user = await find.user_of(call, call.path["user"])
    if user is None:
        raise missing(f"There is no user {call.path['user']!r}.")
    await call.directory.organisations.leave(user.id, call.target.id)
    return shown.Deleted(deleted=user.id)


async def update_member(call: Call) -> shown.Enrolment:
    user = await find.user_of(call, call.path["user"])
    if user is None:
        raise missing(f"There is no user {call.path['user']!r}.")
    if call.body.manager:
        giving.require(call, own_buckets(await call.world()), "the right to enrol others")
    return shown.enrolment(await call.directory.organisations.set_manager(user.id, call.target.id, call.body.manager), user.id)


ROUTES = (
    Route(method="GET", path="/organisations", operation="HoldfastListOrganisations", says="Lists organisations", does=list_organisations,
          about=find.in_tenancy, lists=True, shows=list[shown.Organisation]),
    Route(method="POST", path="/organisations", operation="HoldfastCreateOrganisation", says="Makes an organisation", does=create_organisation,
          about=find.in_tenancy, body=CreateOrganisation, shows=shown.Organisation, status=201),
    Route(method="GET", path="/organisations/{organisation}", operation="HoldfastGetOrganisation", says="Shows an organisation",
          does=get_organisation, about=the_organisation, shows=shown.Organisation),
    Route(method="PUT", path="/organisations/{organisation}", operation="HoldfastUpdateOrganisation", says="Changes an organisation",
          does=update_organisation, about=the_organisation, body=UpdateOrganisation, shows=shown.Organisation),
    Route(method="DELETE", path="/organisations/{organisation}", operation="HoldfastDeleteOrganisation",
          says="Deletes an organisation that nobody is in", does=delete_organisation, about=the_organisation, shows=shown.Deleted),
    Route(method="GET", path="/organisations/{organisation}/members", operation="HoldfastListOrganisationMembers",
          says="Lists who is in an organisation, and as which S3 identity", does=list_members, about=the_organisation,
          shows=list[shown.Enrolment]),
    Route(method="POST", path="/organisations/{organisation}/members", operation="HoldfastEnrol", says="Enrols a user", does=add_member,
          about=the_organisation, body=Enrol, shows=shown.Enrolment, status=201),
    Route(method="PUT", path="/organisations/{organisation}/members/{user}", operation="HoldfastSetManager",
          says="Makes a member a manager, who decides on who belongs to it, or takes that back", does=update_member, about=the_organisation,
          body=UpdateMember, shows=shown.Enrolment),
    Route(method="DELETE", path="/organisations/{organisation}/members/{user}", operation="HoldfastLeave",
          says="Ends an enrolment and its token", does=remove_member, about=the_organisation, shows=shown.Deleted),
)  # fmt: skip
