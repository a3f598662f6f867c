"""One server with three users, a client for each and one for nobody, and fresh buckets of Ann's."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acl.people import ANONYMOUS, NAMES, bootstrap, client
from tests.conftest import empty_bucket
from tests.serving import Server


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("acl")
    file = home / "users.toml"
    file.write_text(bootstrap())
    running = Server(home / "server", bootstrap=file).start()
    yield running
    running.finish()


@pytest.fixture(scope="session")
def people(place: Server) -> dict[str, Any]:
    """A client by name."""
    return {name: client(place, name) for name in (*NAMES, ANONYMOUS)}


@pytest.fixture
def anns(people: dict[str, Any]) -> Iterator[str]:
    """A fresh bucket of Ann's."""
    name = f"acl-{uuid.uuid4().hex[:16]}"
    people["ann"].create_bucket(Bucket=name)
    yield name
    empty_bucket(people["ann"], name)
    people["ann"].delete_bucket(Bucket=name)
