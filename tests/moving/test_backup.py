"""Backups are whole whatever clients do meanwhile, are verified to the byte, and come back as they were."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.engine.api import Engine, Frozen
from holdfast.engine.embedded import EmbeddedEngine, backup
from holdfast.engine.embedded import keep as keeping
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Version
from tests.moving import command
from tests.moving.test_online import client_of, everything_in, fill
from tests.moving.things import change, store
from tests.moving.things import fill as fill_engine
from tests.serving import Server


def take(data_dir: Path, folder: Path, keep: int = 3, link: bool = False) -> backup.Note:
    return backup.Taking(data_dir, folder, link=link, key_ids=[], told=lambda files, size: None).run(keep)


def damages(folder: Path, name: str = "") -> list[str]:
    return list(backup.verify(folder, backup.find(folder, name), lambda files, size: None))


def restored(folder: Path, to: Path, name: str = "") -> Path:
    assert backup.restore(folder, backup.find(folder, name), to, lambda files, size: None) == []
    return to


async def made(path: Path, *steps: Callable[[Engine], Any]) -> None:
    engine = EmbeddedEngine.open(path, inline_bytes_max=4096)
    for step in steps:
        await step(engine)
    await engine.close()


@pytest.mark.parametrize("link", [False, True], ids=["copied", "linked"])
def test_each_snapshot_comes_back_as_the_store_was_then(tmp_path: Path, link: bool) -> None:
    data, folder = tmp_path / "data", tmp_path / "backup"
    asyncio.run(made(data, fill_engine))
    then = everything_in(data)
    first = take(data, folder, link=link)
    assert first.files == first.new_files > 10
    asyncio.run(made(data, change))
    now = everything_in(data)
    second = take(data, folder, link=link)
    assert 0 < second.new_files < second.files, "what is there is not copied again"
    assert damages(folder, first.name) == damages(folder, second.name) == []
    assert everything_in(restored(folder, tmp_path / "one", first.name), restored(folder, tmp_path / "two", second.name)) == then + now
    links = {os.stat(file).st_nlink for file in (folder / "blobs").glob("*/*")}
    assert links == ({1, 2} if link else {1})
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_journal_of_a_migration_under_way_is_not_the_copys(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "backup"
    asyncio.run(made(data, fill_engine, lambda engine: engine.moving.begin_journal("t"), change))
    take(data, folder)
    assert damages(folder) == []
    new = restored(folder, tmp_path / "new")


    def made_for_it(path: Path) -> int:
        with contextlib.closing(sqlite3.connect(path / "catalog.db")) as connection:
            found = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'journal%' OR type = 'trigger'").fetchone()
            return int(found[0])

    assert (made_for_it(data), made_for_it(new)) == (17, 0)
    assert everything_in(data) == everything_in(new)


def test_old_snapshots_go_with_what_only_they_named(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "backup"
    asyncio.run(made(data, fill_engine))
    first = take(data, folder)
    count = len(list((folder / "blobs").glob("*/*")))
    asyncio.run(made(data, change))
    (folder / "blobs" / "00" / f"{'0' * 32}.partial").write_bytes(b"cut off")
    second = take(data, folder, keep=1)
    assert [note.name for note in backup.snapshots(folder)] == [second.name] and not (folder / first.name).exists()
    assert len(list((folder / "blobs").glob("*/*"))) == second.files != count
    assert damages(folder) == []


@pytest.mark.slow
def test_a_backup_under_overwrites_and_deletes_names_nothing_that_is_missing(tmp_path: Path) -> None:
    """Eight writers replace and delete as fast as they can, while snapshots are taken one after the other."""
    assert all(not lines for lines in under_load(tmp_path))


@pytest.mark.slow
def test_without_holding_files_back_the_same_load_breaks_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail."""
    monkeypatch.setattr(keeping.Keep, "held", lambda self: False)
    assert any("missing" in line for lines in under_load(tmp_path) for line in lines)


def under_load(path: Path) -> list[list[str]]:
    """What is wrong with each of some snapshots."""
    data, folder = path / "data", path / "backup"
    ended = threading.Event()
    begun = threading.Event()

    async def writer(engine: Engine, bucket: Bucket, name: str) -> None:
        chance = random.Random(name)
        while not ended.is_set():
            key = f"{name}/{chance.randrange(20)}"
            if chance.random() < 0.2:
                done = await engine.catalog.expunge(bucket, key, "null")
                await engine.blobs.discard(done.unneeded)
            else:
                await store(engine, bucket, key, chance.randbytes(chance.choice((100, 40_000))))
            begun.set()

    async def load() -> None:
        engine = EmbeddedEngine.open(data, inline_bytes_max=4096)
        bucket = await engine.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
        await asyncio.gather(*(writer(engine, bucket, str(number)) for number in range(8)))
        await engine.close()

    thread = threading.Thread(target=asyncio.run, args=(load(),), daemon=True)
    thread.start()
    assert begun.wait(20)
    found = []
    try:
        for _ in range(4):
            time.sleep(0.4)
            note = take(data, folder)
            found.append([*note.damages, *damages(folder, note.name)])
    finally:
        ended.set()
        thread.join(30)
    return found


