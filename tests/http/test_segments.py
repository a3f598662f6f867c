"""The same bytes are the same requests, however the network cuts them; answers come in order."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.http.connection import Connection
from holdfast.http.limits import Limits
from holdfast.http.service import Service, refuse_plainly, report_to_log
from holdfast.model.messages import Request, Response
from tests.http.raw_client import Client, echo, get, put, run, serving

PIPELINE = b"".join(
    [
        get(b"/1?a=b", b"X: y"),
        put(b"Content-Length: 5", target=b"/2") + b"hello",
        b"\r\n\r\n",
        put(b"Transfer-Encoding: chunked", target=b"/3") + b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n",
        get(b"/\xc3\xbc", b"Connection: Upgrade", b"Upgrade: h2c"),
        put(b"Content-Length: 0", target=b"/4"),
        get(b"/5", b"A: 1", b"A: 2"),
    ]
)
SEEN = [
    (b"/1?a=b", b"", {}),
    (b"/2", b"hello", {}),
    (b"/3", b"abcde", {b"t": b"v"}),
    (b"/\xc3\xbc", b"", {}),
    (b"/4", b"", {}),
    (b"/5", b"", {}),
]
TAILS = [b"", b"garbage\r\n\r\n", get(b"/6", b"bad"), put(b"Content-Length: 5", b"Transfer-Encoding: chunked"), b"GET /x HTTP/1.1\nHost: h\n\n"]


class Pipe(asyncio.Transport):
    """A transport that only remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.ended = False
        self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def write_eof(self) -> None:
        self.ended = True

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


async def play(segments: list[bytes], suspends: bool) -> tuple[list[tuple[bytes, bytes, dict[bytes, bytes]]], int]:
    """(the requests seen, the number of refusals) when the bytes arrive in these segments."""
    seen: list[tuple[bytes, bytes, dict[bytes, bytes]]] = []

    async def handler(request: Request) -> Response:
        if suspends:
            await asyncio.sleep(0)
        body = await request.body.read_all(100)
        seen.append((request.target, body, dict(request.body.trailers)))
        return Response()

    loop = asyncio.get_running_loop()
    service = Service(handler, Limits(), loop, secure=False, server_name="", refuse=refuse_plainly, report=report_to_log, finished=None)
    pipe = Pipe()
    connection = Connection(service)
    done = loop.create_future()

    def feed(at: int) -> None:
        if pipe.paused or connection._next_planned:
            loop.call_soon(feed, at)
        elif at < len(segments):
            connection.data_received(segments[at])
            loop.call_soon(feed, at + 1)
        else:
            done.set_result(None)

    connection.connection_made(pipe)
    loop.call_soon(feed, 0)
    await done
    for _ in range(20):
        await asyncio.sleep(0)
    connection.connection_lost(None)
    service.close()
    return seen, service.counters.refused


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % len(data) for cut in cuts} - {0})
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def test_every_place_to_cut_gives_the_same_requests() -> None:
    async def test() -> None:
        for cut in range(len(PIPELINE)):
            for suspends in (False, True):
                assert await play(split(PIPELINE, [cut]), suspends) == (SEEN, 0), cut
        assert await play([PIPELINE[at : at + 1] for at in range(len(PIPELINE))], False) == (SEEN, 0)

    run(test)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 10**6), max_size=12), st.sampled_from(TAILS), st.booleans())
def test_any_cuts_give_the_same_requests_and_refusals(cuts: list[int], tail: bytes, suspends: bool) -> None:
    """A refusal ends the connection wherever the cuts are, and only the requests before it are seen."""
    data = PIPELINE + tail

    async def test() -> None:
        assert await play(split(data, cuts), suspends) == (SEEN, 1 if tail else 0)

    run(test)


def test_pipelined_requests_are_answered_in_order_by_slow_and_quick_handlers() -> None:
    async def test() -> None:
        running = 0

        async def handler(request: Request) -> Response:
            nonlocal running
            running += 1
            assert running == 1
            number = int(request.path[1:])
            if number % 3 == 0:
                await asyncio.sleep(0.002)
            running -= 1
            return Response(200, [], request.path)

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            await client.send(b"".join(get(b"/%d" % number) for number in range(200)))
            for number in range(200):
                assert (await client.answer()).body == b"/%d" % number

    run(test)


def test_garbage_after_a_valid_request_is_refused_after_its_answer() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            await asyncio.sleep(0.01)
            return await echo(request)

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            await client.send(get(b"/a") + b"\0\1\2\r\n\r\n" + get(b"/b"))
            assert (await client.answer()).body == b"GET /a "
            assert (await client.answer()).status == 400
            assert await client.ended() == b""

    run(test)


def test_looking_ahead_is_bounded_while_a_request_is_in_work() -> None:
    async def test() -> None:
        go = asyncio.Event()

        async def handler(request: Request) -> Response:
            await go.wait()
            return Response()

        async with serving(handler) as (server, port):
            client = await Client.connect(port)
            await client.send(get(b"/"))
            client.writer.write(get(b"/", b"X: " + b"x" * 1000) * 40_000)
            await asyncio.sleep(0.2)
            assert server.counters.bytes_in < 2_000_000
            go.set()
            for _ in range(1000):
                assert (await client.answer()).status == 200
            client.reset()

    run(test)
