"""The server as a whole: bounds on connections, draining, TLS and its renewal."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.http import TLS, BadCertificate
from holdfast.model.messages import Request, Response
from tests import certificates
from tests.http.raw_client import QUICK, Client, echo, eventually, get, put, run, serving
from tests.http.test_hangups import descriptors


@pytest.mark.parametrize("limits", [replace(QUICK, connections_max=5), replace(QUICK, connections_per_peer_max=5)])
def test_connections_over_the_bound_are_answered_503(limits: object) -> None:
    async def test() -> None:
        async with serving(echo, limits) as (server, port):  # type: ignore[arg-type]
            clients = [await Client.connect(port) for _ in range(5)]
            for client in clients:
                assert await client.is_open()
            one_more = await Client.connect(port)
            answer = await one_more.ask(get(b"/"))
            assert (answer.status, answer.headers["connection"]) == (503, "close")
            assert await one_more.ended() == b""
            assert server.counters.connections_refused == 1 and server.counters.requests == 5
            clients[0].close()
            await eventually(lambda: server.connections == 4)
            assert await (await Client.connect(port)).is_open()

    run(test)


def test_a_flood_over_the_bound_is_cut() -> None:
    async def test() -> None:
        async with serving(echo, replace(QUICK, connections_max=2, linger_s=5.0)) as (server, port):
            clients = [await Client.connect(port) for _ in range(150)]
            await eventually(lambda: server.counters.connections_accepted == 150)
            assert server.connections <= 2 + 64 + 1
            for client in clients:
                client.close()

    run(test)


def test_draining_closes_what_is_idle_and_lets_work_end() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            await asyncio.sleep(0.2)
            return await echo(request)

        async with serving(handler) as (server, port):
            idle, busy, uploading = [await Client.connect(port) for _ in range(3)]
            await busy.send(get(b"/busy"))
            await uploading.send(put(b"Content-Length: 4") + b"bo")
            await asyncio.sleep(0.05)
            draining = asyncio.create_task(server.drain(5.0))
            assert await idle.ended() == b""
            await uploading.send(b"dy")
            for client in (busy, uploading):
                answer = await client.answer()
                assert (answer.status, answer.headers["connection"]) == (200, "close")
                assert await client.ended() == b""
            assert await draining == 0
            with pytest.raises(OSError):
                await Client.connect(port)

    run(test)


def test_draining_cuts_what_does_not_end() -> None:
    async def test() -> None:
        ended = asyncio.Event()

        async def handler(request: Request) -> Response:
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()
            return Response()

        async with serving(handler) as (server, port):
            client = await Client.connect(port)
            await client.send(get(b"/"))
            await asyncio.sleep(0.05)
            assert await server.drain(0.1) == 1
            await asyncio.wait_for(ended.wait(), 1)
            assert server.connections == 0

    run(test)


def test_accepted_sockets_keep_alive_and_do_not_delay() -> None:
    async def test() -> None:
        options: list[int] = []

        async with serving(echo) as (server, port):
            client = await Client.connect(port)
            await client.is_open()
            for connection in server._service.connections:
                sock = connection.transport.get_extra_info("socket")
                options.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
                options.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        assert len(options) == 2 and all(options)

    run(test)


def trusting(ca: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    context.set_alpn_protocols(["http/1.1"])
    return context


def test_tls_serves_small_and_large_both_ways(tmp_path: Path) -> None:
    made = certificates.make(tmp_path / "one")

    async def test() -> None:
        seen: list[tuple[bool, str]] = []

        async def handler(request: Request) -> Response:
            seen.append((request.secure, "TLSv" + request.tls))
            return await echo(request)

        async with serving(handler, tls=TLS(made.cert, made.key)) as (_, port):
            client = await Client.connect(port, ssl=trusting(made.ca), server_hostname="localhost")
            connection = client.writer.get_extra_info("ssl_object")
            assert connection.version() in ("TLSv1.2", "TLSv1.3") and connection.selected_alpn_protocol() == "http/1.1"
            assert await client.is_open()
            assert len((await client.ask(put(b"Content-Length: 5000000") + bytes(5_000_000))).body) == 5_000_009
            answer = await client.ask(get(b"/", b"Connection: close"))
            assert answer.headers["connection"] == "close"
            assert await client.ended() == b""
            assert set(seen) == {(True, connection.version())}

    run(test)


def test_tls_refusals_are_read_too(tmp_path: Path) -> None:
    made = certificates.make(tmp_path / "one")

    async def test() -> None:
        async with serving(echo, tls=TLS(made.cert, made.key)) as (server, port):
            client = await Client.connect(port, ssl=trusting(made.ca), server_hostname="localhost")
            assert (await client.ask(b"nonsense\r\n\r\n")).status == 400
            assert await client.ended() == b""
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
            with pytest.raises((ssl.SSLError, OSError)):
                await Client.connect(port, ssl=old)
            assert server.counters.failures == 0

    run(test)


def test_tls_reload_serves_the_new_certificate_and_keeps_the_old_when_the_new_is_bad(tmp_path: Path) -> None:
    one, two = certificates.make(tmp_path / "one"), certificates.make(tmp_path / "two")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(one.cert.read_bytes())
    key.write_bytes(one.key.read_bytes())

    async def test() -> None:
        async with serving(echo, tls=TLS(cert, key)) as (server, port):
            old = await Client.connect(port, ssl=trusting(one.ca), server_hostname="localhost")
            cert.write_bytes(two.cert.read_bytes())
            assert not server.reload_tls()  # the key is not yet the new one
            assert await (await Client.connect(port, ssl=trusting(one.ca), server_hostname="localhost")).is_open()
            key.write_bytes(two.key.read_bytes())
            assert server.reload_tls()
            assert await (await Client.connect(port, ssl=trusting(two.ca), server_hostname="localhost")).is_open()
            assert await (await Client.connect(port, ssl=trusting(two.ca), server_hostname="127.0.0.1")).is_open()
            with pytest.raises(ssl.SSLCertVerificationError):
                await Client.connect(port, ssl=trusting(one.ca), server_hostname="localhost")
            assert await old.is_open()
            key.unlink()
            assert not server.reload_tls()
            assert await (await Client.connect(port, ssl=trusting(two.ca), server_hostname="localhost")).is_open()

    run(test)


def test_bad_tls_files_are_named(tmp_path: Path) -> None:
    made = certificates.make(tmp_path / "one")
    with pytest.raises(BadCertificate, match=r"missing\.pem: No such file"):
        TLS(tmp_path / "missing.pem", made.key)
    with pytest.raises(BadCertificate, match=r"key\.pem"):
        TLS(made.key, made.key)


def test_cve_2019_3821_tls_aborted_in_the_handshake_leaves_no_descriptor(tmp_path: Path) -> None:
    made = certificates.make(tmp_path / "one")

    async def test() -> None:
        async with serving(echo, tls=TLS(made.cert, made.key)) as (server, port):
            await (await Client.connect(port, ssl=trusting(made.ca), server_hostname="localhost")).is_open()
            before = descriptors()
            silent = []
            for number in range(100):
                client = await Client.connect(port)
                await client.send([b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n", b"\x16"][number % 4])
                if number % 5 == 0:
                    silent.append(client)  # ends by the handshake's timeout
                else:
                    client.reset() if number % 2 else client.close()
            await asyncio.gather(*[client.reader.read() for client in silent], return_exceptions=True)
            for client in silent:
                client.close()
            await eventually(lambda: descriptors() <= before)
            assert server.connections <= 1
            assert await (await Client.connect(port, ssl=trusting(made.ca), server_hostname="localhost")).is_open()

    run(test)
