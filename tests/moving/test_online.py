"""`holdfast migrate` with real servers and clients: nobody loses a write, nobody is refused but for the moment of the cut-over."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from holdfast.engine.embedded import EmbeddedEngine
from tests.moving import command
from tests.moving.test_passes import all_of
from tests.serving import ACCESS_KEY, SECRET_KEY, Server

PATIENT = {"mode": "standard", "max_attempts": 12}


def client_of(endpoint: str, **retries: Any) -> Any:
    return boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries=retries or {"max_attempts": 0}),
    )  # fmt: skip


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def everything_in(*folders: Path) -> list[dict[str, Any]]:
    """All of each store with its bytes, read by an engine of the test's own."""

    async def read(folder: Path) -> dict[str, Any]:
        engine = EmbeddedEngine.open(folder)
        try:
            return await all_of(engine)
        finally:
            await engine.close()

    return [asyncio.run(read(folder)) for folder in folders]


class Client(threading.Thread):
    """Writes to keys of its own, one request at a time, and remembers what it was told is there."""

    def __init__(self, endpoint: str, name: str, pause_s: float = 0.005) -> None:
        super().__init__(daemon=True)
        self.pause_s = pause_s
        self.s3 = client_of(endpoint, **PATIENT)
        self.name, self.chance = name, random.Random(name)
        self.ended = threading.Event()
        self.told: dict[str, str] = {}
        self.requests, self.slowest = 0, 0.0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while not self.ended.is_set():
                begun = time.monotonic()
                self.step()
                self.requests += 1
                self.slowest = max(self.slowest, time.monotonic() - begun)
                time.sleep(self.pause_s)
        except Exception as error:
            self.error = error

    def step(self) -> None:
        key = f"{self.name}/{self.chance.randrange(40)}"
        bucket = self.chance.choice(("plain", "versioned"))
        place = f"{bucket}/{key}"
        dice = self.chance.random()
        if dice < 0.2:
            self.s3.delete_object(Bucket=bucket, Key=key)
            self.told.pop(place, None)
        elif dice < 0.3 and place in self.told:
            self.s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": "n", "Value": str(self.requests)}]})
        elif dice < 0.4 and place in self.told:
            self.s3.copy_object(Bucket=bucket, Key=key + "copy", CopySource={"Bucket": bucket, "Key": key})
            self.told[place + "copy"] = self.told[place]
        elif dice < 0.5:
            data = self.chance.randbytes(6 << 20)
            upload = self.s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
            parts = []
            for number, part in ((1, data[: 5 << 20]), (2, data[5 << 20 :])):
                etag = self.s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=part)["ETag"]
                parts.append({"PartNumber": number, "ETag": etag})
            self.s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
            self.told[place] = sha256(data).hexdigest()
        else:
            data = self.chance.randbytes(self.chance.choice((0, 10, 3000, 40_000, 700_000)))
            self.s3.put_object(Bucket=bucket, Key=key, Body=data, Metadata={"n": str(self.requests)})
            self.told[place] = sha256(data).hexdigest()

    def check(self, s3: Any) -> None:
        """What it was told is there, and nothing else of its keys."""
        for bucket in ("plain", "versioned"):
            listed = {f"{bucket}/{entry['Key']}" for entry in s3.list_objects_v2(Bucket=bucket, Prefix=self.name + "/").get("Contents", [])}
            assert listed == {place for place in self.told if place.startswith(bucket + "/")}
        for place, digest in self.told.items():
            bucket, _, key = place.partition("/")
            assert sha256(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest() == digest, place


def fill(s3: Any, objects: int) -> None:
    s3.create_bucket(Bucket="plain")
    s3.create_bucket(Bucket="versioned")
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    chance = random.Random(1)
    for number in range(objects):
        s3.put_object(Bucket="plain", Key=f"first/{number}", Body=chance.randbytes(chance.choice((5, 2000, 50_000, 300_000))))
        if number % 3 == 0:
            s3.put_object(Bucket="versioned", Key=f"first/{number % 10}", Body=chance.randbytes(100))
    s3.put_object(Bucket="plain", Key="sealed", Body=b"secret" * 20_000, ServerSideEncryption="AES256")


@pytest.mark.slow
def test_a_store_moves_while_clients_write_and_they_go_on_on_the_target(serve: Callable[..., Server], tmp_path: Path) -> None:
    port = free_port()
    source = serve(data_listen=f"127.0.0.1:{port}")
    s3 = client_of(source.endpoint)
    fill(s3, 150)
    clients = [Client(source.endpoint, f"client{number}") for number in range(3)]
    for client in clients:
        client.start()
    time.sleep(0.5)
    new = tmp_path / "new"
    report, said = command.run("migrate", "--from", command.url(source.data_dir), "--to", command.url(new), "--verify")
    assert report["cut-over"] and report["source"] == report["target"] and report["verified"] > 150, report
    assert "master.key" in said and "--release" in said and "pass 1:" in said
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="plain", Key="late", Body=b"x")
    assert refused.value.response["Error"]["Code"] == "SlowDown"
    answer = refused.value.response["ResponseMetadata"]
    assert answer["HTTPStatusCode"] == 503 and answer["HTTPHeaders"]["retry-after"] == "1"
    assert s3.get_object(Bucket="plain", Key="sealed")["Body"].read() == b"secret" * 20_000
    assert source.get("/health/ready")[0] == 200
    sides = everything_in(source.data_dir, new)
    assert sides[0] == sides[1] and len(sides[0]) > 200
    assert source.stop() == 0
    again = serve(data_dir=source.data_dir)  # a source that was moved can still be read, by who restarts it too
    old = client_of(again.endpoint)
    assert old.get_object(Bucket="plain", Key="sealed")["Body"].read() == b"secret" * 20_000
    with pytest.raises(ClientError, match="SlowDown"):
        old.delete_object(Bucket="plain", Key="sealed")
    shutil.copy(source.data_dir / "master.key", new / "master.key")
    target = serve(data_listen=f"127.0.0.1:{port}", data_dir=new)
    time.sleep(2)
    for client in clients:
        client.ended.set()
    for client in clients:
        client.join(60)
        assert client.error is None and client.requests > 20, client.error
        client.check(s3)
    assert s3.get_object(Bucket="plain", Key="sealed")["Body"].read() == b"secret" * 20_000
    failures = [line for line in source.access_log() + target.access_log() if line["status"] >= 500]
    assert failures and {line["status"] for line in failures} == {503}


