"""What happens beside a request: versioning switched on while it runs, and an engine that fails when it commits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.engine.api import EngineError, Full, Gone, Unavailable
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.engine.wrap import Faults, faulty
from holdfast.model.buckets import Bucket
from holdfast.s3 import ops
from tests.unit.s3.calls import Client, GivenBody, head

ops.load()
LARGE = b"x" * 100_000


async def opened(engine: Any) -> Client:
    return Client(engine, await engine.catalog.create_bucket(Bucket(namespace="default", name="b", region="r", owner="c-ada")))


class SwitchedOn(GivenBody):
    """A body that switches versioning on while it is read."""

    client: Client

    async def read_all(self, limit: int) -> bytes:
        await self.client.set_versioning("Enabled")
        return await super().read_all(limit)


def test_m183_versioning_switched_on_while_a_put_runs_is_in_its_answer() -> None:
    async def run() -> None:
        client = await opened(MemoryEngine())
        body = SwitchedOn(b"x")
        body.client = client
        answer = await client.put("k", body)
        version = await client.engine.catalog.version(client.bucket.id, "k")
        assert version is not None and version.version_id != "null"
        assert head(answer)["x-amz-version-id"] == version.version_id

    asyncio.run(run())


@pytest.mark.parametrize(("error", "kept"), [(Unavailable("perhaps"), True), (Full(), False), (Gone("x"), False)])
@pytest.mark.parametrize("how", ["put", "part", "copied part"])
def test_bytes_are_thrown_away_only_when_they_are_certainly_not_committed(error: EngineError, kept: bool, how: str) -> None:
    async def run() -> None:
        memory, faults = MemoryEngine(), Faults()
        client = await opened(faulty(memory, faults))
        await client.put("source", LARGE)
        upload_id = (await client.call("CreateMultipartUpload", key="big"))["upload_id"]
        before = set(memory.blobs.bodies)
        part = {"key": "big", "upload_id": upload_id, "part_number": 1}
        with pytest.raises(EngineError):
            if how == "put":
                faults.plan["catalog.commit"] = [error]
                await client.put("k", LARGE)
            else:
                faults.plan["catalog.add_part"] = [error, error, error]
                if how == "part":
                    await client.call("UploadPart", LARGE, **part)
                else:
                    faults.plan["catalog.add_part"] = [error]
                    await client.call("UploadPartCopy", copy_source="b/source", copy_source_range="bytes=0-89999", **part)
                    raise error  # a part copied from a source that seemed gone is tried again
        left = set(memory.blobs.bodies) - before
        assert len(left) == (1 if kept or (how == "copied part" and isinstance(error, Gone)) else 0)

    asyncio.run(run())
