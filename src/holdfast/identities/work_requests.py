"""Work requests: what was done to a compartment, for clients that wait for it. Here it is done before it is answered.

Source: OCI IAM API, "WorkRequest".
"""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Registry
from holdfast.identities.documents import under
from holdfast.model.ocids import new_ocid


class WorkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`operation` is OCI's ("DELETE_COMPARTMENT"), `resource` the OCID of what it was done to, in `compartment`."""

    id: str
    operation: str
    resource: str
    compartment: str
    created_ms: int


_WORK_REQUEST = msgspec.json.Decoder(WorkRequest)


class WorkRequests:
    """The work requests of a store."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def record(self, operation: str, resource: str, compartment: str, now_ms: int) -> WorkRequest:
        """What has just been done."""
        id = new_ocid("workrequest")
        made = WorkRequest(id=id, operation=operation, resource=resource, compartment=compartment, created_ms=now_ms)
        await self._registry.put("work-request", id, msgspec.json.encode(made), expect_revision=0)
        return made

    async def get(self, id: str) -> WorkRequest | None:
        found = await self._registry.get("work-request", id)
        return None if found is None else _WORK_REQUEST.decode(found.value)

    async def of_compartment(self, compartment: str, resource: str = "") -> list[WorkRequest]:
        """Newest first."""
        found = [_WORK_REQUEST.decode(document.value) async for document in under(self._registry, "work-request")]
        return sorted(
            (each for each in found if each.compartment == compartment and resource in ("", each.resource)),
            key=lambda each: each.created_ms,
            reverse=True,
        )
