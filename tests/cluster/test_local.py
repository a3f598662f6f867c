"""`make cluster` and `make cluster-down`: two gateways on real servers under one folder, a second start, and an end that leaves nothing."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from deploy.local import daemons, postgres
from tests.cluster_servers import loadable
from tests.serving import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def folder() -> Iterator[Path]:
    try:
        postgres.install()
        loadable()
    except daemons.Missing as why:
        pytest.skip(str(why))
    made = Path(tempfile.mkdtemp(prefix="hfl")) / "cluster"
    yield made
    local(made, "down", "--purge")
    shutil.rmtree(made.parent, ignore_errors=True)


def shell(folder: Path, *words: str) -> dict[str, Any]:
    """What `make cluster` runs, for subprocess."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "AWS_"))} | {"PYTHONPATH": f"{ROOT}/src"}
    return {"args": [sys.executable, "-m", "deploy.local", "--folder", str(folder), *words], "env": env, "cwd": ROOT}


def local(folder: Path, *words: str) -> str:
    """What that says, to its end."""
    done = subprocess.run(**shell(folder, *words), capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def read_env(folder: Path) -> dict[str, str]:
    """The variables that a shell has after reading the file, and that it hands on."""
    said = subprocess.run(["sh", "-c", f". {shlex.quote(str(folder / 'env'))} && env -0"], capture_output=True, text=True, check=True, env={}).stdout
    return dict(line.split("=", 1) for line in said.split("\0") if line)


def clients(told: dict[str, str]) -> list[Any]:
    config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
    key = {"aws_access_key_id": told["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": told["AWS_SECRET_ACCESS_KEY"]}
    region, urls = told["AWS_DEFAULT_REGION"], told["HOLDFAST_GATEWAYS"].split()
    return [boto3.client("s3", endpoint_url=url, region_name=region, config=config, **key) for url in urls]


def of_folder(folder: Path) -> list[str]:
    """The command lines of processes that name the folder."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = one.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/" in words:
            found.append(words)
    return found


def test_two_gateways_of_one_store_that_outlives_them(folder: Path) -> None:
    """M149: written through one gateway, read through the other, before and after all of it was stopped."""
    assert "aws --endpoint-url http://127.0.0.1:" in local(folder, "up", "--gib", "2")
    assert (folder / "env").stat().st_mode & 0o077 == 0
    told = read_env(folder)
    one, other = clients(told)
    bodies = {"small": b"hello", "large": os.urandom(9_000_000)}
    one.create_bucket(Bucket="first")
    for name, body in bodies.items():
        one.put_object(Bucket="first", Key=name, Body=body)
        assert other.get_object(Bucket="first", Key=name)["Body"].read() == body
    holdfast = [sys.executable, "-m", "holdfast", "admin", "user", "list"]
    assert subprocess.run(holdfast, env={"PYTHONPATH": f"{ROOT}/src", **told}, capture_output=True, text=True, check=True).stdout
    with pytest.raises(other.exceptions.ClientError, match="PreconditionFailed"):
        other.put_object(Bucket="first", Key="small", Body=b"too late", IfNoneMatch="*")
    started = of_folder(folder)
    assert not any(told["AWS_SECRET_ACCESS_KEY"] in words or "postgresql://" in words for words in started), "a secret among the arguments"
    again = [subprocess.Popen(**shell(folder, "up"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    for one in again:
        said = one.communicate(timeout=200)[0]
        assert one.returncode == 0, said
    assert sorted(of_folder(folder)) == sorted(started), "a second start starts nothing, nor do two at once"
    unread = subprocess.Popen(**shell(folder, "up"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert unread.stdout is not None and unread.stderr is not None
    unread.stdout.close()
    assert (unread.wait(200), unread.stderr.read()) == (0, ""), "who reads only its first lines"
    local(folder, "down")
    assert of_folder(folder) == []
    local(folder, "up")
    assert read_env(folder) == told
    for name, body in bodies.items():
        assert other.get_object(Bucket="first", Key=name)["Body"].read() == body
    local(folder, "down", "--purge")
    assert not folder.exists()
