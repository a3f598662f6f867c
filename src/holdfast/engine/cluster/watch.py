"""What a process must hear of the others: changes of identities, told by NOTIFY and asked for several times a second, and its own sign of life.

A thread with a connection of its own: it goes on whatever the event loop does. While it cannot ask, nothing that is cached of identities
counts, so that a gateway that is cut off from the database lets nobody in by what it remembers.
"""

from __future__ import annotations

import hashlib
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg

from holdfast.engine.cluster.connection import connect

log = logging.getLogger("holdfast.engine")

POLL_S = 0.25
TRUSTED_S = 0.8
"""What was heard counts for so long: a revocation is heeded everywhere within a second, or nothing cached counts."""
SESSION_S = 3600
"""A process that has given no sign of life for so long is dead, and what it was writing is a stray. One that is only cut off comes back before."""
_BEAT_S = 2.0
_RETRY_S = 0.25
_TOLD_S = 30.0
"""While the database is not heard the log says so at once, then this often."""
_ODD_SPAN = 1 << 40

_CHANGES = "SELECT value FROM counters WHERE name = 'registry'"
_BEAT = (
    "INSERT INTO sessions VALUES (%s, %s, %s, clock_timestamp())"
    " ON CONFLICT (id) DO UPDATE SET oldest_open = EXCLUDED.oldest_open, beat = EXCLUDED.beat"
)
_FORGET = "DELETE FROM sessions WHERE id = %s"
_TIDY = "DELETE FROM sessions WHERE beat < clock_timestamp() - interval '7 days'"


class Watcher:
    """One for each process. `oldest_open` tells the lowest number of the blobs that the session `session` is writing."""

    def __init__(self, dsn: str, settings: dict[str, str], schema: str, session: bytes, oldest_open: Callable[[], int]) -> None:
        self._dsn = dsn
        self._settings = settings
        self._channel = "holdfast_" + hashlib.md5(schema.encode(), usedforsecurity=False).hexdigest()
        self._session = session
        self._oldest_open = oldest_open
        self._value = 0
        self._own = 0
        self._asked = 0
        self._heard_at = -TRUSTED_S
        self._wake_read, self._wake_write = socket.socketpair()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._lost_at = 0.0
        self._told_at = -_TOLD_S

    def generation(self) -> int:
        """`Registry.generation`: another value at each call while nothing was heard for TRUSTED_S."""
        if time.monotonic() - self._heard_at > TRUSTED_S:
            if self._thread is None:
                self._start()
            self._asked += 1
            return -self._asked
        return self._value * _ODD_SPAN + self._own

    def changed(self) -> None:
        """This process changed something itself: from now on nothing counts that it had cached."""
        self._own += 1

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()

    def start(self) -> None:
        """Begins to listen. Once in each process, after any fork."""
        self._start()

    def close(self) -> None:
        """Ends the thread and the session."""
        self._closing = True
        self._wake_write.send(b"x")
        if self._thread is not None:
            self._thread.join(3)
        self._wake_read.close()
        self._wake_write.close()

    # ---- in the thread ----

    def _run(self) -> None:
        while not self._closing:
            try:
                connection = connect(self._dsn, {**self._settings, "statement_timeout": "2000"})
                try:
                    self._listen(connection)
                finally:
                    connection.close()
            except (psycopg.Error, OSError) as error:
                if not self._closing:
                    self._tell(error)
                    select.select([self._wake_read], [], [], _RETRY_S)

    def _tell(self, error: Exception) -> None:
        now = time.monotonic()
        self._lost_at = self._lost_at or now
        if now - self._told_at >= _TOLD_S:
            self._told_at = now
            log.warning("the database is not heard: %s", str(error).strip())

    def _told_again(self) -> None:
        if self._lost_at:
            log.info("the database is heard again, after %.1f s", time.monotonic() - self._lost_at)
            self._lost_at, self._told_at = 0.0, -_TOLD_S

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(f"LISTEN {self._channel}")
        beat_at = 0.0
        who = f"{socket.gethostname()} {os.getpid()}"
        while not self._closing:
            asked_at = time.monotonic()
            row = connection.execute(_CHANGES).fetchone()
            self._value = int(row[0]) if row else 0
            self._heard_at = asked_at
            self._told_again()
            if asked_at >= beat_at:
                beat_at = asked_at + _BEAT_S
                connection.execute(_BEAT, (self._session, who, self._oldest_open()))
            readable, _, _ = select.select([connection.fileno(), self._wake_read.fileno()], [], [], POLL_S)
            if connection.fileno() in readable:
                connection.pgconn.consume_input()
                while connection.pgconn.notifies():
                    pass
        connection.execute(_FORGET, (self._session,))
        connection.execute(_TIDY)
