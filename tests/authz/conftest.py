"""One server for the tests of authorization, and its directory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.authz.callers import People, make_people
from tests.authz.town import Town
from tests.serving import Server


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    running = Server(tmp_path_factory.mktemp("authz") / "server").start()
    made = Town(running)
    yield made
    made.close()
    running.finish()


@pytest.fixture(scope="session")
def people(town: Town) -> People:
    """Callers of every kind, and the bucket that they are after."""
    return make_people(town)
