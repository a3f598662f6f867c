"""HTTP/2 over TLS by ALPN: the same handler, and windows that follow what is read (M224)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfast.http import TLS
from holdfast.model.errors import IncompleteBody, Refusal
from holdfast.model.messages import Request, Response
from tests import certificates
from tests.http.h2_client import connected, echo
from tests.http.raw_client import run, serving

MIB = 1 << 20


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.make(tmp_path_factory.mktemp("certificates"))


class Zeros:
    """A stream of `length` bytes that counts what it gave."""

    def __init__(self, length: int, piece: int = MIB) -> None:
        self.length, self.piece, self.given, self.closed = length, piece, 0, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while self.given < self.length:
                size = min(self.piece, self.length - self.given)
                self.given += size
                yield bytes(size)
        finally:
            self.closed = True


def test_M224_requests_and_answers_on_one_connection(made: certificates.Certificates) -> None:
    async def test() -> None:
        async with connected(made, echo) as (server, client):
            first = client.request("GET", "/a%2Fb?x=1")
            second = client.request("PUT", "/k", ("content-length", "5"), ("cookie", "a=1"), ("cookie", "b=2"), end=False)
            await client.send(second, b"hello", end=True)
            seen = await client.answer(first)
            assert (seen.status, bytes(seen.body)) == (200, b"GET /a%2Fb?x=1 localhost True {}\n")
            assert seen.headers["server"] == "Holdfast" and seen.headers["date"].endswith("GMT")
            assert seen.headers["content-length"] == str(len(seen.body))
            seen = await client.answer(second)
            assert bytes(seen.body).endswith(b"hello") and seen.headers["x-sum"] == hashlib.md5(b"hello").hexdigest()
            for method in ("HEAD", "DELETE"):
                seen = await client.answer(client.request(method, "/k"))
                assert seen.status == 200 and (method != "HEAD" or not seen.body)
            assert server.counters.requests == 4 and server.connections == 1

    run(test)


def test_large_bodies_both_ways_side_by_side(made: certificates.Certificates) -> None:
    async def handler(request: Request) -> Response:
        if request.method == "PUT":
            return await echo(request)
        return Response(200, [], Zeros(20 * MIB))

    async def test() -> None:
        async with connected(made, handler) as (_, client):
            down = client.request("GET", "/large")
            up = client.request("PUT", "/large", end=False)
            await client.send(up, b"x" * (5 * MIB), end=True)
            seen = await client.answer(up)
            assert seen.headers["x-sum"] == hashlib.md5(b"x" * (5 * MIB)).hexdigest()
            seen = await client.answer(down)
            assert len(seen.body) == 20 * MIB and seen.headers["content-length"] == str(20 * MIB)

    run(test)


def test_100_continue_is_sent_when_the_body_is_read_and_not_before(made: certificates.Certificates) -> None:
    async def handler(request: Request) -> Response:
        if request.path == b"/refused":
            return Response(403, [], b"no")
        return await echo(request)

    async def test() -> None:
        async with connected(made, handler) as (_, client):
            wanted = client.request("PUT", "/k", ("expect", "100-continue"), ("content-length", "2"), end=False)
            while not client.seen[wanted].informational:
                await client.take()
            await client.send(wanted, b"ok", end=True)
            assert (await client.answer(wanted)).status == 200
            refused = client.request("PUT", "/refused", ("expect", "100-continue"), ("content-length", "2"), end=False)
            seen = await client.answer(refused)
            assert (seen.status, seen.informational, bytes(seen.body)) == (403, [], b"no")

    run(test)


def test_trailers_of_a_request_arrive_before_its_end(made: certificates.Certificates) -> None:
    async def test() -> None:
        async with connected(made, echo) as (_, client):
            id = client.request("PUT", "/k", end=False)
            await client.send(id, b"data")
            client.h2.send_headers(id, [("x-amz-checksum-crc32", "abcd")], end_stream=True)
            client.flush()
            assert b"x-amz-checksum-crc32" in (await client.answer(id)).body

    run(test)


def test_what_is_not_read_is_bounded_and_what_nobody_reads_is_given_back(made: certificates.Certificates) -> None:
    gate = asyncio.Event()
    got: list[int] = []

    async def handler(request: Request) -> Response:
        if request.path == b"/waits":
            await gate.wait()
            total = 0
            while piece := await request.body.read():
                total += len(piece)
            got.append(total)
        return Response(200, [], b"done")

    async def test() -> None:
        gate.clear()
        async with connected(made, handler) as (_, client):
            waits = client.request("PUT", "/waits", end=False)
            sending = asyncio.create_task(client.send(waits, bytes(3 * MIB), end=True))
            await asyncio.sleep(0.1)
            assert client.h2.local_flow_control_window(waits) == 0, "the window of a stream is what bounds its buffer"
            gate.set()
            await sending
            assert (await client.answer(waits)).status == 200 and got == [3 * MIB]
            for _ in range(12):  # more than the connection's window, never read
                id = client.request("PUT", "/ignores", end=False)
                for _ in range(32):
                    client.h2.send_data(id, bytes(16384))
                client.flush()
                seen = await client.answer(id)
                assert seen.status == 200
            assert client.h2.outbound_flow_control_window >= 3 * MIB

    run(test)


def test_a_client_that_takes_nothing_holds_no_more_than_its_window_and_is_reset(made: certificates.Certificates) -> None:
    stream = Zeros(64 * MIB)

    async def handler(request: Request) -> Response:
        return Response(200, [], stream) if request.path == b"/large" else Response(200, [], b"small")

    async def test() -> None:
        async with connected(made, handler, acknowledge=False) as (server, client):
            large = client.request("GET", "/large")
            seen = await client.answer(large)
            assert seen.reset is not None and len(seen.body) <= 65535
            assert stream.given <= 2 * MIB and stream.closed
            assert server.counters.timeouts == 1

    run(test)


def test_a_stream_that_the_client_resets_ends_its_handler(made: certificates.Certificates) -> None:
    ends: list[type[BaseException]] = []

    async def handler(request: Request) -> Response:
        try:
            await (request.body.read() if request.path == b"/reads" else asyncio.sleep(10))
        except BaseException as error:
            ends.append(type(error))
            raise
        return Response(200)

    async def test() -> None:
        async with connected(made, handler) as (_, client):
            for path in ("/sleeps", "/reads"):
                id = client.request("PUT", path, end=False)
                await asyncio.sleep(0.05)
                client.h2.reset_stream(id)
                client.flush()
            await asyncio.sleep(0.1)
            assert ends[0] is asyncio.CancelledError and ends[1] in (IncompleteBody, asyncio.CancelledError)
            other = client.request("GET", "/reads")
            assert (await client.answer(other)).status == 200

    run(test)


def test_a_failing_handler_answers_500_and_a_lying_stream_is_reset(made: certificates.Certificates) -> None:
    async def handler(request: Request) -> Response:
        if request.path == b"/raises":
            raise RuntimeError("a fault")
        short = Zeros(10)
        short.length = 20 if request.path == b"/short" else 10
        short.given = 15 if request.path == b"/short" else 0
        return Response(200, [], short)

    async def test() -> None:
        async with connected(made, handler) as (server, client):
            assert (await client.answer(client.request("GET", "/raises"))).status == 500
            seen = await client.answer(client.request("GET", "/short"))
            assert seen.reset is not None and not seen.ended
            assert len((await client.answer(client.request("GET", "/good"))).body) == 10
            assert server.counters.failures == 2

    run(test)


def test_more_streams_than_allowed_are_refused_and_the_others_answered(made: certificates.Certificates) -> None:
    gate = asyncio.Event()

    async def handler(request: Request) -> Response:
        await gate.wait()
        return Response(200)

    async def test() -> None:
        gate.clear()
        async with connected(made, handler) as (_, client):
            while client.h2.remote_settings.max_concurrent_streams > 1000:
                await client.take()
            assert client.h2.remote_settings.max_concurrent_streams == 100
            ids = [client.request("GET", "/") for _ in range(100)]
            gate.set()
            for id in ids:
                assert (await client.answer(id)).status == 200

    run(test)


def test_draining_answers_what_is_in_work_and_takes_nothing_new(made: certificates.Certificates) -> None:
    gate = asyncio.Event()

    async def handler(request: Request) -> Response:
        await gate.wait()
        return Response(200, [], b"late")

    async def test() -> None:
        gate.clear()
        async with connected(made, handler) as (server, client):
            id = client.request("GET", "/")
            await asyncio.sleep(0.05)
            draining = asyncio.create_task(server.drain(5))
            while client.goaway is None:
                await client.take()
            assert client.goaway == 0
            gate.set()
            seen = client.seen[id]
            while not seen.ended:
                data = await client.reader.read(65536)
                assert data
                if b"late" in data:
                    break
            assert await draining == 0

    run(test)


def test_idle_and_silent_connections_are_closed(made: certificates.Certificates) -> None:
    async def test() -> None:
        async with connected(made, echo) as (server, client):
            assert (await client.answer(client.request("GET", "/"))).status == 200
            async with asyncio.timeout(5):
                await client.until_closed()
            await asyncio.sleep(0.1)
            assert client.goaway == 0 and server.connections == 0

    run(test)


def test_a_body_that_stalls_is_timed_out(made: certificates.Certificates) -> None:
    async def handler(request: Request) -> Response:
        try:
            return await echo(request)
        except Refusal as refusal:
            return Response(refusal.status, [], refusal.code.encode())

    async def test() -> None:
        async with connected(made, handler) as (_, client):
            id = client.request("PUT", "/k", ("content-length", "10"), end=False)
            await client.send(id, b"ab")
            seen = await client.answer(id)
            assert (seen.status, bytes(seen.body)) == (400, b"RequestTimeout")

    run(test)


def test_clients_that_do_not_offer_h2_get_http_1(made: certificates.Certificates, tmp_path: Path) -> None:
    import ssl

    async def test() -> None:
        async with serving(echo, tls=TLS(made.cert, made.key)) as (_, port):
            for offered in ([], ["http/1.1"], ["h2c", "http/1.1"]):
                context = ssl.create_default_context(cafile=str(made.ca))
                if offered:
                    context.set_alpn_protocols(offered)
                reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
                writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
                writer.close()

    run(test)
