"""Bodies on a real Ceph whose parts are taken away: what cannot be served is Unavailable or Full in bounded time, and it works again by itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.ceph import Ceph
from holdfast.engine.api import Damaged, Full, Gone, Unavailable
from holdfast.engine.cluster import librados, stripes
from holdfast.engine.cluster.rados_pool import CLOSE_S, RadosPool, open_pools
from tests.cluster_servers import started
from tests.engine.cluster_store import BODY, Store

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("own-ceph")]

TIMEOUT_S = 3.0
BOUND_S = TIMEOUT_S + 4


@pytest.fixture(scope="module")
def own_ceph() -> Iterator[Ceph]:
    """Three OSDs that keep what they hold when they stop."""
    folder = Path(tempfile.mkdtemp(prefix="hf-", dir="/tmp"))
    server = Ceph(folder / "c", osds=3, gib=3, copies=2)  # a pool of one copy never recovers from a pause of its OSD
    try:
        started(server)
        yield server
    finally:
        server.purge()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def own_pool(own_ceph: Ceph) -> str:
    return own_ceph.pool("bodies")


def pool_of(ceph: Ceph, name: str, **others: str) -> RadosPool:
    return open_pools(str(ceph.conf), "holdfast", name, others, TIMEOUT_S)[""]


async def bounded(call: Awaitable[object], error: type[Exception], seconds: float = BOUND_S) -> str:
    """What the call was refused with; fails when it takes too long or works."""
    begun = time.monotonic()
    with pytest.raises(error) as raised:
        await call
    assert time.monotonic() - begun < seconds
    return str(raised.value)


async def until(works: Callable[[], Awaitable[object]], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            await works()
            return
        except (Unavailable, Full):
            assert time.monotonic() < end, "it does not come back"
            await asyncio.sleep(0.3)


async def test_osds_stopped_in_the_middle_of_a_write_and_a_read(own_ceph: Ceph, own_pool: str) -> None:
    store = Store(pool_of(own_ceph, own_pool))
    kept = await store.put(BODY)
    for how in (signal.SIGSTOP, signal.SIGKILL):
        writer = store.blobs.writer(None)
        await writer.write(BODY[: 5 << 20])
        pieces = store.blobs.read(kept * 5, 0, len(BODY) * 5)
        assert await anext(pieces) == BODY[: 1 << 20]
        pids = [own_ceph.pid(f"osd.{number}") for number in range(3)]
        for pid in pids:
            os.kill(pid, how)

        async def go_on(writer: object = writer) -> None:
            await writer.write(BODY)  # type: ignore[attr-defined]
            await writer.finish()  # type: ignore[attr-defined]

        async def read_on(pieces: object = pieces) -> None:
            async for _ in pieces:  # type: ignore[attr-defined]
                pass

        await bounded(asyncio.gather(go_on(), return_exceptions=False), Unavailable)
        await bounded(read_on(), Unavailable)
        await bounded(store.put(BODY[:5000]), Unavailable)
        await bounded(store.get(kept), Unavailable)
        if how == signal.SIGSTOP:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        else:
            for number in range(3):
                own_ceph.stop_daemon(f"osd.{number}", signal.SIGKILL)
            for number in range(3):
                own_ceph.start_daemon(f"osd.{number}")
        await until(lambda: store.put(BODY[:5000]))
        await until(lambda: store.get(kept))
        assert await store.get(await store.put(BODY)) == BODY
        assert await store.get(kept) == BODY
    store.named = {kept[0].id}
    await store.sweep()
    left = {stripes.blob_of(name) async for batch in store.pool.walk() for name in batch}
    assert kept[0].id in left, "what is named stays, whatever failed beside it"
    await store.blobs.close()


async def test_a_cluster_that_is_away_at_the_start_is_used_when_it_comes(own_ceph: Ceph, own_pool: str) -> None:
    own_ceph.stop_daemon("mon.a")
    pool = pool_of(own_ceph, own_pool)
    store = Store(pool)
    try:
        first = await bounded(store.put(BODY[:5000]), Unavailable, 12)
        begun = time.monotonic()
        for _ in range(50):  # while it is known to be away nobody waits for it
            await bounded(store.put(BODY[:5000]), Unavailable, 12)
        assert time.monotonic() - begun < 12 and "client.holdfast" in first
    finally:
        own_ceph.start_daemon("mon.a")
    await until(lambda: store.put(BODY[:5000]))
    assert await store.get(await store.put(BODY)) == BODY
    await store.blobs.close()


async def test_what_is_not_there_is_said(own_ceph: Ceph, own_pool: str, tmp_path: Path) -> None:
    nowhere = pool_of(own_ceph, "no-such-pool")
    assert "no pool no-such-pool" in await bounded(nowhere.number(), Unavailable)
    pool = pool_of(own_ceph, own_pool)
    assert "no pool of number 9999" in await bounded(pool.sibling(9999).read("x", 0, 1), Unavailable)
    await bounded(pool.read("no-such-object", 0, 1), Gone)
    await pool.remove("no-such-object")
    assert "client.nobody" in await bounded(open_pools(str(own_ceph.conf), "nobody", own_pool, {}, 3)[""].number(), Unavailable, 20)
    assert "conf" in await bounded(open_pools(str(tmp_path / "no.conf"), "holdfast", own_pool, {}, 3)[""].number(), Unavailable, 20)
    await pool.close()


async def test_a_read_beyond_the_end_gives_nothing_of_the_memory(own_ceph: Ceph, own_pool: str) -> None:
    """librados' module hands out uninitialised bytes for a read of nothing."""
    pool = pool_of(own_ceph, own_pool)
    await pool.write("short", [b"0123456789"], 10)
    assert await pool.read("short", 0, 100) == b"0123456789"
    assert await pool.read("short", 50, 100) == b""
    store = Store(pool)
    blobs = await store.put(BODY)
    await pool.write(stripes.name_of(blobs[0].id, 1), [b""], 0)
    with pytest.raises(Damaged):
        await store.get(blobs)
    await pool.close()


