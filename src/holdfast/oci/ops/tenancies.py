"""The tenancy, the region, the availability domain and its fault domain: one store is one of each."""

from __future__ import annotations

from typing import Any

from holdfast.model.errors import AccessDenied
from holdfast.model.messages import Response
from holdfast.model.ocids import derived_ocid
from holdfast.oci.answers import document
from holdfast.oci.identity_call import entity, tenancy_of
from holdfast.oci.identity_documents import region_key, tenancy_json
from holdfast.oci.operation import Call, operation


@operation("GetTenancy", "GET", "/20160918/tenancies/{tenancyId}", asks=False)
async def get_tenancy(call: Call) -> Response:
    """Errors: AccessDenied."""
    tenancy = await tenancy_of(call, call.names["tenancyId"])
    await call.require(compartment=tenancy.id)
    return entity(tenancy, tenancy_json(tenancy, region_key(call.region)))


@operation("ListRegions", "GET", "/20160918/regions", asks=False)
async def list_regions(call: Call) -> Response:
    """Every user may ask: the command line validates its sessions with it."""
    if call.caller.user is None:
        raise AccessDenied
    return document([{"key": region_key(call.region), "name": call.region}])


@operation("ListRegionSubscriptions", "GET", "/20160918/tenancies/{tenancyId}/regionSubscriptions", asks=False)
async def list_region_subscriptions(call: Call) -> Response:
    """Errors: AccessDenied."""
    tenancy = await tenancy_of(call, call.names["tenancyId"])
    await call.require(compartment=tenancy.id)
    return document([{"regionKey": region_key(call.region), "regionName": call.region, "status": "READY", "isHomeRegion": True}])


@operation("ListAvailabilityDomains", "GET", "/20160918/availabilityDomains", query=("compartmentId!",), asks=False)
async def list_availability_domains(call: Call) -> Response:
    """Errors: AccessDenied."""
    return document([await _availability_domain(call)])


@operation("ListFaultDomains", "GET", "/20160918/faultDomains", query=("compartmentId!", "availabilityDomain!"), asks=False)
async def list_fault_domains(call: Call) -> Response:
    """Errors: AccessDenied."""
    domain = await _availability_domain(call)
    if call.query["availabilityDomain"] != domain["name"]:
        raise AccessDenied
    id = derived_ocid("faultdomain", domain["id"], region=call.region)
    return document([{"name": "FAULT-DOMAIN-1", "id": id, "compartmentId": domain["compartmentId"], "availabilityDomain": domain["name"]}])


async def _availability_domain(call: Call) -> dict[str, Any]:
    compartment = await call.services.directory.compartments.get(call.query["compartmentId"])
    if compartment is None:
        raise AccessDenied
    await call.require(compartment=compartment.id)
    id = derived_ocid("availabilitydomain", compartment.tenancy, call.region)
    return {"name": f"{compartment.tenancy[-4:]}:{call.region.upper()}-AD-1", "id": id, "compartmentId": compartment.tenancy}
