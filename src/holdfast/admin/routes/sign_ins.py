"""How a command line gets the session that its user allowed in a browser."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta

from holdfast.admin import find, shown
from holdfast.admin.faults import Fault, unauthenticated
from holdfast.admin.route import Call, Input, Route
from holdfast.admin.routes.sessions import SESSION_S
from holdfast.model.identity import ACTIVE

_Text = Annotated[str, Meta(min_length=40, max_length=128, pattern=r"^[A-Za-z0-9_.~-]*\Z")]


class Exchange(Input):
    """`code` is what the browser brought to the program, `verifier` what the program kept."""

    code: _Text
    verifier: _Text

    def __repr__(self) -> str:
        """Without either: what is printed ends up in logs."""
        return "Exchange()"


async def exchange(call: Call) -> shown.Session:
    body: Exchange = call.body
    call.resource = "command line"
    throttle, name = call.services.throttle, f"@{call.request.peer}"
    wait = throttle.wait_s(name)
    if wait > 0:
        seconds = str(math.ceil(wait))
        raise Fault(429, "TooManyRequests", f"Too many wrong codes; try again in {seconds} s.", headers=(("retry-after", seconds),))
    throttle.wrong(name)
    user = await call.directory.users.user(await call.directory.sign_in_codes.take(body.code, body.verifier, call.now_ms))
    if user is None or user.status != ACTIVE:
        raise unauthenticated("The code does not count (any more): sign in again.")
    throttle.right(name)
    call.user = user
    await call.directory.sessions.purge_seldom(call.now_ms)
    text = await call.directory.sessions.create(user.id, call.now_ms, SESSION_S)
    return shown.Session(user_id=user.id, token=text, time_expires=shown.moment(call.now_ms + SESSION_S * 1000))


ROUTES = (
    Route(method="POST", path="/sessions/exchange", operation="HoldfastSignIn", says="Gives a command line the session that its user allowed",
          does=exchange, about=find.in_tenancy, body=Exchange, shows=shown.Session, status=201, open=True, secret=True),
)  # fmt: skip
