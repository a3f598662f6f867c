"""A full disk: nothing is acknowledged, nothing is half done, and it works again when there is space."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.engine.api import Full
from holdfast.engine.embedded import EmbeddedEngine
from holdfast.model.buckets import Bucket
from tests.engine.stored import body, put


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mounted = tmp_path / "disk"
    mounted.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mounted)], check=False).returncode:
        pytest.skip("needs root to mount a small file system")
    yield mounted
    subprocess.run(["umount", "-l", str(mounted)], check=True)


@pytest.mark.root
async def test_a_full_disk_refuses_and_recovers(small_disk: Path) -> None:
    engine = EmbeddedEngine.open(small_disk / "data")
    bucket = await engine.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    await put(engine, bucket, "before", b"b" * 1000)
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
        while True:
            file.write(b"x" * 4096)
    acknowledged = []
    refused = 0
    for number in range(100):
        try:
            await put(engine, bucket, f"small{number}", b"s" * 20_000)
            acknowledged.append(f"small{number}")
        except Full:
            refused += 1
    assert refused > 50
    with pytest.raises(Full):
        await put(engine, bucket, "large", b"l" * 3_000_000)
    assert await engine.check() != ""
    assert await body(engine, bucket, "before") == b"b" * 1000
    assert await engine.catalog.version(bucket.id, "large") is None
    for number in range(100):
        found = await engine.catalog.version(bucket.id, f"small{number}")
        assert (found is not None) == (f"small{number}" in acknowledged)
    assert len(list((small_disk / "data" / "blobs").glob("*/*"))) == 0
    ballast.unlink()
    await put(engine, bucket, "after", b"a" * 3_000_000)
    assert await body(engine, bucket, "after") == b"a" * 3_000_000
    assert await engine.check() == ""
    await engine.close()
    again = EmbeddedEngine.open(small_disk / "data")
    for key in acknowledged:
        assert await body(again, bucket, key) == b"s" * 20_000
    assert (await again.scrub(10_000))[0] == []
    await again.close()
