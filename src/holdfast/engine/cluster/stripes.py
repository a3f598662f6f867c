"""How a blob lies in its pool: objects of up to 4 MiB of it, each with the checks of its blocks at its head.

A blob's id is 16 bytes: its session (8), its pool's number (3), its number in the session (5), both big endian, so that reading needs no
look-up. Object n of it is called `<id in hex>.<n>` and holds head | bytes; the head is magic, block size, bytes, n x u32 checks, all
little endian. One read of its beginning brings bytes and checks together.
"""

from __future__ import annotations

import struct

from holdfast.engine.api import Damaged
from holdfast.engine.blocks import BLOCK_BYTES, blocks

STRIPE_BYTES = 4 << 20
STRIPE_BLOCKS = STRIPE_BYTES // BLOCK_BYTES
ID_BYTES = 16
_SESSION_BYTES, _POOL_BYTES, _COUNTER_BYTES = 8, 3, 5
_HEAD = struct.Struct("<4sII")
_MAGIC = b"HFS1"
_NAME = ID_BYTES * 2


def blob_id(session: bytes, pool: int, counter: int) -> bytes:
    """Errors: OverflowError when the pool's number does not fit."""
    return session + pool.to_bytes(_POOL_BYTES, "big") + counter.to_bytes(_COUNTER_BYTES, "big")


def pool_of(blob_id: bytes) -> int:
    return int.from_bytes(blob_id[_SESSION_BYTES : _SESSION_BYTES + _POOL_BYTES], "big")


def session_of(blob_id: bytes) -> bytes:
    return blob_id[:_SESSION_BYTES]


def counter_of(blob_id: bytes) -> int:
    return int.from_bytes(blob_id[_SESSION_BYTES + _POOL_BYTES :], "big")


def name_of(blob_id: bytes, stripe: int) -> str:
    return f"{blob_id.hex()}.{stripe}"


def names_of(blob_id: bytes, size: int) -> list[str]:
    """The objects of a blob of `size` bytes."""
    prefix = blob_id.hex()
    return [f"{prefix}.{stripe}" for stripe in range(-(-size // STRIPE_BYTES))]


def blob_of(name: str) -> bytes | None:
    """The blob that an object belongs to, or None when the name is not one of ours."""
    if len(name) < _NAME + 2 or name[_NAME] != "." or not name[_NAME + 1 :].isdecimal():
        return None
    try:
        return bytes.fromhex(name[:_NAME])
    except ValueError:
        return None


def head_bytes(size: int) -> int:
    """Length of the head of an object that holds `size` bytes of a blob."""
    return _HEAD.size + 4 * blocks(size)


def head(checks: list[int], size: int) -> bytes:
    return struct.pack(f"<4sII{len(checks)}I", _MAGIC, BLOCK_BYTES, size, *checks)


def checks_of(blob_id: bytes, stripe: int, data: bytes, size: int) -> tuple[int, ...]:
    """The checks in the head that `data` begins with. Errors: Damaged when that is not the head of `size` bytes."""
    count = blocks(size)
    if len(data) < head_bytes(size) or _HEAD.unpack_from(data) != (_MAGIC, BLOCK_BYTES, size):
        raise Damaged(f"blob {blob_id.hex()}: object {stripe} is not one of {size} bytes")
    return struct.unpack_from(f"<{count}I", data, _HEAD.size)
