"""The engines around engines."""

from __future__ import annotations

import pytest

from holdfast.engine import wrap
from holdfast.engine.api import Catalog, Engine, Full, NotEmpty, Pars, Unavailable
from holdfast.model.buckets import Bucket
from tests.engine.stored import body, put


async def test_timed_tells_of_every_call(engine: Engine, bucket: Bucket) -> None:
    seen: list[tuple[str, bool]] = []
    timed = wrap.timed(engine, lambda name, took_s, error: seen.append((name, took_s >= 0 and error is None)))
    await put(timed, bucket, "k", b"x" * 5000)
    assert await body(timed, bucket, "k") == b"x" * 5000
    with pytest.raises(NotEmpty):
        await timed.catalog.delete_bucket(bucket.id)
    assert seen == [
        ("writer.write", True),
        ("writer.finish", True),
        ("catalog.commit", True),
        ("catalog.version", True),
        ("blobs.read", True),
        ("catalog.delete_bucket", False),
    ]


async def test_faulty_fails_as_planned(engine: Engine, bucket: Bucket) -> None:
    faults = wrap.Faults()
    faulty = wrap.faulty(engine, faults)
    faults.plan = {"catalog.commit": [None, Full("planned")], "blobs.read.piece": [Unavailable("planned")]}
    await put(faulty, bucket, "k", b"1")
    with pytest.raises(Full):
        await put(faulty, bucket, "k", b"22")
    with pytest.raises(Unavailable):
        await body(faulty, bucket, "k")
    assert await body(faulty, bucket, "k") == b"1"


async def test_read_only_refuses_every_write(engine: Engine, bucket: Bucket) -> None:
    await put(engine, bucket, "k", b"1")
    frozen = wrap.read_only(engine)
    assert await body(frozen, bucket, "k") == b"1"
    with pytest.raises(Unavailable):
        frozen.blobs.writer(1)
    with pytest.raises(Unavailable):
        await frozen.catalog.expunge(bucket, "k", "null")
    assert await body(frozen, bucket, "k") == b"1"


def test_every_step_of_the_contract_is_known_to_read_only() -> None:
    reads = {"bucket", "buckets", "version", "list", "upload", "parts", "uploads", "stale_uploads"}
    reads |= {"par_of_token", "par", "pars", "par_upload_of_token"}
    steps = {name for name in (*vars(Catalog), *vars(Pars)) if not name.startswith("_")}
    assert {f"catalog.{name}" for name in steps - reads} == {name for name in wrap.WRITES if name.startswith("catalog.")}
