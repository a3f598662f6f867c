"""The contract of pre-authenticated requests, run on every engine, and what the embedded one promises of its look-ups."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from holdfast.engine.api import AlreadyExists, Damaged, Engine, Gone, HasPars, NotEmpty
from holdfast.engine.embedded import EmbeddedEngine, schema
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Upload
from holdfast.model.pars import Par, ParUpload
from tests.engine.stored import put
from tests.engine.worker import Remote


def par(bucket: Bucket, id: str = "i", **fields: Any) -> Par:
    values: dict[str, Any] = {"name": "n", "access": "AnyObjectRead", "creator": "u", "created_ms": 1, "expires_ms": 1_000}
    values["digest"] = sha256(id.encode()).digest()
    return Par(id=id, bucket_id=bucket.id, namespace=bucket.namespace, bucket=bucket.name, **{**values, **fields})


def token_of(stored: Par, upload_id: str, created_ms: int = 1) -> ParUpload:
    digest = sha256(b"up" + upload_id.encode()).digest()
    return ParUpload(digest=digest, par=stored.number, bucket_id=stored.bucket_id, key="k", upload_id=upload_id, created_ms=created_ms)


async def test_requests_are_found_by_token_and_id_and_go(engine: Engine, bucket: Bucket) -> None:
    catalog = engine.catalog
    new = par(bucket, "a+/b:é", name="ü", target="é/", listing=True)
    assert await catalog.par_of_token(new.digest) is None
    stored = await catalog.create_par(new)
    assert stored.number > 0 and msgspec.structs.replace(stored, number=0) == new
    assert await catalog.par_of_token(new.digest) == stored
    assert await catalog.par(bucket.id, "a+/b:é") == stored
    assert await catalog.par(bucket.id + 1, "a+/b:é") is None
    assert await catalog.par_of_token(b"\0" * 32) is None
    assert await catalog.delete_par(bucket.id + 1, new.id) is False
    assert await catalog.delete_par(bucket.id, new.id) is True
    assert await catalog.delete_par(bucket.id, new.id) is False
    assert await catalog.par_of_token(new.digest) is None
    assert await catalog.par(bucket.id, new.id) is None
    assert (await catalog.create_par(new)).number > stored.number
    assert await catalog.par_of_token(new.digest) is not None


async def test_ids_and_tokens_are_unique_and_need_a_bucket(engine: Engine, bucket: Bucket) -> None:
    first = await engine.catalog.create_par(par(bucket))
    for taken in (par(bucket, digest=b"x" * 32), par(bucket, "j", digest=first.digest)):
        with pytest.raises(AlreadyExists):
            await engine.catalog.create_par(taken)
    with pytest.raises(Gone):
        await engine.catalog.create_par(msgspec.structs.replace(par(bucket, "k"), bucket_id=99))
    again = await engine.catalog.create_par(par(bucket, "same name"))
    assert again.name == first.name


async def test_requests_are_listed_by_target_and_number(engine: Engine, bucket: Bucket) -> None:
    other = await engine.catalog.create_bucket(msgspec.structs.replace(bucket, name="second"))
    await engine.catalog.create_par(par(other, "other", target="a"))
    for id, target in (("1", "b"), ("2", ""), ("3", "a/1"), ("4", "b"), ("5", "a"), ("6", "\U0001f600"), ("7", "")):
        await engine.catalog.create_par(par(bucket, id, target=target))

    async def ids(**query: Any) -> str:
        return "".join([found.id for found in await engine.catalog.pars(bucket.id, **query)])

    assert await ids() == "2753146"
    assert await ids(prefix="a") == "53"
    assert await ids(prefix="b", limit=1) == "1"
    walked, after = "", ("", 0)
    while page := await engine.catalog.pars(bucket.id, after=after, limit=2):
        walked += "".join([found.id for found in page])
        after = (page[-1].target, page[-1].number)
    assert walked == "2753146"
    assert await ids(prefix="a/", after=("a", 99)) == "3"
    assert await ids(prefix="zz") == ""


async def test_a_bucket_with_requests_stays_M65(engine: Engine, bucket: Bucket) -> None:
    for id in ("1", "2"):
        await engine.catalog.create_par(par(bucket, id, expires_ms=0))
    with pytest.raises(HasPars) as caught:
        await engine.catalog.delete_bucket(bucket.id)
    assert caught.value.count == 2
    await put(engine, bucket, "k")
    with pytest.raises(NotEmpty) as full:
        await engine.catalog.delete_bucket(bucket.id)
    assert not isinstance(full.value, HasPars)
    await engine.catalog.expunge(bucket, "k", "null")
    for id in ("1", "2"):
        await engine.catalog.delete_par(bucket.id, id)
    await engine.catalog.delete_bucket(bucket.id)
    with pytest.raises(Gone):
        await engine.catalog.create_par(par(bucket, "late"))


async def test_tokens_of_uploads_live_as_long_as_their_request(engine: Engine, bucket: Bucket) -> None:
    stored = await engine.catalog.create_par(par(bucket))
    token = token_of(stored, "u1")
    await engine.catalog.create_par_upload(token)
    assert await engine.catalog.par_upload_of_token(token.digest) == (token, stored)
    assert await engine.catalog.par_of_token(token.digest) is None
    assert await engine.catalog.par_upload_of_token(stored.digest) is None
    with pytest.raises(AlreadyExists):
        await engine.catalog.create_par_upload(token)
    with pytest.raises(Gone):
        await engine.catalog.create_par_upload(msgspec.structs.replace(token_of(stored, "u2"), par=99))
    await engine.catalog.delete_par(bucket.id, stored.id)
    assert await engine.catalog.par_upload_of_token(token.digest) is None


async def test_what_expired_is_purged_and_the_tokens_of_ended_uploads(engine: Engine, bucket: Bucket) -> None:
    for id, expires_ms in (("1", 10), ("2", 20), ("3", 30), ("4", 40)):
        await engine.catalog.create_par(par(bucket, id, expires_ms=expires_ms))
    kept = await engine.catalog.par(bucket.id, "4")
    assert kept is not None
    upload = Upload(upload_id="going on", bucket_id=bucket.id, key="k", initiated_ms=1, owner="o", initiator="o")
    await engine.catalog.start_upload(bucket, upload)
    tokens = [token_of(kept, "going on"), token_of(kept, "ended"), token_of(kept, "ended lately", 50)]
    for token in tokens:
        await engine.catalog.create_par_upload(token)
    assert await engine.catalog.purge_pars(30, limit=1) == 2
    assert [found.id for found in await engine.catalog.pars(bucket.id)] == ["2", "3", "4"]
    assert await engine.catalog.purge_pars(30) == 1
    assert [found.id for found in await engine.catalog.pars(bucket.id)] == ["3", "4"]
    assert [await engine.catalog.par_upload_of_token(token.digest) is not None for token in tokens] == [True, False, True]
    assert await engine.catalog.purge_pars(30) == 0


async def test_many_requests_make_a_look_up_no_longer_M58(embedded: EmbeddedEngine) -> None:
    """SQLite's own count of steps, not time: with 10,000 requests each look-up takes the steps that it took with one."""
    catalog = embedded.catalog
    bucket = await catalog.create_bucket(Bucket(namespace="ns", name="many", region="r", owner="o"))
    only = await catalog.create_par(par(bucket, "first"))

    def steps(statement: str, *bindings: object) -> int:
        with apsw.Connection(str(embedded._path / "catalog.db"), flags=apsw.SQLITE_OPEN_READONLY) as connection:
            cursor = connection.cursor()
            assert cursor.execute(statement, bindings).fetchall()
            counted: list[int] = []

            def count(event: dict[str, Any]) -> None:
                counted.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

            connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, count)
            cursor.execute(statement, bindings).fetchall()
            return counted[0]

    from holdfast.engine.embedded.pars import _OF_TOKEN

    alone = steps(_OF_TOKEN, only.digest)
    await asyncio.gather(*[catalog.create_par(par(bucket, str(number))) for number in range(10_000)])
    assert len(await catalog.pars(bucket.id, limit=20_000)) == 10_001
    assert steps(_OF_TOKEN, only.digest) == alone
    assert steps(_OF_TOKEN, sha256(b"9999").digest()) == alone
    plan = [row[3] for row in catalog._connection.execute("EXPLAIN QUERY PLAN " + _OF_TOKEN, (only.digest,))]
    assert plan == ["SEARCH pars USING INDEX pars_digest (digest=?)"]


