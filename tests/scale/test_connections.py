"""Clients that vanish, and clients that only sit there: what they held comes back, and the others are served meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from tests.certificates import Certificates
from tests.conftest import make_client
from tests.scale.watching import MIB, Held, until, workers
from tests.scale.wires import answer, client_hello, connect, descriptors_allowed, end, ended, head
from tests.serving import Server

GROWTH_BYTES_MAX = 24 * MIB
"""What a worker may hold more after thousands of aborted connections than after some dozens of them (allocators keep some)."""
WARM_UP = 60


def back_to(server: Server, base: list[Held], pids: list[int]) -> None:
    """Waits until descriptors and threads are what they were, then looks at memory; nobody was replaced."""
    assert server.worker_pids() == pids, "a worker was replaced"
    until(lambda: all(now.descriptors <= then.descriptors for now, then in zip(workers(server), base, strict=True)))
    for now, then in zip(workers(server), base, strict=True):
        print(f"descriptors {then.descriptors} -> {now.descriptors}, threads {then.threads} -> {now.threads}, "
              f"RSS {then.rss_bytes / MIB:.0f} -> {now.rss_bytes / MIB:.0f} MiB")  # fmt: skip
        assert now.threads <= then.threads + 8, "the threads of bodies are eight at most"
        assert now.rss_bytes - then.rss_bytes <= GROWTH_BYTES_MAX


def settled(server: Server) -> list[Held]:
    """What the workers hold when no connection is open any more."""
    time.sleep(1.0)
    return workers(server)


def stays_clean(server: Server, one: Callable[[int], None], count: int) -> None:
    """Does `one` some times, remembers what the workers hold, does it `count` times, and compares."""
    for number in range(WARM_UP):
        one(number)
    base, pids = settled(server), server.worker_pids()
    began = time.monotonic()
    for number in range(count):
        one(number)
    print(f"\n{count} connections in {time.monotonic() - began:.1f} s")
    back_to(server, base, pids)
    assert server.get("/health/ready")[0] == 200


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.soak)])
def test_cve_2016_0737_aborted_gets_give_everything_back(serve: Callable[..., Server], count: int) -> None:
    server = serve(workers=2, access_log="off")
    s3 = make_client(server)
    s3.create_bucket(Bucket="box")
    s3.put_object(Bucket="box", Key="large", Body=os.urandom(16 * MIB))
    request = head(server, "GET", "box", "large")

    def one(number: int) -> None:
        sock = connect(server, receive_bytes=65536)
        sock.sendall(request)
        if number % 4:
            assert answer(sock).startswith(b"HTTP/1.1 200")
        end(sock, reset=number % 2 == 1)

    stays_clean(server, one, count)
    assert s3.get_object(Bucket="box", Key="large")["ContentLength"] == 16 * MIB


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.soak)])
def test_cve_2020_1700_connections_aborted_at_once_or_in_a_body_give_everything_back(serve: Callable[..., Server], count: int) -> None:
    server = serve(workers=2, access_log="off")
    s3 = make_client(server)
    s3.create_bucket(Bucket="box")
    plain = head(server, "PUT", "box", "half", f"Content-Length: {MIB}")
    chunked = head(server, "PUT", "box", "half", "Transfer-Encoding: chunked") + b"30000\r\n"
    sent = [b"", plain[:100], plain, plain + bytes(100_000), chunked + bytes(0x10000), plain + bytes(1000), b"", b"\x16\x03"]

    def one(number: int) -> None:
        sock = connect(server)
        sock.sendall(sent[number % len(sent)])
        end(sock, reset=number // len(sent) % 2 == 1)

    stays_clean(server, one, count)
    assert s3.list_objects_v2(Bucket="box")["KeyCount"] == 0
    until(lambda: not [path for path in (server.data_dir / "blobs").rglob("*") if path.is_file()])


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.soak)])
def test_cve_2019_3821_aborted_handshakes_give_everything_back(serve: Callable[..., Server], certs: Certificates, count: int) -> None:
    server = serve(workers=2, access_log="off", ca=str(certs.ca), tls_cert=certs.cert, tls_key=certs.key)
    s3 = make_client(server)
    s3.create_bucket(Bucket="box")
    s3.close()
    hello = client_hello()

    def one(number: int) -> None:
        sock = connect(server)
        sock.sendall([b"", hello[:50], hello, b"GET / HTTP/1.1\r\n\r\n", hello][number % 5])
        if number % 5 == 4:
            assert sock.recv(65536)[:1] == b"\x16", "the server's first flight"
        end(sock, reset=number // 5 % 2 == 1)

    stays_clean(server, one, count)
    assert make_client(server).list_buckets()["Buckets"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("count", [200, pytest.param(1_000, marks=pytest.mark.soak)])
def test_cve_2022_31028_idle_and_half_headers_end_while_others_are_served(serve: Callable[..., Server], count: int) -> None:
    server = serve(workers=2, access_log="off", header_timeout_s=4, idle_timeout_s=4)
    s3 = make_client(server)
    s3.create_bucket(Bucket="box")
    s3.put_object(Bucket="box", Key="k", Body=b"x")
    request = head(server, "HEAD", "box", "k")
    base, pids = settled(server), server.worker_pids()
    with descriptors_allowed(2 * count + 500) as enough:
        if not enough:
            pytest.skip("this process may not open that many connections")
        idle = [connect(server) for _ in range(count)]
        half = [connect(server) for _ in range(count)]
        for number, sock in enumerate(idle):
            if number % 2:  # kept alive after a request; the others never send anything
                sock.sendall(request)
                assert answer(sock).startswith(b"HTTP/1.1 200")
        for sock in half:
            sock.sendall(request[:-2])
        assert sum(now.descriptors for now in workers(server)) >= sum(then.descriptors for then in base) + 2 * count - 2
        served, longest, until_s = 0, 0.0, time.monotonic() + 6
        while time.monotonic() < until_s:
            began = time.monotonic()
            assert s3.get_object(Bucket="box", Key="k")["Body"].read() == b"x"
            served, longest = served + 1, max(longest, time.monotonic() - began)
            time.sleep(0.01)
        print(f"\n{served} requests served beside {2 * count} silent connections, the longest took {longest * 1000:.0f} ms")
        assert served >= 10
        for sock in idle:
            assert ended(sock) == b""
            sock.close()
        for sock in half:
            assert ended(sock).startswith(b"HTTP/1.1 408")
            sock.close()
    s3.close()
    back_to(server, [then._replace(descriptors=then.descriptors + 1) for then in base], pids)
