"""What the cluster engine's catalog costs as it grows, on a PostgreSQL of its own that is removed afterwards: the figures of docs/scale.md.

    python -m bench.scale_cluster --rows 1000000,10000000 [--folder FOLDER] [--results FILE] [--keep]

Needs about 700 bytes of disk a row beside 4 GB. Rows are cloned from one that the engine wrote, in random order of keys; what goes through
the engine is really committed, at random places among them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg

from bench.catalog_costs import KEYS_A_FOLDER, SIZE_BYTES, SPACE, STRIDE, key_of, look, statements_of, through_engine, version_of
from bench.machine import cpu_s
from deploy.local.postgres import Postgres

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
from holdfast.engine.cluster import statements
from holdfast.engine.cluster.engine import ClusterEngine, prepare
from holdfast.engine.cluster.memory_pool import MemoryPool
from holdfast.engine.cluster.session import FRESH
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Blob

BATCH = 250_000
SEED = 6
PARTITIONS = 16
TURNS = 5
TABLES = ("live", "history", "blobs", "inline")


KEY_SQL = (
    f"convert_to('photos/' || lpad((p / {KEYS_A_FOLDER})::text, 8, '0') || '/image-' || lpad((p % {KEYS_A_FOLDER})::text, 5, '0')"
    " || '-full.jpeg', 'UTF8')"
)
BLOB_SQL = "decode('00000000000000aa' || '000001' || lpad(to_hex(n), 10, '0'), 'hex')"


class Database:
    """The server, a plain connection as the engine's user, and the superuser's for what only that may ask."""

    def __init__(self, folder: Path) -> None:
        self.postgres = Postgres(folder / "postgres")
        self.postgres.start()
        for setting in ("shared_buffers = '1GB'", "max_wal_size = '4GB'", "checkpoint_timeout = '15min'", "effective_cache_size = '6GB'"):
            self.postgres.sql(f"ALTER SYSTEM SET {setting}")
        self.postgres.stop()
        self.postgres.start()
        self.url = "cluster://?" + urlencode({"postgres": self.postgres.dsn(), "ceph": "/none", "pool": "none", "timeout": "60"})
        prepare(self.url)
        self.admin = psycopg.connect(self.postgres.admin(), dbname="holdfast", autocommit=True)
        for extension in ("pageinspect", "pgstattuple"):
            self.admin.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
        self.admin.execute("SET search_path = holdfast, public")
        self.plain = psycopg.connect(self.postgres.dsn(), autocommit=True, options="-c search_path=holdfast -c jit=off")

    def engine(self) -> ClusterEngine:
        return ClusterEngine.open(self.url, pools=lambda place: {"": MemoryPool()})

    def cpu_s(self) -> float:
        return cpu_s([self.postgres.pid()])

    def value(self, text: str, *parameters: object) -> Any:
        row = self.admin.execute(text, parameters).fetchone()  # type: ignore[arg-type]
        assert row
        return row[0]

    def close(self, keep: bool) -> None:
        self.plain.close()
        self.admin.close()
        self.postgres.stop()
        if not keep:
            self.postgres.purge()


@contextlib.contextmanager
def timed(what: str, into: dict[str, Any] | None = None, name: str = "") -> Iterator[None]:
    begin = time.monotonic()
    yield
    seconds = time.monotonic() - begin
    print(f"{time.strftime('%H:%M:%S')} {what}: {seconds:.1f} s", file=sys.stderr, flush=True)
    if into is not None:
        into[name] = round(seconds, 1)


# ---- filling ----


async def make_bucket(database: Database) -> Bucket:
    """The bucket, and one version with a body in RADOS, which is what the rows are cloned from."""
    engine = database.engine()
    try:
        found = await engine.catalog.bucket("", "scale")
        bucket = found or await engine.catalog.create_bucket(Bucket(namespace="", name="scale", region="here", owner="o" * 32, created_ms=1))
        blob = Blob(bytes(15) + b"\1", SIZE_BYTES, FRESH)
        await engine.catalog.commit(bucket, version_of("template", blob))
        return bucket
    finally:
        await engine.close()


def fill(database: Database, bucket: Bucket, begin: int, end: int, space: int) -> None:
    """Rows `begin` to `end` of live, each with a blob's row."""
    for start in range(begin, end, BATCH):
        stop = min(start + BATCH, end)
        rows = f"SELECT n, n * {STRIDE}::bigint % {space} AS p FROM generate_series({start}::bigint, {stop - 1}) AS n"
        with database.plain.transaction():
            database.plain.execute("SET LOCAL synchronous_commit = off")
            database.plain.execute(
                f"INSERT INTO live SELECT t.bucket_id, {KEY_SQL}, t.version_id, t.modified_ms + n, t.size, md5(n::text), t.storage_class, t.owner,"  # type: ignore[arg-type]
                f" t.checksum, n + 1000000, false, 0, t.doc, t.extents, ARRAY[{BLOB_SQL}], t.blob_bytes, NULL"
                f" FROM ({rows}) AS r, (SELECT * FROM live WHERE bucket_id = {bucket.id} AND key = 'template'::bytea) AS t"
            )
            database.plain.execute(f"INSERT INTO blobs SELECT {BLOB_SQL}, 1, {SIZE_BYTES} FROM generate_series({start}::bigint, {stop - 1}) AS n")  # type: ignore[arg-type]


