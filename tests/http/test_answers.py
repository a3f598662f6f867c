"""What goes out: heads, lengths, connection options, refusals in the dialect's words, and nothing that a handler could inject."""

from __future__ import annotations

import asyncio
import email.utils
import time

import pytest

from holdfast.model.messages import Lines, Request, Response
from tests.http.raw_client import Client, echo, get, put, run, serving
from tests.http.test_slow_clients import MIB, Pieces


def test_every_answer_has_date_server_and_length() -> None:
    async def test() -> None:
        async with serving(echo, server_name="Teststore") as (_, port):
            client = await Client.connect(port)
            answer = await client.ask(get(b"/"))
            assert answer.headers["server"] == "Teststore"
            assert answer.headers["content-length"] == str(len(answer.body))
            date = email.utils.parsedate_to_datetime(answer.headers["date"])
            assert abs(date.timestamp() - time.time()) < 3
            assert "connection" not in answer.headers

    run(test)


def test_bodies_of_every_kind_and_size() -> None:
    bodies: dict[bytes, bytes | None] = {b"/none": None, b"/empty": b"", b"/small": b"x" * 4096, b"/big": b"y" * 3_000_000}

    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(200, [], bodies.get(request.path) if request.path in bodies else Pieces(3))

        async with serving(handler) as (server, port):
            client = await Client.connect(port)
            for path, body in bodies.items():
                assert (await client.ask(get(path))).body == (body or b"")
            assert (await client.ask(get(b"/stream"))).body == bytes(3 * MIB)
            for path, size in [(b"/none", 0), (b"/small", 4096), (b"/big", 3_000_000), (b"/stream", 3 * MIB)]:
                await client.send(get(path).replace(b"GET", b"HEAD"))
                assert (await client.answer(head_only=True)).headers["content-length"] == str(size)
            assert (await client.ask(get(b"/small"))).body == b"x" * 4096
            assert server.counters.bytes_out > 3_000_000 + 3 * MIB

    run(test)


def test_a_length_that_the_handler_wrote_is_kept_for_head_and_refused_when_wrong() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(200, [(b"content-length", b"5"), (b"X-Length: ", b"ength: ")], None if request.method == "HEAD" else b"12345678")

        async with serving(handler, report=lambda error, request: None) as (server, port):
            client = await Client.connect(port)
            await client.send(get(b"/").replace(b"GET", b"HEAD"))
            assert (await client.answer(head_only=True)).headers["content-length"] == "5"
            assert (await client.ask(get(b"/"))).status == 500
            assert server.counters.failures == 1

    run(test)


def test_headers_that_answers_share_come_first_and_head_says_how_long_the_body_would_be() -> None:
    lines = Lines([(b"X-A", b"1"), (b"X-B", b"2")])

    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(200, [(b"X-C", b"3")] if request.path == b"/more" else None, shared=lines, length=4096)

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            for path, own in ((b"/more", ["x-c"]), (b"/", [])):
                await client.send(get(path).replace(b"GET", b"HEAD"))
                answer = await client.answer(head_only=True)
                assert list(answer.headers) == ["date", "server", "x-a", "x-b", *own, "content-length"]
                assert answer.headers["content-length"] == "4096"

    run(test)


def test_a_length_among_shared_headers_is_that_of_the_body_or_the_answer_is_refused() -> None:
    lines = Lines([(b"X-A", b"1")], 4)
    assert lines.fields[-1] == (b"Content-Length", b"4")
    bodies: dict[bytes, bytes | Pieces] = {b"/right": b"1234", b"/wrong": b"12345", b"/stream": Pieces(1)}

    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(200, None, None if request.method == "HEAD" else bodies[request.path], shared=lines)

        async with serving(handler, report=lambda error, request: None) as (server, port):
            client = await Client.connect(port)
            await client.send(get(b"/right").replace(b"GET", b"HEAD"))
            assert (await client.answer(head_only=True)).headers["content-length"] == "4"
            assert (await client.ask(get(b"/right"))).body == b"1234"
            for number, path in enumerate((b"/wrong", b"/stream"), 1):
                client = await Client.connect(port)
                assert (await client.ask(get(path))).status == 500
                assert server.counters.failures == number

    run(test)


@pytest.mark.parametrize("field", [(b"X-A", b"1\r\nX-B: 2"), (b"X-A\n", b""), (b"X-A", b"\0"), (b"Content-LENGTH", b"1")])
def test_headers_that_answers_share_are_checked_once(field: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError):
        Lines([(b"X-Good", b"1"), field])


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(status: int) -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(status, [(b"ETag", b'"a"')], b"not sent" if request.path == b"/body" else None)

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            answer = await client.ask(get(b"/"))
            assert answer.status == status and "content-length" not in answer.headers
            assert (await client.ask(get(b"/body"))).status == status
            assert (await client.ask(get(b"/"))).status == status

    run(test)


