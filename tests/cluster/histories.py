"""Clients that put, get, delete and put on conditions through all gateways at once, and remember exactly what was answered when.

A key takes so many operations and is then left alone; one with many unanswered operations sooner: each doubles what a checker must try.
"""

from __future__ import annotations

import hashlib
import html
import http.client
import math
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.cluster.linear import CREATE, DELETE, GET, NOTHING, PUT, REPLACE, Operation, Undecided, check
from tests.crash.client import Answer, Client

KINDS, WEIGHTS = [PUT, GET, DELETE, CREATE, REPLACE], [22, 38, 8, 14, 18]
OPERATIONS, UNANSWERED_MAX = 200, 5
LISTED = 0.25  # so many reads are listings: a key that is there with its ETag, or not there, says as much as a GET
ENTRY = re.compile(rb"<Contents>.*?<Key>([^<]*)</Key>.*?<ETag>([^<]*)</ETag>.*?</Contents>", re.DOTALL)
LARGE = 24 * 1024  # more than a row of the database takes: these bytes are in the object store
HANG_S = 25.0


def body_of(value: str) -> bytes:
    """The bytes that a value stands for: one in four is large."""
    number = int(hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()[:8], 16)
    return (value + "\n").encode() + value[-1:].encode() * (LARGE if number % 4 == 0 else number % 300)


def etag_of(value: str) -> str:
    return hashlib.md5(body_of(value), usedforsecurity=False).hexdigest()


