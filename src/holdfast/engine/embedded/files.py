"""The file of one blob: its bytes, then a CRC32C for each block, then a tail that says what it is.

Name: blobs/xx/<32 hex digits>, random, never derived from a key. Layout: body | n x u32 LE checks | tail. The check of block i
is seeded with the blob's id and i, so that a block of another file or of another place is noticed too.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from holdfast.engine.api import Damaged
from holdfast.engine.blocks import BLOCK_BYTES as BLOCK_BYTES
from holdfast.engine.blocks import BlockChecks as BlockChecks
from holdfast.engine.blocks import blocks as blocks
from holdfast.engine.blocks import verify as verify

ID_BYTES = 16
_TAIL = struct.Struct("<4sIQ")  # magic, block size in bytes, body size in bytes
_MAGIC = b"HFB1"


def path_of(root: Path, blob_id: bytes) -> str:
    name = blob_id.hex()
    return f"{root}/{name[:2]}/{name}"


def file_bytes(size: int) -> int:
    """Length in bytes of the file of a body of `size` bytes."""
    return size + 4 * blocks(size) + _TAIL.size


def tail(checks: list[int], size: int) -> bytes:
    """What follows the body."""
    return struct.pack(f"<{len(checks)}I", *checks) + _TAIL.pack(_MAGIC, BLOCK_BYTES, size)


def open_file(root: Path, blob_id: bytes, size: int) -> int:
    """A descriptor of the file. Errors: FileNotFoundError; Damaged when its length or its tail is not that of the blob."""
    descriptor = os.open(path_of(root, blob_id), os.O_RDONLY | os.O_CLOEXEC)
    try:
        wanted = file_bytes(size)
        end = os.pread(descriptor, _TAIL.size + 1, wanted - _TAIL.size)
        if end != _TAIL.pack(_MAGIC, BLOCK_BYTES, size):
            raise Damaged(f"blob {blob_id.hex()}: the end of its file is not that of {size} bytes")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def body_bytes(descriptor: int, blob_id: bytes) -> int:
    """The size of the body in an open file, as its tail says. Errors: Damaged when that is not the tail of a file of this length."""
    length = os.fstat(descriptor).st_size
    end = os.pread(descriptor, _TAIL.size, max(length - _TAIL.size, 0))
    if len(end) == _TAIL.size:
        magic, block, size = _TAIL.unpack(end)
        if magic == _MAGIC and block == BLOCK_BYTES and file_bytes(size) == length:
            return int(size)
    raise Damaged(f"blob {blob_id.hex()}: its file is not whole")


def read_checks(descriptor: int, size: int, first: int, count: int) -> tuple[int, ...]:
    """The stored checks of blocks [first, first + count)."""
    data = os.pread(descriptor, 4 * count, size + 4 * first)
    if len(data) != 4 * count:
        raise Damaged("a blob's file is too short")
    return struct.unpack(f"<{count}I", data)
