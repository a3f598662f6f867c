"""Tenancies: a tenancy sees itself; who runs the store sees all, and makes new ones with an administrator of their own."""

from __future__ import annotations

import msgspec

from holdfast.admin import find, shown
from holdfast.admin.faults import missing
from holdfast.admin.names import Name, Namespace, Reference, Text, UserName
from holdfast.admin.route import Call, Found, Input, Listed, Route, changes
from holdfast.identities.first_start import ensure_administrators
from holdfast.model.identity import Tenancy, User

NOWHERE = "no tenancy"
"""The compartment of a tenancy that is not there: for who may not look into others it is like any other."""


class CreateTenancy(Input):
    """`administrator` names a user who is made with it, in its group Administrators, with a key."""

    name: Name
    namespace: Namespace
    description: Text = ""
    administrator: UserName | None = None


class UpdateTenancy(Input):
    name: Name | None = None
    description: Text | None = None
    s3_compartment: Reference | None = None


async def the_tenancy(call: Call) -> Found:
    name = call.path["tenancy"]
    if name == find.ITSELF:
        found: Tenancy | None = call.tenancy
    else:
        tenancies = call.directory.tenancies
        found = await tenancies.get(name) if name.startswith("ocid1.") else await tenancies.by_name(name)
    return Found(target=found, compartment=found.id if found else NOWHERE, words=f"tenancy {name!r}")


async def list_tenancies(call: Call) -> list[Listed]:
    found = sorted(await call.directory.tenancies.all(), key=lambda tenancy: tenancy.name)
    return [Listed(target=tenancy, compartment=tenancy.id, shown=shown.tenancy(tenancy)) for tenancy in found]


async def create_tenancy(call: Call) -> shown.NewTenancy:
    body: CreateTenancy = call.body
    directory, now_ms = call.directory, call.now_ms
    made = await directory.tenancies.create(body.name, body.namespace, now_ms, body.description)
    group = await ensure_administrators(directory, made, now_ms)
    if body.administrator is None:
        return shown.new_tenancy(made, None)
    user = User(id="", name=body.administrator, canonical_id="", display_name="", rights="none", tenancy=made.id, created_ms=now_ms)
    user = await directory.users.create_user(user)
    await directory.groups.add_user(group.id, user.id, now_ms)
    key = await directory.keys.create(user.id, now_ms)
    stored = await directory.keys.get(key.access_key)
    assert stored is not None
    return shown.new_tenancy(made, shown.new_key(key, stored))


async def get_tenancy(call: Call) -> shown.Tenancy:
    return shown.tenancy(call.target)


async def update_tenancy(call: Call) -> shown.Tenancy:
    tenancy: Tenancy = call.target
    body: UpdateTenancy = call.body
    given = changes(body, {"name": "name", "description": "description"})
    if body.s3_compartment is not None:
        there = msgspec.structs.replace(call, tenancy=tenancy)
        where = await find.compartment_of(there, body.s3_compartment)
        if where is None:
            raise missing(f"There is no compartment {body.s3_compartment!r}.")
        given["s3_compartment"] = "" if where.id == tenancy.id else where.id
    return shown.tenancy(await call.directory.tenancies.change(msgspec.structs.replace(tenancy, **given)))


ROUTES = (
    Route(method="GET", path="/tenancies", operation="HoldfastListTenancies", says="Lists tenancies: one's own, or all for who runs the store",
          does=list_tenancies, about=find.in_tenancy, lists=True, shows=list[shown.Tenancy]),
    Route(method="POST", path="/tenancies", operation="HoldfastCreateTenancy", says="Makes a tenancy with its namespace and administrators",
          does=create_tenancy, about=find.in_tenancy, body=CreateTenancy, shows=shown.NewTenancy, status=201, secret=True),
    Route(method="GET", path="/tenancies/{tenancy}", operation="HoldfastGetTenancy", says="Shows a tenancy; ~ is one's own",
          does=get_tenancy, about=the_tenancy, shows=shown.Tenancy),
    Route(method="PUT", path="/tenancies/{tenancy}", operation="HoldfastUpdateTenancy",
          says="Changes a tenancy, or the compartment of buckets that are made through S3", does=update_tenancy, about=the_tenancy,
          body=UpdateTenancy, shows=shown.Tenancy),
)  # fmt: skip
