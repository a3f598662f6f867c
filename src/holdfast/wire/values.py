"""Single values between text on the wire and Python: integers, booleans, times, user metadata."""

from __future__ import annotations

import base64
import calendar
import re
import time
from email.errors import MessageError
from email.header import decode_header

_INTEGER = re.compile(r"-?[0-9]{1,19}\Z")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:Z|([+-])(\d\d):?(\d\d)))?\Z", re.ASCII)
_BASIC_ISO = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)()Z()()()\Z", re.ASCII)
_IMF = re.compile(r"(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) (?:GMT|UTC|Z|([+-])(\d\d)(\d\d))\Z", re.ASCII)
_RFC850 = re.compile(r"[A-Z][a-z]{5,8}, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d):(\d\d):(\d\d) GMT\Z", re.ASCII)
_ASCTIME = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})\Z", re.ASCII)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_OF = {name: number for number, name in enumerate(_MONTHS, 1)}
_CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "ascii": "ascii", "iso-8859-1": "latin-1", "latin-1": "latin-1"}
"""Of encoded words, by the names that they are given: Python knows others that are no charsets (unicode_escape, idna)."""
_FIELD_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?\Z")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
INTEGER_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1


def integer(text: str, limit: int = INTEGER_MAX) -> int:
    """Digits with an optional minus sign, nothing else. Errors: ValueError."""
    if len(text) < 10 and text.isdecimal() and text.isascii():
        return int(text)
    if _INTEGER.match(text) is None:
        raise ValueError("not an integer")
    value = int(text)
    if not -limit - 1 <= value <= limit:
        raise ValueError("integer out of range")
    return value


def boolean(text: str) -> bool:
    """`true` or `false` in any case. Errors: ValueError."""
    lower = text.lower()
    if lower == "true":
        return True
    if lower == "false":
        return False
    raise ValueError("not a boolean")


def _seconds(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    if not (1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1] and hour < 24 and minute < 60 and second <= 60):
        raise ValueError("no such time")
    return calendar.timegm((year, month, day, hour, minute, second))


def timestamp(text: str) -> float:
    """Seconds since the epoch from any form that S3 clients send: RFC 9110's three dates, ISO 8601, or epoch seconds. Errors: ValueError."""
    found = _IMF.match(text)
    if found:
        day, month, year, hour, minute, second, sign, zone_h, zone_m = found.groups()
        offset = (int(zone_h) * 3600 + int(zone_m) * 60) * (-1 if sign == "-" else 1) if sign else 0
        return float(_seconds(int(year), _month(month), int(day), int(hour), int(minute), int(second)) - offset)
    found = _ISO.match(text) or _BASIC_ISO.match(text)
    if found:
        year, month, day, hour, minute, second, fraction, sign, zone_h, zone_m = found.groups()
        offset = (int(zone_h) * 3600 + int(zone_m) * 60) * (-1 if sign == "-" else 1) if sign else 0
        whole = _seconds(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)) - offset
        return whole + float(fraction or 0)
    found = _RFC850.match(text)
    if found:
        day, month, year, hour, minute, second = found.groups()
        century = 1900 if int(year) >= 70 else 2000
        return float(_seconds(century + int(year), _month(month), int(day), int(hour), int(minute), int(second)))
    found = _ASCTIME.match(text)
    if found:
        month, day, hour, minute, second, year = found.groups()
        return float(_seconds(int(year), _month(month), int(day), int(hour), int(minute), int(second)))
    if text.isascii() and text.isdigit() and len(text) <= 11:
        return float(text)
    raise ValueError("not a timestamp")


def _month(name: str) -> int:
    number = _MONTH_OF.get(name)
    if number is None:
        raise ValueError("no such month")
    return number


def is_header_name(name: str) -> bool:
    """Whether a header can have that name (RFC 9110, 5.1)."""
    return _TOKEN.match(name) is not None


def http_date(seconds: float) -> str:
    """RFC 9110's IMF-fixdate, whole seconds, for headers."""
    t = time.gmtime(int(seconds))
    return f"{_DAYS[t.tm_wday]}, {t.tm_mday:02d} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04d} {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} GMT"


def iso_date(seconds: float) -> str:
    """ISO 8601 with milliseconds and Z, as S3 writes times in XML."""
    millis = round(seconds * 1000)
    return iso_date_ms(millis)


def iso_date_ms(millis: int) -> str:
    """As `iso_date`, from milliseconds since the epoch."""
    t = time.gmtime(millis // 1000)
    return f"{t.tm_year:04d}-{t.tm_mon:02d}-{t.tm_mday:02d}T{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}.{millis % 1000:03d}Z"


def header_text(value: bytes) -> str:
    """The text of a header's value: UTF-8, or Latin-1 where it is not (RFC 9110, 5.5: obsolete text)."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def metadata_text(value: bytes) -> str:
    """A value of user metadata: as `header_text`, and RFC 2047 encoded words decoded (S3 User Guide, "User-defined object metadata").

    What is no encoded word in one of the usual charsets stays as it was sent."""
    text = header_text(value)
    if "=?" not in text or not text.isascii():
        return text
    try:
        pieces = decode_header(text)
        return "".join([piece if isinstance(piece, str) else piece.decode(_CHARSETS[(charset or "latin-1").lower()]) for piece, charset in pieces])
    except (ValueError, KeyError, MessageError):
        return text


def metadata_header(text: str) -> bytes:
    """User metadata on its way out: plain ASCII as it is, other text as one RFC 2047 encoded word, as S3 does.

    Text that looks like an encoded word is encoded as well, so that reading it gives the same text back.
    """
    if "=?" not in text and _FIELD_VALUE.match(text) is not None:
        return text.encode("ascii")
    return b"=?UTF-8?B?" + base64.b64encode(text.encode("utf-8", "replace")) + b"?="


def header_value(text: str) -> bytes:
    """Text as a header's value: UTF-8, and no line break that would end the header."""
    if "\r" in text or "\n" in text or "\0" in text:
        text = text.replace("\r", " ").replace("\n", " ").replace("\0", " ")
    return text.encode("utf-8", "replace")
