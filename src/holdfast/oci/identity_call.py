"""What every operation of the identity service does alike: tenancies, names, ETags, retry tokens, pages, and refusals in its words."""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from holdfast.identities.documents import Taken, Unknown
from holdfast.identities.retries import OtherRequest
from holdfast.model.errors import AccessDenied, InvalidArgument, Refusal
from holdfast.model.identity import Tenancy
from holdfast.model.messages import Response
from holdfast.oci.answers import document
from holdfast.oci.identity_documents import etag_of
from holdfast.oci.operation import Call, whole_number

T = TypeVar("T", bound=msgspec.Struct)
PAGED = ("compartmentId!", "page", "limit", "name", "sortBy", "sortOrder", "lifecycleState")
"""The parameters of the lists of what has a name."""
_NAME = re.compile(r"[^\s\x00-\x1f\x7f/:'\"]{1,100}")
_USER_NAME = re.compile(r"[^\s\x00-\x1f\x7f:'\"]{1,100}")  # also "service/host@REALM"
_RETRY_TOKEN = re.compile(r"[\x21-\x7e]{1,64}")
_DESCRIPTION_CHARACTERS_MAX = 400
_PAGE_MAX = 1000


class Conflict(Refusal):
    """What must be unique is there, or what is to be deleted is needed."""

    status, message, oci = 409, "The request is in conflict with what is there.", (409, "Conflict")

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.oci = (409, code)


class NoEtagMatch(Refusal):
    """The thing is no longer what If-Match says."""

    status, message, oci = 412, "The resource's etag is another one than If-Match says.", (412, "NoEtagMatch")


class LimitExceeded(Refusal):
    """There are as many as there may be."""

    status, message, oci = 400, "The limit is reached.", (400, "LimitExceeded")


async def tenancy_of(call: Call, id: str) -> Tenancy:
    """The tenancy that a request names as compartment. Errors: AccessDenied, for what is not there too."""
    found = await call.services.directory.tenancies.get(id)
    if found is None:
        raise AccessDenied
    return found


def checked_name(name: str) -> str:
    """Errors: InvalidArgument."""
    if _NAME.fullmatch(name) is None:
        raise InvalidArgument("name must have 1 to 100 characters, without spaces, quotes, '/' and ':'.", ArgumentName="name")
    return name


def checked_user_name(name: str) -> str:
    """Errors: InvalidArgument."""
    if _USER_NAME.fullmatch(name) is None:
        raise InvalidArgument("name must have 1 to 100 characters, without spaces, quotes and ':'.", ArgumentName="name")
    return name


def checked_description(text: str) -> str:
    """Errors: InvalidArgument."""
    if not 1 <= len(text) <= _DESCRIPTION_CHARACTERS_MAX:
        raise InvalidArgument(f"description must have 1 to {_DESCRIPTION_CHARACTERS_MAX} characters.", ArgumentName="description")
    return text


def entity(value: msgspec.Struct, shown: dict[str, Any]) -> Response:
    """One thing, with its ETag."""
    return document(shown, 200, (b"etag", etag_of(value).encode()))


def nothing() -> Response:
    """The answer to a deletion."""
    return Response(204, [])


def check_etag(call: Call, value: msgspec.Struct) -> None:
    """Errors: NoEtagMatch; InvalidArgument for If-None-Match."""
    if b"if-none-match" in call.request.headers:
        raise InvalidArgument(f"{call.operation} takes no if-none-match.")
    given = call.header(b"if-match")
    if given and given.strip('"') not in (etag_of(value), "*"):
        raise NoEtagMatch


async def once(call: Call, make: Callable[[], Awaitable[tuple[str, Response]]], again: Callable[[str], Awaitable[Response | None]]) -> Response:
    """Runs `make` (id and answer), or with a retry token that was heard before `again` (with that id; None where it is gone).

    Errors: Conflict, InvalidArgument; what both raise."""
    token = call.header(b"opc-retry-token")
    if not token:
        return (await make())[1]
    if _RETRY_TOKEN.fullmatch(token) is None:
        raise InvalidArgument("opc-retry-token must have 1 to 64 characters.")
    retries = call.services.directory.retries
    request = msgspec.json.encode([call.names, call.body])
    try:
        name, made = await retries.begin(call.user.id, call.operation, token, request, call.now_ms)
    except OtherRequest:
        raise InvalidArgument("opc-retry-token was used for another request.") from None
    except Taken as taken:
        raise Conflict("IncorrectState", str(taken)) from None
    if made:
        found = await again(made)
        if found is None:
            raise Conflict("InvalidatedRetryToken", "What was made with this retry token has been deleted.")
        return found
    try:
        id, response = await make()
    except BaseException:
        await retries.failed(name)
        raise
    await retries.done(name, id)
    return response


async def attempt(what: str, step: Awaitable[T]) -> T:
    """A step of the directory, its refusals in the words of the service. `what` is "User", "Group", ... Errors: Conflict, AccessDenied."""
    try:
        return await step
    except Taken as taken:
        raise Conflict(f"{what}AlreadyExists", sentence(taken)) from None
    except Unknown:
        raise AccessDenied from None


def sentence(error: Exception) -> str:
    """The words of an error as a sentence."""
    text = str(error)
    return text[:1].upper() + text[1:] + "."


class Row(msgspec.Struct, frozen=True):
    """A row of a list, and what it is sorted by."""

    id: str
    name: str
    created_ms: int
    shown: dict[str, Any]


def page_of(call: Call, rows: Iterable[Row]) -> Response:
    """The rows that a list asks for: filtered, sorted and cut as its query says. Errors: InvalidArgument."""
    query = call.query
    name, state = query.get("name"), query.get("lifecycleState")
    found = [row for row in rows if (name is None or row.name == name) and (state is None or row.shown.get("lifecycleState") == state)]
    by, order = query.get("sortBy", "TIMECREATED"), query.get("sortOrder")
    if by not in ("TIMECREATED", "NAME"):
        raise InvalidArgument("sortBy must be TIMECREATED or NAME.", ArgumentName="sortBy")
    if order not in (None, "ASC", "DESC"):
        raise InvalidArgument("sortOrder must be ASC or DESC.", ArgumentName="sortOrder")
    found.sort(key=lambda row: (row.name.lower(), row.id) if by == "NAME" else (row.created_ms, row.id))
    if order == "DESC" or (order is None and by == "TIMECREATED"):
        found.reverse()
    return cut(call, found)


def cut(call: Call, rows: Sequence[Row]) -> Response:
    """A page of rows in their order; the page token names the last row of the page before. Errors: InvalidArgument."""
    limit = whole_number(call.query.get("limit"), "limit", 1, _PAGE_MAX, _PAGE_MAX)
    start = 0
    token = call.query.get("page")
    if token:
        last = _row_id(token)
        start = next((at + 1 for at, row in enumerate(rows) if row.id == last), len(rows))
    part = rows[start : start + limit]
    more = start + limit < len(rows)
    headers = ((b"opc-next-page", urlsafe_b64encode(part[-1].id.encode())),) if more else ()
    return document([row.shown for row in part], 200, *headers)


def _row_id(token: str) -> str:
    try:
        return b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (Base64Error, ValueError):
        raise InvalidArgument("page is no page token of this list.", ArgumentName="page") from None
