"""The administration API: who asks, which route, may he, then what it does; every refusal is JSON, and of a stranger only the head is read."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from holdfast.admin.callers import Callers
from holdfast.admin.faults import Fault, fault_of, forbidden, invalid, missing
from holdfast.admin.openapi import document
from holdfast.admin.recorder import Recorder
from holdfast.admin.request import request_of
from holdfast.admin.route import Call, Listed, Route, Router, Services, parameters, read
from holdfast.authz.decide import Decision
from holdfast.authz.gather import permits_operation
from holdfast.model.errors import Refusal
from holdfast.model.identity import ANONYMOUS, SERVICE_ACCOUNT, Caller, Tenancy, User
from holdfast.model.messages import Body, Request
from holdfast.observe.audit import Audit

log = logging.getLogger(__name__)

PREFIX = "/api/v1"
BODY_BYTES_MAX = 256 * 1024
BODY_TIMEOUT_S = 20.0
DRAINED_BYTES_MAX, DRAIN_S = 1 << 20, 1.0
ROWS_MAX = 1000
OPERATOR = "HoldfastCreateTenancy"
"""Who may do this runs the store: he looks after other tenancies too."""
_OF_ALL = ("tenancy",)
_OF_LISTS = ("tenancy", "limit", "page")
_HEADERS = (("content-type", "application/json"), ("cache-control", "no-store"), ("x-content-type-options", "nosniff"))
_encode = msgspec.json.Encoder().encode

NOBODY = User(id="", name="", canonical_id="", display_name="")
"""Who asks where nobody has to prove who he is."""


class Answer(msgspec.Struct, frozen=True):
    """Status, body and headers beside the usual ones."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Api:
    """An ASGI application for everything below /api/v1."""

    def __init__(self, routes: tuple[Route, ...], services: Services, audit: Audit | None = None) -> None:
        self._router = Router(routes)
        self._services = services
        self._callers = Callers(services.keys, services.directory, services.kerberos, services.open_door)
        self._record = Recorder(audit)
        self._document = _encode(document(routes, PREFIX))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = request_of(scope, receive)
        received = request.body
        answer = await self._answer(request)
        headers = [*_HEADERS, *answer.headers, ("x-request-id", request.id), ("content-length", str(len(answer.body)))]
        if answer.status >= 400 and not await _drained(request, received):
            headers.append(("connection", "close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": [(n.encode(), v.encode("latin-1")) for n, v in headers]})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else answer.body})

    async def ask(self, request: Request) -> Answer:
        """The answer to a request that did not come over the wire: a page asks in the name of a session."""
        return await self._answer(request)

    async def _answer(self, request: Request) -> Answer:
        try:
            return await self._serve(request)
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                log.exception("the administration API failed", extra={"request_id": request.id})
                fault = Fault(500, "InternalServerError", "Something unexpected happened; the log of the server says more.")
            body = _encode({"code": fault.code, "message": fault.message, "status": fault.status, "request-id": request.id})
            return Answer(fault.status, body, fault.headers)

    async def _serve(self, request: Request) -> Answer:
        path = request.path.removeprefix(PREFIX.encode())
        if path == b"/openapi.json" and request.method == "GET":
            return Answer(200, self._document)
        opened = self._router.opened(request.method, path)
        try:
            caller = ANONYMOUS if opened else await self._callers.prove(request)
        except Refusal as refusal:
            self._record.unproven(request, refusal)
            raise
        user = caller.user or NOBODY
        route, arguments = self._router.find(request.method, path)
        query = parameters(request.query, () if opened else (*(_OF_LISTS if route.lists else _OF_ALL), *route.query))
        call = Call(
            request=request,
            caller=caller,
            user=user,
            tenancy=await self._tenancy(caller, user, query.pop("tenancy", "")),
            services=self._services,
            path=arguments,
            query=query,
            operation=route.operation,
        )
        try:
            if route.method != "GET":
                self._record.check()
            answer = await self._do(route, call)
        except Fault as fault:
            self._record.refused(call, fault)
            raise
        if route.method != "GET":
            await self._record.changed(call)
        return answer

    async def _do(self, route: Route, call: Call) -> Answer:
        call.body = await _body(route, call.request)
        found = call.found = await route.about(call)
        there = found.target is not None or found.thing is not None
        if route.of_robot and is_robot(found.target):
            call.operation = route.of_robot
        lost = bool(found.words) and not there
        if not route.open and (lost or not route.lists):
            decision = permits(call, call.operation)
            if not decision.allowed:
                raise forbidden(call.operation, decision.because)
            if lost:
                raise missing(f"There is no {found.words}.")
            call.rule = decision.because
        given = await route.does(call)
        if route.lists:
            return _page(call, await _visible(call, given))
        return Answer(route.status, _encode({"data": given}), tuple(call.headers))

    async def _tenancy(self, caller: Caller, user: User, named: str) -> Tenancy:
        """The tenancy that a request is about: the caller's, or for who runs the store any other. Errors: Fault."""
        tenancies = self._services.directory.tenancies
        own = await tenancies.get(user.tenancy or await tenancies.default_id())
        if own is None:
            raise missing("The tenancy is not there any more.")
        if named in ("", own.id, own.name):
            return own
        decision = permits_operation(caller, OPERATOR)
        if not decision.allowed:
            raise forbidden("that in another tenancy", decision.because)
        other = await (tenancies.get(named) if named.startswith("ocid1.") else tenancies.by_name(named))
        if other is None:
            raise missing(f"There is no tenancy {named!r}.")
        return other


