"""A server over http and https for each client, and the look-up of clients by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.place import PYTHON_CLIENTS, Place


@pytest.fixture(params=["http", "https"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A server over http and over https."""
    yield Place(request.getfixturevalue("server" if request.param == "http" else "server_tls"), tmp_path)


@pytest.fixture
def plain_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A server over http only, for clients that cannot be given a certificate authority."""
    yield Place(request.getfixturevalue("server"), tmp_path)


@pytest.fixture(scope="session")
def client() -> Callable[[str], str]:
    """The path of a client by name: from the clients' own environment, else from PATH; skipped with a reason when it is nowhere."""

    def find(name: str) -> str:
        own = PYTHON_CLIENTS / "bin" / name
        path = str(own) if own.exists() else shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed here (tests/clients/README.md says how)")
        return path

    return find
