"""The ids of small bodies that a catalog keeps itself: a letter and the number of their row, in every engine."""

from __future__ import annotations

_PREFIX = b"i"
_BYTES = 9


def inline_ref(number: int) -> bytes:
    """The blob id of a stored inline body."""
    return _PREFIX + number.to_bytes(8, "big")


def inline_number(blob_id: bytes) -> int:
    """The number of the inline body that a blob id names, or 0 when it names a stored blob."""
    return int.from_bytes(blob_id[1:], "big") if len(blob_id) == _BYTES else 0
