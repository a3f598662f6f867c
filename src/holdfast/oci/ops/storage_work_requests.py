"""ListWorkRequests, GetWorkRequest, CancelWorkRequest, ListWorkRequestErrors, ListWorkRequestLogs."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from holdfast.model.errors import AccessDenied, ConditionalRequestConflict
from holdfast.model.messages import Response
from holdfast.objects.paging import continuation_place, continuation_token
from holdfast.oci import work_requests as stored
from holdfast.oci.answers import document
from holdfast.oci.errors import NotFound
from holdfast.oci.operation import Call, operation, whole_number
from holdfast.oci.ops.namespaces import require_compartment
from holdfast.oci.work_requests import ENDED, Line, WorkRequest, WorkRequests
from holdfast.wire.values import iso_date_ms

_ONE = "/workRequests/{workRequestId}"
_ID = re.compile(r"[0-9a-f]{12}-[0-9a-f]{48}\Z")
PAGE_MAX = 1000


def of(call: Call) -> WorkRequests:
    """Those of the caller's namespace."""
    return WorkRequests(call.engine, call.user.namespace, call.region)


@operation(
    "ListWorkRequests", "GET", "/workRequests", query=("compartmentId!", "privateEndpointName", "page", "limit"), asks=False
)
async def list_work_requests(call: Call) -> Response:
    """Those of one compartment, oldest first, as far as the caller may see what they are about."""
    wanted = call.query["compartmentId"]
    await call.require(compartment=wanted)
    await require_compartment(call, wanted)
    limit = whole_number(call.query.get("limit"), "limit", 1, PAGE_MAX, PAGE_MAX)
    page = call.query.get("page")
    after, found = continuation_place(page) if page else "", list[WorkRequest]()
    while len(found) <= limit:
        batch = await of(call).all(call.now_ms, after=after, limit=PAGE_MAX)
        found += [each for each in batch if each.compartment == wanted and "privateEndpointName" not in call.query]
        if len(batch) < PAGE_MAX:
            break
        after = batch[-1].id
    headers = [(b"opc-next-page", continuation_token(found[limit - 1].id).encode("ascii"))] if len(found) > limit else []
    return document([stored.told(each, call.region) for each in found[:limit]], 200, *headers)


@operation("GetWorkRequest", "GET", _ONE, asks=False)
async def get_work_request(call: Call) -> Response:
    """How far it is. Errors: NotFound."""
    found = await _find(call)
    headers = [] if found.status in ENDED else [(b"retry-after", b"1")]
    return document(stored.told(found, call.region), 200, *headers)


@operation("CancelWorkRequest", "DELETE", _ONE, asks=False)
async def cancel_work_request(call: Call) -> Response:
    """Asks for the end of one that runs. Errors: NotFound; ConditionalRequestConflict for one that has ended."""
    found = await _find(call)
    if found.status in ENDED:
        raise EndedAlready(f"The work request has ended: {found.status}.")
    await of(call).store(msgspec.structs.replace(found, status=stored.CANCELING))
    return Response(202, [])


class EndedAlready(ConditionalRequestConflict):
    """A work request that has ended is not cancelled; clients would repeat an IncorrectState for ten minutes."""

    status, oci = 409, (409, "Conflict")


@operation("ListWorkRequestErrors", "GET", _ONE + "/errors", query=("page", "limit"), asks=False)
async def list_work_request_errors(call: Call) -> Response:
    """Why it failed."""
    found = await _find(call)
    return _page(call, [{"code": line.code, **_told(line)} for line in found.errors])


@operation("ListWorkRequestLogs", "GET", _ONE + "/logs", query=("page", "limit"), asks=False)
async def list_work_request_logs(call: Call) -> Response:
    """What it did."""
    found = await _find(call)
    return _page(call, [_told(line) for line in found.log])


def _told(line: Line) -> dict[str, Any]:
    return {"message": line.message, "timestamp": iso_date_ms(line.at_ms)}


def _page(call: Call, rows: list[dict[str, Any]]) -> Response:
    limit = whole_number(call.query.get("limit"), "limit", 1, PAGE_MAX, PAGE_MAX)
    page = call.query.get("page")
    start = whole_number(continuation_place(page), "page", 0, 1 << 20, 0) if page else 0
    end = start + limit
    headers = [(b"opc-next-page", continuation_token(str(end)).encode("ascii"))] if len(rows) > end else []
    return document(rows[start:end], 200, *headers)


async def _find(call: Call) -> WorkRequest:
    """The one of that id, if the caller has the right to it where its bucket is. Errors: NotFound."""
    id = call.names["workRequestId"]
    found = await of(call).find(id, call.now_ms) if _ID.match(id) else None
    if found is None:
        raise NotFound
    bucket = await call.engine.catalog.bucket(found.namespace, found.bucket)
    try:
        await call.require(bucket=bucket, compartment=found.compartment)
    except AccessDenied:
        raise NotFound from None
    return found
