"""Roles, bound to users, service accounts and groups on the tenancy, a compartment or a bucket."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from holdfast.admin import find, giving, shown
from holdfast.admin.faults import invalid
from holdfast.admin.names import Reference
from holdfast.admin.route import Call, Found, Input, Listed, Route
from holdfast.authz.giving import by_role
from holdfast.authz.roles import ROLES, role_named
from holdfast.model.identity import Binding, Group, User

RoleName = Annotated[str, Meta(max_length=64, description="storage.viewer, configViewer, configurer, uploader, editor or admin")]
_QUERY = ("role", "user", "service-account", "group", "compartment", "bucket", "tenancy-wide")


class BindRole(Input):
    """Exactly one of user, service-account and group; exactly one of compartment, bucket and tenancy-wide."""

    role: RoleName
    user: Reference | None = None
    service_account: Reference | None = None
    group: Reference | None = None
    compartment: Reference | None = None
    bucket: Reference | None = None
    tenancy_wide: bool = False


def _given(call: Call) -> BindRole:
    """What the body says, or the query of a request that has none."""
    if call.body is not None:
        return call.body  # type: ignore[no-any-return]
    query = call.query
    if "role" not in query:
        raise invalid("The query must name a role.")
    return BindRole(
        role=query["role"],
        user=query.get("user"),
        service_account=query.get("service-account"),
        group=query.get("group"),
        compartment=query.get("compartment"),
        bucket=query.get("bucket"),
        tenancy_wide=query.get("tenancy-wide") == "true",
    )


async def the_scope(call: Call) -> Found:
    """Where a role is bound: `thing` is the scope and its target."""
    given = _given(call)
    if (given.compartment is not None) + (given.bucket is not None) + given.tenancy_wide != 1:
        raise invalid("Name exactly one of compartment, bucket and tenancy-wide.")
    if given.tenancy_wide:
        return Found(thing=("tenancy", call.tenancy.id), compartment=call.tenancy.id)
    if given.compartment is not None:
        where = await find.compartment_of(call, given.compartment)
        if where is None:
            return Found(compartment=call.tenancy.id, words=f"compartment {given.compartment!r}")
        return Found(thing=("compartment", where.id), compartment=where.id)
    assert given.bucket is not None
    bucket = await find.bucket_of(call, given.bucket)
    if bucket is None:
        if call.body is None and given.bucket.isdigit():  # the number of a bucket that is gone: only to be unbound
            return Found(thing=("bucket", given.bucket), compartment=call.tenancy.id)
        return Found(compartment=call.tenancy.id, words=f"bucket {given.bucket!r}")
    return Found(thing=("bucket", str(bucket.id)), compartment=bucket.compartment or call.tenancy.id, bucket=bucket)


async def list_roles(call: Call) -> list[shown.Role]:
    return [shown.Role(name=role.name, permissions=sorted(role.permissions), actions=sorted(role.actions)) for role in ROLES.values()]


async def list_bindings(call: Call) -> list[Listed]:
    query = call.query
    if query.keys() & {"user", "service-account", "group"}:
        holders: list[User | Group] = [
            await find.one_principal(call, query.get("user"), query.get("service-account"), query.get("group"))
        ]
    else:
        holders = [*await call.directory.users.all(call.tenancy.id), *await call.directory.groups.all(call.tenancy.id)]
    return [
        Listed(
            target=None,
            compartment=binding.target if binding.scope == "compartment" else call.tenancy.id,
            shown=shown.binding(binding, holder),
        )
        for holder in sorted(holders, key=lambda holder: holder.name)
        for binding in holder.roles
    ]


async def bind(call: Call) -> shown.RoleBinding:
    given = _given(call)
    role = role_named(given.role)
    if role is None:
        raise invalid(f"There is no role {given.role!r}; there are {', '.join(ROLES)}.")
    scope, target = call.target
    holder = await find.one_principal(call, given.user, given.service_account, given.group)
    binding = Binding(role=role.name, scope=scope, target=target, created_ms=call.now_ms)
    giving.require(call, by_role(binding, call.found.bucket, await call.world()), f"the role {role.name}")
    await call.directory.roles.bind(holder.id, binding)
    return shown.binding(binding, holder)


async def unbind(call: Call) -> shown.Deleted:
    given = _given(call)
    role = role_named(given.role)
    scope, target = call.target
    holder = await find.one_principal(call, given.user, given.service_account, given.group)
    await call.directory.roles.unbind(holder.id, given.role if role is None else role.name, scope, target)
    return shown.Deleted(deleted=f"{given.role} of {holder.id} on {scope} {target}")


ROUTES = (
    Route(method="GET", path="/roles", operation="HoldfastListRoles", says="Lists the roles that there are, and what each allows",
          does=list_roles, about=find.in_tenancy, shows=list[shown.Role]),
    Route(method="GET", path="/role-bindings", operation="HoldfastListRoleBindings", says="Lists who has which role where", does=list_bindings,
          about=find.in_tenancy, lists=True, query=("user", "service-account", "group"), shows=list[shown.RoleBinding]),
    Route(method="POST", path="/role-bindings", operation="HoldfastBindRole", says="Binds a role", does=bind, about=the_scope, body=BindRole,
          shows=shown.RoleBinding, status=201),
    Route(method="DELETE", path="/role-bindings", operation="HoldfastUnbindRole", says="Takes a role away: it counts at once", does=unbind,
          about=the_scope, query=_QUERY, shows=shown.Deleted),
)  # fmt: skip
