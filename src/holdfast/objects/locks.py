"""Object Lock: retention until a date and legal hold on versions, and the default retention of a bucket.

Source: S3 User Guide, "Locking objects with Object Lock". A locked version cannot be removed for good by any door; in GOVERNANCE mode who
may bypass it can, in COMPLIANCE mode nobody. Retention can always be prolonged. A bucket with a lock keeps versioning for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from holdfast.model.errors import (
    AccessDenied,
    InvalidArgument,
    InvalidRequest,
    InvalidRetentionPeriod,
    MalformedXML,
)
from holdfast.model.objects import Facts, Version

SETTING: Final = "object-lock"
"""A bucket's lock among its settings: a `BucketLock` as JSON."""
FACT: Final = "lock"
"""A version's lock among its extra facts: a `Lock` as JSON."""
GOVERNANCE: Final = "GOVERNANCE"
COMPLIANCE: Final = "COMPLIANCE"
DAY_MS: Final = 86_400_000
_DAYS_MAX, _YEARS_MAX = 36_500, 100

Mode = Literal["", "GOVERNANCE", "COMPLIANCE"]


class BucketLock(msgspec.Struct, frozen=True, omit_defaults=True):
    """That a bucket has a lock, and the retention of what is written without one of its own: `mode` "" for none, else days or years."""

    mode: Mode = ""
    days: int = 0
    years: int = 0


class Lock(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one version: retained in `mode` until `until_ms` ("" and 0: not), and under legal `hold` or not; "" where nobody ever said."""

    mode: Mode = ""
    until_ms: int = 0
    hold: Literal["", "ON", "OFF"] = ""


_BUCKET_LOCK = msgspec.json.Decoder(BucketLock)
_LOCK = msgspec.json.Decoder(Lock)
NO_LOCK: Final = Lock()


def lock_of_bucket(settings: Mapping[str, str]) -> BucketLock | None:
    """The bucket's lock, if it has one."""
    text = settings.get(SETTING)
    return None if text is None else _BUCKET_LOCK.decode(text)


def bucket_lock(mode: str | None, days: int | None, years: int | None) -> BucketLock:
    """A lock with a default retention. Errors: MalformedXML (its mode, both or none of days and years), InvalidRetentionPeriod."""
    if mode not in (GOVERNANCE, COMPLIANCE) or (days is None) == (years is None):
        raise MalformedXML
    for value, most in ((days, _DAYS_MAX), (years, _YEARS_MAX)):
        if value is not None and not 1 <= value <= most:
            raise InvalidRetentionPeriod("Default retention period must be a positive integer value")
    return BucketLock(mode, days or 0, years or 0)  # type: ignore[arg-type]


def lock_of(facts: Facts) -> Lock:
    """A version's lock."""
    text = facts.extra.get(FACT)
    return NO_LOCK if text is None else _LOCK.decode(text)


def with_lock(facts: Facts, lock: Lock) -> Facts:
    """The facts with another lock."""
    return msgspec.structs.replace(facts, extra={**facts.extra, FACT: msgspec.json.encode(lock).decode()})


def new_lock(settings: Mapping[str, str], mode: str | None, until_ms: int | None, hold: str | None, now_ms: int) -> dict[str, str]:
    """The extra fact of a version that is written with what its headers ask, or with the bucket's default retention; {} for none.

    Errors: InvalidRequest (the bucket has no lock), InvalidArgument (half of a retention, an unknown word, a date that is past)."""
    bucket = lock_of_bucket(settings)
    if bucket is None:
        if mode or until_ms is not None or hold:
            raise InvalidRequest("Bucket is missing Object Lock Configuration")
        return {}
    if (mode is None) != (until_ms is None):
        raise InvalidArgument("x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
    if mode is not None and mode not in (GOVERNANCE, COMPLIANCE):
        raise InvalidArgument("Unknown wormMode directive.", ArgumentName="x-amz-object-lock-mode", ArgumentValue=mode)
    if hold is not None and hold not in ("ON", "OFF"):
        raise InvalidArgument("Legal Hold must be either of 'ON' or 'OFF'", ArgumentName="x-amz-object-lock-legal-hold", ArgumentValue=hold)
    if until_ms is not None:
        _check_future(until_ms, now_ms)
    elif bucket.mode:
        mode, until_ms = bucket.mode, _after(bucket, now_ms)
    lock = Lock(mode or "", until_ms or 0, hold or "")  # type: ignore[arg-type]
    return {} if lock == NO_LOCK else {FACT: msgspec.json.encode(lock).decode()}


def _after(bucket: BucketLock, now_ms: int) -> int:
    if bucket.days:
        return now_ms + bucket.days * DAY_MS
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    day = 28 if now.month == 2 and now.day == 29 else now.day
    return int(now.replace(year=min(9999, now.year + bucket.years), day=day).timestamp() * 1000)


def _check_future(until_ms: int, now_ms: int) -> None:
    if until_ms <= now_ms:
        raise InvalidArgument("The retain until date must be in the future!")


def changed_retention(old: Lock, mode: str | None, until_ms: int | None, now_ms: int, *, bypass: bool) -> Lock:
    """The lock after PutObjectRetention; an empty retention takes it away.

    Errors: MalformedXML, InvalidArgument (a date that is past), AccessDenied (what is retained may not be shortened or weakened)."""
    if (mode is None) != (until_ms is None) or (mode is not None and mode not in (GOVERNANCE, COMPLIANCE)):
        raise MalformedXML
    if until_ms is not None:
        _check_future(until_ms, now_ms)
    if old.mode and old.until_ms > now_ms:
        weaker = (until_ms or 0) < old.until_ms or mode != old.mode
        if weaker and (old.mode == COMPLIANCE or not bypass):
            raise AccessDenied("Access Denied because object protected by object lock.")
    return msgspec.structs.replace(old, mode=mode or "", until_ms=until_ms or 0)


def check_removable(version: Version, now_ms: int, *, bypass: bool) -> None:
    """Errors: AccessDenied for a version that is retained or under legal hold."""
    lock = lock_of(version.facts)
    retained = lock.mode and lock.until_ms > now_ms and not (lock.mode == GOVERNANCE and bypass)
    if retained or lock.hold == "ON":
        raise AccessDenied("Access Denied because object protected by object lock.")
