"""The audit log: one line for each administrative change and each refusal, in a chain that shows any later change (`audit_chain`).

Refusals cost their sender next to nothing: they are queued, and a thread writes them within FLUSH_S, many at once. What comes faster than
REFUSALS_PER_S in one process is counted by code and address, and the counts are a line of their own. A change is on stable storage
before `change` returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import Counter
from concurrent.futures import Future
from typing import Any

import msgspec

from holdfast.observe.audit_chain import Chain, moment

log = logging.getLogger(__name__)

FLUSH_S = 0.05
REFUSALS_PER_S = 200
PENDING_MAX = 2000
_SUMMARY_S = 1.0
_TALLIES_MAX = 32


class Unavailable(Exception):
    """What must be recorded cannot be: the disk of the audit log is full or gone."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What happened. `at`: seconds since the epoch, 0 for now. `door` "s3", "oci", "par", "admin", "console", "bootstrap"; `who` the name,
    `principal` the OCID, `access_key` the key's or token's id (never a token or a secret); `address` where from; `decision` "deny" or "allow";
    `rule` which policy or missing right made it so. Nothing in `details` may be a secret."""

    at: float = 0.0
    request_id: str = ""
    door: str
    who: str = ""
    principal: str = ""
    access_key: str = ""
    address: str = ""
    action: str
    resource: str = ""
    decision: str = "allow"
    rule: str = ""
    details: dict[str, Any] = {}

    def line(self) -> dict[str, Any]:
        """The members of the line, before its number and MAC; those that are empty are left out, but never who and what."""
        said = {
            "time": moment(self.at or time.time()),
            "request_id": self.request_id,
            "door": self.door,
            "who": self.who or "anonymous",
            "principal": self.principal,
            "access_key": self.access_key,
            "from": self.address,
            "action": self.action,
            "resource": self.resource,
            "decision": self.decision,
            "rule": self.rule,
            "details": self.details,
        }
        return {name: value for name, value in said.items() if value}


class Audit:
    """Takes events in one process, made after its fork. `refusal` never waits; `change` waits for the disk."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._waiting: list[tuple[Event, Future[None] | None]] = []
        self._changes = 0
        self._second, self._listed = 0, 0
        self._codes: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self._why = ""
        self._summary_at = 0.0
        self._closing = False
        self._thread: threading.Thread | None = None
        self.failing = ""
        self.written = 0
        self.dropped = 0

    def refusal(self, event: Event) -> None:
        """Takes a refusal, or counts it where there are too many."""
        second = int(time.monotonic())
        with self._lock:
            if second != self._second:
                self._second, self._listed = second, 0
            if self._listed >= REFUSALS_PER_S or len(self._waiting) >= PENDING_MAX:
                self._count(event, "too many at once")
            else:
                self._listed += 1
                self._waiting.append((event, None))
        self._wake()

    async def change(self, event: Event) -> None:
        """Returns when the change is on stable storage. Errors: Unavailable; it is written as soon as that can be done."""
        done: Future[None] = Future()
        with self._lock:
            if self._changes >= PENDING_MAX:
                self._count(event, "the log could not be written")
                raise Unavailable(self.failing)
            self._changes += 1
            self._waiting.append((event, done))
        self._wake()
        await asyncio.wrap_future(done)

    def check(self) -> None:
        """To be asked before a change is made: nothing is changed that cannot be recorded. Errors: Unavailable."""
        if self.failing:
            raise Unavailable(self.failing)

    def close(self) -> None:
        """Writes what is left and ends."""
        self._closing = True
        if self._thread is not None:
            self._ready.set()
            self._thread.join(10)

    def _wake(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
                    self._thread.start()
        if not self._ready.is_set():
            self._ready.set()

    def _count(self, event: Event, why: str) -> None:
        self.dropped += 1
        self._why = why
        for tally, name in ((self._codes, event.details.get("code", event.action)), (self._addresses, event.address)):
            tally[name if name in tally or len(tally) < _TALLIES_MAX else "others"] += 1

    def _run(self) -> None:
        while True:
            self._ready.wait(_SUMMARY_S if self._codes or self.failing else None)
            if not self._changes and not self._closing:
                with contextlib.suppress(OSError):  # a clock that jumps may end it with an error: this thread lives on
                    time.sleep(FLUSH_S)  # what comes together is written together
            self._ready.clear()
            closing = self._closing
            try:
                self._flush(closing)
            except Exception:
                log.exception("the audit log failed")
            if closing:
                return

    def _flush(self, closing: bool) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            summary = self._summary(closing)
        if not waiting and summary is None:
            return
        try:
            self._chain.append([event.line() for event, _ in waiting] + ([summary.line()] if summary is not None else []))
        except OSError as error:
            self._failed(waiting, summary, error)
            return
        self.failing = ""
        self.written += len(waiting)
        for _, done in waiting:
            if done is not None:
                with self._lock:
                    self._changes -= 1
                with contextlib.suppress(Exception):  # who waited is gone
                    done.set_result(None)

    def _summary(self, closing: bool) -> Event | None:
        """A line for what was only counted, once in _SUMMARY_S."""
        now = time.monotonic()
        if not self._codes or (now - self._summary_at < _SUMMARY_S and not closing):
            return None
        count = sum(self._codes.values())
        details = {"count": count, "why": self._why, "codes": dict(self._codes), "addresses": dict(self._addresses)}
        self._codes, self._addresses, self._summary_at = Counter(), Counter(), now
        return Event(door="audit", who="holdfast", action="AuditDropped", decision="deny", details=details)

    def _failed(self, waiting: list[tuple[Event, Future[None] | None]], summary: Event | None, error: OSError) -> None:
        """Refusals become counts; changes wait for a disk that takes them, and whoever made them is told."""
        if not self.failing:
            log.error("the audit log cannot be written: %s; administrative changes are refused until it can", error)
        self.failing = f"the audit log cannot be written: {error.strerror}"
        with self._lock:
            if summary is not None:
                self._codes.update(summary.details["codes"])
                self._addresses.update(summary.details["addresses"])
            kept = []
            for event, done in waiting:
                if done is None:
                    self._count(event, "the log could not be written")
                else:
                    kept.append((event, done))
                    if not done.done():
                        done.set_exception(Unavailable(self.failing))
            self._waiting = kept + self._waiting
