"""Clients that write all the time, each to keys of its own, and enter every answer in the ledger before they go on."""

from __future__ import annotations

import hashlib
import http.client
import random
import threading
from collections.abc import Callable
from contextlib import suppress

from tests.crash.client import Answer, Client
from tests.crash.ledger import ABSENT, Ledger, State, state_of

SMALL_BYTES_MAX = 8 * 1024
LARGE_BYTES_MIN, LARGE_BYTES_MAX = 300 * 1024, 700 * 1024
PART_BYTES = 5 * 1024 * 1024
UNKNOWN = (OSError, http.client.HTTPException)
"""What a client gets whose answer never came: it may or may not have been done."""


def bytes_of(seed: int, size: int) -> bytes:
    """`size` bytes that no other seed gives; cheap, and different in every 4 KiB page so that a torn body cannot hide."""
    return random.Random(seed).randbytes(size) if size else b""


class Writer:
    """One client. `step` makes one random change and returns False once an answer did not come."""

    KEYS = 12

    def __init__(self, name: str, client: Client, bucket: str, ledger: Ledger, seed: int, multipart_share: float = 0.04) -> None:
        self.name, self.client, self.bucket, self.ledger = name, client, bucket, ledger
        self.random = random.Random(seed)
        self.multipart_share = multipart_share

    def body(self, large: bool) -> bytes:
        size = self.random.randint(LARGE_BYTES_MIN, LARGE_BYTES_MAX) if large else self.random.randint(0, SMALL_BYTES_MAX)
        return bytes_of(self.random.getrandbits(63), size)

    def enter(self, kind: str, key: str, state: State, send: Callable[[], Answer], done: int = 200) -> Answer:
        """Ledger, request, ledger. 507 promises that nothing was changed. 503 does not: a log whose sync failed may be whole after all."""
        self.ledger.attempt(key, state)
        answer = send()
        if answer.status == done:
            self.ledger.acknowledged(key, state if state is ABSENT else state._replace(etag=answer_etag(answer)), kind)
        elif answer.status == 507:
            self.ledger.refused(key, answer.code)
        elif answer.status == 503:
            self.ledger.counts[f"unknown {answer.code}"] += 1
        else:
            self.ledger.counts[f"unexpected {answer.status} {answer.code}"] += 1
        return answer

    def put(self, key: str, large: bool) -> Answer:
        body = self.body(large)
        answer = self.enter("put large" if large else "put small", key, state_of(body), lambda: self.client.put(self.bucket, key, body))
        if answer.status == 200 and answer.etag != hashlib.md5(body, usedforsecurity=False).hexdigest():
            raise AssertionError(f"{key}: ETag {answer.etag} is not the MD5 of the body")
        return answer

    def delete(self, key: str) -> Answer:
        return self.enter("delete", key, ABSENT, lambda: self.client.delete(self.bucket, key), done=204)

    def copy(self, source: str, key: str) -> Answer:
        state = self.ledger.state(source)._replace(etag="")
        return self.enter("copy", key, state, lambda: self.client.copy(self.bucket, source, key))

    def multipart(self, key: str, bodies: list[bytes]) -> Answer | None:
        """The whole of a multipart upload; None when its start or a part was refused. Only its completion changes the key."""
        if not (upload := self.client.start_upload(self.bucket, key)):
            self.ledger.counts["refused upload"] += 1
            return None
        parts = [self.client.put_part(self.bucket, key, upload, n, body) for n, body in enumerate(bodies, 1)]
        if any(part.status != 200 for part in parts):
            self.ledger.counts["refused part"] += 1
            self.client.abort(self.bucket, key, upload)
            return None
        etags = [part.etag for part in parts]
        return self.enter("complete", key, state_of(b"".join(bodies)), lambda: self.client.complete(self.bucket, key, upload, etags))

    def step(self) -> bool:
        key = f"{self.name}/k{self.random.randrange(self.KEYS):02d}"
        dice = self.random.random()
        try:
            if dice < self.multipart_share:
                first = [bytes_of(self.random.getrandbits(63), PART_BYTES)] if dice < self.multipart_share / 4 else []
                self.multipart(key, [*first, self.body(large=True)])
            elif dice < 0.16:
                self.delete(key)
            elif dice < 0.28 and (sources := [k for k in self.ledger.present(self.name) if k != key]):
                self.copy(self.random.choice(sources), key)
            else:
                self.put(key, large=dice > 0.8)
        except UNKNOWN:
            return False
        return True


def answer_etag(answer: Answer) -> str:
    """The ETag that an answer tells: in the header (PUT) or in the XML body (copy, completion)."""
    if answer.etag:
        return answer.etag
    begin = answer.body.find(b"<ETag>")
    end = answer.body.find(b"</ETag>")
    return answer.body[begin + 6 : end].decode().replace("&quot;", "").replace("&#34;", "").strip('"') if 0 <= begin < end else ""


class Load:
    """Some writers in threads of their own, until `stop` or until the server is gone for each of them."""

    def __init__(self, writers: list[Writer]) -> None:
        self.writers, self._stop, self.errors = writers, threading.Event(), list[BaseException]()
        self._threads = [threading.Thread(target=self._run, args=(w,), daemon=True) for w in writers]

    def _run(self, writer: Writer) -> None:
        try:
            while not self._stop.is_set() and writer.step():
                pass
        except BaseException as error:  # told by finish()
            self.errors.append(error)
        finally:
            with suppress(OSError):
                writer.client.close()

    def start(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def finish(self) -> None:
        """Waits for the writers; whatever broke in one of them is raised here."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        if any(thread.is_alive() for thread in self._threads):
            raise AssertionError("a client still waits for an answer 30 s after the server was killed")
        if self.errors:
            raise self.errors[0]
