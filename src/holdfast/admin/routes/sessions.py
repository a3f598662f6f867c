"""Passwords and sessions of the console. Wrong passwords cost time, more with each."""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta

from holdfast.admin import find, giving, shown
from holdfast.admin.callers import COOKIE, session_cookie
from holdfast.admin.faults import Fault, forbidden, invalid, missing, unauthenticated
from holdfast.admin.names import Reference
from holdfast.admin.route import Call, Input, Route
from holdfast.model.identity import User

SESSION_S = 8 * 3600

Password = Annotated[str, Meta(max_length=1024)]
NewPassword = Annotated[str, Meta(min_length=8, max_length=1024, description="8 characters or more")]


class SignIn(Input):
    """`tenancy` is that of the first start unless another is named. `cookie`: the session comes as a cookie that scripts cannot read."""

    user: Reference
    password: Password
    tenancy: Reference = ""
    cookie: bool = False

    def __repr__(self) -> str:
        """Without the password: what is printed ends up in logs."""
        return f"SignIn(user={self.user!r})"


class SetPassword(Input):
    """`current` is needed to change one's own password in a session."""

    password: NewPassword
    current: Password | None = None

    def __repr__(self) -> str:
        """Without the passwords."""
        return "SetPassword()"


async def _check(call: Call, id: str, name: str, password: str) -> bool:
    """Whether it is the password, after the wait that wrong ones have earned. Errors: Fault (429)."""
    throttle = call.services.throttle
    names = (f"{call.tenancy.id}/{name.lower()}@{call.request.peer}", f"@{call.request.peer}")
    wait = throttle.wait_s(*names)
    if wait > 0:
        seconds = str(math.ceil(wait))
        raise Fault(429, "TooManyRequests", f"Too many wrong passwords; try again in {seconds} s.", headers=(("retry-after", seconds),))
    throttle.wrong(*names)  # counted before it is known: many at once are many
    if not await call.directory.passwords.verify(id, password):
        return False
    throttle.right(*names)
    return True


async def sign_in(call: Call) -> shown.Session:
    body: SignIn = call.body
    if body.tenancy:
        tenancies = call.directory.tenancies
        found = await (tenancies.get(body.tenancy) if body.tenancy.startswith("ocid1.") else tenancies.by_name(body.tenancy))
        if found is not None:
            call.tenancy = found
    user = None if body.tenancy and found is None else await find.user_of(call, body.user) if body.user != find.ITSELF else None
    call.resource = user.name if user is not None else "(no such user)"  # people type passwords where names belong
    if not await _check(call, user.id if user else "", body.user, body.password) or user is None:
        raise unauthenticated("The name or the password is wrong.")
    call.user = user
    sessions = call.directory.sessions
    await sessions.purge_seldom(call.now_ms)
    ends_ms = call.now_ms + SESSION_S * 1000
    text = await sessions.create(user.id, call.now_ms, SESSION_S)
    if body.cookie:
        secure = "; Secure" if call.request.secure else ""
        call.headers.append(("set-cookie", f"{COOKIE}={text}; Path=/; Max-Age={SESSION_S}; HttpOnly; SameSite=Strict{secure}"))
    return shown.Session(user_id=user.id, token=None if body.cookie else text, time_expires=shown.moment(ends_ms))


async def sign_out(call: Call) -> shown.Deleted:
    header = call.request.headers.get(b"authorization", b"").decode("latin-1")
    text = header.partition(" ")[2].strip() if header[:7].lower() == "bearer " else session_cookie(call.request) if not header else ""
    if not text:
        raise invalid("The request came with a key, not with a session.")
    await call.directory.sessions.end(text)
    call.headers.append(("set-cookie", f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"))
    return shown.Deleted(deleted="session")


async def set_password(call: Call) -> shown.HasPassword:
    body: SetPassword = call.body
    user: User = call.target
    await giving.require_identity(call, user, f"a password of {user.name!r}")
    if user.id == call.user.id and call.caller.how == "session" and not await _check(call, user.id, user.name, body.current or ""):
        raise forbidden(call.operation, "the current password is wrong", "The current password is wrong.")
    try:
        await call.directory.passwords.set(user.id, body.password)
    except ValueError as error:
        raise invalid(f"password: {error}.") from None
    return shown.HasPassword(user_id=user.id, has_password=True)


async def clear_password(call: Call) -> shown.HasPassword:
    if not await call.directory.passwords.clear(call.target.id):
        raise missing("The user has no password.")
    return shown.HasPassword(user_id=call.target.id, has_password=False)


ROUTES = (
    Route(method="POST", path="/sessions", operation="HoldfastSignIn", says="Signs in with a password", does=sign_in, about=find.in_tenancy,
          body=SignIn, shows=shown.Session, status=201, open=True, secret=True),
    Route(method="DELETE", path="/sessions/current", operation="HoldfastEndSession", says="Signs out", does=sign_out, about=find.in_tenancy,
          shows=shown.Deleted),
    Route(method="PUT", path="/users/{user}/password", operation="HoldfastSetPassword", says="Sets a password, and ends the user's sessions",
          does=set_password, about=find.the_user, body=SetPassword, shows=shown.HasPassword),
    Route(method="DELETE", path="/users/{user}/password", operation="HoldfastClearPassword", says="Takes the password away",
          does=clear_password, about=find.the_user, shows=shown.HasPassword),
)  # fmt: skip