class Key:
    """One key and its history."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.history: list[Operation] = []
        self.begun = self.unanswered = 0
        self.seen = "none"  # a value that was there lately, for If-Match

    @property
    def full(self) -> bool:
        return self.begun >= OPERATIONS or self.unanswered >= UNANSWERED_MAX


class Histories:
    """`clients` threads over the gateways at `addresses` (host, port), until `stop`; `wrong` holds answers that must never be given."""

    def __init__(
        self, addresses: Sequence[tuple[str, int]], access: str, secret: str, bucket: str, *, clients: int, open_keys: int, seed: int, rest_s: float
    ) -> None:
        self.addresses, self.access, self.secret, self.bucket = addresses, access, secret, bucket
        self.rest_s = rest_s
        self.open: list[Key] = []
        self.done: list[Key] = []
        self.open_keys, self.made = open_keys, 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0
        self.wrong: list[str] = []
        self.values: dict[str, str] = {}  # ETag -> value
        self.kept: dict[str, str] = {}  # keys written once and never again: name -> value, noted when acknowledged
        jobs: list[Callable[[], None]] = [self._job(number, random.Random(seed * 1000 + number)) for number in range(clients)]
        self.threads = [threading.Thread(target=job, daemon=True) for job in [*jobs, self._keeper(random.Random(seed))]]

    def client(self, gateway: int) -> Client:
        host, port = self.addresses[gateway]
        return Client(port, self.access, self.secret, timeout_s=HANG_S, host=host)

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Ends the clients and closes every key; call it when everything is healed."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(HANG_S * 2)
            if thread.is_alive():
                self.wrong.append("a client never came back")
        self.threads = []
        self.done += self.open
        self.open = []

    def take(self, rng: random.Random) -> Key:
        """A key for the next operation."""
        with self.lock:
            self.done += [key for key in self.open if key.full]
            self.open = [key for key in self.open if not key.full]
            while len(self.open) < self.open_keys:
                self.made += 1
                self.open.append(Key(f"key{self.made}"))
            key = rng.choice(self.open)
            key.begun += 1
            return key

    def _job(self, number: int, rng: random.Random) -> Callable[[], None]:
        def work() -> None:
            clients = [self.client(gateway) for gateway in range(len(self.addresses))]
            gateway = number % len(clients)
            while not self.stopping.is_set():
                if rng.random() < 0.3:
                    gateway = rng.randrange(len(clients))
                if not self.act(clients[gateway], self.take(rng), rng.choices(KINDS, WEIGHTS)[0], f"client{number}@{gateway}"):
                    gateway = rng.randrange(len(clients))
                self.stopping.wait(rng.random() * 2 * self.rest_s)

        return work

    def act(self, client: Client, key: Key, kind: str, who: str) -> bool:
        """One operation, noted; False when it had no clear answer."""
        with self.lock:
            value = NOTHING if kind in (GET, DELETE) else f"{key.name}.{who}.{key.begun}.{len(key.history)}.{random.random()}"
            match = key.seen if kind == REPLACE else NOTHING
            if value:
                self.values[etag_of(value)] = value
            listed = kind == GET and random.random() < LISTED
        headers = {CREATE: {"if-none-match": "*"}, REPLACE: {"if-match": f'"{etag_of(match)}"'}}.get(kind, {})
        method = {GET: "GET", DELETE: "DELETE"}.get(kind, "PUT")
        began = time.monotonic()
        answer: Answer | None = None
        reached = True
        try:
            if listed:
                answer = client.request("GET", f"/{self.bucket}", {"list-type": "2", "prefix": key.name, "max-keys": "1"})
            else:
                answer = client.request(method, f"/{self.bucket}/{key.name}", body=body_of(value) if value else b"", headers=headers)
        except ConnectionRefusedError:
            reached = False
        except (OSError, http.client.HTTPException) as error:
            self.answers[f"{kind} {type(error).__name__}"] += 1
        ended = time.monotonic()
        with self.lock:
            self.slowest = max(self.slowest, ended - began)
            told = Operation(kind, began, ended, value, match, True, who)
            made = (self._listed(answer, told, key.name) if listed else self._read(kind, answer, told)) if answer else None
            if made is not None and made.known:
                key.history.append(made)
                key.seen = made.value or key.seen
                return True
            if reached and kind != GET and (answer is None or made is not None):
                key.history.append(Operation(kind, began, math.inf, value, match, True, who))
                key.unanswered += 1
            return False

    def _listed(self, answer: Answer, told: Operation, name: str) -> Operation | None:
        """What a listing says of the key: its value by the ETag, or that it is not there."""
        self.answers[f"list {answer.status} {answer.code}".strip()] += 1
        if answer.status == 503:
            return told._replace(end=math.inf)
        if answer.status != 200:
            self.wrong.append(f"a listing was answered {answer.status} {answer.code}: {answer.body[:300]!r}")
            return None
        entries = {key.decode(): html.unescape(etag.decode()).strip('"') for key, etag in ENTRY.findall(answer.body)}
        if name not in entries:
            return told
        value = self.values.get(entries[name], "")
        if not value:
            self.wrong.append(f"a listing shows {name} with the ETag {entries[name]}, which nothing has that was written")
        return told._replace(value=value)

    def _read(self, kind: str, answer: Answer, told: Operation) -> Operation | None:
        """The operation as it was answered; with end inf where the answer leaves open what happened; None where nothing can have."""
        self.answers[f"{kind} {answer.status} {answer.code}".strip()] += 1
        status = answer.status
        if kind == GET and status == 200:
            value = answer.body.split(b"\n", 1)[0].decode()
            if answer.body != body_of(value):
                self.wrong.append(f"GET brought {len(answer.body)} bytes that nobody wrote: {answer.body[:80]!r}")
            return told._replace(value=value)
        if kind == GET and status == 404 and answer.code == "NoSuchKey":
            return told
        if kind in (PUT, CREATE, REPLACE) and status == 200:
            return told
        if kind == DELETE and status == 204:
            return told
        if (kind in (CREATE, REPLACE) and status == 412) or (kind == REPLACE and status == 404 and answer.code == "NoSuchKey"):
            return told._replace(held=False)
        if status == 409 and answer.code == "ConditionalRequestConflict":
            return None
        if status == 503:
            return told._replace(end=math.inf)
        self.wrong.append(f"{kind} was answered {status} {answer.code}: {answer.body[:300]!r}")
        return None

    def _keeper(self, rng: random.Random) -> Callable[[], None]:
        """Writes keys that nobody overwrites: each acknowledged one must be there at the end."""

        def work() -> None:
            clients = [self.client(gateway) for gateway in range(len(self.addresses))]
            number = 0
            while not self.stopping.is_set():
                number += 1
                name = f"kept/{number}"
                try:
                    answer = rng.choice(clients).request("PUT", f"/{self.bucket}/{name}", body=body_of(name))
                    if answer.status == 200:
                        self.kept[name] = name
                except (OSError, http.client.HTTPException):
                    pass
                self.stopping.wait(rng.random() * 6 * self.rest_s)

        return work

    def settle(self) -> None:
        """Reads every key through every gateway, after all is healed: what was acknowledged must be what is there."""
        for gateway in range(len(self.addresses)):
            client = self.client(gateway)
            for key in self.done:
                if not self.act(client, key, GET, f"last@{gateway}"):
                    self.wrong.append(f"{key.name} could not be read at the end through gateway {gateway}")
            for name, value in self.kept.items():
                answer = client.get(self.bucket, name)
                if answer.status != 200 or answer.body != body_of(value):
                    self.wrong.append(f"{name} was acknowledged and is lost: gateway {gateway} answers {answer.status} {answer.code}")

    def verdict(self) -> list[str]:
        """Everything that was wrong: answers, losses, and histories that are not linearizable."""
        found = list(self.wrong)
        for key in self.done:
            try:
                trouble = check(key.history)
            except Undecided as error:
                trouble = f"could not be decided: {error}"
            if trouble:
                found.append(f"{key.name}, {len(key.history)} operations: {trouble}")
        return found

    def summary(self) -> str:
        counts = [len(key.history) for key in self.done]
        unanswered = sum(key.unanswered for key in self.done)
        return (f"{len(counts)} histories, {sum(counts)} operations, {unanswered} unanswered, {len(self.kept)} kept keys, "
                f"slowest {self.slowest:.1f} s; {dict(self.answers)}")  # fmt: skip
