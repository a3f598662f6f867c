"""When a pre-authenticated request ends: an RFC 3339 timestamp as an instant, with no limit but the calendar's."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from holdfast.model.errors import InvalidArgument

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):(\d\d))\Z", re.ASCII
)  # fmt: skip
LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, after which no RFC 3339 timestamp can name an instant."""


def parse_expiry(text: str) -> int:
    """The instant in milliseconds since the epoch, rounded down (RFC 3339, 5.6). Errors: InvalidArgument."""
    found = _TIMESTAMP.match(text)
    try:
        if found is None:
            raise ValueError
        year, month, day, hour, minute, second = map(int, found.groups()[:6])
        leap = second == 60
        moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
        offset_minutes = 0
        if found[8] is None:
            if int(found[10]) > 23 or int(found[11]) > 59:
                raise ValueError
            offset_minutes = (int(found[10]) * 60 + int(found[11])) * (-1 if found[9] == "-" else 1)
    except ValueError:
        raise InvalidArgument(
            "timeExpires must be an RFC 3339 timestamp, for example 2027-09-01T00:09:51.000+02:00.", ArgumentName="timeExpires"
        ) from None  # fmt: skip
    days = moment.toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal()
    seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset_minutes * 60
    return min(seconds * 1000 + int((found[7] or "0").ljust(3, "0")[:3]), LATEST_MS)
