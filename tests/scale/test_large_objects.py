"""Objects far larger than memory: uploaded in parts and in one PUT, read back, at constant memory in every worker."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import xxhash
from boto3.s3.transfer import TransferConfig

from tests.conftest import make_client
from tests.scale.watching import GIB, MIB, assert_memory, cpu_s, forget_peaks, held, until
from tests.serving import Server

PIECE_BYTES = MIB
GROWTH_BYTES_MAX = 40 * MIB
"""What a worker may hold more than before, whatever the size of the object."""


def sparse(path: Path, size: int) -> str:
    """A file of holes, with random bytes at every sixteenth of it and at its end; its hash. It takes 17 MiB of disk at most."""
    with path.open("wb") as file:
        for place in (*range(0, size - MIB, size // 16), size - 1000):
            file.seek(place)
            file.write(os.urandom(min(MIB, size - place)))
    digest = xxhash.xxh3_128()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def fetched(url: str) -> tuple[int, str]:
    """Bytes and hash of what a URL brings; nothing is kept."""
    parts = urlsplit(url)
    link = http.client.HTTPConnection(parts.netloc, timeout=60)
    digest, size, buffer = xxhash.xxh3_128(), 0, memoryview(bytearray(PIECE_BYTES))
    try:
        link.request("GET", f"{parts.path}?{parts.query}")
        answer = link.getresponse()
        assert answer.status == 200, answer.read()
        while count := answer.readinto(buffer):
            digest.update(buffer[:count])
            size += count
    finally:
        link.close()
    return size, digest.hexdigest()


@contextmanager
def measured(server: Server, what: str, size: int) -> Iterator[None]:
    """Prints rate, CPU and memory of what is done meanwhile, and asserts that memory stays within its bounds."""
    pids = server.worker_pids()
    forget_peaks(server)
    before = {pid: held(pid).rss_bytes for pid in pids}
    began, used = time.monotonic(), cpu_s(server)
    yield
    took, used = time.monotonic() - began, cpu_s(server) - used
    print(f"\n{what}: {size / 1e6 / took:.0f} MB/s, {used / (size / GIB):.2f} CPU s/GiB, {assert_memory(server)}")
    assert server.worker_pids() == pids, "a worker was replaced"
    for pid in pids:
        grown = held(pid).rss_peak_bytes - before[pid]
        assert grown <= GROWTH_BYTES_MAX, f"worker {pid} grew by {grown / MIB:.0f} MiB"


def stored_bytes(server: Server) -> int:
    return sum(path.stat().st_size for path in (server.data_dir / "blobs").rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("parts_bytes", "single_bytes", "part_bytes"),
    [
        pytest.param(300 * MIB, 100 * MIB, 16 * MIB, id="300MiB"),
        pytest.param(10 * GIB, 5 * GIB, 64 * MIB, id="10GiB", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
def test_large_objects_at_constant_memory(
    serve: Callable[..., Server], tmp_path: Path, parts_bytes: int, single_bytes: int, part_bytes: int
) -> None:
    needed = parts_bytes + parts_bytes // 8 + GIB
    if shutil.disk_usage(tmp_path).free < needed:
        pytest.skip(f"{needed / GIB:.0f} GiB of free disk are needed")
    server = serve(workers=2)
    s3 = make_client(server, read_timeout=300)
    s3.create_bucket(Bucket="large")
    source = tmp_path / "source"

    def url(method: str, key: str) -> str:
        made: str = s3.generate_presigned_url(method, Params={"Bucket": "large", "Key": key}, ExpiresIn=7200)
        return made

    for key, size in (("parts", parts_bytes), ("single", single_bytes)):
        digest = sparse(source, size)
        if key == "parts":
            with measured(server, f"{size / GIB:.1f} GiB in parts of {part_bytes // MIB} MiB by boto3", size):
                s3.upload_file(str(source), "large", key, Config=TransferConfig(multipart_chunksize=part_bytes, max_concurrency=4))
        else:
            if not shutil.which("curl"):
                pytest.skip("curl is not installed")
            with measured(server, f"{size / GIB:.1f} GiB in one PUT by curl", size):
                command = ["curl", "-sS", "-f", "-T", source, url("put_object", key), "-H", "Expect:"]
                assert subprocess.run(command, stdin=subprocess.DEVNULL, check=False, timeout=3000).returncode == 0
        with measured(server, f"{size / GIB:.1f} GiB read back", size):
            assert fetched(url("get_object", key)) == (size, digest)
        s3.delete_object(Bucket="large", Key=key)
        until(lambda: stored_bytes(server) == 0)
