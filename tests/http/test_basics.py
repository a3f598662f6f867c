"""Plain requests and answers: what a client sends is what the handler sees, and the other way round."""

from __future__ import annotations

from holdfast.model.messages import Request, Response
from tests.http.raw_client import Client, echo, get, put, run, serving


def test_keep_alive_serves_one_request_after_the_other() -> None:
    async def test() -> None:
        async with serving(echo) as (server, port):
            client = await Client.connect(port)
            for number in range(3):
                answer = await client.ask(get(b"/%d" % number))
                assert (answer.status, answer.body) == (200, b"GET /%d " % number)
            assert server.connections == 1
            assert server.counters.requests == 3

    run(test)


def test_a_body_comes_through_in_one_piece_and_in_two() -> None:
    async def test() -> None:
        async with serving(echo) as (_, port):
            client = await Client.connect(port)
            assert (await client.ask(put(b"Content-Length: 4") + b"body")).body == b"PUT /b/k body"
            assert (await client.ask(put(b"Content-Length: 4") + b"b", b"ody")).body == b"PUT /b/k body"
            assert (await client.ask(put(b"Transfer-Encoding: chunked") + b"4\r\nbody\r\n0\r\n\r\n")).body == b"PUT /b/k body"

    run(test)


def test_the_target_is_kept_byte_for_byte() -> None:
    targets = [b"/a%2Fb", b"//", b"///b", b"/b//k", b"/b/", b"/%2f", b"/b/../c/./d", b"/b/\xc3\xbc", b"/b?a=%20&b=+&&c", b"/b/k?", b"/b/%zz"]

    async def test() -> None:
        seen: list[Request] = []

        async def handler(request: Request) -> Response:
            seen.append(request)
            return Response()

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            for target in targets:
                assert (await client.ask(get(target))).status == 200
        assert [request.target for request in seen] == targets
        assert (seen[8].path, seen[8].query) == (b"/b", b"a=%20&b=+&&c")
        assert len({request.id for request in seen}) == len(targets)
        assert all(len(request.id) == 16 and request.id == request.id.upper() for request in seen)
        assert seen[0].peer == "127.0.0.1" and not seen[0].secure

    run(test)
