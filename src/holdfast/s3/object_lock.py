"""What the headers of an upload ask of the lock of its object (S3 API Reference, PutObject, x-amz-object-lock-*)."""

from __future__ import annotations

from typing import Protocol

from holdfast.model.buckets import Bucket
from holdfast.objects.locks import new_lock


class LockHeaders(Protocol):
    """The members of an upload's input that speak of its lock; the date in seconds since the epoch."""

    @property
    def object_lock_mode(self) -> str | None: ...

    @property
    def object_lock_retain_until_date(self) -> float | None: ...

    @property
    def object_lock_legal_hold_status(self) -> str | None: ...


def asked_lock(given: LockHeaders, bucket: Bucket, now_ms: int) -> dict[str, str]:
    """The extra fact of the new object. Errors: as `new_lock`."""
    until = given.object_lock_retain_until_date
    mode, hold = given.object_lock_mode, given.object_lock_legal_hold_status
    return new_lock(bucket.settings, mode, None if until is None else int(until * 1000), hold, now_ms)
