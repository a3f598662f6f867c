"""One connection to PostgreSQL that carries many statements at once: libpq's pipeline on the event loop, without a cursor or a wait for each.

Source: PostgreSQL documentation, "Pipeline Mode". A batch is what stands between two synchronisation points: one implicit transaction,
whose answers count only when the point is reached.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer

from holdfast.engine.api import EngineError, Full, Unavailable
from holdfast.engine.cluster.threads import in_thread

log = logging.getLogger("holdfast.engine")

Parameters = Sequence[bytes | None]
Rows = list[tuple[Any, ...]]

_BINARY = 1
_FORMATS = [[_BINARY] * count for count in range(64)]
_DISK_FULL = ("53100", "53000")
_CONNECT_S = 3
_MISSING = frozenset(("42883", "42P01", "42703"))  # a function, a table, a column
_OTHER_RELEASE = "the database holds no store, or one of another release: start holdfast serve of this release on it ({})"


class Broken(Unavailable):
    """The statement failed; `state` is its SQLSTATE, "" when the connection was lost (whether it was done is not known then)."""

    def __init__(self, message: str, state: str = "") -> None:
        super().__init__(message)
        self.state = state


class Statement:
    """One statement, prepared once in each connection, with what reads its rows."""

    __slots__ = ("_load", "_transformer", "name", "sql")

    def __init__(self, name: str, sql: str) -> None:
        self.name = name.encode()
        self.sql = sql.encode()
        self._transformer: Any = None

    def rows(self, result: pq.abc.PGresult) -> Rows:
        """The rows of an answer: integers, text, bytes and arrays of them."""
        count = result.ntuples
        if not count:
            return []
        transformer = self._transformer
        if transformer is None:
            transformer = self._transformer = Transformer()
            transformer.set_pgresult(result, set_loaders=False)
            transformer.set_loader_types([result.ftype(column) for column in range(result.nfields)], pq.Format.BINARY)
        transformer.set_pgresult(result, set_loaders=False)
        rows: Rows = transformer.load_rows(0, count, tuple)
        return rows


class Call:
    """One execution of a statement: its parameters in binary form, and where its rows go."""

    __slots__ = ("born", "future", "order", "parameters", "rows", "statement", "tries")

    def __init__(self, statement: Statement, parameters: Parameters, future: asyncio.Future[Rows], order: tuple[int, int] = (0, 0)) -> None:
        self.statement = statement
        self.parameters = parameters
        self.future = future
        self.order = order
        self.rows: Rows | None = None
        self.born = time.monotonic()
        self.tries = 1


class Batch:
    """Calls that are sent together. `done` is told once: the error, or None when the transaction is durable."""

    __slots__ = ("calls", "done", "error", "sent", "taken")

    def __init__(self, calls: list[Call], done: Callable[[Batch, Broken | None], None]) -> None:
        self.calls = calls
        self.done = done
        self.error: Broken | None = None
        self.taken = 0
        self.sent = 0.0


def error_of(result: pq.abc.PGresult) -> Broken:
    """What a failed statement says."""
    state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    text = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message or b"").decode(errors="replace")
    return Broken(f"PostgreSQL: {text} ({state})", state)


def refusal_of(error: Broken) -> EngineError:
    """What the layers above are told of it."""
    return Full("no space left for the catalog") if error.state in _DISK_FULL else Unavailable(str(error))


class Connection:
    """Made by `open`; belongs to one event loop. `lost` is called once, when it cannot be used any more, after every batch was told."""

    def __init__(self, connection: psycopg.Connection[Any], statements: Sequence[Statement], lost: Callable[[Connection], None]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._descriptor = self._pgconn.socket
        self._flying: deque[Batch] = deque()
        self._writing = False
        self.closed = False
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        self._loop.add_reader(self._descriptor, self._readable)
        for statement in statements:
            self._pgconn.send_prepare(statement.name, statement.sql)
        self._preparing = len(statements)
        self._pgconn.pipeline_sync()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._push()

    @classmethod
    async def open(
        cls, dsn: str, settings: dict[str, str], statements: Sequence[Statement], lost: Callable[[Connection], None]
    ) -> Connection:
        """A connection with every statement prepared; it is dialled in a thread. Errors: Unavailable."""
        made: Connection | None = None
        try:
            connection = await in_thread(connect, dsn, settings, unclaimed=psycopg.Connection.close)
            made = cls(connection, statements, lost)
            await asyncio.wait_for(asyncio.shield(made._ready), _CONNECT_S)
            return made
        except (Broken, psycopg.Error, OSError, TimeoutError) as error:
            if made is not None:
                made.close()
            if isinstance(error, Broken):
                raise (Unavailable(_OTHER_RELEASE.format(error)) if error.state in _MISSING else error) from error
            raise Unavailable(f"PostgreSQL: {str(error) or 'no answer'}") from error

    @property
    def load(self) -> int:
        """Batches that wait for their answer."""
        return len(self._flying)

    def overdue(self, before: float) -> bool:
        """Whether the oldest batch was sent before then (monotonic seconds)."""
        return bool(self._flying) and self._flying[0].sent < before

    def send(self, batch: Batch) -> None:
        """Sends a batch; its answers come in the order of sending."""
        batch.sent = time.monotonic()
        self._flying.append(batch)
        send = self._pgconn.send_query_prepared
        try:
            for call in batch.calls:
                send(call.statement.name, call.parameters, _FORMATS[len(call.parameters)], _BINARY)
            self._pgconn.pipeline_sync()
            self._push()
        except psycopg.Error as error:
            self.fail(str(error))

    def _push(self) -> None:
        """Hands to the kernel what it takes."""
        if self._pgconn.flush():
            if not self._writing:
                self._writing = True
                self._loop.add_writer(self._descriptor, self._writable)
        elif self._writing:
            self._writing = False
            self._loop.remove_writer(self._descriptor)

    def _writable(self) -> None:
        try:
            self._push()
        except psycopg.Error as error:
            self.fail(str(error))

    def _readable(self) -> None:
        pgconn = self._pgconn
        try:
            pgconn.consume_input()
            if self._writing:
                self._push()
            while not self.closed and (self._flying or self._preparing >= 0):
                if pgconn.is_busy():
                    return
                result = pgconn.get_result()
                if result is not None:
                    self._take(result)
                elif self._idle():
                    return
        except psycopg.Error as error:
            self.fail(str(error))

    def _idle(self) -> bool:
        """Whether nothing more can be read now: two ends in a row."""
        result = None if self._pgconn.is_busy() else self._pgconn.get_result()
        if result is None:
            return True
        self._take(result)
        return False

    def _take(self, result: pq.abc.PGresult) -> None:
        status = result.status
        if self._preparing >= 0:
            self._take_prepared(result, status)
            return
        batch = self._flying[0]
        if status == pq.ExecStatus.TUPLES_OK or status == pq.ExecStatus.COMMAND_OK:
            call = batch.calls[batch.taken]
            batch.taken += 1
            call.rows = call.statement.rows(result)
        elif status == pq.ExecStatus.PIPELINE_SYNC:
            self._flying.popleft()
            batch.done(batch, batch.error)
        elif status == pq.ExecStatus.PIPELINE_ABORTED:
            batch.taken += 1
        else:
            batch.error = batch.error or error_of(result)
            batch.taken += 1
            if self._pgconn.status == pq.ConnStatus.BAD:
                self.fail(str(batch.error))

    def _take_prepared(self, result: pq.abc.PGresult, status: int) -> None:
        if status == pq.ExecStatus.PIPELINE_SYNC:
            self._preparing = -1
            if not self._ready.done():
                self._ready.set_result(None)
        elif status != pq.ExecStatus.COMMAND_OK and not self._ready.done():
            self._ready.set_exception(error_of(result))

    def fail(self, why: str) -> None:
        """Ends the connection; whether what is in flight was done is not known."""
        if self.closed:
            return
        self.close()
        flying, self._flying = list(self._flying), deque()
        for batch in flying:
            batch.done(batch, batch.error or Broken(f"PostgreSQL: {why.strip()}"))
        if not self._ready.done():
            self._ready.set_exception(psycopg.OperationalError(why))
        self._lost(self)

    def close(self) -> None:
        """Lets go of it without a word to anybody."""
        if self.closed:
            return
        self.closed = True
        if not self._loop.is_closed():
            self._loop.remove_reader(self._descriptor)
            if self._writing:
                self._loop.remove_writer(self._descriptor)
        with contextlib.suppress(psycopg.Error):
            self._connection.close()


def connect(dsn: str, settings: dict[str, str]) -> psycopg.Connection[Any]:
    """A plain connection with the engine's session settings. Errors: psycopg.Error."""
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return psycopg.connect(
        dsn,
        autocommit=True,
        options=options,
        connect_timeout=_CONNECT_S,
        application_name=f"holdfast {settings.get('search_path', '')}".strip(),
        client_encoding="UTF8",
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=10_000,
    )
