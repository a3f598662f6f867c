"""`Expect: 100-continue`, answers before the body, and the end of connections whose body nobody wanted."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from holdfast.model.messages import Request, Response
from tests.http.raw_client import QUICK, Client, echo, eventually, ignore_body, put, run, serving

EXPECT = b"Expect: 100-continue"


def test_100_continue_goes_out_at_the_first_read_and_not_before() -> None:
    async def test() -> None:
        may_read = asyncio.Event()

        async def handler(request: Request) -> Response:
            await may_read.wait()
            return await echo(request)

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            await client.send(put(b"Content-Length: 4", EXPECT))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.reader.read(1), 0.1)
            may_read.set()
            assert (await client.answer()).status == 100
            await client.send(b"body")
            assert (await client.answer()).body == b"PUT /b/k body"
            may_read.set()
            assert await client.is_open()

    run(test)


def test_an_expectation_is_not_answered_when_the_body_is_already_here() -> None:
    async def test() -> None:
        async with serving(echo) as (_, port):
            client = await Client.connect(port)
            assert (await client.ask(put(b"Content-Length: 4", EXPECT) + b"body")).status == 200
            assert (await client.ask(put(b"Content-Length: 0", EXPECT))).status == 200

    run(test)


def test_an_unknown_expectation_is_passed_over_as_s3_does() -> None:
    async def test() -> None:
        async with serving(echo) as (_, port):
            client = await Client.connect(port)
            for other in (b"Expect: 200", b"Expect:"):
                assert (await client.ask(put(b"Content-Length: 4", other) + b"body")).status == 200

    run(test)


def test_http_10_knows_no_expectation() -> None:
    async def test() -> None:
        async with serving(echo) as (_, port):
            client = await Client.connect(port)
            answer = await client.ask(put(b"Content-Length: 4", EXPECT).replace(b"1.1", b"1.0"), b"body")
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert await client.ended() == b""

    run(test)


def test_a_refusal_before_the_body_is_final_and_closes() -> None:
    """The client may or may not send the body now, so what it sends cannot be told from a request."""

    async def test() -> None:
        async with serving(ignore_body) as (server, port):
            client = await Client.connect(port)
            answer = await client.ask(put(b"Content-Length: 100", EXPECT))
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            await client.send(b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
            assert await client.ended() == b""
            assert server.counters.requests == 1

    run(test)


def test_a_small_rest_is_drained_and_the_connection_kept() -> None:
    async def test() -> None:
        async with serving(ignore_body) as (server, port):
            client = await Client.connect(port)
            assert (await client.ask(put(b"Content-Length: 100000") + b"x" * 10)).status == 200
            await client.send(b"x" * 50000, b"x" * 49990)
            assert await client.is_open()
            assert server.connections == 1

    run(test)


def test_a_large_rest_is_not_drained_but_the_client_reads_its_answer() -> None:
    """Without lingering, the RST for the client's own bytes would destroy the answer on its way."""

    async def test() -> None:
        async with serving(ignore_body) as (server, port):
            for _ in range(5):
                client = await Client.connect(port)
                await client.send(put(b"Content-Length: 8000000"))
                for _ in range(80):
                    client.writer.write(b"x" * 100000)
                await client.writer.drain()
                answer = await client.answer()
                assert (answer.status, answer.body, answer.headers["connection"]) == (200, b"unread", "close")
                assert await client.ended() == b""
            assert server.counters.failures == 0

    run(test)


def test_draining_is_bounded_in_time() -> None:
    async def test() -> None:
        async with serving(ignore_body) as (server, port):
            client = await Client.connect(port)
            assert (await client.ask(put(b"Content-Length: 100"))).status == 200
            assert await client.ended() == b""
            assert server.counters.timeouts == 1

    run(test)


def test_draining_chunks_is_bounded_in_bytes() -> None:
    async def test() -> None:
        async with serving(ignore_body, replace(QUICK, drain_bytes_max=1000)) as (_, port):
            client = await Client.connect(port)
            assert (await client.ask(put(b"Transfer-Encoding: chunked"))).status == 200
            await client.send(b"5000\r\n" + b"x" * 0x5000)
            assert await client.ended() == b""

    run(test)


def test_lingering_is_bounded_in_time_and_bytes() -> None:
    async def test() -> None:
        async with serving(ignore_body, replace(QUICK, linger_bytes_max=100_000, linger_s=5.0)) as (server, port):
            client = await Client.connect(port)
            await client.ask(put(b"Content-Length: 100000000"))
            client.writer.write(b"x" * 3_000_000)
            await eventually(lambda: not server.connections, 2)
        async with serving(ignore_body) as (server, port):
            client = await Client.connect(port)
            await client.ask(put(b"Content-Length: 100000000"))
            await eventually(lambda: not server.connections, 2)

    run(test)


def test_a_body_read_after_the_answer_is_an_error_and_no_hang() -> None:
    async def test() -> None:
        late: list[asyncio.Task[bytes]] = []

        async def handler(request: Request) -> Response:
            late.append(asyncio.create_task(request.body.read()))
            return Response()

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            assert (await client.ask(put(b"Content-Length: 100"))).status == 200
            with pytest.raises(Exception, match="after the response"):
                await late[0]

    run(test)


def test_a_declared_length_over_the_handlers_limit_is_refused_before_the_body() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            try:
                await request.body.read_all(10)
            except Exception as error:
                return Response(400, [], type(error).__name__.encode())
            return Response()

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            assert (await client.ask(put(b"Content-Length: 11", EXPECT))).body == b"EntityTooLarge"
            client = await Client.connect(port)
            assert (await client.ask(put(b"Transfer-Encoding: chunked") + b"b\r\n12345678901\r\n0\r\n\r\n")).body == b"EntityTooLarge"

    run(test)
