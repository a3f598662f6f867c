"""Slow and silent clients: every wait has a bound, and none of them costs memory that grows."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from holdfast.model.messages import Request, Response
from tests.http.raw_client import QUICK, Client, echo, eventually, get, put, run, serving

MIB = 1 << 20


class Pieces:
    """A stream that counts what was taken of it, and whether it was closed."""

    def __init__(self, count: int, piece: bytes = bytes(MIB), length: int | None = None) -> None:
        self.count = count
        self.piece = piece
        self.length = count * len(piece) if length is None else length
        self.taken = 0
        self.closed = False

    async def _pieces(self) -> AsyncIterator[bytes]:
        try:
            for _ in range(self.count):
                self.taken += 1
                await asyncio.sleep(0)
                yield self.piece
        finally:
            self.closed = True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()


def test_cve_2022_31028_idle_and_half_header_connections_end_and_others_are_served() -> None:
    async def test() -> None:
        async with serving(echo) as (server, port):
            idle = [await Client.connect(port) for _ in range(150)]
            half = [await Client.connect(port) for _ in range(150)]
            for client in half:
                await client.send(b"GET / HTTP/1.1\r\nHost:")
            assert server.connections == 300
            assert await (await Client.connect(port)).is_open()
            for client in half:
                assert (await client.answer()).status == 408
                assert await client.ended() == b""
            for client in idle:
                assert await client.ended() == b""
            assert server.counters.timeouts == 150
            await eventually(lambda: server.connections == 0)

    run(test)


def test_slowloris_header_bytes_do_not_renew_the_deadline() -> None:
    async def test() -> None:
        async with serving(echo) as (_, port):
            client = await Client.connect(port)
            assert await client.is_open()
            answer = await client.drip(*[bytes([byte]) for byte in get(b"/", b"X: " + b"x" * 40)], pause_s=0.02)
            assert answer.status == 408

    run(test)


def test_a_kept_connection_ends_when_idle() -> None:
    async def test() -> None:
        async with serving(echo, replace(QUICK, idle_s=0.2)) as (server, port):
            client = await Client.connect(port)
            assert await client.is_open()
            assert await client.ended() == b""
            assert server.counters.timeouts == 0

    run(test)


async def _error_name(request: Request) -> Response:
    try:
        await request.body.read_all(1 << 30)
    except Exception as error:
        return Response(400, [], type(error).__name__.encode())
    return Response(200, [], b"complete")


def test_a_stalled_body_is_a_request_timeout() -> None:
    async def test() -> None:
        async with serving(_error_name) as (server, port):
            client = await Client.connect(port)
            answer = await client.ask(put(b"Content-Length: 10") + b"x")
            assert (answer.status, answer.body, answer.headers["connection"]) == (400, b"RequestTimeout", "close")
            assert await client.ended() == b""
            assert server.counters.timeouts == 1

    run(test)


def test_a_dripping_body_is_a_request_timeout_and_a_steady_one_is_not() -> None:
    async def test() -> None:
        async with serving(_error_name, replace(QUICK, body_rate_min=2000)) as (_, port):
            drip = await Client.connect(port)
            answer = await drip.drip(put(b"Content-Length: 1000000"), *[b"x"] * 90, pause_s=0.03)
            assert answer.body == b"RequestTimeout"
            steady = await Client.connect(port)
            await steady.send(put(b"Content-Length: 40000"), *[b"x" * 1000] * 40, pause_s=0.03)
            assert (await steady.answer()).body == b"complete"

    run(test)


def test_a_slow_handler_is_not_the_clients_fault() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            first = await request.body.read()
            await asyncio.sleep(1.0)
            return Response(200, [], first + await request.body.read_all(100))

        async with serving(handler) as (server, port):
            client = await Client.connect(port)
            await client.send(put(b"Content-Length: 4") + b"ab", b"", pause_s=0.55)
            await client.send(b"cd")
            assert (await client.answer()).body == b"abcd"
            assert server.counters.timeouts == 0

    run(test)


def test_reading_pauses_while_the_handler_does_not_read() -> None:
    async def test() -> None:
        go = asyncio.Event()

        async def handler(request: Request) -> Response:
            await go.wait()
            size = 0
            while piece := await request.body.read():
                size += len(piece)
            return Response(200, [], b"%d" % size)

        async with serving(handler) as (server, port):
            for raw in (put(b"Content-Length: %d" % (64 * MIB)) + bytes(64 * MIB), _chunks(32)):
                before = server.counters.bytes_in
                client = await Client.connect(port)
                client.writer.write(raw)
                await asyncio.sleep(0.2)
                assert server.counters.bytes_in - before < 2 * MIB
                go.set()
                assert int((await client.answer()).body) in (64 * MIB, 32 * MIB)
                go.clear()

    run(test)


def _chunks(count: int) -> bytes:
    return put(b"Transfer-Encoding: chunked") + (b"100000\r\n" + bytes(MIB) + b"\r\n") * count + b"0\r\n\r\n"


def test_tiny_pieces_count_as_what_they_cost() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            await asyncio.sleep(10)
            return Response()

        async with serving(handler, replace(QUICK, body_buffer_bytes_max=64 * 100)) as (server, port):
            client = await Client.connect(port)
            client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await client.send(put(b"Content-Length: 10000"))
            head = server.counters.bytes_in
            await client.send(*[b"x"] * 300, pause_s=0.0005)
            assert server.counters.bytes_in - head <= 101
            client.reset()

    run(test)


def test_a_slow_reader_costs_bounded_memory_and_is_cut_when_it_stops() -> None:
    async def test() -> None:
        stream = Pieces(500)

        async def handler(request: Request) -> Response:
            return Response(200, [], stream)

        async with serving(handler, replace(QUICK, write_buffer_bytes_max=MIB)) as (server, port):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
            await asyncio.get_running_loop().sock_sendall(client, get(b"/"))
            await eventually(lambda: stream.closed)
            assert stream.taken < 12
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 24 * 1024
            assert server.counters.timeouts == 1
            await eventually(lambda: server.connections == 0)
            client.close()

    run(test)


def test_a_slow_but_steady_reader_gets_everything() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(200, [], Pieces(8))

        async with serving(handler, replace(QUICK, write_stall_s=0.5)) as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=65536)
            writer.write(get(b"/"))
            size = 0
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"Content-Length: %d\r\n" % (8 * MIB) in head
            while size < 8 * MIB:
                size += len(await reader.read(300_000))
                await asyncio.sleep(0.02)
            assert size == 8 * MIB and server.counters.timeouts == 0
            writer.close()

    run(test)


def test_answers_that_are_not_taken_stop_the_pipeline() -> None:
    """A client that sends requests and never reads must not fill the memory with answers."""

    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(200, [], bytes(100_000))

        async with serving(handler) as (server, port):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
            await asyncio.get_running_loop().sock_sendall(client, get(b"/") * 1000)
            await asyncio.sleep(0.2)
            assert server.counters.requests < 150
            await eventually(lambda: server.connections == 0)
            client.close()

    run(test)


@pytest.mark.parametrize("length", [4 * MIB - 1, 4 * MIB + 1])
def test_a_stream_of_the_wrong_length_ends_the_connection(length: int) -> None:
    async def test() -> None:
        stream = Pieces(4, length=length)
        errors: list[BaseException] = []

        async def handler(request: Request) -> Response:
            return Response(200, [], stream)

        async with serving(handler, report=lambda error, request: errors.append(error)) as (server, port):
            client = await Client.connect(port)
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await client.ask(get(b"/"))
            assert stream.closed and len(errors) == 1
            assert server.counters.failures == 1

    run(test)
