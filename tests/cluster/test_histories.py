"""The instrument that judges gateways is itself judged: on stores that lie in one way each, its verdict is never empty; on an honest one it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from tests.cluster import histories
from tests.cluster.histories import Histories


class Shelf:
    """What the stores of this test keep; `lie` is what they do wrong, now and then."""

    def __init__(self, lie: str) -> None:
        self.lie = lie
        self.objects: dict[str, bytes] = {}
        self.before: dict[str, bytes] = {}
        self.lock = threading.Lock()
        self.count = 0

    def turn(self, every: int = 40) -> bool:
        self.count += 1
        return self.count % every == 0

    def put(self, path: str, body: bytes, none: bool, match: str | None) -> int:
        with self.lock:
            there = self.objects.get(path)
            holds = not (none and there is not None) and not (match and (there is None or md5(there).hexdigest() != match))
            if not holds and not (self.lie == "lets both win" and self.turn()):
                return 412
            if self.lie == "forgets writes" and self.turn():
                return 200
            if there is not None:
                self.before[path] = there
            self.objects[path] = body
            return 200

    def get(self, path: str) -> bytes | None:
        with self.lock:
            if self.lie == "reads stale" and path in self.before and self.turn():
                return self.before[path]
            if self.lie == "tears bodies" and path in self.objects and self.turn():
                return self.objects[path][:-1] + b"?"
            return self.objects.get(path)

    def delete(self, path: str) -> None:
        with self.lock:
            if not (self.lie == "brings back the dead" and self.turn(5)):
                self.objects.pop(path, None)


@contextmanager
def serving(shelf: Shelf) -> Iterator[tuple[str, int]]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            none, match = self.headers.get("if-none-match"), self.headers.get("if-match")
            self.answer(shelf.put(self.path, body, none is not None, match and match.strip('"')))

        def do_GET(self) -> None:
            if "?" in self.path:
                bucket, query = self.path.split("?")
                name = parse_qs(query)["prefix"][0]
                body = shelf.get(f"{bucket}/{name}")
                if shelf.lie == "lists late" and shelf.turn(10):
                    body = shelf.before.get(f"{bucket}/{name}", body)
                entry = b"" if body is None else f"<Contents><Key>{name}</Key><ETag>&quot;{md5(body).hexdigest()}&quot;</ETag></Contents>".encode()
                self.answer(200, entry)
                return
            body = shelf.get(self.path)
            self.answer(404, b"<Code>NoSuchKey</Code>") if body is None else self.answer(200, body)

        def do_DELETE(self) -> None:
            shelf.delete(self.path)
            self.answer(204)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield ("127.0.0.1", server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def judged(lie: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(histories, "OPERATIONS", 100)
    with serving(Shelf(lie)) as address:
        ran = Histories([address] * 3, "ACCESS", "secret", "bucket", clients=4, open_keys=2, seed=3, rest_s=0.0005)
        ran.start()
        until = time.monotonic() + 20
        while len(ran.done) < 4 and time.monotonic() < until:
            time.sleep(0.02)
        ran.stop()
        ran.settle()
    assert len(ran.done) >= 4, ran.summary()
    return ran.verdict()


def test_an_honest_store_is_found_honest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged("", monkeypatch) == []


@pytest.mark.parametrize("lie", ["forgets writes", "reads stale", "lets both win", "brings back the dead", "tears bodies", "lists late"])
def test_a_store_that_lies_is_found_out(lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(lie, monkeypatch) != []
