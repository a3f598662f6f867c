"""Work requests of the identity service. Those of object storage have names and documents of their own."""

from __future__ import annotations

from typing import Any

from holdfast.identities.work_requests import WorkRequest
from holdfast.model.errors import AccessDenied
from holdfast.model.messages import Response
from holdfast.oci.answers import document
from holdfast.oci.identity_call import Row, cut
from holdfast.oci.operation import Call, operation
from holdfast.wire.values import iso_date_ms

_ACTIONS = {"DELETE_COMPARTMENT": "DELETED", "MOVE_COMPARTMENT": "RELATED"}


def _shown(found: WorkRequest) -> dict[str, Any]:
    moment = iso_date_ms(found.created_ms)
    resource = {
        "entityType": "compartment",
        "actionType": _ACTIONS.get(found.operation, "RELATED"),
        "identifier": found.resource,
        "entityUri": f"/20160918/compartments/{found.resource}",
    }
    return {
        "id": found.id,
        "operationType": found.operation,
        "status": "SUCCEEDED",
        "compartmentId": found.compartment,
        "resources": [resource],
        "percentComplete": 100.0,
        "timeAccepted": moment,
        "timeStarted": moment,
        "timeFinished": moment,
    }


@operation("IdentityGetWorkRequest", "GET", "/20160918/workRequests/{workRequestId}", asks=False)
async def get_work_request(call: Call) -> Response:
    """Errors: AccessDenied."""
    found = await call.services.directory.work_requests.get(call.names["workRequestId"])
    if found is None:
        raise AccessDenied
    await call.require("GetCompartment", compartment=found.compartment)
    return document(_shown(found))


@operation(
    "IdentityListWorkRequests", "GET", "/20160918/workRequests", query=("compartmentId!", "page", "limit", "resourceIdentifier"), asks=False
)
async def list_work_requests(call: Call) -> Response:
    """Newest first. Errors: AccessDenied."""
    compartment = await call.services.directory.compartments.get(call.query["compartmentId"])
    if compartment is None:
        raise AccessDenied
    await call.require("GetCompartment", compartment=compartment.id)
    found = await call.services.directory.work_requests.of_compartment(compartment.id, call.query.get("resourceIdentifier", ""))
    return cut(call, [Row(each.id, each.operation, each.created_ms, _shown(each)) for each in found])
