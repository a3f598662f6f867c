"""What the audit log is told of the administration API: each change, and each refusal of who asks or of what he may."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.admin.faults import Fault
from holdfast.admin.route import Call
from holdfast.model.errors import Refusal
from holdfast.model.messages import Request
from holdfast.observe.audit import Audit, Event
from holdfast.observe.refused import tell

SECRETS = frozenset(("key", "password", "current", "token", "code", "verifier"))
"""Members of bodies that never reach a log."""
_CHARACTERS_MAX, _ITEMS_MAX = 500, 50


class Recorder:
    """Writes events of one process; without an audit log it writes none."""

    def __init__(self, audit: Audit | None) -> None:
        self._audit = audit

    def check(self) -> None:
        """Before a change: nothing is changed that cannot be recorded. Errors: audit.Unavailable."""
        if self._audit is not None:
            self._audit.check()

    def unproven(self, request: Request, refusal: Refusal) -> None:
        """Somebody did not prove who he is."""
        if self._audit is not None:
            tell(self._audit, "admin", request, refusal, "NotAuthenticated")

    def refused(self, call: Call, fault: Fault) -> None:
        """Somebody may not, or a password was wrong."""
        if self._audit is not None and fault.status in (401, 403, 429):
            self._audit.refusal(event(call, "deny", fault.because or fault.code, {"code": fault.code}))

    async def changed(self, call: Call) -> None:
        """A change was made: on stable storage when this returns. Errors: audit.Unavailable."""
        if self._audit is not None:
            await self._audit.change(event(call, "allow", call.rule, details_of(call.body)))


def event(call: Call, decision: str, rule: str, details: dict[str, Any]) -> Event:
    user, request = call.user, call.request
    name = getattr(call.body, "name", None)
    path = "/".join(call.path[segment] for segment in call.path)
    return Event(
        at=request.received_at,
        request_id=request.id,
        door="admin",
        who=user.name,
        principal=user.id,
        access_key=call.caller.access_key,
        address=request.peer,
        action=call.operation,
        resource=(call.resource or path or (name if isinstance(name, str) else ""))[:_CHARACTERS_MAX],
        decision=decision,
        rule=rule,
        details=details | ({"tenancy": call.tenancy.name} if call.abroad else {}),
    )


def details_of(body: Any) -> dict[str, Any]:
    """The members that were given, cut where they are long, and none that is a secret."""
    if not isinstance(body, msgspec.Struct):
        return {}
    found: dict[str, Any] = {}
    for name in body.__struct_fields__:
        value = getattr(body, name)
        if name in SECRETS or value in (None, ""):
            continue
        if isinstance(value, list):
            found[name] = [item[:_CHARACTERS_MAX] for item in value[:_ITEMS_MAX]]
        else:
            found[name] = value[:_CHARACTERS_MAX] if isinstance(value, str) else value
    return found
