"""One opened cluster store: the catalog and the registry on PostgreSQL, bodies in RADOS, and what the processes of all gateways share."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

import psycopg

from holdfast.engine.api import EngineError, Keyring, Unavailable
from holdfast.engine.cluster import schema, scrub, statements
from holdfast.engine.cluster.blobs import ClusterBlobs
from holdfast.engine.cluster.catalog import ClusterCatalog
from holdfast.engine.cluster.ceph_versions import guard
from holdfast.engine.cluster.connection import connect
from holdfast.engine.cluster.database import Database
from holdfast.engine.cluster.moving import ClusterMoving
from holdfast.engine.cluster.place import Place, place_of
from holdfast.engine.cluster.pool import Pool
from holdfast.engine.cluster.rados_pool import open_pools
from holdfast.engine.cluster.registry import ClusterRegistry
from holdfast.engine.cluster.session import Session
from holdfast.engine.cluster.threads import in_thread
from holdfast.engine.cluster.watch import SESSION_S, Watcher
from holdfast.engine.cluster.wire import bytea_array, int8, text

log = logging.getLogger("holdfast.engine")
PROBE_S = 5.0


def rados_pools(place: Place) -> Mapping[str, Pool]:
    """The pools of a place, by storage class; connected when they are needed."""
    return open_pools(place.ceph, place.user, place.pool, place.pools, place.timeout_s, connected=guard(place.insecure_ceph), namespace=place.schema)


class ClusterEngine:
    """`Engine` on PostgreSQL and RADOS. One object a process (opened after any fork); any number of processes on any number of hosts."""

    def __init__(self, place: Place, pools: Mapping[str, Pool]) -> None:
        self.keyring: Keyring | None = None
        self.at_once = False
        sizes = {"reads": place.reads, "pages": place.pages, "steps": place.steps}
        self._database = Database(place.postgres, place.schema, sizes, place.timeout_s, place.replica)
        self._session = Session()
        self._probed_at = -PROBE_S
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{self._session.id.hex()}"
        self._watcher = Watcher(place.postgres, self._database.settings, place.schema, self._session.id, self._session.oldest_open)
        self.catalog = ClusterCatalog(self._database)
        self.blobs = ClusterBlobs(pools, place.inline_bytes_max, self._inline_body, self._unnamed, self._session, linger_s=place.linger_s)
        self.registry = ClusterRegistry(self._database, self._watcher)
        self.moving = ClusterMoving(self._database, self._watcher)

    @classmethod
    def open(cls, url: str, *, pools: Callable[[Place], Mapping[str, Pool]] = rados_pools) -> ClusterEngine:
        """Opens the store at `url` in this process; connections are made when they are needed, so that a gateway starts (and answers 503)
        while its backends are away. Errors: BadPlace."""
        place = place_of(url)
        engine = cls(place, pools(place))
        engine._watcher.start()
        return engine

    def watch_commits(self, told: Callable[[int, float], None]) -> None:
        """`told` of each durable transaction of this process: steps and seconds."""
        self._database.on_commit = told

    async def _inline_body(self, number: int) -> bytes | None:
        found = await self._database.read(statements.INLINE, int8(number))
        return found[0][0] if found else None

    async def _unnamed(self, ids: list[bytes]) -> list[bytes]:
        return [row[0] for row in await self._database.page(statements.UNNAMED, bytea_array(ids))]

    async def close(self) -> None:
        """Waits for what is in flight and lets go of everything."""
        await self._database.close()
        leaving = in_thread(self._watcher.close)  # at the same time: where one backend hangs, the other is still told
        await self.blobs.close()
        await leaving

    async def lease(self, name: str, seconds: int) -> bool:
        parameters = (text(name), text(self._holder), int8(seconds))
        taken: bool = (await self._database.step(statements.TAKE_LEASE, parameters))[0][0]
        return taken

    async def sweep(self, older_than_s: float) -> int:
        """Blobs that no version names, and that no living process is writing."""
        return await self.blobs.sweep(older_than_s, self._alive)

    async def _alive(self) -> dict[bytes, int]:
        return {row[0]: row[1] for row in await self._database.page(statements.ALIVE, int8(SESSION_S))}

    async def scrub(self, limit: int, after: str = "") -> tuple[list[str], str]:
        return await scrub.scrub(self._database, self.blobs, max(limit, 1), after)

    async def check(self) -> str:
        """Adds pages to a table and writes an object: "" when both worked. Who asks again within PROBE_S is told by a look alone."""
        try:
            if time.monotonic() - self._probed_at > PROBE_S:
                await self._database.step(statements.PROBE, ())
                self._probed_at = time.monotonic()
            else:
                await self._database.page(statements.FROZEN)
            await self.blobs.check()
        except EngineError as error:
            return str(error)
        return ""


def prepare(url: str) -> None:
    """Brings the database to this release's schema; safe on several gateways at once. Errors: BadPlace, Unavailable."""
    place = place_of(url)
    settings = {"lock_timeout": "60000"}
    try:
        with contextlib.closing(connect(place.postgres, settings)) as connection:
            schema.migrate(connection, place.schema)
            for warning in schema.warnings(connection):
                log.warning(warning)
    except psycopg.Error as error:
        raise Unavailable(f"PostgreSQL cannot be used: {str(error).strip()}") from error
