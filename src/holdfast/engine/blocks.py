"""Checks of stored bodies: a CRC32C for each block of 64 KiB, seeded with the blob's id and the block's number.

The seed is why a block of another blob, or of another place, is noticed too.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from awscrt.checksums import crc32c

from holdfast.engine.api import Damaged

BLOCK_BYTES = 65536


def blocks(size: int) -> int:
    """How many blocks hold `size` bytes."""
    return -(-size // BLOCK_BYTES)


def seed_of(blob_id: bytes) -> int:
    return crc32(blob_id)


class BlockChecks:
    """The checks of a body that comes in pieces of any size, from block `first` on."""

    def __init__(self, blob_id: bytes, first: int = 0) -> None:
        self._seed = seed_of(blob_id) + first
        self._room = BLOCK_BYTES
        self._check = self._seed & 0xFFFFFFFF
        self.done: list[int] = []

    def add(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        at, length = 0, len(view)
        while at < length:
            take = min(self._room, length - at)
            self._check = crc32c(view[at : at + take], self._check)
            at += take
            self._room -= take
            if not self._room:
                self._next()

    def _next(self) -> None:
        self.done.append(self._check)
        self._check = (self._seed + len(self.done)) & 0xFFFFFFFF
        self._room = BLOCK_BYTES

    def finish(self) -> list[int]:
        if self._room < BLOCK_BYTES:
            self._next()
        return self.done


def verify(blob_id: bytes, data: bytes | memoryview, first: int, checks: Sequence[int]) -> None:
    """Whether `data`, which begins at block `first`, is what was written. Errors: Damaged."""
    seed = seed_of(blob_id)
    view = memoryview(data)
    at = 0
    for index, check in enumerate(checks, first):
        if crc32c(view[at : at + BLOCK_BYTES], (seed + index) & 0xFFFFFFFF) != check:
            raise Damaged(f"blob {blob_id.hex()}: checksum mismatch in block {index}")
        at += BLOCK_BYTES