@pytest.mark.parametrize("bad", [b"a\r\nInjected: yes", b"a\nInjected: yes", b"a\rb", b"a\0b", b"\r\n\r\n<html>"])
@pytest.mark.parametrize("place", ["name", "value", "only"])
def test_cve_2015_5245_header_injection(bad: bytes, place: str) -> None:
    fields = {"name": [(b"ETag", b"x"), (bad, b"x")], "value": [(b"Location", b"/" + bad), (b"ETag", b"x")], "only": [(b"Location", bad)]}

    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(200, fields[place], b"body")

        async with serving(handler, report=lambda error, request: None) as (_, port):
            client = await Client.connect(port)
            await client.send(get(b"/"))
            raw = await client.ended()
            assert raw.startswith(b"HTTP/1.1 500 ") and b"njected" not in raw and b"<html>" not in raw

    run(test)


def test_http_10_closes_unless_asked_to_keep() -> None:
    async def test() -> None:
        async with serving(echo) as (_, port):
            client = await Client.connect(port)
            answer = await client.ask(get(b"/", b"Connection: Keep-Alive").replace(b"1.1", b"1.0"))
            assert (answer.status, answer.headers["connection"]) == (200, "keep-alive")
            answer = await client.ask(b"GET / HTTP/1.0\r\n\r\n")
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert await client.ended() == b""

    run(test)


@pytest.mark.parametrize("value", [b"close", b"Close", b"keep-alive, close", b"close , x"])
def test_connection_close_closes(value: bytes) -> None:
    async def test() -> None:
        async with serving(echo) as (_, port):
            client = await Client.connect(port)
            answer = await client.ask(get(b"/", b"Connection: " + value) + get(b"/ignored"))
            assert answer.headers["connection"] == "close"
            assert await client.ended() == b""

    run(test)


def test_response_close_closes() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(200, [], b"last", close=True)

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            answer = await client.ask(get(b"/"))
            assert (answer.body, answer.headers["connection"]) == (b"last", "close")
            assert await client.ended() == b""

    run(test)


def test_refusals_are_written_in_the_dialects_words() -> None:
    def refuse(status: int, code: str, message: str, request_id: str) -> Response:
        return Response(status, [(b"Content-Type", b"application/xml")], f"<Code>{code}</Code><Id>{request_id}</Id>".encode())

    async def test() -> None:
        async def handler(request: Request) -> Response:
            raise RuntimeError("a bug")

        errors: list[BaseException] = []
        async with serving(handler, refuse=refuse, report=lambda error, request: errors.append(error)) as (server, port):
            client = await Client.connect(port)
            answer = await client.ask(get(b"/"))
            assert answer.status == 500 and answer.body.startswith(b"<Code>InternalError</Code><Id>")
            assert (await client.ask(get(b"/"))).status == 500  # the connection is kept
            answer = await client.ask(b"nonsense\r\n\r\n")
            assert answer.status == 400 and answer.body.startswith(b"<Code>BadRequest</Code>")
            assert len(errors) == 2 and server.counters.failures == 2

    run(test)


def test_a_handler_that_fails_late_or_returns_nonsense_is_answered_500() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            if request.path == b"/late":
                await asyncio.sleep(0.01)
                raise KeyError("late")
            if request.path == b"/cancelled":
                raise asyncio.CancelledError
            if request.path == b"/text":
                return Response(200, [("str", "str")], b"")  # type: ignore[list-item]
            return None  # type: ignore[return-value]

        async with serving(handler, report=lambda error, request: None) as (server, port):
            for path in (b"/late", b"/none", b"/text", b"/cancelled"):
                client = await Client.connect(port)
                assert (await client.ask(get(path))).status == 500
            assert server.counters.failures == 4

    run(test)


def test_a_stream_that_fails_after_the_start_cuts_the_connection() -> None:
    async def test() -> None:
        class Failing(Pieces):
            async def _pieces(self):  # type: ignore[no-untyped-def]
                yield bytes(1000)
                raise OSError("disk")

        async def handler(request: Request) -> Response:
            return Response(200, [], Failing(3))

        errors: list[BaseException] = []
        async with serving(handler, report=lambda error, request: errors.append(error)) as (_, port):
            client = await Client.connect(port)
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await client.ask(get(b"/"))
            assert len(errors) == 1

    run(test)


def test_finished_is_told_of_every_answer() -> None:
    async def test() -> None:
        told: list[tuple[bytes, int, int]] = []

        async def handler(request: Request) -> Response:
            if request.path == b"/slow":
                await asyncio.sleep(0)
            return Response(200, [], Pieces(2) if request.path == b"/stream" else b"12345")

        def finished(request: Request, response: Response | None, size: int) -> None:
            told.append((request.path, response.status if response else 0, size))

        async with serving(handler, finished=finished) as (_, port):
            client = await Client.connect(port)
            for path in (b"/quick", b"/slow", b"/stream"):
                await client.ask(get(path))
            await client.ask(put(b"Content-Length: 3", target=b"/put") + b"abc")
        assert told == [(b"/quick", 200, 5), (b"/slow", 200, 5), (b"/stream", 200, 2 * MIB), (b"/put", 200, 5)]

    run(test)
