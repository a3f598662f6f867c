"""What clients see while the server changes under them: a worker killed, a stop, a new certificate."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests import certificates
from tests.conftest import make_client
from tests.crash.client import Client
from tests.scale.watching import MIB, until
from tests.scale.wires import answer, connect, end, ended, head, port_of
from tests.serving import Server

CLIENTS = 50


class Worker(threading.Thread):
    """A client that puts and gets its own keys over one kept connection. Remembers what was acknowledged, and the local port of each error."""

    def __init__(self, server: Server, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.client = Client(port_of(server), server.access_key, server.secret_key)
        self.number, self.stop = number, stop
        self.acknowledged: dict[str, bytes] = {}
        self.errors: list[int] = []
        self.wrong: list[str] = []
        self.done = 0
        self.port = 0
        self.longest_s = 0.0

    def run(self) -> None:
        while not self.stop.is_set():
            key, body = f"w{self.number}/{self.done % 20}", os.urandom(100 if self.done % 10 else 100_000)
            began = time.monotonic()
            try:
                self.acknowledged.pop(key, None)  # unknown until the answer
                put = self.client.put("box", key, body)
                if put.status == 200:
                    self.acknowledged[key] = body
                got = self.client.get("box", key)
                if put.status != 200 or got.status != 200 or got.body != body:
                    self.wrong.append(f"{key}: {put.status} {got.status} {put.code} {got.code}")
            except (OSError, http.client.HTTPException):
                self.errors.append(self.port)
            self.done += 1
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            if self.client.link is not None and self.client.link.sock is not None:
                self.port = self.client.link.sock.getsockname()[1]
            time.sleep(0.05)


@contextmanager
def working(server: Server, count: int) -> Iterator[list[Worker]]:
    stop = threading.Event()
    clients = [Worker(server, number, stop) for number in range(count)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        stop.set()
        for client in clients:
            client.join(30)
            client.client.close()


def progress(clients: list[Worker], steps: int) -> None:
    """Waits until each client has done that much more."""
    wanted = [client.done + steps for client in clients]
    until(lambda: all(client.done >= done for client, done in zip(clients, wanted, strict=True)))


def peers(pid: int) -> set[int]:
    """The ports of the clients whose connections a process holds."""
    return {connection.raddr.port for connection in psutil.Process(pid).net_connections() if connection.raddr}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.soak)])
def test_a_killed_worker_costs_its_own_connections_one_error_each_and_the_others_none(serve: Callable[..., Server], kills: int) -> None:
    server = serve(workers=2, access_log="off")
    Client(port_of(server), server.access_key, server.secret_key).create_bucket("box")
    for number in range(kills):
        with working(server, CLIENTS) as clients:
            progress(clients, 2)
            victim = server.worker_pids()[number % 2]
            theirs = peers(victim)
            os.kill(victim, signal.SIGKILL)
            until(lambda victim=victim: victim not in server.worker_pids() and server.get("/health/ready")[0] == 200)
            progress(clients, 3)
        errors = [port for client in clients for port in client.errors]
        assert not [wrong for client in clients for wrong in client.wrong]
        assert 0 < len(theirs) < CLIENTS
        assert len(errors) == len(set(errors)) and set(errors) <= theirs, "an error on a connection of another worker"
        reader = Client(port_of(server), server.access_key, server.secret_key)
        for client in clients:
            for key, body in client.acknowledged.items():
                assert reader.get("box", key).body == body, key
        longest = max(client.longest_s for client in clients)
        print(f"\nkill {number}: {len(errors)} errors, {len(theirs)} connections; the longest put and get took {longest:.2f} s")


def test_sigterm_lets_uploads_finish_refuses_new_connections_and_ends_with_zero(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(workers=2)
    s3 = make_client(server)
    s3.create_bucket(Bucket="box")
    bodies = {f"k{number}": os.urandom(2 * MIB if number % 2 else 3000) for number in range(12)}
    uploads = {}
    for key, body in bodies.items():
        uploads[key] = connect(server)
        uploads[key].sendall(head(server, "PUT", "box", key, f"Content-Length: {len(body)}") + body[: len(body) // 2])
    silent = [connect(server) for _ in range(10)]
    time.sleep(0.5)
    children = server.worker_pids()
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    until(lambda: refused(server), 3.0)
    for sock in silent:
        assert ended(sock) == b""
    for key, body in bodies.items():
        uploads[key].sendall(body[len(body) // 2 :])
        said = answer(uploads[key])
        assert said.startswith(b"HTTP/1.1 200"), (key, said)
        assert b"\r\nconnection: close" in said.lower()
        assert ended(uploads[key]) == b""
    assert server.process.wait(10) == 0
    assert not [pid for pid in children if psutil.pid_exists(pid)]
    again = make_client(serve(workers=1, data_dir=server.data_dir))
    for key, body in bodies.items():
        assert again.get_object(Bucket="box", Key=key)["Body"].read() == body, key


def refused(server: Server) -> bool:
    """Whether nobody listens: a connection that hangs in a queue is not refused."""
    try:
        sock = connect(server, 1.0)
    except ConnectionRefusedError:
        return True
    end(sock, reset=True)
    return False


@pytest.mark.timeout(300)
@pytest.mark.parametrize("reloads", [6, pytest.param(200, marks=pytest.mark.soak)])
def test_sighup_under_load_serves_the_new_certificate_and_fails_no_request(serve: Callable[..., Server], tmp_path: Path, reloads: int) -> None:
    pairs = [certificates.make(tmp_path / name) for name in ("one", "two")]
    used = certificates.Certificates(*(tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem")))
    for source, target in zip(pairs[0], used, strict=True):
        shutil.copy(source, target)
    server = serve(workers=2, tls_cert=used.cert, tls_key=used.key, ca=str(used.ca), access_log="off")
    port = port_of(server)
    trusting = ssl.create_default_context()
    for pair in pairs:
        trusting.load_verify_locations(pair.ca)
    stop, failures, counts = threading.Event(), [], [0] * 6

    def ask(number: int) -> None:
        """Half of the clients keep their connection, half make a new one for each request."""
        link = None
        while not stop.is_set():
            try:
                link = link or http.client.HTTPSConnection("localhost", port, context=trusting, timeout=20)
                link.request("GET", "/")
                reply = link.getresponse()
                reply.read()
                assert reply.status == 403  # anonymous, answered by S3
                counts[number] += 1
                if number % 2:
                    link.close()
                    link = None
            except Exception as error:
                failures.append(repr(error))
                link = None
            time.sleep(0.01)

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(len(counts))]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, reloads + 1):
            pair = pairs[number % 2]
            shutil.copy(pair.cert, used.cert)
            shutil.copy(pair.key, used.key)
            os.kill(server.facts()["pid"], signal.SIGHUP)
            wanted = ssl.PEM_cert_to_DER_cert(pair.cert.read_text())
            until(lambda wanted=wanted: all(presented(port) == wanted for _ in range(8)))
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    print(f"\n{reloads} reloads beside {sum(counts)} requests")
    assert not failures
    assert min(counts) > 0
    server.ca = str(pairs[reloads % 2].ca)


def presented(port: int) -> bytes:
    """The certificate that a new connection is shown."""
    context = ssl._create_unverified_context()
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), 20)) as plain, context.wrap_socket(plain) as sock:
        found = sock.getpeercert(binary_form=True)
        assert found is not None
        return found