async def test_a_pool_at_its_quota_is_full_and_removing_makes_room(own_ceph: Ceph) -> None:
    name = own_ceph.pool("small")
    store = Store(pool_of(own_ceph, name))
    kept = await store.put(BODY)
    own_ceph.ask("osd", "pool", "set-quota", name, "max_bytes", str(4 << 20))

    async def fill() -> None:
        for _ in range(100):
            await store.put(BODY[:100_000])
            await asyncio.sleep(0.3)

    await bounded(fill(), Full, 30)
    await bounded(store.put(BODY), Full)
    assert await store.get(kept) == BODY, "reading goes on"
    await store.blobs.discard(kept)
    await store.sweep()
    with pytest.raises(Gone):
        await store.get(kept)
    await until(lambda: store.put(BODY[:5000]))
    await store.blobs.close()


async def test_a_client_that_was_blocklisted_connects_anew(own_ceph: Ceph, own_pool: str) -> None:
    store = Store(pool_of(own_ceph, own_pool))
    kept = await store.put(BODY)
    handle = await store.pool._cluster.handle()  # type: ignore[attr-defined]
    address = handle.get_addrs()
    own_ceph.ask("osd", "blocklist", "add", address.split(":", 1)[1] if address.startswith("v") else address)
    await asyncio.sleep(1)
    await until(lambda: store.get(kept))
    assert await store.get(await store.put(BODY[:5000])) == BODY[:5000]
    assert await store.pool._cluster.handle() is not handle  # type: ignore[attr-defined]
    await store.blobs.close()


async def test_an_erasure_coded_pool_without_overwrites_serves_a_storage_class(own_ceph: Ceph, own_pool: str) -> None:
    own_ceph.ask("osd", "erasure-code-profile", "set", "two-one", "k=2", "m=1", "crush-failure-domain=osd")
    own_ceph.ask("osd", "pool", "create", "cold", "8", "8", "erasure", "two-one")
    own_ceph.ask("osd", "pool", "application", "enable", "cold", "holdfast")
    pools = open_pools(str(own_ceph.conf), "holdfast", own_pool, {"GLACIER_IR": "cold"}, 10)
    store = Store(pools[""], ("GLACIER_IR", pools["GLACIER_IR"]))
    for size in (5000, 65537, len(BODY)):
        blobs = await store.put(BODY[:size], "GLACIER_IR")
        assert stripes.pool_of(blobs[0].id) == await pools["GLACIER_IR"].number() != await pools[""].number()
        assert await store.get(blobs) == BODY[:size] and await store.get(blobs, size - 100, 100) == BODY[size - 100 : size]
        only_by_number = Store(open_pools(str(own_ceph.conf), "holdfast", own_pool, {}, 10)[""])
        assert await only_by_number.get(blobs) == BODY[:size]
        await only_by_number.blobs.close()
        await store.blobs.discard(blobs)
    assert [batch async for batch in pools["GLACIER_IR"].walk()] == []
    await store.blobs.close()


