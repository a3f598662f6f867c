"""Groups of a tenancy, and who is in them."""

from __future__ import annotations

import msgspec

from holdfast.authz.giving import by_group
from holdfast.identities.documents import Taken, Unknown
from holdfast.model.errors import AccessDenied, InvalidArgument
from holdfast.model.identity import Group, Membership, User
from holdfast.model.messages import Response
from holdfast.oci.identity_call import (
    PAGED,
    Conflict,
    Row,
    attempt,
    check_etag,
    checked_description,
    checked_name,
    cut,
    entity,
    nothing,
    once,
    page_of,
    sentence,
    tenancy_of,
)
from holdfast.oci.identity_documents import AddUserToGroupDetails, CreateGroupDetails, UpdateGroupDetails, group_json, membership_json
from holdfast.oci.identity_giving import require_to_give, world_of
from holdfast.oci.operation import Call, operation

_GROUPS, _GROUP = "/20160918/groups", "/20160918/groups/{groupId}"
_MEMBERSHIPS, _MEMBERSHIP = "/20160918/userGroupMemberships", "/20160918/userGroupMemberships/{userGroupMembershipId}"


async def _group_of(call: Call) -> Group:
    """The group that the path names, if the caller may do this operation to it. Errors: AccessDenied."""
    found = await call.services.directory.groups.get(call.names["groupId"])
    if found is None:
        raise AccessDenied
    await call.require(target=found, compartment=found.tenancy)
    return found


@operation("CreateGroup", "POST", _GROUPS, body=CreateGroupDetails, asks=False)
async def create_group(call: Call) -> Response:
    """Errors: AccessDenied, Conflict, InvalidArgument."""
    given: CreateGroupDetails = call.body
    tenancy = await tenancy_of(call, given.compartment_id)
    await call.require(compartment=tenancy.id)
    name, description, groups = checked_name(given.name), checked_description(given.description), call.services.directory.groups

    async def make() -> tuple[str, Response]:
        made = await attempt("Group", groups.create(tenancy.id, name, description, call.now_ms))
        return made.id, entity(made, group_json(made))

    async def again(id: str) -> Response | None:
        found = await groups.get(id)
        return None if found is None else entity(found, group_json(found))

    return await once(call, make, again)


@operation("ListGroups", "GET", _GROUPS, query=(*PAGED, "identityProviderId"), asks=False)
async def list_groups(call: Call) -> Response:
    """Errors: AccessDenied, InvalidArgument."""
    tenancy = await tenancy_of(call, call.query["compartmentId"])
    await call.require(compartment=tenancy.id)
    groups = [] if "identityProviderId" in call.query else await call.services.directory.groups.all(tenancy.id)
    return page_of(call, [Row(group.id, group.name, group.created_ms, group_json(group)) for group in groups])


@operation("GetGroup", "GET", _GROUP, asks=False)
async def get_group(call: Call) -> Response:
    """Errors: AccessDenied."""
    group = await _group_of(call)
    return entity(group, group_json(group))


@operation("UpdateGroup", "PUT", _GROUP, body=UpdateGroupDetails, conditional=True, asks=False)
async def update_group(call: Call) -> Response:
    """Errors: AccessDenied, NoEtagMatch, InvalidArgument."""
    group = await _group_of(call)
    check_etag(call, group)
    if call.body.description is not None:
        changed = msgspec.structs.replace(group, description=checked_description(call.body.description))
        group = await attempt("Group", call.services.directory.groups.change(changed))
    return entity(group, group_json(group))


@operation("DeleteGroup", "DELETE", _GROUP, conditional=True, asks=False)
async def delete_group(call: Call) -> Response:
    """Errors: AccessDenied, NoEtagMatch, Conflict (somebody is in it)."""
    group = await _group_of(call)
    check_etag(call, group)
    try:
        await call.services.directory.groups.delete(group.id)
    except Taken as taken:
        raise Conflict("GroupNotEmpty", sentence(taken)) from None
    except Unknown:
        raise AccessDenied from None
    return nothing()


