"""Nobody gives more than he has, at this door as at the administration's: asked before a policy, a membership or a credential is given."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.authz import giving
from holdfast.authz.giving import Given
from holdfast.model.errors import AccessDenied
from holdfast.model.identity import User, World
from holdfast.oci.operation import Call


async def world_of(call: Call, tenancy_id: str) -> World:
    """Errors: AccessDenied for a tenancy that is not there any more."""
    found = await call.services.keys.world(tenancy_id)
    if found is None:
        raise AccessDenied
    return found


def require_to_give(call: Call, given: Iterable[Given], tenancy_id: str) -> None:
    """Errors: AccessDenied unless the caller holds all of it himself. In another tenancy nobody holds anything: who may do it there runs the
    store."""
    if call.user.tenancy == tenancy_id and giving.lacking(call.caller, given):
        raise AccessDenied


async def require_to_open(call: Call, user: User) -> None:
    """Before somebody gets a credential of a user; one's own is always one's own. Errors: AccessDenied."""
    if user.id != call.user.id:
        require_to_give(call, giving.by_identity(user, await world_of(call, user.tenancy)), user.tenancy)