def is_robot(target: Any) -> bool:
    return isinstance(target, User) and target.kind == SERVICE_ACCOUNT


def permits(call: Call, operation: str) -> Decision:
    """Whether the caller may do an operation to what was found."""
    found = call.found
    return permits_operation(
        call.caller, operation, bucket=found.bucket, target=found.target, request=call.request, compartment=found.compartment or call.tenancy.id
    )


async def _drained(request: Request, body: Body) -> bool:
    """Takes what a refused client still sends, within bounds, so that it gets to read its answer; whether that was all."""
    if body.length == 0:
        return True
    if b"expect" in request.headers or (body.length or 0) > DRAINED_BYTES_MAX:
        return False
    size = 0
    with contextlib.suppress(TimeoutError, Refusal):
        async with asyncio.timeout(DRAIN_S):
            while size <= DRAINED_BYTES_MAX:
                piece = await body.read()
                if not piece:
                    return True
                size += len(piece)
    return False


async def _body(route: Route, request: Request) -> Any:
    if route.body is None:
        await request.body.read_all(0)
        return None
    kind = request.headers.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise Fault(415, "UnsupportedMediaType", "The body must be application/json.")
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            data = await request.body.read_all(BODY_BYTES_MAX)
    except TimeoutError:
        raise Fault(408, "RequestTimeout", "The body took too long.") from None
    return read(data, route.body)


async def _visible(call: Call, given: list[Listed]) -> list[Any]:
    """What the caller may see of a list. Errors: Fault where he may see nothing, and not because there is nothing."""
    operation = call.operation
    seen = [
        each.shown
        for each in given
        if permits_operation(
            call.caller, operation, bucket=call.found.bucket, target=each.target, request=call.request, compartment=each.compartment
        ).allowed
    ]
    if not seen:
        decision = permits(call, operation)
        if not decision.allowed:
            raise forbidden(operation, decision.because)
    return seen


def _page(call: Call, rows: list[Any]) -> Answer:
    """At most `limit` rows, and in `next-page` where the next ones begin. Errors: Fault."""
    limit, page = call.query.get("limit", str(ROWS_MAX)), call.query.get("page", "0")
    if not limit.isascii() or not limit.isdigit() or len(limit) > 4 or not 1 <= int(limit) <= ROWS_MAX:
        raise invalid(f"limit is a number from 1 to {ROWS_MAX}.")
    if not page.isascii() or not page.isdigit() or len(page) > 9:
        raise invalid("page is what next-page of the answer before said.")
    start, end = int(page), int(page) + int(limit)
    answer: dict[str, Any] = {"data": rows[start:end]}
    if end < len(rows):
        answer["next-page"] = str(end)
    return Answer(200, _encode(answer))


