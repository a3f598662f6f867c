"""Parameters of statements in PostgreSQL's binary form: `None` is NULL."""

from __future__ import annotations

import struct
from collections.abc import Iterable

_BYTEA, _INT8, _TEXT = 17, 20, 25
_ARRAY = struct.Struct("!iiIii").pack
_EMPTY = struct.Struct("!iiI").pack
_LENGTH = struct.Struct("!i").pack
int8 = struct.Struct("!q").pack
int4 = struct.Struct("!i").pack
TRUE, FALSE = b"\1", b"\0"


def flag(value: bool) -> bytes:
    """boolean"""
    return TRUE if value else FALSE


def text(value: str) -> bytes:
    """text, which holds no NUL: one becomes U+FFFD, which no stored name has."""
    return value.encode() if "\0" not in value else value.replace("\0", "\ufffd").encode()


def int8_or_null(value: int | None) -> bytes | None:
    return None if value is None else int8(value)


def _array(kind: int, items: Iterable[bytes | None]) -> bytes:
    parts = [b"\xff\xff\xff\xff" if item is None else _LENGTH(len(item)) + item for item in items]
    if not parts:
        return _EMPTY(0, 0, kind)
    return _ARRAY(1, 1, kind, len(parts), 1) + b"".join(parts)


def bytea_array(items: Iterable[bytes | None]) -> bytes:
    """bytea[]"""
    return _array(_BYTEA, items)


def int8_array(items: Iterable[int | None]) -> bytes:
    """bigint[]"""
    return _array(_INT8, [None if item is None else int8(item) for item in items])


def text_array(items: Iterable[str]) -> bytes:
    """text[]"""
    return _array(_TEXT, map(text, items))
