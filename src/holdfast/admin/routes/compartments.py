"""Compartments: the tree of a tenancy."""

from __future__ import annotations

import msgspec

from holdfast.admin import find, giving, shown
from holdfast.admin.faults import conflict, missing
from holdfast.admin.names import Name, Reference, Text
from holdfast.admin.route import Call, Found, Input, Listed, Route, changes
from holdfast.authz.giving import everything_in
from holdfast.buckets.volumes import Volumes
from holdfast.model.buckets import namespace_of_volume
from holdfast.model.identity import Compartment


class CreateCompartment(Input):
    name: Name
    description: Text = ""
    parent: Reference = ""


class UpdateCompartment(Input):
    name: Name | None = None
    description: Text | None = None
    parent: Reference | None = None


async def _in_parent(call: Call) -> Found:
    found = await find.compartment_of(call, call.body.parent)
    if found is None:
        return Found(compartment=call.tenancy.id, words=f"compartment {call.body.parent!r}")
    return Found(thing=found, compartment=found.id)


async def list_compartments(call: Call) -> list[Listed]:
    found = await call.directory.compartments.all(call.tenancy.id)
    rows = sorted(found, key=lambda compartment: compartment.name)
    return [Listed(target=compartment, compartment=compartment.id, shown=shown.compartment(compartment)) for compartment in rows]


async def create_compartment(call: Call) -> shown.Compartment:
    body: CreateCompartment = call.body
    made = await call.directory.compartments.create(call.tenancy.id, call.found.compartment, body.name, body.description, call.now_ms)
    return shown.compartment(made)


async def get_compartment(call: Call) -> shown.Compartment:
    return shown.compartment(call.target)


async def update_compartment(call: Call) -> shown.Compartment:
    """Another name or place changes which policies reach it: for that the caller must have every right in it, and where it goes."""
    compartment: Compartment = call.target
    if not compartment.parent:
        raise conflict("The root compartment is changed as the tenancy.")
    given = changes(call.body, {"name": "name", "description": "description", "parent": "parent"})
    world = await call.world()
    if "name" in given or "parent" in given:
        giving.require(call, everything_in(compartment.id, world), "a compartment another name or place")
    if "parent" in given:
        parent = await find.compartment_of(call, given["parent"])
        if parent is None:
            raise missing(f"There is no compartment {given['parent']!r}.")
        giving.require(call, everything_in(parent.id, world), "a compartment another place")
        given["parent"] = parent.id
    return shown.compartment(await call.directory.compartments.change(msgspec.structs.replace(compartment, **given)))


async def delete_compartment(call: Call) -> shown.Deleted:
    """Only an empty one: buckets, policies and service accounts in it would come under the root's policies."""
    id = call.target.id
    if not call.target.parent:
        raise conflict("The root compartment stays as long as its tenancy.")
    bucket = await _bucket_in(call, id)
    if bucket:
        raise conflict(f"The bucket {bucket!r} is in the compartment.")
    await call.directory.compartments.delete(id)
    return shown.Deleted(deleted=id)


async def _bucket_in(call: Call, compartment: str) -> str:
    """The name of a bucket that is in a compartment, in whatever volume; "" for none."""
    engine, namespace = call.services.engine, call.tenancy.namespace
    for volume in await Volumes(engine, namespace).all():
        after = ""
        while page := await engine.catalog.buckets(namespace_of_volume(namespace, volume.name), after=after):
            for bucket in page:
                if bucket.compartment == compartment:
                    return bucket.name
            after = page[-1].name
    return ""


ROUTES = (
    Route(method="GET", path="/compartments", operation="ListCompartments", says="Lists compartments", does=list_compartments,
          about=find.in_tenancy, lists=True, shows=list[shown.Compartment]),
    Route(method="POST", path="/compartments", operation="CreateCompartment", says="Makes a compartment", does=create_compartment,
          about=_in_parent, body=CreateCompartment, shows=shown.Compartment, status=201),
    Route(method="GET", path="/compartments/{compartment}", operation="GetCompartment", says="Shows a compartment, by path (a:b) or OCID",
          does=get_compartment, about=find.the_compartment, shows=shown.Compartment),
    Route(method="PUT", path="/compartments/{compartment}", operation="UpdateCompartment", says="Changes, renames or moves a compartment",
          does=update_compartment, about=find.the_compartment, body=UpdateCompartment, shows=shown.Compartment),
    Route(method="DELETE", path="/compartments/{compartment}", operation="DeleteCompartment", says="Deletes an empty compartment",
          does=delete_compartment, about=find.the_compartment, shows=shown.Deleted),
)  # fmt: skip
