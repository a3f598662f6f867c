"""GetNamespace, GetNamespaceMetadata, UpdateNamespaceMetadata."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.identities.documents import Unknown
from holdfast.model.errors import InvalidArgument, NotImplemented
from holdfast.model.identity import Tenancy
from holdfast.model.messages import Response
from holdfast.oci.answers import document
from holdfast.oci.errors import NamespaceNotFound
from holdfast.oci.operation import Call, operation


@operation("GetNamespace", "GET", "/n", query=("compartmentId",), asks=False)
async def get_namespace(call: Call) -> Response:
    """The namespace of the caller's tenancy, which every user may know."""
    asked = call.query.get("compartmentId")
    if asked is not None:
        await require_compartment(call, asked)
        await call.require("GetNamespaceMetadata")
    return document(call.user.namespace)


class UpdateNamespaceMetadataDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Where buckets go that S3 and Swift clients make."""

    default_s3_compartment_id: str | None = msgspec.field(default=None, name="defaultS3CompartmentId")
    default_swift_compartment_id: str | None = None


@operation("GetNamespaceMetadata", "GET", "/n/{namespaceName}")
async def get_namespace_metadata(call: Call) -> Response:
    """Where buckets go that S3 clients make."""
    return document(_metadata(call, await tenancy_of(call)))


@operation("UpdateNamespaceMetadata", "PUT", "/n/{namespaceName}", body=UpdateNamespaceMetadataDetails)
async def update_namespace_metadata(call: Call) -> Response:
    """Sets the compartment of S3. There is no Swift door, so that its compartment stays the root."""
    given: UpdateNamespaceMetadataDetails = call.body
    tenancy = await tenancy_of(call)
    if given.default_swift_compartment_id not in (None, tenancy.id):
        raise NotImplemented("There is no Swift API: its default compartment cannot be changed.")
    if given.default_s3_compartment_id is not None:
        await require_compartment(call, given.default_s3_compartment_id)
        chosen = "" if given.default_s3_compartment_id == tenancy.id else given.default_s3_compartment_id
        tenancy = await call.services.directory.tenancies.change(msgspec.structs.replace(tenancy, s3_compartment=chosen))
    return document(_metadata(call, tenancy))


def _metadata(call: Call, tenancy: Tenancy) -> dict[str, Any]:
    return {
        "namespace": call.user.namespace,
        "defaultS3CompartmentId": tenancy.s3_compartment or tenancy.id,
        "defaultSwiftCompartmentId": tenancy.id,
    }


async def tenancy_of(call: Call) -> Tenancy:
    """The caller's tenancy. Errors: NamespaceNotFound."""
    found = await call.services.directory.tenancies.get(call.user.tenancy)
    if found is None:
        raise NamespaceNotFound
    return found


async def require_compartment(call: Call, id: str) -> None:
    """That an OCID is that of a compartment of the caller's tenancy. Errors: InvalidArgument, NamespaceNotFound."""
    if not id.startswith("ocid1."):
        raise InvalidArgument("compartmentId is no OCID.", ArgumentName="compartmentId")
    try:
        found = await call.services.directory.compartments.get(id)
    except Unknown:
        found = None
    if found is None or (found.tenancy != call.user.tenancy and found.id != call.user.tenancy):
        raise NamespaceNotFound
