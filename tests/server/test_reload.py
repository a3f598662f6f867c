"""Certificates are renewed while a thousand requests a second come through TLS: none fails, and every connection is shown a whole pair."""

from __future__ import annotations

import asyncio
import signal
import ssl
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import uvloop
from cryptography import x509

from tests import certificates
from tests.conftest import make_client
from tests.http.h2_client import Client as H2Client
from tests.http.raw_client import Client
from tests.serving import Server

CLIENTS, H2_CLIENTS, EACH, EVERY_S, PER_CONNECTION = 16, 4, 160, 0.02, 20
"""Twenty clients with fifty requests a second each, for some three seconds; each begins a connection anew every 20 requests."""
RENEWALS = 5
BODY = b"what is read during a reload\n" * 20


class Load:
    """What the clients got, and the numbers of the certificates that they were shown."""

    def __init__(self, server: Server, url: str, ca: Path) -> None:
        at = urlsplit(url)
        self.port, self.ca, self.authority, self.target = int(server.endpoint.rpartition(":")[2]), ca, at.netloc, f"{at.path}?{at.query}"
        self.context = ssl.create_default_context(cafile=str(ca))
        self.answers: Counter[tuple[int, bool]] = Counter()
        self.shown: Counter[int] = Counter()
        self.begun = time.monotonic()

    async def turn(self, number: int, client: int) -> None:
        """Waits for the time of a client's request, and not at all when it is late."""
        await asyncio.sleep(self.begun + (number + client / (CLIENTS + H2_CLIENTS)) * EVERY_S - time.monotonic())

    def connected(self, writer: asyncio.StreamWriter) -> None:
        self.shown[int(writer.get_extra_info("ssl_object").getpeercert()["serialNumber"], 16)] += 1

    async def http_1(self, client: int) -> None:
        head = f"GET {self.target} HTTP/1.1\r\nHost: {self.authority}\r\n\r\n".encode()
        for numbers in batched():
            connection = await Client.connect(self.port, ssl=self.context, server_hostname="localhost")
            self.connected(connection.writer)
            for number in numbers:
                await self.turn(number, client)
                answer = await connection.ask(head)
                self.answers[answer.status, answer.body == BODY] += 1
            connection.writer.close()

    async def http_2(self, client: int) -> None:
        for numbers in batched():
            async with H2Client(self.port, self.ca) as connection:
                self.connected(connection.writer)
                for number in numbers:
                    await self.turn(number, client)
                    answer = await connection.answer(connection.request("GET", self.target, authority=self.authority))
                    self.answers[answer.status, bytes(answer.body) == BODY] += 1


def batched() -> list[range]:
    return [range(first, first + PER_CONNECTION) for first in range(0, EACH, PER_CONNECTION)]


def test_a_thousand_requests_a_second_through_tls_and_no_error_while_certificates_are_renewed(tmp_path: Path) -> None:
    one, two = certificates.make(tmp_path / "one"), certificates.make(tmp_path / "two")
    both = tmp_path / "both.pem"
    both.write_bytes(one.ca.read_bytes() + two.ca.read_bytes())
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def install(made: certificates.Certificates) -> None:
        cert.write_bytes(made.cert.read_bytes())
        key.write_bytes(made.key.read_bytes())

    install(one)
    server = Server(tmp_path / "server", ca=str(both), tls_cert=cert, tls_key=key, workers=2).start()
    try:
        s3 = make_client(server)
        s3.create_bucket(Bucket="reloaded")
        s3.put_object(Bucket="reloaded", Key="k", Body=BODY)
        load = Load(server, s3.generate_presigned_url("get_object", Params={"Bucket": "reloaded", "Key": "k"}), both)

        async def renew() -> None:
            assert server.process is not None
            for number in range(RENEWALS):
                await asyncio.sleep(EACH * EVERY_S / (RENEWALS + 1))
                install((two, one)[number % 2])
                server.process.send_signal(signal.SIGHUP)

        async def run() -> None:
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                load.begun = time.monotonic()
                for client in range(CLIENTS + H2_CLIENTS):
                    group.create_task(load.http_1(client) if client < CLIENTS else load.http_2(client))
                group.create_task(renew())

        uvloop.run(run())
        count = (CLIENTS + H2_CLIENTS) * EACH
        print(f"{count / (time.monotonic() - load.begun):.0f} requests a second, {sum(load.shown.values())} handshakes")
        assert load.answers == {(200, True): count}
        serials = {x509.load_pem_x509_certificate(made.cert.read_bytes()).serial_number for made in (one, two)}
        assert set(load.shown) == serials, "each of the two was served"
    finally:
        server.finish()
