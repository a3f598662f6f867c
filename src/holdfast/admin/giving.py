"""Nobody gives more than he has: what the routes ask before a policy, a role, a membership or a credential is given to somebody else."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.admin.faults import forbidden
from holdfast.admin.route import Call
from holdfast.authz import giving
from holdfast.authz.giving import Given
from holdfast.model.identity import User


def require(call: Call, given: Iterable[Given], what: str) -> None:
    """Errors: Fault (403) unless the caller holds all of it himself. In another tenancy nobody holds anything: who may do it there runs the store."""
    if call.abroad:
        return
    lacks = giving.lacking(call.caller, given)
    if lacks:
        raise forbidden(call.operation, f"lacks {lacks}", f"You cannot give {what}: it goes with {lacks}, which you do not have there yourself.")


async def require_identity(call: Call, user: User, what: str) -> None:
    """Before somebody gets a credential of a user. One's own is always one's own. Errors: Fault."""
    if user.id != call.user.id:
        require(call, giving.by_identity(user, await call.world()), what)
