"""Two who amend one version at the same time: neither change is lost."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from holdfast.engine.api import Conflict, Engine, Expect
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Facts, Version
from holdfast.objects.amend import amend, set_tags
from holdfast.objects.read import find
from tests.engine.stored import FACTS, put


async def test_an_amendment_of_facts_that_changed_meanwhile_is_refused(engine: Engine, bucket: Bucket) -> None:
    await put(engine, bucket, "k")
    changed = msgspec.structs.replace(FACTS, tags={"a": "1"})
    await engine.catalog.amend(bucket, "k", None, changed, Expect(facts=FACTS))
    with pytest.raises(Conflict):
        await engine.catalog.amend(bucket, "k", None, FACTS, Expect(facts=FACTS))
    found = await engine.catalog.version(bucket.id, "k")
    assert found is not None and found.facts == changed


async def test_tags_and_an_access_control_list_that_are_put_at_once_are_both_there(engine: Engine, bucket: Bucket) -> None:
    """What is lost otherwise was acknowledged: a list that shut the public out would be undone by a tag."""
    await put(engine, bucket, "k")
    looked = asyncio.Event()

    async def look() -> Version:
        return await find(engine, bucket, "k")

    async def listed(version: Version) -> Facts:
        looked.set()
        for _ in range(50):  # meanwhile the tags are put
            await asyncio.sleep(0.002)
        return msgspec.structs.replace(version.facts, extra={"acl": "private"})

    slow = asyncio.create_task(amend(engine, bucket, look, listed))
    await looked.wait()
    await set_tags(engine, bucket, "k", None, {"a": "1"})
    await slow
    found = await engine.catalog.version(bucket.id, "k")
    assert found is not None and (found.facts.tags, found.facts.extra) == ({"a": "1"}, {"acl": "private"})
