"""What single steps of the cluster engine's catalog cost: statements as PostgreSQL runs them, and calls through the engine."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
from holdfast.engine.api import ListQuery
from holdfast.engine.cluster import statements
from holdfast.engine.cluster.connection import Statement
from holdfast.engine.cluster.engine import ClusterEngine
from holdfast.engine.cluster.session import FRESH
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Blob, Version

SPACE = 10_000_000
"""Keys are numbered below this (the largest of --rows, if that is more) and lie 500 to a folder when all are there."""
STRIDE = 7_368_787
"""A prime: numbers times this, modulo SPACE, come in random order."""
KEYS_A_FOLDER = 500
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
SIZE_BYTES = 1 << 20


def key_of(place: int) -> str:
    """39 bytes: a folder and a name."""
    return f"photos/{place // KEYS_A_FOLDER:08d}/image-{place % KEYS_A_FOLDER:05d}-full.jpeg"


def version_of(key: str, *blobs: Blob) -> Version:
    size = sum(blob.size for blob in blobs)
    return Version(key=key, modified_ms=time.time_ns() // 1_000_000, size=size, etag=EMPTY_MD5, owner="o" * 32, blobs=blobs)


def scheduled_ns(pid: int) -> int:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def _parameter(value: object) -> bytes | None:
    """In PostgreSQL's text form."""
    if isinstance(value, bytes):
        return b"\\x" + value.hex().encode()
    return None if value is None else str(value).lower().encode() if isinstance(value, bool) else str(value).encode()


def look(connection: psycopg.Connection[Any], statement: Statement, arguments: Callable[[], tuple[object, ...]], count: int) -> dict[str, Any]:
    """A statement as the engine sends it, `count` times with fresh arguments: CPU of the server process each, and pages touched."""
    name, text = statement.name.decode(), statement.sql.decode()
    connection.execute(f"PREPARE {name} AS {text}")  # type: ignore[arg-type]
    marks = sql.SQL(", ").join

    def run(before: str) -> Any:
        call = sql.SQL(before + "EXECUTE {}({})").format(sql.Identifier(name), marks(map(sql.Literal, arguments())))  # type: ignore[arg-type]
        return connection.execute(call, binary=True).fetchall()

    for _ in range(8):
        run("")
    pages: list[tuple[int, int, float]] = []
    for _ in range(min(count, 100)):
        plan = run("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ")[0][0][0]
        node = plan["Plan"]
        pages.append((node["Shared Hit Blocks"] + node["Shared Read Blocks"], node["Shared Read Blocks"], plan["Execution Time"]))
    pid, ask = connection.info.backend_pid, connection.pgconn.exec_prepared
    asked = [[_parameter(value) for value in arguments()] for _ in range(count)]
    begin, rows = scheduled_ns(pid), 0
    for row in asked:
        rows += ask(name.encode(), row, None, 1).ntuples
    used = scheduled_ns(pid) - begin
    connection.execute(f"DEALLOCATE {name}")  # type: ignore[arg-type]
    middle = len(pages) // 2
    return {
        "cpu_us": round(used / count / 1000, 1),
        "rows": round(rows / count, 1),
        "pages": sorted(p[0] for p in pages)[middle],
        "pages_read": round(sum(p[1] for p in pages) / len(pages), 1),
        "explain_ms": round(sorted(p[2] for p in pages)[middle], 3),
    }