# ---- what it takes ----


def sizes(database: Database) -> dict[str, Any]:
    """Bytes of each table and its indexes, and the depth of each B-tree."""
    found: dict[str, Any] = {}
    for table in TABLES:
        rows = database.value("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", table)
        entry = {"rows": rows, "bytes": database.value("SELECT pg_table_size(%s::regclass)", table)}
        indexes = database.admin.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass", (table,)).fetchall()
        for (index,) in indexes:
            levels = database.value("SELECT level FROM bt_metap(%s)", index) + 1
            density = database.value("SELECT avg_leaf_density FROM pgstatindex(%s)", index)
            entry[index] = {"bytes": database.value("SELECT pg_relation_size(%s::regclass)", index), "levels": levels, "leaf_density": density}
        found[table] = entry
    return found


# ---- overwrites and vacuum ----

CHURN = f"""
CREATE OR REPLACE PROCEDURE churn(p_bucket bigint, p_rows bigint, p_space bigint, p_count bigint) LANGUAGE plpgsql AS $$
DECLARE p bigint;
BEGIN
    FOR i IN 1 .. p_count LOOP
        p := (floor(random() * p_rows))::bigint * {STRIDE} % p_space;
        UPDATE live SET version_id = 'null', modified_ms = modified_ms + 1, etag = md5(i::text), seq = nextval('version_order'), doc = doc,
            extents = extents, blob_ids = blob_ids, blob_bytes = blob_bytes WHERE bucket_id = p_bucket AND key = {KEY_SQL};
        IF i % 64 = 0 THEN COMMIT; END IF;
    END LOOP;
END $$
"""