async def test_a_token_asked_for_again_costs_no_read_and_whatever_the_answer(embedded: EmbeddedEngine) -> None:
    catalog = embedded.catalog
    bucket = await catalog.create_bucket(Bucket(namespace="ns", name="b", region="r", owner="o"))
    stored = await catalog.create_par(par(bucket))
    asked: list[str] = []
    catalog._connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: asked.append(event["sql"]))
    for digest, found in ((stored.digest, stored), (b"?" * 32, None)):
        asked.clear()
        for _ in range(3):
            assert await catalog.par_of_token(digest) == found
        assert len(asked) == 1
    for number in range(10_000):
        await catalog.par_of_token(number.to_bytes(32, "big"))
    assert len(catalog._unknown_tokens) <= 4096
    asked.clear()
    assert await catalog.par_of_token(stored.digest) == stored
    assert asked == []


def test_a_deletion_counts_at_once_in_another_process_M53(tmp_path: Path) -> None:
    one, other = Remote(tmp_path / "data", 64), Remote(tmp_path / "data", 64)
    try:
        bucket = one.call("catalog.create_bucket", Bucket(namespace="ns", name="b", region="r", owner="o"))[1]
        for number in range(50):
            new = par(bucket, str(number))
            assert other.call("catalog.par_of_token", new.digest) == (True, None)
            stored = one.call("catalog.create_par", new)[1]
            assert other.call("catalog.par_of_token", new.digest) == (True, stored)
            assert one.call("catalog.delete_par", bucket.id, new.id) == (True, True)
            assert other.call("catalog.par_of_token", new.digest) == (True, None)
    finally:
        one.stop()
        other.stop()


