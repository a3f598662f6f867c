"""What the audit log is told of the OCI dialect: each refusal, and each change of a bucket, of its requests and of identities."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.model.errors import AccessDenied, Refusal, ServiceUnavailable
from holdfast.model.messages import Request, Response
from holdfast.observe.audit import Audit, Event, Unavailable
from holdfast.observe.refused import tell
from holdfast.oci.operation import Call, Operation

_READS = frozenset(("GET", "HEAD"))
_OF_OBJECTS = ("/o/{objectName}", "/u/{objectName}", "/u", "/actions/batchDeleteObjects", "/actions/renameObject", "/actions/copyObject",
               "/actions/restoreObjects", "/actions/updateObjectStorageTier")  # fmt: skip
_TOLD = frozenset((
    "name", "display_name", "description", "statements", "compartment_id", "target_compartment_id", "user_id", "group_id", "blocked", "version_date",
    "public_access_type", "versioning", "storage_tier", "auto_tiering", "object_events_enabled", "kms_key_id", "namespace", "access_type",
    "object_name", "bucket_listing_action", "time_expires", "duration", "time_rule_locked", "default_s3_compartment_id",
))  # fmt: skip
"""Members of documents whose values are written; of all others only the name, as they may be secrets."""


def administers(operation: Operation) -> bool:
    """Whether an operation changes more than objects."""
    return operation.method not in _READS and not operation.path.endswith(_OF_OBJECTS)


async def run(operation: Operation, call: Call, audit: Audit | None) -> Response:
    """Runs an operation; a change is made only if it can be recorded, and answered when it is. Errors: as the operation; ServiceUnavailable."""
    if audit is None or not administers(operation):
        return await operation.run(call)
    try:
        audit.check()
        response = await operation.run(call)
        if response.status < 400:
            await audit.change(_event(operation, call))
    except Unavailable:
        raise ServiceUnavailable("The change cannot be recorded in the audit log.") from None
    return response


def refused(audit: Audit | None, request: Request, refusal: Refusal) -> None:
    if audit is not None and refusal.status < 500:
        tell(audit, "oci", request, refusal, "AccessDenied" if isinstance(refusal, AccessDenied) else "")


def _event(operation: Operation, call: Call) -> Event:
    user, request = call.caller.user, call.request
    return Event(
        at=request.received_at,
        request_id=request.id,
        door="oci",
        who=user.name if user is not None else "",
        principal=user.id if user is not None else "",
        access_key=call.caller.access_key,
        address=request.peer,
        action=operation.name,
        resource="/".join(call.names.values()) or str(getattr(call.body, "name", "")),
        details=_said(call.body),
    )


def _said(body: Any) -> dict[str, Any]:
    if not isinstance(body, msgspec.Struct):
        return {}
    given = {name: getattr(body, name) for name in body.__struct_fields__}
    given = {name: value for name, value in given.items() if value not in (None, "", {}, ())}
    said: dict[str, Any] = msgspec.to_builtins({name: value for name, value in given.items() if name in _TOLD})
    others = sorted(given.keys() - said.keys())
    return said | ({"members": others} if others else {})
