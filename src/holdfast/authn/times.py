"""The two spellings of a date that signed requests carry, as seconds since the epoch."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime
from email.utils import mktime_tz, parsedate_tz

_ISO_BASIC = re.compile(rb"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_STAMPS_MAX = 1024
STAMPS: dict[bytes, int] = {}
"""Dates in basic form that were read lately, in seconds since the epoch: many requests carry the same one."""


def iso_basic(text: bytes) -> int | None:
    """Seconds since the epoch of "20260101T120000Z", or None when it is nothing of the kind."""
    found = STAMPS.get(text)
    if found is None:
        match = _ISO_BASIC.fullmatch(text)
        if match is None:
            return None
        try:
            found = timegm(datetime(*(int(part) for part in match.groups())).timetuple())  # type: ignore[arg-type]
        except ValueError:
            return None
        if len(STAMPS) >= _STAMPS_MAX:
            STAMPS.clear()
        STAMPS[text] = found
    return found


def http_date(text: str) -> int | None:
    """Seconds since the epoch of an RFC 5322 date with any zone, as `date -R` prints it, or of an ISO 8601 basic one; else None."""
    try:
        parsed = parsedate_tz(text)
        return iso_basic(text.encode("ascii", "replace")) if parsed is None else int(mktime_tz(parsed))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def to_iso(seconds: float) -> str:
    """ISO 8601 as error documents spell it: "2026-01-01T12:00:00Z"."""
    return _utc(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_iso_basic(seconds: float) -> str:
    """ISO 8601 basic as signatures spell it: "20260101T120000Z"."""
    return _utc(seconds).strftime("%Y%m%dT%H%M%SZ")


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0), 253402300799), UTC)
