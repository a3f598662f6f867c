"""Compartments: the tree of a tenancy, whose root has the tenancy's id."""

from __future__ import annotations

import msgspec

from holdfast.authz.giving import everything_in
from holdfast.identities.documents import Taken, Unknown
from holdfast.model import errors
from holdfast.model.errors import AccessDenied, InvalidArgument
from holdfast.model.identity import Compartment
from holdfast.model.messages import Response
from holdfast.oci.identity_call import (
    PAGED,
    Conflict,
    Row,
    attempt,
    check_etag,
    checked_description,
    checked_name,
    entity,
    once,
    page_of,
    sentence,
)
from holdfast.oci.identity_documents import CreateCompartmentDetails, MoveCompartmentDetails, UpdateCompartmentDetails, compartment_json
from holdfast.oci.identity_giving import require_to_give, world_of
from holdfast.oci.operation import Call, operation

_COMPARTMENTS, _COMPARTMENT = "/20160918/compartments", "/20160918/compartments/{compartmentId}"
_PAGE = 1000


async def _compartment_of(call: Call, *, root: bool = False) -> Compartment:
    """The compartment that the path names, if the caller may do this operation to it. Errors: AccessDenied; InvalidArgument for the root where
    it cannot be meant."""
    found = await call.services.directory.compartments.get(call.names["compartmentId"])
    if found is None:
        raise AccessDenied
    await call.require(target=found, compartment=found.id)
    if not root and not found.parent:
        raise InvalidArgument("The root compartment cannot be changed.", ArgumentName="compartmentId")
    return found


@operation("CreateCompartment", "POST", _COMPARTMENTS, body=CreateCompartmentDetails, asks=False)
async def create_compartment(call: Call) -> Response:
    """Errors: AccessDenied, Conflict, InvalidArgument."""
    given: CreateCompartmentDetails = call.body
    compartments = call.services.directory.compartments
    parent = await compartments.get(given.compartment_id)
    if parent is None:
        raise AccessDenied
    await call.require(compartment=parent.id)
    name, description = checked_name(given.name), checked_description(given.description)

    async def make() -> tuple[str, Response]:
        made = await attempt("Compartment", compartments.create(parent.tenancy, parent.id, name, description, call.now_ms))
        return made.id, entity(made, compartment_json(made, True))

    async def again(id: str) -> Response | None:
        found = await compartments.get(id)
        return None if found is None else entity(found, compartment_json(found, True))

    return await once(call, make, again)


@operation("ListCompartments", "GET", _COMPARTMENTS, query=(*PAGED, "accessLevel", "compartmentIdInSubtree"), asks=False)
async def list_compartments(call: Call) -> Response:
    """Those right below one, or the tenancy's whole tree; with accessLevel ACCESSIBLE those that the caller may see something in.

    Errors: AccessDenied, InvalidArgument."""
    query, compartments = call.query, call.services.directory.compartments
    at = await compartments.get(query["compartmentId"])
    if at is None:
        raise AccessDenied
    level, subtree = query.get("accessLevel", "ANY"), query.get("compartmentIdInSubtree", "false").lower()
    if level not in ("ANY", "ACCESSIBLE"):
        raise InvalidArgument("accessLevel must be ANY or ACCESSIBLE.", ArgumentName="accessLevel")
    if subtree not in ("true", "false") or (subtree == "true" and at.parent):
        raise InvalidArgument("compartmentIdInSubtree must be true or false, and true for the tenancy only.", ArgumentName="compartmentIdInSubtree")
    if level == "ANY":
        await call.require(compartment=at.id)
    elif call.user.tenancy != at.tenancy:
        await call.require(compartment=at.tenancy)
    rows = []
    for found in await compartments.all(at.tenancy):
        if subtree == "false" and found.parent != at.id:
            continue
        accessible = call.may("GetCompartment", target=found, compartment=found.id)
        if level == "ANY" or accessible:
            rows.append(Row(found.id, found.name, found.created_ms, compartment_json(found, accessible)))
    return page_of(call, rows)


