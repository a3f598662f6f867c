"""What names, descriptions, times and secrets of identities may look like: the types of members of request bodies."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from msgspec import Meta

from holdfast.admin.faults import invalid
from holdfast.model.names import NAME, ORGANISATION_NAME, SAYS, USER_NAME

_TEXT = r"^[^\x00-\x1f\x7f]*\Z"

Name = Annotated[str, Meta(pattern=NAME, description=SAYS[NAME])]
UserName = Annotated[str, Meta(pattern=USER_NAME, description=SAYS[USER_NAME])]
Namespace = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\Z", description="3 to 63 lower-case letters, digits and hyphens")]
OrganisationName = Annotated[str, Meta(pattern=ORGANISATION_NAME, description=SAYS[ORGANISATION_NAME])]
Text = Annotated[str, Meta(max_length=400, pattern=_TEXT, description="Up to 400 characters on one line")]
Email = Annotated[str, Meta(max_length=254, pattern=r"^([^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+)?\Z", description="An e-mail address, or empty")]
CanonicalId = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", description="64 hexadecimal digits")]
AccessKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{3,128}\Z", description="3 to 128 letters, digits and . _ -")]
Secret = Annotated[str, Meta(min_length=8, max_length=128, pattern=r"^[\x21-\x7e]*\Z", description="8 to 128 printable characters without spaces")]
Reference = Annotated[str, Meta(max_length=1000, description="A name or an OCID")]
Moment = Annotated[str, Meta(max_length=40, description="A time in the future, RFC 3339")]



def expiry_ms(text: str | None, now_ms: int) -> int:
    """Milliseconds of an RFC 3339 time with its zone; 0 for None. Errors: Fault for what is no time, or past."""
    if not text:
        return 0
    try:
        found = datetime.fromisoformat(re.sub(r"[zZ]\Z", "+00:00", text))
    except ValueError:
        raise invalid(f"{text!r} is not a time; write it as 2030-01-31T12:00:00Z.") from None
    if found.tzinfo is None:
        raise invalid(f"{text!r} names no time zone; write it as 2030-01-31T12:00:00Z.")
    try:
        ms = int(found.timestamp() * 1000)
    except (OverflowError, ValueError):
        raise invalid(f"{text!r} is out of range.") from None
    if ms <= now_ms:
        raise invalid(f"{text!r} is not in the future.")
    return ms
