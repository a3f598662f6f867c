"""One opened embedded store: a directory with two SQLite databases and the files of larger bodies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw

from holdfast.engine.api import EngineError, Frozen, Keyring, Unavailable
from holdfast.engine.embedded import schema, upkeep
from holdfast.engine.embedded.blobs import EmbeddedBlobs, file_error
from holdfast.engine.embedded.catalog import EmbeddedCatalog
from holdfast.engine.embedded.generation import CommitLock, Generation
from holdfast.engine.embedded.moving import EmbeddedMoving, is_frozen
from holdfast.engine.embedded.registry import EmbeddedRegistry
from holdfast.engine.embedded.room import Room
from holdfast.engine.embedded.writer import Batch, Writer, engine_error

INLINE_BYTES_MAX = 32 * 1024
RESTORING = "restoring"
"""The file in a directory that a backup is being restored into: not a store yet."""
_THREADS = 8


class EmbeddedEngine:
    """`Engine` on one directory. One object a process (opened after any fork); any number of processes on one directory."""

    def __init__(self, path: Path, inline_bytes_max: int) -> None:
        self.keyring: Keyring | None = None
        self.at_once = True
        self._path = path
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="body")
        self._generations = {name: Generation(path / f"{name}.generation") for name in ("catalog", "registry")}
        for name, generation in self._generations.items():
            lock = CommitLock(path / f"{name}.lock")
            with lock:
                generation.set_frozen(is_frozen(path))
            lock.close()
        self._connections = {name: schema.connect(path / f"{name}.db") for name in ("catalog", "registry")}
        room = Room(path)
        self._writers = {name: Writer(path / f"{name}.db", path / f"{name}.lock", self._generations[name], room) for name in ("catalog", "registry")}
        connection, writer = self._connections["catalog"], self._writers["catalog"]
        self._root = path / "blobs"
        self.catalog = EmbeddedCatalog(connection, writer, self._generations["catalog"], room)
        self.blobs = EmbeddedBlobs(self._root, inline_bytes_max, self._pool, connection, writer, room)
        self.registry = EmbeddedRegistry(self._connections["registry"], self._writers["registry"], self._generations["registry"])
        self.moving = EmbeddedMoving(path, self._connections, self._writers, self._generations)

    @classmethod
    def open(cls, path: Path | str, *, inline_bytes_max: int = INLINE_BYTES_MAX) -> EmbeddedEngine:
        """Opens the store in the directory `path`, or makes one. Errors: Unavailable, Full."""
        schema.require_sqlite()
        path = Path(path).absolute()
        if (path / RESTORING).exists():
            raise Unavailable(f"{path} was not restored to its end: run holdfast restore again")
        try:
            prepare(path)
            return cls(path, inline_bytes_max)
        except apsw.Error as error:
            raise engine_error(error) from error
        except OSError as error:
            raise file_error(error) from error

    def watch_commits(self, told: Callable[[int, float], None]) -> None:
        """`told` of each durable transaction of the catalog by this process, in its writer's thread: steps and seconds."""
        self._writers["catalog"].on_commit = told

    async def close(self) -> None:
        """Commits what is queued and lets go of everything."""
        loop = asyncio.get_running_loop()
        for writer in self._writers.values():
            await loop.run_in_executor(None, writer.close)
        await loop.run_in_executor(None, self._pool.shutdown)
        self.blobs.close()
        for connection in self._connections.values():
            connection.close()
        for generation in self._generations.values():
            generation.close()

    async def lease(self, name: str, seconds: int) -> bool:
        """One server owns the directory, and its steward does the work."""
        return True

    async def sweep(self, older_than_s: float) -> int:
        """Inline bodies come and go with their rows, so only files can be strays. A file that is being written is none, whatever its age."""
        loop = asyncio.get_running_loop()
        connection = schema.connect(self._path / "catalog.db", readonly=True)
        removed = 0
        before = time.time() - older_than_s
        try:
            walk = upkeep.strays(self._root, connection, before)
            while ids := await loop.run_in_executor(self._pool, next, walk, None):
                removed += await self.blobs.discard_strays(ids, before)
        finally:
            connection.close()
        return removed

    async def scrub(self, limit: int, after: str = "") -> tuple[list[str], str]:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._scrub, max(limit, 1), after)

    def _scrub(self, limit: int, after: str) -> tuple[list[str], str]:
        with contextlib.closing(schema.connect(self._path / "catalog.db", readonly=True)) as connection:
            return upkeep.scrub(connection, self._root, limit, after)

    async def check(self) -> str:
        """Commits a row and writes a file: "" when both worked. A frozen store is as it should be."""
        try:
            with contextlib.suppress(Frozen):
                await self._writers["catalog"].submit(_touch)
            await asyncio.get_running_loop().run_in_executor(self._pool, self._touch_file)
        except (EngineError, OSError) as error:
            return str(error)
        return ""

    def _touch_file(self) -> None:
        path = self._path / f"check.{os.getpid()}"
        try:
            path.write_bytes(b"x")
        finally:
            path.unlink(missing_ok=True)


def _touch(batch: Batch) -> None:
    batch.execute("UPDATE counters SET value = value + 1 WHERE name = 'check'")


def prepare(path: Path) -> None:
    """The directory with what every process expects in it; one process at a time. Errors: Unavailable, OSError, apsw.Error."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.is_dir():
        raise Unavailable(f"{path} is not a directory")
    lock = CommitLock(path / "catalog.lock")
    try:
        with lock:
            root = path / "blobs"
            if not (root / "ff").is_dir():
                root.mkdir(mode=0o700, exist_ok=True)
                for number in range(256):
                    (root / f"{number:02x}").mkdir(mode=0o700, exist_ok=True)
                schema.sync_directory(root)
            schema.migrate(path / "catalog.db", schema.CATALOG)
            schema.migrate(path / "registry.db", schema.REGISTRY)
            schema.sync_directory(path)
            schema.sync_directory(path.parent)
    finally:
        lock.close()