@operation("GetCompartment", "GET", _COMPARTMENT, asks=False)
async def get_compartment(call: Call) -> Response:
    """Errors: AccessDenied."""
    found = await _compartment_of(call, root=True)
    return entity(found, compartment_json(found, True))


@operation("UpdateCompartment", "PUT", _COMPARTMENT, body=UpdateCompartmentDetails, conditional=True, asks=False)
async def update_compartment(call: Call) -> Response:
    """Errors: AccessDenied, Conflict, NoEtagMatch, InvalidArgument."""
    given: UpdateCompartmentDetails = call.body
    found = await _compartment_of(call)
    check_etag(call, found)
    if given.name is not None:
        await _require_all_of(call, found)
    changed = msgspec.structs.replace(
        found,
        name=found.name if given.name is None else checked_name(given.name),
        description=found.description if given.description is None else checked_description(given.description),
    )
    after = await attempt("Compartment", call.services.directory.compartments.change(changed))
    return entity(after, compartment_json(after, True))


async def _require_all_of(call: Call, *compartments: Compartment) -> None:
    """Another name or place changes which policies reach a compartment: who gives it one must have every right in it. Errors: AccessDenied."""
    for each in compartments:
        require_to_give(call, everything_in(each.id, await world_of(call, each.tenancy)), each.tenancy)


@operation("DeleteCompartment", "DELETE", _COMPARTMENT, conditional=True, asks=False)
async def delete_compartment(call: Call) -> Response:
    """An empty one is gone when this is answered. Errors: AccessDenied, NoEtagMatch, Conflict (something is in it)."""
    found = await _compartment_of(call)
    check_etag(call, found)
    tenancy = await call.services.directory.tenancies.get(found.tenancy)
    bucket = None if tenancy is None else await _bucket_in(call, tenancy.namespace, found.id)
    if bucket is not None:
        raise Conflict("CompartmentNotEmpty", f"The compartment has the bucket {bucket!r} in it.")
    try:
        await call.services.directory.compartments.delete(found.id)
    except Taken as taken:
        raise Conflict("CompartmentNotEmpty", sentence(taken)) from None
    except Unknown:
        raise AccessDenied from None
    return await _accepted(call, "DELETE_COMPARTMENT", found.id, found.parent)


async def _accepted(call: Call, done: str, compartment_id: str, parent_id: str) -> Response:
    made = await call.services.directory.work_requests.record(done, compartment_id, parent_id, call.now_ms)
    return Response(202, [(b"opc-work-request-id", made.id.encode())])


async def _bucket_in(call: Call, namespace: str, compartment_id: str) -> str | None:
    """The name of a bucket in a compartment; None where there is none."""
    after = ""
    while True:
        page = await call.engine.catalog.buckets(namespace, after=after, limit=_PAGE)
        for bucket in page:
            if bucket.compartment == compartment_id:
                return bucket.name
        if len(page) < _PAGE:
            return None
        after = page[-1].name


@operation("MoveCompartment", "POST", _COMPARTMENT + "/actions/moveCompartment", body=MoveCompartmentDetails, conditional=True, asks=False)
async def move_compartment(call: Call) -> Response:
    """Under another parent, with all that is in it. Errors: AccessDenied, Conflict, NoEtagMatch."""
    found = await _compartment_of(call)
    check_etag(call, found)
    parent = await call.services.directory.compartments.get(call.body.target_compartment_id)
    if parent is None or parent.tenancy != found.tenancy:
        raise AccessDenied
    await call.require(compartment=parent.id)
    await _require_all_of(call, found, parent)
    await attempt("Compartment", call.services.directory.compartments.change(msgspec.structs.replace(found, parent=parent.id)))
    return await _accepted(call, "MOVE_COMPARTMENT", found.id, parent.id)


@operation("RecoverCompartment", "POST", _COMPARTMENT + "/actions/recoverCompartment", conditional=True, asks=False)
async def recover_compartment(call: Call) -> Response:
    """Errors: AccessDenied; NotImplemented: a deleted compartment is gone."""
    await _compartment_of(call)
    raise errors.NotImplemented("A deleted compartment cannot be recovered here.")
