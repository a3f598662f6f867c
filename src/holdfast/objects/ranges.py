"""The bytes that a Range header or a part number asks for (RFC 9110, 14; S3's GetObject)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from holdfast.model.errors import InvalidArgument, InvalidPartNumber, InvalidRange
from holdfast.model.objects import PartFact

PART_NUMBER_MAX = 10_000
_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]*)\s*-\s*([0-9]*)\s*\Z", re.IGNORECASE | re.ASCII)
_DIGITS_MAX = 20


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """(start, length) of the range in a body of `size` bytes; None where the whole body is the answer.

    S3 answers one range only: several ranges, another unit or a malformed header mean the whole body (RFC 9110, 14.2 lets a server
    ignore them). Errors: InvalidRange when the range lies outside of the body."""
    found = _RANGE.match(header)
    if found is None:
        return None
    first, last = found.groups()
    if len(first) > _DIGITS_MAX or len(last) > _DIGITS_MAX:
        first, last = first[:_DIGITS_MAX], last[:_DIGITS_MAX]
    if not first:
        if not last:
            return None
        length = min(int(last), size)
        if length == 0:
            raise unsatisfiable(header, size)
        return size - length, length
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return None
    if start >= size:
        raise unsatisfiable(header, size)
    return start, end - start + 1


def unsatisfiable(header: str, size: int) -> InvalidRange:
    """The refusal of a range outside of the body, with S3's fields and the Content-Range that RFC 9110, 15.5.17 wants."""
    return InvalidRange(
        None, headers=((b"Content-Range", b"bytes */%d" % size),), RangeRequested=header, ActualObjectSize=str(size)
    )  # fmt: skip


def part_range(number: int, parts: Sequence[PartFact], size: int) -> tuple[int, int]:
    """(start, length) of the `number`th part of the completed upload; an object put whole has the one part 1.

    Errors: InvalidArgument outside of 1..10000, InvalidPartNumber for a part that is not there."""
    if not 1 <= number <= PART_NUMBER_MAX:
        raise InvalidArgument(
            f"Part number must be an integer between 1 and {PART_NUMBER_MAX}, inclusive", ArgumentName="partNumber", ArgumentValue=str(number)
        )
    count = len(parts) or 1
    if number > count:
        raise InvalidPartNumber(None, PartNumberRequested=str(number), ActualPartCount=str(count))
    if not parts:
        return 0, size
    return sum(part.size for part in parts[: number - 1]), parts[number - 1].size
