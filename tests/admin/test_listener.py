"""The control listener against clients that hold connections: no head, a slow one, an endless one, a body that nobody wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from holdfast.admin import protocol
from holdfast.admin.app import make_app
from holdfast.admin.listener import ControlListener
from tests.admin.people import send
from tests.serving import Server

ALIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[int]:
    """A control listener in this process; its port."""

    async def troubles() -> list[str]:
        return []

    bound = socket.create_server(("127.0.0.1", 0))
    stopping = asyncio.Event()
    serving = asyncio.create_task(ControlListener(make_app(troubles, lambda: b"")).serve_until(bound, stopping))
    try:
        yield bound.getsockname()[1]
    finally:
        stopping.set()
        await serving


async def ended(reader: asyncio.StreamReader, within_s: float) -> bool:
    """Whether the connection ends in that time."""
    try:
        async with asyncio.timeout(within_s):
            while await reader.read(65536):
                pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


def test_who_sends_no_head_or_a_slow_one_is_cut_off_and_who_speaks_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", 0.5)

    async def program() -> None:
        async with listening() as port:
            silent, mute = await asyncio.open_connection("127.0.0.1", port)
            slow, dripping = await asyncio.open_connection("127.0.0.1", port)
            spoken, speaking = await asyncio.open_connection("127.0.0.1", port)
            dripping.write(ALIVE[:-2] + b"X-A: ")
            for _ in range(4):  # two seconds, four times the bound, on one connection
                speaking.write(ALIVE)
                assert b"200 OK" in await spoken.readuntil(b"true}")
                await asyncio.sleep(0.4)
                with contextlib.suppress(ConnectionError):
                    dripping.write(b"a")
                    await dripping.drain()
            assert await ended(silent, 1) and await ended(slow, 1)
            for writer in (mute, dripping, speaking):
                writer.close()

    asyncio.run(program())


@pytest.mark.parametrize("endless", [b"X-A: b\r\n", b"x"])
def test_a_head_without_end_is_cut_off_by_its_size(endless: bytes) -> None:
    async def program() -> None:
        async with listening() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(ALIVE[:-2] + (b"" if endless != b"x" else b"X-A: "))
            with contextlib.suppress(ConnectionError):
                for _ in range(200):
                    writer.write(endless * (32768 // len(endless)))
                    await writer.drain()
            assert await ended(reader, 2)

    asyncio.run(program())


def test_a_stranger_who_drips_a_body_is_answered_and_cut_off(server: Server) -> None:
    at: Any = server.control.removeprefix("http://").split(":")
    with socket.create_connection((at[0], int(at[1])), timeout=5) as connection:
        connection.sendall(b"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{")
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 401") and b"connection: close" in answer.lower()


@pytest.mark.parametrize("trusted", [False, True])
def test_only_a_trusted_proxy_says_where_a_request_came_from(serve: Callable[..., Server], trusted: bool) -> None:
    """Anybody on this machine could else write another address into the audit log, and guess passwords from ever new ones."""
    server = serve(workers=1, **({"trusted_proxies": "127.0.0.1"} if trusted else {}))
    statuses = []
    for number in range(60):
        headers = {"x_forwarded_for": f"203.0.113.{number}", "x_forwarded_proto": "https"}
        body = json.dumps({"user": "administrator", "password": "wrong password"}).encode()
        statuses.append(send(server, "POST", "/sessions", body, **headers)[0])
        if statuses[-1] == 429:
            break
    assert (429 in statuses) is not trusted
    for _ in range(50):
        lines = [json.loads(line) for line in (server.data_dir / "logs" / "audit.jsonl").read_text().splitlines()]
        addresses = {line["from"] for line in lines if line["action"] == "HoldfastSignIn"}
        if addresses:
            break
        time.sleep(0.1)
    assert addresses and all(address.startswith("203.0.113.") if trusted else address == "127.0.0.1" for address in addresses)
