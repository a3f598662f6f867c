"""Pre-authenticated requests of a bucket: made, listed, shown and deleted; the URL is in the answer that made it, and nowhere else."""

from __future__ import annotations

from typing import Any, Literal

from holdfast.admin import find
from holdfast.admin.faults import forbidden, invalid
from holdfast.admin.names import Text
from holdfast.admin.route import Call, Found, Input, Listed, Route, Shown
from holdfast.admin.shown import Deleted, moment
from holdfast.authz.gather import permits_operation
from holdfast.model.buckets import Bucket
from holdfast.model.pars import SINGLE, Par
from holdfast.pars.creation import DENY, LIST_OBJECTS, Asked, create_par, granted, new_par
from holdfast.pars.url import access_uri

AccessType = Literal["ObjectRead", "ObjectWrite", "ObjectReadWrite", "AnyObjectRead", "AnyObjectWrite", "AnyObjectReadWrite"]
_PAGE = 1000


class CreatePar(Input):
    """`object-name` is an object's name, or with an access type for any object a prefix of names."""

    name: Text
    access_type: AccessType
    time_expires: Text
    object_name: str = ""
    bucket_listing_action: Literal["", "Deny", "ListObjects"] = ""


class ShownPar(Shown):
    id: str
    name: str
    access_type: str
    object_name: str | None
    bucket_listing_action: str | None
    time_created: str | None
    time_expires: str | None


class NewPar(ShownPar):
    access_uri: str
    """The URL below the address of the data listener."""


def _members(par: Par) -> dict[str, Any]:
    return {
        "id": par.id,
        "name": par.name,
        "access_type": par.access,
        "object_name": par.target or None,
        "bucket_listing_action": None if par.access in SINGLE else LIST_OBJECTS if par.listing else DENY,
        "time_created": moment(par.created_ms),
        "time_expires": moment(par.expires_ms),
    }


def shown(par: Par) -> ShownPar:
    """What can be read of a request after it was made."""
    return ShownPar(**_members(par))


async def the_bucket(call: Call) -> Found:
    """The bucket of the path, of the tenancy's namespace."""
    name = call.path["bucket"]
    bucket = await find.bucket_of(call, name)
    if bucket is None:
        return Found(compartment=call.tenancy.id, words=f"bucket {name!r}")
    return Found(thing=bucket, bucket=bucket, compartment=bucket.compartment or call.tenancy.id)


async def the_par(call: Call) -> Found:
    """A request by its id."""
    found = await the_bucket(call)
    if found.bucket is None:
        return found
    par = await call.services.engine.catalog.par(found.bucket.id, call.path["par"])
    return Found(thing=par, bucket=found.bucket, compartment=found.compartment, words="pre-authenticated request of that id")


async def create(call: Call) -> NewPar:
    """Who makes one needs every right that it passes on, and stays in his own tenancy: it can do what he can do."""
    body: CreatePar = call.body
    bucket: Bucket = call.target
    if call.abroad:
        raise invalid("A pre-authenticated request is made in one's own tenancy.")
    asked = Asked(
        name=body.name, access_type=body.access_type, time_expires=body.time_expires, object_name=body.object_name, listing=body.bucket_listing_action
    )  # fmt: skip
    par, token = new_par(asked, bucket, call.user.id, call.now_ms)
    needs = granted(par.access, listing=par.listing)
    decision = permits_operation(call.caller, call.operation, bucket=bucket, key=par.target, request=call.request, permissions=needs)
    if not decision.allowed:
        raise forbidden(call.operation, decision.because, f"You can only pass on what you may do: {', '.join(needs)}.")
    stored = await create_par(call.services.engine.catalog, par)
    return NewPar(**_members(stored), access_uri=access_uri(stored, token))


async def list_pars(call: Call) -> list[Listed]:
    """All of the bucket's, in order of the names that they are about."""
    bucket: Bucket = call.target
    prefix, after, rows = call.query.get("object-name-prefix", ""), ("", 0), list[Listed]()
    while some := await call.services.engine.catalog.pars(bucket.id, prefix=prefix, after=after, limit=_PAGE):
        rows += [Listed(target=None, compartment=call.found.compartment, shown=shown(par)) for par in some]
        after = (some[-1].target, some[-1].number)
    return rows


async def get(call: Call) -> ShownPar:
    return shown(call.target)


async def delete(call: Call) -> Deleted:
    """Its next use is refused."""
    par: Par = call.target
    await call.services.engine.catalog.delete_par(par.bucket_id, par.id)
    return Deleted(deleted=par.id)


_ALL, _ONE = "/buckets/{bucket}/pars", "/buckets/{bucket}/pars/{par}"
ROUTES = (
    Route(method="GET", path=_ALL, operation="ListPreauthenticatedRequests", says="Lists the pre-authenticated requests on a bucket, without URLs",
          does=list_pars, about=the_bucket, query=("object-name-prefix",), shows=list[ShownPar], lists=True),
    Route(method="POST", path=_ALL, operation="CreatePreauthenticatedRequest", says="Makes a pre-authenticated request; its URL is shown only here",
          does=create, about=the_bucket, body=CreatePar, shows=NewPar, status=201, secret=True),
    Route(method="GET", path=_ONE, operation="GetPreauthenticatedRequest", says="Shows a pre-authenticated request, without its URL", does=get,
          about=the_par, shows=ShownPar),
    Route(method="DELETE", path=_ONE, operation="DeletePreauthenticatedRequest", says="Deletes a pre-authenticated request: it is refused at once",
          does=delete, about=the_par, shows=Deleted),
)  # fmt: skip