async def test_a_flipped_bit_is_no_request(embedded: EmbeddedEngine) -> None:
    catalog = embedded.catalog
    bucket = await catalog.create_bucket(Bucket(namespace="ns", name="b", region="r", owner="o"))
    stored = await catalog.create_par(par(bucket))
    token = token_of(stored, "u")
    await catalog.create_par_upload(token)
    assert await embedded.scrub(1000) == ([], "")
    with schema.connect(embedded._path / "catalog.db") as connection:
        connection.execute("UPDATE pars SET expires_ms = expires_ms + 1")
        connection.execute("UPDATE par_uploads SET upload_id = 'v'")
    with pytest.raises(Damaged):
        await catalog.par_of_token(stored.digest)
    with pytest.raises(Damaged):
        await catalog.par_upload_of_token(token.digest)
    damage, _ = await embedded.scrub(1000)
    assert len(damage) == 2 and damage[0].startswith("pars: ") and damage[1].startswith("par_uploads: ")
    assert await catalog.delete_par(bucket.id, stored.id) is True


async def test_a_store_of_the_first_schema_is_brought_forward(tmp_path: Path) -> None:
    """What 0.1 wrote is opened, and holds requests then."""
    path = tmp_path / "data"
    path.mkdir()
    schema.migrate(path / "catalog.db", schema.CATALOG[:1])
    engine = EmbeddedEngine.open(path)
    try:
        bucket = await engine.catalog.create_bucket(Bucket(namespace="ns", name="b", region="r", owner="o"))
        assert (await engine.catalog.create_par(par(bucket))).number == 1
    finally:
        await engine.close()
