"""Clients that go away: in the middle of anything, and without a trace left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import struct
import weakref
from collections.abc import AsyncIterator

import pytest

from holdfast.model.errors import IncompleteBody
from holdfast.model.messages import Request, Response
from tests.http.raw_client import Client, echo, eventually, get, put, run, serving
from tests.http.test_slow_clients import MIB, Pieces


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("how", ["reset", "close"])
def test_cve_2019_10222_disconnect_at_every_offset(how: str) -> None:
    raw = put(b"Content-Length: 5") + b"hello" + put(b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\nT: v\r\n\r\n"

    async def test() -> None:
        async def handler(request: Request) -> Response:
            await asyncio.sleep(0)
            return await echo(request)

        async with serving(handler) as (server, port):
            before = descriptors()
            for offset in range(len(raw) + 1):
                client = await Client.connect(port)
                await client.send(raw[:offset])
                await asyncio.sleep(0.001)
                getattr(client, how)()
            await eventually(lambda: server.connections == 0)
            assert descriptors() <= before
            assert not [task for task in asyncio.all_tasks() if "_answer" in repr(task)]
            assert await (await Client.connect(port)).is_open()

    run(test)


def test_a_truncated_body_is_incomplete() -> None:
    async def test() -> None:
        errors: list[str] = []

        async def handler(request: Request) -> Response:
            try:
                return await echo(request)
            except IncompleteBody as error:
                errors.append(error.code)
                return Response(400, [], b"IncompleteBody")

        async with serving(handler) as (server, port):
            for raw in (put(b"Content-Length: 5") + b"hell", put(b"Transfer-Encoding: chunked") + b"5\r\nhell"):
                client = await Client.connect(port)
                await client.send(raw)
                client.writer.write_eof()
                assert (await client.answer()).body == b"IncompleteBody"
                assert await client.ended() == b""
            assert errors == ["IncompleteBody"] * 2
            await eventually(lambda: server.connections == 0)

    run(test)


def test_a_half_closed_client_still_gets_its_answers() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            await asyncio.sleep(0.05)
            return await echo(request)

        async with serving(handler) as (server, port):
            client = await Client.connect(port)
            await client.send(get(b"/1") + get(b"/2"))
            client.writer.write_eof()
            assert (await client.answer()).body == b"GET /1 "
            assert (await client.answer()).body == b"GET /2 "
            assert await client.ended() == b""
            assert server.counters.hangups == 0

    run(test)


def test_a_handler_whose_client_is_gone_is_cancelled() -> None:
    """After a RST at once; after a FIN, which may only mean that all is sent, within half_closed_s."""

    async def test() -> None:
        ended: list[str] = []

        async def handler(request: Request) -> Response:
            try:
                await asyncio.sleep(20)
            except asyncio.CancelledError:
                await asyncio.sleep(0.01)  # clearing up is left in peace
                ended.append(request.target.decode())
                raise
            return Response()

        async with serving(handler) as (server, port):
            for how in ("reset", "close"):
                client = await Client.connect(port)
                await client.send(get(b"/" + how.encode()))
                await asyncio.sleep(0.05)
                getattr(client, how)()
            await eventually(lambda: ended == ["/reset"], 0.2)
            await eventually(lambda: ended == ["/reset", "/close"])
            assert server.counters.hangups == 1 and server.counters.failures == 0

    run(test)


def test_what_must_not_be_cancelled_is_shielded_by_the_handler() -> None:
    async def test() -> None:
        committed = asyncio.Event()

        async def commit() -> None:
            await asyncio.sleep(0.1)
            committed.set()

        async def handler(request: Request) -> Response:
            await asyncio.shield(commit())
            return Response()

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            await client.send(get(b"/"))
            await asyncio.sleep(0.03)
            client.reset()
            await asyncio.wait_for(committed.wait(), 2)

    run(test)


def test_cve_2016_0737_aborted_downloads_give_everything_back() -> None:
    async def test() -> None:
        streams: list[Pieces] = []

        async def handler(request: Request) -> Response:
            streams.append(Pieces(50, bytes(MIB // 4)))
            return Response(200, [], streams[-1])

        async with serving(handler) as (server, port):
            before = descriptors()
            for number in range(200):
                client = await Client.connect(port)
                await client.send(get(b"/"))
                await client.reader.read(1 + number * 500)
                client.reset() if number % 2 else client.close()
            await eventually(lambda: server.connections == 0)
            await eventually(lambda: all(stream.closed for stream in streams if stream.taken))
            assert descriptors() <= before
            assert server.counters.failures == 0
            gc.collect()
            assert not [task for task in asyncio.all_tasks() if "_send_stream" in repr(task)]

    run(test)


def test_cve_2016_0737_what_an_aborted_download_held_is_free_without_a_collection() -> None:
    """A reference cycle would keep each stream's piece and file until the collector comes by: with large pieces, that is too late."""

    class Kept:
        """Never suspends: the first thing that its answer waits for is the client."""

        length = 50 * MIB

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for _ in range(50):
                yield bytes(MIB)

    async def test() -> None:
        streams: list[weakref.ref[Kept]] = []

        async def handler(request: Request) -> Response:
            if request.path == b"/suspended":
                await asyncio.sleep(0)
            stream = Kept()
            streams.append(weakref.ref(stream))
            return Response(200, [], stream)

        async with serving(handler) as (server, port):
            gc.collect()
            gc.disable()
            try:
                for number in range(20):
                    client = socket.create_connection(("127.0.0.1", port))
                    client.sendall(get(b"/suspended" if number % 4 < 2 else b"/"))
                    await eventually(lambda: len(streams) > number)  # noqa: B023
                    await asyncio.sleep(0.01 * (number % 3))  # the stream waits for this client, which reads nothing
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", number % 2, 0))
                    client.close()
                await eventually(lambda: server.connections == 0)
                await eventually(lambda: sum(stream() is not None for stream in streams) <= 1)  # the reserve remembers its last future
            finally:
                gc.enable()

    run(test)


def test_cve_2019_3821_connect_and_abort_leaves_no_descriptor() -> None:
    async def test() -> None:
        async with serving(echo) as (server, port):
            before = descriptors()
            for number in range(500):
                client = await Client.connect(port)
                if number % 3 == 1:
                    await client.send(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
                client.reset() if number % 2 else client.close()
            await eventually(lambda: server.connections == 0)
            assert descriptors() <= before

    run(test)


def test_head_and_304_release_a_stream_that_is_not_sent() -> None:
    async def test() -> None:
        released: list[bytes] = []

        class Held(Pieces):
            async def aclose(self) -> None:
                released.append(b"x")

        async def handler(request: Request) -> Response:
            return Response(304 if request.path == b"/304" else 200, [], Held(3))

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            await client.send(get(b"/").replace(b"GET", b"HEAD"))
            assert (await client.answer(head_only=True)).headers["content-length"] == str(3 * MIB)
            assert (await client.ask(get(b"/304"))).status == 304
            assert len(released) == 2

    run(test)