async def test_what_is_held_back_is_a_stray_for_the_sweep(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path, inline_bytes_max=100)
    bucket = await engine.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    await store(engine, bucket, "k", b"x" * 5000)
    with keeping.Held(tmp_path):
        done = await engine.catalog.expunge(bucket, "k", "null")
        await engine.blobs.discard(done.unneeded)
        assert await engine.sweep(-1) == 0
        assert len(list((tmp_path / "blobs").glob("*/*"))) == 1
    assert await engine.sweep(-1) == 1
    await engine.close()


def test_every_damage_of_a_backup_is_found(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "backup"
    asyncio.run(made(data, fill_engine))
    note = take(data, folder)
    body = next(file for file in sorted((folder / "blobs").glob("*/*")) if file.stat().st_size > 100_000)
    for file in (body, folder / note.name / "catalog.db", folder / note.name / "registry.db"):
        was = file.read_bytes()
        spoilt = bytearray(was)
        spoilt[len(was) // 2] ^= 4
        for now in (bytes(spoilt), was[:-1], None):
            file.unlink()
            if now is not None:
                file.write_bytes(now)
            assert damages(folder), file
        file.unlink(missing_ok=True)
        file.write_bytes(was)
        assert damages(folder) == []


def test_a_damaged_body_of_the_store_is_named_and_the_rest_is_there(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "backup"
    asyncio.run(made(data, fill_engine))
    bodies = sorted((data / "blobs").glob("*/*"))
    bodies[0].write_bytes(b"x" + bodies[0].read_bytes()[1:])
    bodies[1].unlink()
    note = take(data, folder)
    assert len(note.damages) == 2 and bodies[0].name in note.damages[0] and bodies[1].name in note.damages[1]
    assert note.files == len(bodies) - 2
    lost = backup.restore(folder, note, tmp_path / "new", lambda files, size: None)
    assert len(lost) == 2 and len(list((tmp_path / "new" / "blobs").glob("*/*"))) == note.files


@pytest.mark.slow
def test_the_commands_with_a_server_that_is_written_to(serve: Callable[..., Server], tmp_path: Path) -> None:
    source = serve(workers=1)
    s3 = client_of(source.endpoint)
    fill(s3, 40)
    folder, new = tmp_path / "backup", tmp_path / "new"
    ended = threading.Event()
    clients = [threading.Thread(target=_overwrite, args=(source.endpoint, ended, str(number)), daemon=True) for number in range(2)]
    for client in clients:
        client.start()
    note, said = command.run("backup", folder, "--data-dir", source.data_dir)
    assert "THE MASTER KEY IS NOT IN THIS BACKUP" in said and not note["with-master-key"] and not list(folder.rglob("master.key"))
    again, _ = command.run("backup", folder, "--data-dir", source.data_dir, "--quiet")
    ended.set()
    for client in clients:
        client.join(30)
    assert again["new-files"] < again["files"]
    for name in (note["name"], again["name"]):
        found, _ = command.run("backup", "verify", folder, "--at", name)
        assert found["damages"] == []
    listed, _ = command.run("backup", "list", folder)
    assert [one["name"] for one in listed["snapshots"]] == [note["name"], again["name"]]
    _, said = command.run("restore", folder, "--data-dir", new)
    assert "THE MASTER KEY IS MISSING" in said and note["master-key-ids"][0] in said
    refused = serve(data_dir=new, start=False)
    assert refused.launch().wait(30) == 1 and "master.key is missing" in refused.log.read_text()
    shutil.copy(source.data_dir / "master.key", new / "master.key")
    target = serve(data_dir=new)
    there = client_of(target.endpoint)
    assert there.get_object(Bucket="plain", Key="sealed")["Body"].read() == b"secret" * 20_000
    for number in range(40):
        one, other = (client.get_object(Bucket="plain", Key=f"first/{number}") for client in (s3, there))
        assert one["Body"].read() == other["Body"].read() and one["LastModified"] == other["LastModified"]


def _overwrite(endpoint: str, ended: threading.Event, name: str) -> None:
    s3 = client_of(endpoint)
    chance = random.Random(name)
    while not ended.is_set():
        s3.put_object(Bucket="plain", Key=f"{name}/{chance.randrange(5)}", Body=chance.randbytes(50_000))
        s3.delete_object(Bucket="plain", Key=f"{name}/{chance.randrange(5)}")
        time.sleep(0.005)


@pytest.mark.slow
def test_the_master_key_goes_only_where_it_is_wanted(serve: Callable[..., Server], tmp_path: Path) -> None:
    source = serve(workers=1)
    folder, with_key = tmp_path / "backup", tmp_path / "with-key"
    _, said = command.run("backup", with_key, "--data-dir", source.data_dir, "--with-master-key")
    assert "THE MASTER KEY IS IN THIS BACKUP" in said
    _, said = command.run("restore", with_key, "--data-dir", tmp_path / "one")
    assert "MISSING" not in said and (tmp_path / "one" / "master.key").read_bytes() == (source.data_dir / "master.key").read_bytes()
    command.run("backup", folder, "--data-dir", source.data_dir)
    other = tmp_path / "other.key"
    other.write_text(f"{'0' * 8} {'1' * 64}\n")
    other.chmod(0o600)
    _, said = command.run("restore", folder, "--data-dir", tmp_path / "two", "--master-key", other, code=1)
    assert "does not hold key" in said and not (tmp_path / "two").exists()
    command.run("restore", folder, "--data-dir", tmp_path / "two", "--master-key", source.data_dir / "master.key")
    assert stat.S_IMODE((tmp_path / "two" / "master.key").stat().st_mode) == 0o600


@pytest.mark.slow
def test_backup_and_restore_killed_anywhere_go_on(tmp_path: Path) -> None:
    data, folder, new = tmp_path / "data", tmp_path / "backup", tmp_path / "new"

    async def much(engine: Engine) -> None:
        bucket = await engine.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
        for number in range(200):
            await store(engine, bucket, str(number), os.urandom(60_000))

    asyncio.run(made(data, much))
    chance = random.Random()
    for arguments in (("backup", folder, "--data-dir", data), ("restore", folder, "--data-dir", new)):
        for _ in range(5):
            process = command.start(*arguments)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.25 + chance.random() * 0.5)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if (new / "catalog.db").exists() and not (new / "restoring").exists():
                break
        if not (new / "catalog.db").exists() or (new / "restoring").exists():
            command.run(*arguments)
        assert damages(folder) == []
    sides = everything_in(data, new)
    assert sides[0] == sides[1]


def test_what_cannot_be_is_refused_in_words(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "backup"
    asyncio.run(made(data, fill_engine))
    for arguments, code, text in (
        (("backup", folder, "--data-dir", tmp_path / "none"), 1, "there is no store"),
        (("backup", "verify", folder), 1, "holds no snapshot"),
        (("restore", folder, "--data-dir", tmp_path / "new"), 1, "holds no snapshot"),
        (("backup", folder, "--data-dir", data, "--with-master-key"), 1, "there is no master.key"),
        (("backup", folder, "--data-dir", data, "--keep", "0"), 2, "at least 1"),
    ):
        _, said = command.run(*arguments, code=code)
        assert text in said, said
    command.run("backup", folder, "--data-dir", data)
    for arguments, text in (
        (("restore", folder, "--data-dir", data), "is not empty"),
        (("restore", folder, "--data-dir", tmp_path / "new", "--at", "19990101T000000Z"), "holds no snapshot 1999"),
    ):
        _, said = command.run(*arguments, code=1)
        assert text in said, said
    with keeping.Held(data):
        process = command.start("backup", folder, "--data-dir", data)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 1 and "another backup" in said


def test_a_store_is_frozen_for_a_moment_and_released(tmp_path: Path) -> None:
    data = tmp_path / "data"
    asyncio.run(made(data, fill_engine))

    async def write(engine: Engine) -> None:
        await engine.registry.put("user", "late", b"")

    _, said = command.run("backup", "freeze", command.url(data))
    assert "is read-only" in said
    with pytest.raises(Frozen):
        asyncio.run(made(data, write))
    command.run("backup", "freeze", command.url(data))
    command.run("backup", "release", command.url(data))
    asyncio.run(made(data, write))
    _, said = command.run("backup", "freeze", command.url(tmp_path / "none"), code=1)
    assert "there is no store" in said and not (tmp_path / "none").exists()
    _, said = command.run("backup", "freeze", "x://", code=2)
    assert "not the URL of an engine" in said


async def test_a_directory_that_was_not_restored_to_its_end_is_no_store(tmp_path: Path) -> None:
    await made(tmp_path / "data", fill_engine)
    (tmp_path / "data" / "restoring").write_text("x\n")
    with pytest.raises(Exception, match="not restored to its end"):
        EmbeddedEngine.open(tmp_path / "data")


async def test_a_half_filled_store_is_not_backed_up(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path / "data")
    await engine.moving.fill("filled from x")
    await engine.registry.put("user", "a", b"")
    with pytest.raises(Exception, match="not a whole store yet"):
        take(tmp_path / "data", tmp_path / "backup")
    await engine.moving.freeze("moved to y")
    assert take(tmp_path / "data", tmp_path / "backup").damages == []
    await engine.close()
    again = EmbeddedEngine.open(restored(tmp_path / "backup", tmp_path / "new"))
    assert await again.moving.frozen() == ""
    bucket = await again.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    assert (await again.catalog.commit(bucket, Version(key="k"))).version is not None
    await again.close()
