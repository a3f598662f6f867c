"""CreatePreauthenticatedRequest, ListPreauthenticatedRequests, GetPreauthenticatedRequest, DeletePreauthenticatedRequest.

There is no operation that changes one. What lists and gets tell never holds the URL: nobody can find it out but who made the request.
"""

from __future__ import annotations

from holdfast.model.buckets import Bucket
from holdfast.model.errors import InvalidArgument, NoSuchBucket
from holdfast.model.messages import Response
from holdfast.oci.answers import document
from holdfast.oci.errors import NotFound
from holdfast.oci.operation import Call, operation, whole_number
from holdfast.oci.par_documents import Details, asked_of, created, page_place, page_token, summary
from holdfast.pars.creation import LIST_OBJECTS, create_par, granted, new_par

_PARS = "/n/{namespaceName}/b/{bucketName}/p"
_PAR = _PARS + "/{parId}"
REQUEST_BYTES_MAX = 3500
"""Of the whole document that asks for one (OCI, "Using Pre-Authenticated Requests")."""
PAGE_MAX = 1000


@operation("CreatePreauthenticatedRequest", "POST", _PARS, body=Details, body_bytes_max=REQUEST_BYTES_MAX)
async def create(call: Call) -> Response:
    """A new request, and this once its URL. Its maker needs PAR_MANAGE, and whatever it passes on.

    Errors: InvalidArgument, EntityTooLarge, AccessDenied."""
    asked = asked_of(call.body)
    par, token = new_par(asked, await named_bucket(call), call.user.id, call.now_ms)
    needs = granted(par.access, listing=asked.listing == LIST_OBJECTS)
    await call.require(bucket=call.place(), key=par.target, permissions=needs)
    stored = await create_par(call.engine.catalog, par)
    return document(created(stored, token, host_url(call)), 200)


@operation("ListPreauthenticatedRequests", "GET", _PARS, query=("objectNamePrefix", "limit", "page"))
async def list_page(call: Call) -> Response:
    """The requests on a bucket and on the objects in it, expired ones as long as they are kept, in order of the names that they are about."""
    query = call.query
    limit = whole_number(query.get("limit"), "limit", 1, PAGE_MAX, PAGE_MAX)
    after = page_place(query["page"]) if query.get("page") else ("", 0)
    bucket = await named_bucket(call)
    found = await call.engine.catalog.pars(bucket.id, prefix=query.get("objectNamePrefix", ""), after=after, limit=limit + 1)
    headers = [(b"opc-next-page", page_token(found[limit - 1]).encode("ascii"))] if len(found) > limit else []
    return document([summary(par) for par in found[:limit]], 200, *headers)


@operation("GetPreauthenticatedRequest", "GET", _PAR)
async def get(call: Call) -> Response:
    """One request by its id. Errors: NotFound."""
    bucket = await named_bucket(call)
    found = await call.engine.catalog.par(bucket.id, call.names["parId"])
    if found is None:
        raise NotFound
    return document(summary(found), 200)


@operation("DeletePreauthenticatedRequest", "DELETE", _PAR)
async def delete(call: Call) -> Response:
    """Revokes it: the next use of its URL, and of the uploads begun through it, is refused. Errors: NotFound."""
    bucket = await named_bucket(call)
    if not await call.engine.catalog.delete_par(bucket.id, call.names["parId"]):
        raise NotFound
    return Response(204, [])


async def named_bucket(call: Call) -> Bucket:
    """The bucket of the path itself: where that is a link, the requests are the link's, and go with it. Errors: NoSuchBucket."""
    found = await call.engine.catalog.bucket(call.names["namespaceName"], call.names["bucketName"])
    if found is None:
        raise NoSuchBucket
    return found


def host_url(call: Call) -> str:
    """How the client reaches this store. Errors: InvalidArgument for a Host that is none."""
    host = call.header(b"host")
    if not host or not host.isascii() or "/" in host or " " in host:
        raise InvalidArgument("The header host is no host.", ArgumentName="host")
    return f"{'https' if call.request.secure else 'http'}://{host}"