def statements_of(connection: psycopg.Connection[Any], bucket: Bucket, rows: int, space: int, pick: random.Random) -> dict[str, Any]:
    """The look-ups and pages of the hot path."""

    def present() -> bytes:
        return key_of(pick.randrange(rows) * STRIDE % space).encode()

    def folder() -> bytes:
        return f"photos/{pick.randrange(space // KEYS_A_FOLDER):08d}/".encode()

    return {
        "latest": look(connection, statements.LATEST, lambda: (bucket.id, present()), 3000),
        "latest, no such key": look(connection, statements.LATEST, lambda: (bucket.id, present() + b"?"), 3000),
        "live_page of 1,000": look(connection, statements.LIVE_PAGE, lambda: (bucket.id, present(), b"\xff", 1001), 100),
        "list_page, 1,000 folders": look(
            connection, statements.LIST_PAGE,
            lambda: (bucket.id, b"photos/", b"/", b"photos/%08d" % pick.randrange(space // KEYS_A_FOLDER // 2), False, None, "", 1001), 20,
        ),
        "list_page, inside a folder": look(
            connection, statements.LIST_PAGE, lambda: (bucket.id, (at := folder()), b"/", at, False, None, "", 1001), 100
        ),
        "list_page, one folder above all": look(
            connection, statements.LIST_PAGE, lambda: (bucket.id, b"", b"/", b"", False, None, "", 1001), 300
        ),
    }  # fmt: skip


async def served(server_cpu_s: Callable[[], float], count: int, at_once: int, work: Callable[[int], Awaitable[object]]) -> dict[str, Any]:
    """`work(n)` for n below `count`, so many at once: milliseconds of each, and CPU of all of PostgreSQL."""
    waiting = iter(range(count))
    took: list[float] = []

    async def one() -> None:
        for number in waiting:
            begin = time.perf_counter()
            await work(number)
            took.append((time.perf_counter() - begin) * 1000)

    cpu, begin = server_cpu_s(), time.perf_counter()
    await asyncio.gather(*(one() for _ in range(at_once)))
    wall, used = time.perf_counter() - begin, server_cpu_s() - cpu
    took.sort()
    return {
        "at_once": at_once, "per_s": round(count / wall), "p50_ms": round(took[len(took) // 2], 2), "p99_ms": round(took[len(took) * 99 // 100], 2),
        "postgresql_cpu_us": round(used / count * 1e6),
    }  # fmt: skip


async def through_engine(
    engine: ClusterEngine, server_cpu_s: Callable[[], float], bucket: Bucket, rows: int, space: int, pick: random.Random
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    catalog = engine.catalog
    mine = [f"{key_of(pick.randrange(rows) * STRIDE % space)}-{pick.random()}" for _ in range(4000)]
    counter = iter(range(1, 1 << 30))

    def fresh() -> Blob:
        return Blob(pick.randbytes(11) + next(counter).to_bytes(5, "big"), SIZE_BYTES, FRESH)

    try:
        await catalog.version(bucket.id, "template")
        found["commit, new key"] = await served(server_cpu_s, len(mine), 32, lambda n: catalog.commit(bucket, version_of(mine[n], fresh())))
        found["commit, key is there"] = await served(server_cpu_s, len(mine), 32, lambda n: catalog.commit(bucket, version_of(mine[n], fresh())))
        small = Blob(b"", 4096, 0, bytes(4096))
        found["commit, 4 KiB inline"] = await served(server_cpu_s, len(mine), 32, lambda n: catalog.commit(bucket, version_of(mine[n] + "s", small)))
        found["commit, one at a time"] = await served(server_cpu_s, 300, 1, lambda n: catalog.commit(bucket, version_of(mine[n], fresh())))
        found["version, one at a time"] = await served(server_cpu_s, 1000, 1, lambda n: catalog.version(bucket.id, mine[n % len(mine)]))
        found["version"] = await served(server_cpu_s, 12_000, 32, lambda n: catalog.version(bucket.id, mine[n % len(mine)]))
        found["list of 1,000"] = await served(server_cpu_s, 100, 2, lambda n: catalog.list(ListQuery(bucket_id=bucket.id, after=mine[n])))
        folders = ListQuery(bucket_id=bucket.id, prefix="photos/", delimiter="/")
        found["list, 1,000 folders"] = await served(server_cpu_s, 20, 1, lambda n: catalog.list(folders))
        found["expunge"] = await served(server_cpu_s, len(mine), 32, lambda n: catalog.expunge(bucket, mine[n], "null"))
    finally:
        await engine.close()
    return found
