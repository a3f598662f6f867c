"""Servers, disks and lying syncs for the crash tests, each taken away again at the end; a missing instrument skips with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.faults import Disk, Missing, Syncs
from tests.crash.server import CrashServer

Start = Callable[..., CrashServer]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Start]:
    """launch(data_dir=..., workers=..., preload=..., env=...) gives a server that is ready; all are killed at the end."""
    servers: list[CrashServer] = []

    def start(**settings: Any) -> CrashServer:
        server = CrashServer(tmp_path / f"server{len(servers)}", **settings)
        servers.append(server)
        server.restart()
        return server

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., Disk]]:
    """disk(size_mib, kind) gives a mounted file system of its own. Ask for this fixture before `launch`, so that the server ends first."""
    disks: list[Disk] = []

    def make(size_mib: int, kind: str = "ext4") -> Disk:
        try:
            disks.append(Disk(tmp_path, size_mib, kind))
        except Missing as why:
            pytest.skip(str(why))
        return disks[-1]

    yield make
    for one in disks:
        one.close()


@pytest.fixture
def syncs(tmp_path: Path) -> Syncs:
    try:
        return Syncs(tmp_path)
    except Missing as why:
        pytest.skip(str(why))