async def test_closing_does_not_wait_for_a_cluster_that_does_not_answer(own_ceph: Ceph, own_pool: str) -> None:
    store = Store(pool_of(own_ceph, own_pool))
    await store.put(BODY[:5000])
    pids = [own_ceph.pid(which) for which in ("osd.0", "osd.1", "osd.2", "mon.a")]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        writing = asyncio.create_task(store.put(BODY))
        await asyncio.sleep(0.2)
        begun = time.monotonic()
        await store.blobs.close()
        assert time.monotonic() - begun < CLOSE_S + 2
        await bounded(writing, Unavailable)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    await until(lambda: Store(pool_of(own_ceph, own_pool)).put(BODY[:5000]))


async def test_a_process_that_forks_gets_a_connection_of_its_own(own_ceph: Ceph, own_pool: str) -> None:
    pool = pool_of(own_ceph, own_pool)  # opened before the fork, connected by nobody
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = asyncio.new_event_loop().run_until_complete(Store(pool).put(BODY[:5000]))[0].id
            os.write(write_end, said)
        finally:
            os._exit(0)
    blob_id = await asyncio.to_thread(os.read, read_end, 16)
    await asyncio.to_thread(os.waitpid, child, 0)
    assert await pool.stat(stripes.name_of(blob_id, 0)) is not None
    await pool.close()


async def test_the_least_privileged_cephx_user_works_and_reaches_nothing_else(own_ceph: Ceph, own_pool: str, tmp_path: Path) -> None:
    """The capabilities that docs/cluster.md gives."""
    own_ceph.ask("config-key", "set", "test/secret", "topsecret")
    own_ceph.ask("osd", "pool", "create", "somebody-elses", "8", "8")
    conf, keyring = tmp_path / "ceph.conf", tmp_path / "keyring"
    capabilities = ("mon", "profile simple-rados-client", "osd", f"allow rw pool={own_pool} namespace=gateways")
    keyring.write_text(own_ceph.ask("auth", "get-or-create", "client.least", *capabilities))
    conf.write_text(own_ceph.conf.read_text().replace(f"keyring = {own_ceph.keyring}", f"keyring = {keyring}"))
    store = Store(open_pools(str(conf), "least", own_pool, {}, TIMEOUT_S, namespace="gateways")[""])
    blobs = await store.put(BODY)
    assert await store.get(blobs) == BODY
    await store.blobs.check()
    await store.blobs.discard(blobs)
    await store.sweep()
    handle = await store.pool._cluster.handle()  # type: ignore[attr-defined]
    assert handle.mon_command('{"prefix": "versions"}', b"")[0] == 0
    for refused in ('{"prefix": "config-key get", "key": "test/secret"}', '{"prefix": "auth ls"}', '{"prefix": "osd pool create", "pool": "x"}'):
        assert handle.mon_command(refused, b"")[0] == -13, refused
    for pool, namespace in (("somebody-elses", "gateways"), (own_pool, ""), (own_pool, "another")):
        other = open_pools(str(conf), "least", pool, {}, TIMEOUT_S, namespace=namespace)[""]
        for call in (other.write("x", [b"x"], 1), other.read("x", 0, 1), other.stat("x"), other.remove("x")):
            await bounded(call, Unavailable)
        await other.close()
    await store.blobs.close()


def test_a_missing_library_is_said_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(librados.sys.modules, "rados", raising=False)
    with pytest.raises(Unavailable, match="apt install python3-rados"):
        librados.load((tmp_path,))
    (tmp_path / "rados.cpython-399-x86_64-linux-gnu.so").touch()
    with pytest.raises(Unavailable, match="another Python"):
        librados.load((tmp_path,))
