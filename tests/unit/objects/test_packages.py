"""Sealed packages: every range of every size, and that no change of what is stored goes unnoticed."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.engine.api import Damaged
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.model.objects import Blob
from holdfast.objects.packages import PACKAGE, SALT, TAG, SealedBlobs, open_runs, seal_run, sealed_size

KEY = secrets.token_bytes(32)
SIZES = [1, 2, PACKAGE - 1, PACKAGE, PACKAGE + 1, 2 * PACKAGE, 3 * PACKAGE + 17]


async def opened(stored: bytes, sizes: list[int], start: int, length: int, key: bytes = KEY) -> bytes:
    engine = MemoryEngine()
    blobs = (engine.blobs.inline(stored),)
    return b"".join([piece async for piece in open_runs(engine.blobs, blobs, sizes, key, start, length)])


@given(sizes=st.lists(st.sampled_from(SIZES), min_size=1, max_size=4), data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_range_of_any_runs(sizes: list[int], data: st.DataObject) -> None:
    plain = [secrets.token_bytes(size) for size in sizes]
    stored = b"".join([seal_run(KEY, each) for each in plain])
    assert len(stored) == sum(map(sealed_size, sizes))
    start = data.draw(st.integers(0, sum(sizes) - 1))
    length = data.draw(st.integers(1, sum(sizes) - start))
    assert asyncio.run(opened(stored, sizes, start, length)) == b"".join(plain)[start : start + length]


@pytest.mark.parametrize("size", [0, *SIZES])
@pytest.mark.parametrize("piece", [1000, PACKAGE, 10**6])
def test_what_a_writer_seals_is_read_back_whatever_the_pieces(size: int, piece: int) -> None:
    async def test() -> None:
        engine = MemoryEngine()
        sink = SealedBlobs(engine.blobs, KEY)
        plain = secrets.token_bytes(size)
        writer = sink.writer(size)
        for at in range(0, size, piece):
            await writer.write(plain[at : at + piece])
        blobs = await writer.finish()
        assert sum(blob.size for blob in blobs) == sealed_size(size)
        found = b"".join([each async for each in open_runs(engine.blobs, blobs, [size], KEY, 0, size)])
        assert found == plain

    asyncio.run(test())


def test_small_bodies_stay_inline() -> None:
    sink = SealedBlobs(MemoryEngine(inline_bytes_max=32 * 1024).blobs, KEY)
    most = sink.inline_max()
    blob = sink.inline(bytes(most))
    assert blob.inline is not None and most > 32_000 and blob.size <= 32 * 1024


def test_every_changed_bit_moved_package_and_cut_is_noticed() -> None:
    plain = secrets.token_bytes(2 * PACKAGE + 100)
    stored = seal_run(KEY, plain)
    package = PACKAGE + TAG
    swapped = stored[:SALT] + stored[SALT + package : SALT + 2 * package] + stored[SALT : SALT + package] + stored[SALT + 2 * package :]
    changed = [swapped, stored[: SALT + 2 * package] + bytes(100 + TAG), bytes(SALT) + stored[SALT:]]
    for at in (0, SALT, SALT + PACKAGE, SALT + package + 5, len(stored) - 1):
        changed.append(stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :])
    for bad in changed:
        with pytest.raises(Damaged):
            asyncio.run(opened(bad, [len(plain)], 0, len(plain)))
    with pytest.raises(Damaged):
        asyncio.run(opened(stored, [len(plain)], 0, len(plain), secrets.token_bytes(32)))
    assert seal_run(KEY, plain) != stored, "no salt, so no nonce, is used twice"


def test_a_body_that_is_shorter_than_it_was_is_noticed() -> None:
    async def test() -> None:
        engine = MemoryEngine()
        stored = seal_run(KEY, bytes(2 * PACKAGE))
        short: tuple[Blob, ...] = (engine.blobs.inline(stored[: SALT + PACKAGE + TAG]),)
        with pytest.raises(Damaged):
            [piece async for piece in open_runs(engine.blobs, short, [2 * PACKAGE], KEY, 0, 2 * PACKAGE)]

    asyncio.run(test())
