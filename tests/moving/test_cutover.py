"""The cut-over as clients see it that were told nothing: boto3 with its default retries fails no request, until the source has moved away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from holdfast.engine.api import Engine
from tests.moving import command
from tests.moving.test_online import Client, client_of, everything_in, fill
from tests.serving import ACCESS_KEY, SECRET_KEY, Server, open_store

pytestmark = pytest.mark.embedded("it moves from one directory to another; tests/moving/test_cluster.py has the cluster")


class Untold(Client):
    """With what boto3 does by default; it notes when a request failed, and goes on to the next."""

    def __init__(self, endpoint: str, name: str) -> None:
        super().__init__(endpoint, name, pause_s=0.002)
        self.s3 = boto3.client(
            "s3", endpoint_url=endpoint, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )  # fmt: skip
        self.failed: list[tuple[float, str]] = []

    def step(self) -> None:
        try:
            super().step()
        except ClientError as error:
            self.failed.append((time.time(), error.response["Error"]["Code"]))


def written(pid: int) -> int:
    """Bytes that a process has written so far."""
    return int(next(line for line in Path(f"/proc/{pid}/io").read_text().splitlines() if line.startswith("wchar")).split()[1])


def test_both_workers_of_a_running_server_leave_their_changes_in_a_journal_that_another_process_begins(serve: Callable[..., Server]) -> None:
    """Their statements were prepared, and used, before there were triggers; and again after these are gone."""
    server = serve(workers=2)
    workers = server.worker_pids()
    assert len(workers) == 2
    client_of(server.endpoint).create_bucket(Bucket="plain")

    def put(turn: str) -> set[str]:
        before = [written(pid) for pid in workers]
        names = {f"{turn}/{number}" for number in range(40)}
        for name in names:  # each over a connection of its own, which the kernel gives to one of the two
            s3 = client_of(server.endpoint)
            s3.put_object(Bucket="plain", Key=name, Body=b"x" * 5000)
            s3.close()
        assert all(written(pid) - was > 5 * 5000 for pid, was in zip(workers, before, strict=True)), "both had some"
        return names

    async def journaled(engine: Engine) -> set[str]:
        return {change.place[2] for change in await engine.moving.changes()}

    async def tried() -> None:
        engine = open_store(server.data_dir)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, put, "before")
        for turn in ("one", "two"):
            await engine.moving.begin_journal(turn)
            names = await loop.run_in_executor(None, put, turn)
            assert names <= await journaled(engine)
            await engine.moving.end_journal()
            await loop.run_in_executor(None, put, "off")
        await engine.close()

    asyncio.run(tried())


@pytest.mark.slow
def test_no_request_fails_while_a_store_moves_and_the_cut_over_is_short(serve: Callable[..., Server], tmp_path: Path) -> None:
    source = serve(workers=2)
    s3 = client_of(source.endpoint)
    fill(s3, 400)
    clients = [Untold(source.endpoint, f"client{number}") for number in range(3)]
    for client in clients:
        client.start()
    time.sleep(0.5)
    new = tmp_path / "new"
    arguments: tuple[Any, ...] = ("migrate", "--from", command.url(source.data_dir), "--to", command.url(new))
    command.run(*arguments, "--no-cutover")
    assert all(not client.failed for client in clients)
    report, said = command.run(*arguments)
    ended = time.time()
    assert report["cut-over"] and report["source"] == report["target"], report
    frozen = os.stat(source.data_dir / "frozen").st_mtime
    assert report["frozen-s"] < 4, said  # beside all else that a test machine does
    assert sum(outcome.get("places") or 0 for outcome in report["passes"]) > 0, "they wrote meanwhile"
    time.sleep(1)
    for client in clients:
        client.ended.set()
    for client in clients:
        client.join(60)
        assert client.error is None and client.requests > 20, client.error
        for when, code in client.failed:
            assert code == "SlowDown" and when > min(ended, frozen + report["frozen-s"]), (when - frozen, code)
    sides = everything_in(source.data_dir, new)
    assert sides[0] == sides[1] and len(sides[0]) > 400
    failures = [line for line in source.access_log() if line["status"] >= 500]
    assert failures and {line["status"] for line in failures} == {503}
    again, _ = command.run("migrate", "--from", command.url(source.data_dir), "--to", command.url(new), "--dry-run")
    assert again["to-do"]["copied"] == again["to-do"]["changed"] == again["to-do"]["removed"] == 0


@pytest.mark.slow
def test_a_migration_killed_anywhere_while_clients_write_trusts_no_journal_but_its_own(serve: Callable[..., Server], tmp_path: Path) -> None:
    source = serve(workers=2)
    fill(client_of(source.endpoint), 150)
    clients = [Untold(source.endpoint, f"client{number}") for number in range(2)]
    for client in clients:
        client.start()
    new, chance = tmp_path / "new", random.Random()
    arguments: tuple[Any, ...] = ("migrate", "--from", command.url(source.data_dir), "--to", command.url(new))
    for turn in range(8):
        process = command.start(*arguments, *(("--no-cutover",) if turn < 4 else ()))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.4 + chance.random() * 2)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if (source.data_dir / "frozen").exists() and chance.random() < 0.5 and turn < 7:
            command.start("migrate", "--from", command.url(source.data_dir), "--release").communicate(timeout=60)
    process = command.start(*arguments)
    out, said = process.communicate(timeout=100)
    if "released since" in said:  # one of them had come to its end
        shutil.rmtree(new)
        process = command.start(*arguments)
        out, said = process.communicate(timeout=100)
    assert process.returncode == 0 and json.loads(out)["cut-over"], said
    for client in clients:
        client.ended.set()
    for client in clients:
        client.join(60)
        assert client.error is None and client.requests > 20, client.error
    sides = everything_in(source.data_dir, new)
    assert sides[0] == sides[1] and len(sides[0]) > 150
