"""What clients were told, and whether the store still agrees: each key is in the state last acknowledged, or in one still unanswered.

Each key has one writer, so its history is a line: the last acknowledged state, then at most a few attempts whose answers never came.
After a crash a key may show the acknowledged state or any attempt made after it, whole; nothing else.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter, defaultdict, deque
from typing import NamedTuple

from tests.crash.client import Client


class State(NamedTuple):
    """The content of a key: SHA-256 of the body ("" when there is no such key), its size, and the ETag once it was told."""

    sha256: str = ""
    size: int = 0
    etag: str = ""

    def allows(self, seen: State) -> bool:
        return self.sha256 == seen.sha256 and (not self.etag or not seen.etag or self.etag == seen.etag)


ABSENT = State()


def state_of(body: bytes, etag: str = "") -> State:
    return State(hashlib.sha256(body).hexdigest(), len(body), etag)


class Ledger:
    """Thread-safe. `attempt` before a request goes out, then exactly one of `acknowledged` or `refused`, or nothing when no answer came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, State] = {}
        self._open: dict[str, list[State]] = {}
        self.counts: Counter[str] = Counter()
        self._after_the_end = False
        self._story: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=12))

    def story(self, key: str) -> str:
        """What was done and told last about a key, for the report of a disagreement."""
        with self._lock:
            return "; ".join(self._story[key])

    def _tell(self, key: str, what: str, state: State = ABSENT) -> None:
        self._story[key].append(f"{time.time():.3f} {what} {state.sha256[:8]} {state.size}")

    def attempt(self, key: str, state: State) -> None:
        with self._lock:
            self._open.setdefault(key, []).append(state)
            self._tell(key, "tries", state)

    def ends_now(self) -> None:
        """The power fails at this moment: no answer that comes later would ever have reached a client, so it promises nothing.

        A kernel whose file system was shut down under it goes on, and may tell a sync in flight that it succeeded."""
        with self._lock:
            self._after_the_end = True

    def acknowledged(self, key: str, state: State, kind: str) -> None:
        """The server said that `key` now is in `state`. Attempts still unanswered came before it and cannot come back."""
        with self._lock:
            if self._after_the_end:
                self.counts["answered after the end"] += 1
                self._tell(key, "answered after the end", state)
                return
            self._known[key] = state
            self._open.pop(key, None)
            self.counts[kind] += 1
            self._tell(key, f"acknowledged {kind}", state)

    def refused(self, key: str, code: str) -> None:
        """The server said that nothing was changed: the attempt is struck out."""
        with self._lock:
            if not self._after_the_end and (attempts := self._open.get(key)):
                attempts.pop()
            self._tell(key, f"refused {code}")
            self.counts[f"refused {code}"] += 1

    def present(self, prefix: str) -> list[str]:
        """Keys under `prefix` that certainly exist now."""
        with self._lock:
            return [k for k, s in self._known.items() if k.startswith(prefix) and s is not ABSENT and not self._open.get(k)]

    def state(self, key: str) -> State:
        with self._lock:
            return self._known.get(key, ABSENT)

    def allowed(self) -> dict[str, list[State]]:
        """Every key ever tried, with the states in which it may be found; the acknowledged one first."""
        with self._lock:
            return {k: [self._known.get(k, ABSENT), *self._open.get(k, [])] for k in self._known.keys() | self._open.keys()}

    def settle(self, seen: dict[str, State]) -> None:
        """What recovery showed is the truth from now on: an attempt that was not there must not appear later, nor the reverse."""
        with self._lock:
            self._open.clear()
            self._after_the_end = False
            self._known = dict(seen)
            for key, state in seen.items():
                self._tell(key, "found", state)


def audit(client: Client, bucket: str, ledger: Ledger) -> list[str]:
    """Compares every key of the ledger with GET and with the listing, settles the ledger, and returns what is wrong, a line each."""
    wrong: list[str] = []
    listed = {entry.key: entry for entry in client.list(bucket)}
    seen: dict[str, State] = {}
    for key, allowed in sorted(ledger.allowed().items()):
        answer = client.get(bucket, key)
        if answer.status == 200:
            state = state_of(answer.body, answer.etag)
        elif answer.status == 404 and answer.code == "NoSuchKey":
            state = ABSENT
        else:
            wrong.append(f"{key}: GET answers {answer.status} {answer.code}")
            listed.pop(key, None)
            continue
        seen[key] = state
        if not any(a.allows(state) for a in allowed):
            what = "lost" if state is ABSENT or any(a.size == state.size for a in allowed) else "torn"
            wrong.append(f"{key}: {what}: found {state}, allowed {allowed}; {ledger.story(key)}")
        entry = listed.pop(key, None)
        if (entry is None) != (state is ABSENT):
            wrong.append(f"{key}: GET says {answer.status}, the listing says {entry}")
        elif entry is not None and (entry.etag, entry.size) != (state.etag, state.size):
            wrong.append(f"{key}: GET says {state}, the listing says {entry}")
    wrong += [f"{key}: listed, but nobody wrote it" for key in listed]
    ledger.settle(seen)
    return wrong