@operation("AddUserToGroup", "POST", _MEMBERSHIPS, body=AddUserToGroupDetails, asks=False)
async def add_user_to_group(call: Call) -> Response:
    """Errors: AccessDenied, Conflict (it is in the group)."""
    given: AddUserToGroupDetails = call.body
    directory = call.services.directory
    group, user = await directory.groups.get(given.group_id), await directory.users.user(given.user_id)
    if group is None or user is None or user.tenancy != group.tenancy:
        raise AccessDenied
    await _require_both(call, group, user)
    require_to_give(call, by_group(group, await world_of(call, group.tenancy)), group.tenancy)

    async def make() -> tuple[str, Response]:
        made = await attempt("UserGroupMembership", directory.groups.add_user(group.id, user.id, call.now_ms))
        return made.id, entity(made, membership_json(made, user))

    async def again(id: str) -> Response | None:
        found = await directory.groups.membership(id)
        return None if found is None else entity(found[0], membership_json(*found))

    return await once(call, make, again)


async def _require_both(call: Call, group: Group, user: User) -> None:
    """A membership is of the group and of the user: conditions on either are asked with it. Errors: AccessDenied."""
    reads = call.operation in ("ListUserGroupMemberships", "GetUserGroupMembership")
    await call.require(target=group, compartment=group.tenancy, permissions=("GROUP_INSPECT" if reads else "GROUP_UPDATE",))
    await call.require(target=user, compartment=user.tenancy, permissions=("USER_INSPECT" if reads else "USER_UPDATE",))


@operation("ListUserGroupMemberships", "GET", _MEMBERSHIPS, query=("compartmentId!", "userId", "groupId", "page", "limit"), asks=False)
async def list_user_group_memberships(call: Call) -> Response:
    """Of a user, of a group, or of both; at least one must be named. Everybody may see its own. Errors: AccessDenied, InvalidArgument."""
    tenancy, directory = await tenancy_of(call, call.query["compartmentId"]), call.services.directory
    user_id, group_id = call.query.get("userId", ""), call.query.get("groupId", "")
    if not user_id and not group_id:
        raise InvalidArgument("userId or groupId must be given.", ArgumentName="userId")
    if user_id != call.user.id:
        await call.require(compartment=tenancy.id)
    users: list[User] = []
    if user_id:
        found = await directory.users.user(user_id)
        users = [found] if found is not None and found.tenancy == tenancy.id else []
    else:
        users = [user for user in await directory.groups.members(group_id) if user.tenancy == tenancy.id]
    rows = [
        Row(membership.id, user.name, membership.created_ms, membership_json(membership, user))
        for user in users
        for membership in user.memberships
        if not group_id or membership.group == group_id
    ]
    return cut(call, sorted(rows, key=lambda row: (row.created_ms, row.id)))


async def _membership_of(call: Call) -> tuple[Membership, User]:
    groups = call.services.directory.groups
    found = await groups.membership(call.names["userGroupMembershipId"])
    group = None if found is None else await groups.get(found[0].group)
    if found is None or group is None:
        raise AccessDenied
    await _require_both(call, group, found[1])
    return found


@operation("GetUserGroupMembership", "GET", _MEMBERSHIP, asks=False)
async def get_user_group_membership(call: Call) -> Response:
    """Errors: AccessDenied."""
    membership, user = await _membership_of(call)
    return entity(membership, membership_json(membership, user))


@operation("RemoveUserFromGroup", "DELETE", _MEMBERSHIP, conditional=True, asks=False)
async def remove_user_from_group(call: Call) -> Response:
    """What the group gave ends at once. Errors: AccessDenied, NoEtagMatch."""
    membership, user = await _membership_of(call)
    check_etag(call, membership)
    try:
        await call.services.directory.groups.remove_user(membership.group, user.id)
    except Unknown:
        raise AccessDenied from None
    return nothing()
