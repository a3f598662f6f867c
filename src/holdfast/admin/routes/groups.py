"""Groups, and who is in them."""

from __future__ import annotations

import msgspec

from holdfast.admin import find, giving, shown
from holdfast.admin.faults import missing
from holdfast.admin.names import Name, Reference, Text
from holdfast.admin.route import Call, Found, Input, Listed, Route, changes
from holdfast.authz.giving import by_group
from holdfast.model.identity import Group


class CreateGroup(Input):
    name: Name
    description: Text = ""


class UpdateGroup(Input):
    name: Name | None = None
    description: Text | None = None


class AddMember(Input):
    user: Reference


async def list_groups(call: Call) -> list[Listed]:
    found = await call.directory.groups.all(call.tenancy.id)
    return [Listed(target=group, compartment=call.tenancy.id, shown=shown.group(group)) for group in sorted(found, key=lambda group: group.name)]


async def create_group(call: Call) -> shown.Group:
    return shown.group(await call.directory.groups.create(call.tenancy.id, call.body.name, call.body.description, call.now_ms))


async def get_group(call: Call) -> shown.Group:
    return shown.group(call.target)


async def update_group(call: Call) -> shown.Group:
    """A new name gives the members what policies say of that name."""
    group: Group = call.target
    renamed = msgspec.structs.replace(group, **changes(call.body, {"name": "name", "description": "description"}))
    if renamed.name.lower() != group.name.lower():
        giving.require(call, by_group(renamed, await call.world()), f"the name {renamed.name!r} to a group")
    return shown.group(await call.directory.groups.change(renamed))


async def delete_group(call: Call) -> shown.Deleted:
    await call.directory.groups.delete(call.target.id)
    return shown.Deleted(deleted=call.target.id)


async def list_members(call: Call) -> list[shown.User]:
    found = await call.directory.groups.members(call.target.id)
    return [shown.user(user) for user in sorted(found, key=lambda user: user.name)]


async def add_member(call: Call) -> shown.Membership:
    group: Group = call.target
    user = await find.user_of(call, call.body.user)
    if user is None:
        raise missing(f"There is no user {call.body.user!r}.")
    giving.require(call, by_group(group, await call.world()), f"membership in the group {group.name!r}")
    return shown.membership(await call.directory.groups.add_user(group.id, user.id, call.now_ms), user.id)


async def the_member(call: Call) -> Found:
    """Both the group and the user of the path must be there; the decision looks at the group."""
    found = await find.the_group(call)
    if found.target is None:
        return found
    user = await find.user_of(call, call.path["user"])
    return msgspec.structs.replace(found, thing=user, target=found.target if user else None, words=f"user {call.path['user']!r} in the group")


async def remove_member(call: Call) -> shown.Deleted:
    group = call.found.target
    assert isinstance(group, Group)
    await call.directory.groups.remove_user(group.id, call.target.id)
    return shown.Deleted(deleted=call.target.id)


ROUTES = (
    Route(method="GET", path="/groups", operation="ListGroups", says="Lists groups", does=list_groups, about=find.in_tenancy, lists=True,
          shows=list[shown.Group]),
    Route(method="POST", path="/groups", operation="CreateGroup", says="Makes a group", does=create_group, about=find.in_tenancy,
          body=CreateGroup, shows=shown.Group, status=201),
    Route(method="GET", path="/groups/{group}", operation="GetGroup", says="Shows a group", does=get_group, about=find.the_group,
          shows=shown.Group),
    Route(method="PUT", path="/groups/{group}", operation="UpdateGroup", says="Changes a group", does=update_group, about=find.the_group,
          body=UpdateGroup, shows=shown.Group),
    Route(method="DELETE", path="/groups/{group}", operation="DeleteGroup", says="Deletes a group that nobody is in", does=delete_group,
          about=find.the_group, shows=shown.Deleted),
    Route(method="GET", path="/groups/{group}/members", operation="ListUserGroupMemberships", says="Lists who is in a group",
          does=list_members, about=find.the_group, shows=list[shown.User]),
    Route(method="POST", path="/groups/{group}/members", operation="AddUserToGroup", says="Adds a user or service account to a group",
          does=add_member, about=find.the_group, body=AddMember, shows=shown.Membership, status=201),
    Route(method="DELETE", path="/groups/{group}/members/{user}", operation="RemoveUserFromGroup", says="Takes a user out of a group",
          does=remove_member, about=the_member, shows=shown.Deleted),
)  # fmt: skip
