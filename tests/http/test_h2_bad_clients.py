"""HTTP/2 clients that do harm: floods, rapid resets, bytes that are no frames, heads that HTTP/1 refuses too."""

from __future__ import annotations

import asyncio
import struct

import pytest

from holdfast.model.messages import Request, Response
from tests import certificates
from tests.http.h2_client import connected, echo
from tests.http.raw_client import run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/" + "a" * 17000, (), 414),
        ("CONNECTX", "/x y", (), 400),
        ("G\x00T", "/", (), 400),
        ("GET", "/a#b", (), 400),
        ("PUT", "/", (("content-length", "x"),), 400),
        ("PUT", "/", (("x-amz-date", "a"), ("x-amz-date", "b")), 400),
        ("GET", "/", tuple((f"x-{number}", "v") for number in range(200)), 431),
    ],
)
def test_heads_that_http_1_refuses_are_refused(
    made: certificates.Certificates, method: str, path: str, headers: tuple[tuple[str, str], ...], status: int
) -> None:
    async def test() -> None:
        async with connected(made, echo, strict=False) as (server, client):
            id = client.request(method, path, *headers)
            try:
                assert (await client.answer(id)).status == status
            except ConnectionError:
                assert server.counters.refused == 1  # h2 takes it for a breach of the protocol

    run(test)


def test_rapid_reset_is_ended(made: certificates.Certificates) -> None:
    """CVE-2023-44487: streams opened and reset at once."""
    running: set[int] = set()
    most = 0

    async def handler(request: Request) -> Response:
        nonlocal most
        running.add(id(request))
        most = max(most, len(running))
        try:
            await asyncio.sleep(5)
        finally:
            running.discard(id(request))
        return Response(200)

    async def test() -> None:
        async with connected(made, handler) as (server, client):
            with pytest.raises((ConnectionError, OSError)):
                for number in range(5000):
                    stream = client.request("GET", "/")
                    client.h2.reset_stream(stream)
                    client.flush()
                    if number % 50 == 0:
                        await client.writer.drain()
                        await asyncio.sleep(0)
                await client.until_closed()
                raise ConnectionError
            await asyncio.sleep(0.1)
            assert server.counters.requests < 1000 and server.connections == 0 and not running and most <= 200

    run(test)


@pytest.mark.parametrize("frame", ["ping", "settings", "empty"])
def test_floods_of_frames_that_cost_nothing_are_ended(made: certificates.Certificates, frame: str) -> None:
    """CVE-2019-9512, CVE-2019-9515, CVE-2019-9518."""
    frames = {
        "ping": struct.pack(">I", 8)[1:] + b"\x06\x00\x00\x00\x00\x00" + bytes(8),
        "settings": b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        "empty": b"\x00\x00\x00\x00\x00" + struct.pack(">I", 1),
    }

    async def test() -> None:
        async with connected(made, echo) as (server, client):
            client.request("PUT", "/", end=False)
            for _ in range(100):
                client.writer.write(frames[frame] * 20)
                await asyncio.sleep(0)
            async with asyncio.timeout(5):
                await client.until_closed()
            assert server.counters.refused == 1

    run(test)


def test_continuation_floods_and_oversized_header_lists_are_ended(made: certificates.Certificates) -> None:
    """CVE-2024-27316 and its kin."""

    async def test() -> None:
        async with connected(made, echo) as (server, client):
            client.writer.write(b"\x00\x00\x01\x01\x00" + struct.pack(">I", 1) + b"\x82")
            for _ in range(200):
                client.writer.write(struct.pack(">I", 16384)[1:] + b"\x09\x00" + struct.pack(">I", 1) + b"\x00" * 16384)
                await asyncio.sleep(0)
            async with asyncio.timeout(5):
                await client.until_closed()
            assert server.counters.requests == 0 and server.connections == 0

    run(test)


def test_bytes_that_are_not_http_2_end_the_connection(made: certificates.Certificates) -> None:
    async def test() -> None:
        for bad in (b"GET / HTTP/1.1\r\n\r\n" * 10, b"\xff" * 100, struct.pack(">I", 1 << 20)[1:] + b"\x00\x00" + struct.pack(">I", 1)):
            async with connected(made, echo) as (server, client):
                client.writer.write(bad)
                async with asyncio.timeout(5):
                    await client.until_closed()
                assert server.counters.failures == 0

    run(test)
