"""What S3 does that belongs into the audit log beside refusals: changes of buckets, and keys of a bulk delete that were refused one by one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from holdfast.model.errors import ServiceUnavailable
from holdfast.observe.audit import Audit, Event, Unavailable
from holdfast.observe.refused import AUDITED
from holdfast.s3.operation import Call, Operation, Run

_UNTOLD = ("bucket", "content_md5", "checksum_algorithm", "expected_bucket_owner")
_KEYS_MAX = 20


def administers(name: str) -> bool:
    """Whether an operation changes a bucket, or who may do what in it."""
    changes = name.startswith(("Put", "Create", "Delete"))
    return changes and ("Bucket" in name or "PublicAccessBlock" in name or name == "PutObjectLockConfiguration")


def audited(operation: Operation, audit: Audit | None) -> Run:
    """The handler of an operation as it is to be run; nothing is put around those that belong not into the log."""
    if audit is None:
        return operation.run
    if operation.of_keys:
        return _told_by_key(operation, audit)
    return _recorded(operation, audit) if administers(operation.name) else operation.run


def _recorded(operation: Operation, audit: Audit) -> Run:
    """A change is made only if it can be recorded, and answered when it is."""

    async def run(call: Call[Any]) -> Any:
        try:
            audit.check()
            output = await operation.run(call)
            await audit.change(_event(call, operation.name, call.input.bucket, "allow", "", _said(call.input)))
        except Unavailable:
            raise ServiceUnavailable("The change cannot be recorded in the audit log.") from None
        return output

    return run


def _told_by_key(operation: Operation, audit: Audit) -> Run:
    async def run(call: Call[Any]) -> Any:
        output = await operation.run(call)
        refused = [row for row in output["errors"] if row["code"] in AUDITED]
        if refused:
            codes = dict(Counter(row["code"] for row in refused))
            details = {"code": refused[0]["code"], "codes": codes, "keys": [row["key"] for row in refused[:_KEYS_MAX]], "count": len(refused)}
            audit.refusal(_event(call, operation.name, call.input.bucket, "deny", "key by key", details))
        return output

    return run


def _event(call: Call[Any], action: str, resource: str, decision: str, rule: str, details: dict[str, Any]) -> Event:
    caller, request = call.caller, call.request
    return Event(
        at=request.received_at,
        request_id=request.id,
        door="s3",
        who=caller.user.name if caller.user is not None else "",
        principal=caller.user.id if caller.user is not None else "",
        access_key=caller.access_key,
        address=request.peer,
        action=action,
        resource=resource,
        decision=decision,
        rule=rule,
        details=details,
    )


def _said(input: Any) -> dict[str, Any]:
    """What the request said, without the name of the bucket and what only protects the transport."""
    said: dict[str, Any] = msgspec.to_builtins(input, str_keys=True, enc_hook=lambda value: type(value).__name__)
    return {name: value for name, value in said.items() if value is not None and name not in _UNTOLD}