def churn(database: Database, bucket: Bucket, rows: int, space: int) -> dict[str, Any]:
    """Overwrites at random, 300,000 to 500,000, 64 to a transaction; then vacuum."""
    count = min(max(rows // 10, 300_000), 500_000)
    counters = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_all_tables WHERE relid = 'live'::regclass"
    database.plain.execute(CHURN)  # type: ignore[arg-type]
    database.plain.execute("SET synchronous_commit = off")
    before = database.admin.execute(counters).fetchone()
    size = database.value("SELECT pg_relation_size('live')")
    found: dict[str, Any] = {"overwrites": count}
    wal = database.value("SELECT pg_current_wal_lsn()")
    with timed(f"{count:,} overwrites", found, "seconds"):
        database.plain.execute(f"CALL churn({bucket.id}, {rows}, {space}, {count})")  # type: ignore[arg-type]
    found["wal_bytes_each"] = round(float(database.value("SELECT pg_current_wal_lsn() - %s::pg_lsn", wal)) / count)
    time.sleep(2.5)
    after = database.admin.execute(counters).fetchone()
    assert before and after
    found["hot_share"] = round((after[1] - before[1]) / max(after[0] - before[0], 1), 3)
    found["dead_percent"] = round(database.value("SELECT dead_tuple_percent FROM pgstattuple_approx('live')"), 2)
    found["growth_percent"] = round(100 * (database.value("SELECT pg_relation_size('live')") / size - 1), 2)
    cpu = database.cpu_s()
    with timed("vacuum", found, "vacuum_s"):
        database.plain.execute("VACUUM live")
    found["vacuum_cpu_s"] = round(database.cpu_s() - cpu, 1)
    return found


# ---- partitions ----


def partitioned(database: Database, bucket: Bucket, rows: int, space: int) -> dict[str, Any]:
    """The same statements on tables that are partitioned by hash of the bucket."""
    run = database.plain.execute
    run("CREATE SCHEMA IF NOT EXISTS parted")
    for table in ("live", "history"):
        run(f"CREATE TABLE parted.{table} (LIKE holdfast.{table} INCLUDING ALL) PARTITION BY HASH (bucket_id)")  # type: ignore[arg-type]
        for number in range(PARTITIONS):
            part = f"parted.{table}_{number} PARTITION OF parted.{table} FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
            run(f"CREATE TABLE {part} WITH (fillfactor = 85)")  # type: ignore[arg-type]
    run("INSERT INTO parted.live SELECT * FROM holdfast.live")
    run("VACUUM ANALYZE parted.live")
    with psycopg.connect(database.postgres.dsn(), autocommit=True, options="-c search_path=parted,holdfast -c jit=off") as connection:
        found = statements_of(connection, bucket, rows, space, random.Random(SEED))
        turns: dict[str, list[float]] = {}
        for _ in range(TURNS):  # in turn, so that what else the machine does falls on both
            for name, where in (("plain", database.plain), ("partitioned", connection)):
                for statement, count in ((statements.LATEST, 3000), (statements.LIVE_PAGE, 50)):
                    pick = random.Random(SEED)
                    keys = lambda pick=pick: (bucket.id, key_of(pick.randrange(rows) * STRIDE % space).encode())  # noqa: E731
                    last: tuple[object, ...] = () if statement is statements.LATEST else (b"\xff", 1001)
                    took = look(where, statement, lambda keys=keys, last=last: (*keys(), *last), count)  # type: ignore[misc]
                    turns.setdefault(f"{statement.name.decode()}, {name}", []).append(took["cpu_us"])
        found["in turn, least of each"] = {name: min(each) for name, each in turns.items()}
        connection.execute("DROP SCHEMA parted CASCADE")
    return found


def stage(database: Database, bucket: Bucket, begin: int, rows: int, space: int) -> dict[str, Any]:
    """Fills up to `rows` and measures."""
    found: dict[str, Any] = {"rows": rows}
    pick = random.Random(SEED)
    with timed(f"filled to {rows:,}", found, "fill_s"):
        fill(database, bucket, begin, rows, space)
    with timed("vacuum analyze", found, "first_vacuum_s"):
        database.plain.execute("VACUUM (ANALYZE, FREEZE) live")
        database.plain.execute("VACUUM (ANALYZE, FREEZE) blobs")
    database.admin.execute("CHECKPOINT")
    found["sizes"] = sizes(database)
    found["row_bytes"] = database.value("SELECT avg(pg_column_size(l.*)) FROM (SELECT * FROM live LIMIT 1000) AS l").__float__()
    with timed("statements"):
        found["statements"] = statements_of(database.plain, bucket, rows, space, pick)
    with timed("through the engine"):
        found["engine"] = asyncio.run(through_engine(database.engine(), database.cpu_s, bucket, rows, space, pick))
    found["churn"] = churn(database, bucket, rows, space)
    with timed("statements after overwrites"):
        found["statements_after"] = statements_of(database.plain, bucket, rows, space, pick)
    if rows <= 1_000_000:
        with timed("partitioned"):
            found["partitioned"] = partitioned(database, bucket, rows, space)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="1000000", help="numbers of rows, growing, at which to measure")
    parser.add_argument("--folder", type=Path, help="where the server's data goes (default: a folder that goes away)")
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "build" / "scale-cluster.json")
    parser.add_argument("--keep", action="store_true", help="leave the server's data where it is")
    options = parser.parse_args()
    stages = [int(text.replace("_", "")) for text in options.rows.split(",")]
    folder = options.folder or Path(tempfile.mkdtemp(prefix="holdfast-scale."))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    if (free := shutil.disk_usage(folder).free) < 4e9 + 700 * stages[-1]:
        raise SystemExit(f"{folder} has only {free / 1e9:.0f} GB free")
    space = max(SPACE, stages[-1])
    database = Database(folder)
    try:
        bucket = asyncio.run(make_bucket(database))
        results = []
        for begin, rows in zip([0, *stages], stages, strict=False):
            results.append(stage(database, bucket, begin, rows, space))
            options.results.parent.mkdir(exist_ok=True)
            options.results.write_text(json.dumps(results, indent=1) + "\n")
    finally:
        database.close(options.keep)
        if not options.folder and not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
