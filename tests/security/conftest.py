"""A raw client, a scratch bucket, and the oracle of every test here: no 5xx, no worker gone, nothing written that should not be."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.security.raw import Raw


@pytest.fixture
def raw(server: Any) -> Iterator[Raw]:
    """The client; afterwards the same processes must still run and the server must still answer."""
    before = set(server.worker_pids())
    client = Raw(server)
    yield client
    assert set(server.worker_pids()) == before, "a worker died"
    assert client.send("GET", "/").status == 200


@pytest.fixture
def scratch(raw: Raw) -> Iterator[str]:
    """A bucket of its own, emptied and deleted afterwards."""
    name = f"sec-{uuid.uuid4().hex[:10]}"
    assert raw.send("PUT", f"/{name}").status == 200
    yield name


@pytest.fixture
def keys(raw: Raw, scratch: str) -> Any:
    """What the bucket holds now: names as the listing says them, percent-encoded."""

    def listing() -> list[str]:
        import re

        reply = raw.send("GET", f"/{scratch}?encoding-type=url&list-type=2")
        assert reply.status == 200
        return [m.decode() for m in re.findall(rb"<Key>([^<]*)</Key>", reply.body)]

    return listing
