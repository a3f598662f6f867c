"""Dynamic groups, whose members would be machines of a cloud: there are none here, and none can be made."""

from __future__ import annotations

from holdfast.model import errors
from holdfast.model.errors import AccessDenied
from holdfast.model.messages import Response
from holdfast.oci.identity_call import PAGED, page_of, tenancy_of
from holdfast.oci.operation import Call, operation

_GROUPS, _GROUP = "/20160918/dynamicGroups", "/20160918/dynamicGroups/{dynamicGroupId}"


@operation("ListDynamicGroups", "GET", _GROUPS, query=PAGED, asks=False)
async def list_dynamic_groups(call: Call) -> Response:
    """Errors: AccessDenied, InvalidArgument."""
    tenancy = await tenancy_of(call, call.query["compartmentId"])
    await call.require(compartment=tenancy.id)
    return page_of(call, [])


@operation("CreateDynamicGroup", "POST", _GROUPS)
async def create_dynamic_group(call: Call) -> Response:
    """Errors: AccessDenied, NotImplemented."""
    raise errors.NotImplemented("Dynamic groups are not implemented.")


@operation("GetDynamicGroup", "GET", _GROUP)
async def get_dynamic_group(call: Call) -> Response:
    """Errors: AccessDenied."""
    raise AccessDenied


@operation("UpdateDynamicGroup", "PUT", _GROUP, conditional=True)
async def update_dynamic_group(call: Call) -> Response:
    """Errors: AccessDenied."""
    raise AccessDenied


@operation("DeleteDynamicGroup", "DELETE", _GROUP, conditional=True)
async def delete_dynamic_group(call: Call) -> Response:
    """Errors: AccessDenied."""
    raise AccessDenied
