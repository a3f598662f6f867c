"""What the tests of the OCI doors ask for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import empty_bucket
from tests.oci.requests_made import Store
from tests.serving import Server


@pytest.fixture(scope="session")
def store(server: Server) -> Store:
    return Store(server)


@pytest.fixture
def bucket(s3: Any, store: Store) -> Iterator[str]:
    """A fresh bucket; afterwards its pre-authenticated requests, objects and itself go."""
    name = f"Par.Bucket-{uuid.uuid4().hex[:16]}".lower()
    s3.create_bucket(Bucket=name)
    yield name

    async def clean(engine: Any, directory: Any) -> None:
        found = await engine.catalog.bucket("default", name)
        for par in await engine.catalog.pars(found.id, limit=20_000):
            await engine.catalog.delete_par(found.id, par.id)

    store.do(clean)
    empty_bucket(s3, name)
    s3.delete_bucket(Bucket=name)