@pytest.mark.slow
def test_a_migration_killed_anywhere_goes_on(serve: Callable[..., Server], tmp_path: Path) -> None:
    source = serve()
    s3 = client_of(source.endpoint)
    fill(s3, 120)
    new = tmp_path / "new"
    arguments = ("migrate", "--from", command.url(source.data_dir), "--to", command.url(new), "--jobs", "2")
    chance = random.Random()
    cut_over = False
    for turn in range(10):
        process = command.start(*arguments, *(("--no-cutover",) if turn < 3 else ()))
        try:
            process.wait(0.3 + chance.random() * 1.2)
            cut_over = turn >= 3
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        if cut_over:
            break
        try:
            s3.put_object(Bucket="plain", Key=f"between/{turn}", Body=chance.randbytes(50_000))
            s3.delete_object(Bucket="plain", Key=f"first/{turn}")
        except ClientError as error:  # it was killed in the cut-over: read-only until it goes on or is let go
            assert error.response["Error"]["Code"] == "SlowDown"
    report, _ = command.run(*arguments)
    assert report["cut-over"]
    sides = everything_in(source.data_dir, new)
    assert sides[0] == sides[1] and len(sides[0]) > 120


def test_what_cannot_be_is_refused_in_words(tmp_path: Path) -> None:
    there = tmp_path / "there"
    asyncio.run(_made(there))
    for arguments, code, text in (
        (("--from", "embedded:///nowhere/at/all", "--to", command.url(tmp_path / "x")), 1, "there is no store"),
        (("--from", "embedded://host/x", "--to", command.url(there)), 2, "absolute path"),
        (("--from", command.url(there), "--to", "memory://"), 2, "not the URL of an engine"),
        (("--from", command.url(there) + "?inlin=3", "--to", command.url(there)), 2, "inline=BYTES"),
        (("--from", command.url(there), "--to", command.url(there)), 1, "same store"),
        (("--from", command.url(there)), 2, "--to is missing"),
        (("--from", command.url(there), "--to", "embedded:///x", "--release"), 2, "--from only"),
        (("--from", command.url(there), "--to", "embedded:///x", "--jobs", "0"), 2, "from 1 to 256"),
    ):
        _, said = command.run("migrate", *arguments, code=code)
        assert text in said, said
    assert not Path("/nowhere").exists() and not (tmp_path / "x").exists()


async def _made(path: Path) -> None:
    engine = EmbeddedEngine.open(path)
    await engine.registry.put("user", "a", b"1")
    await engine.close()


def test_a_dry_run_writes_nothing_and_release_lets_writes_in(tmp_path: Path) -> None:
    there, new = tmp_path / "there", tmp_path / "new"
    asyncio.run(_made(there))
    found, _ = command.run("migrate", "--from", command.url(there), "--to", command.url(new), "--dry-run")
    assert found["source"]["documents"] == 1 and found["to-do"] is None and not new.exists()
    report, _ = command.run("migrate", "--from", command.url(there), "--to", command.url(new), "--no-cutover")
    assert not report.get("cut-over")
    found, _ = command.run("migrate", "--from", command.url(there), "--to", command.url(new), "--dry-run")
    assert found["to-do"]["copied"] == 0
    report, _ = command.run("migrate", "--from", command.url(there), "--to", command.url(new), "--quiet")
    assert report["cut-over"]
    _, said = command.run("migrate", "--from", command.url(there), "--release")
    assert "takes writes again; it was moved to" in said
    _, said = command.run("migrate", "--from", command.url(there), "--release")
    assert "was not read-only" in said
