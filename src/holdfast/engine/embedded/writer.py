"""Group commit: every write step in flight goes through one thread into one durable transaction.

A step is a function of a `Batch`. It reads, decides, and raises an `EngineError` before its first write, or writes and
returns its answer. No caller is answered before the COMMIT that holds its step has returned.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import apsw

from holdfast.engine.api import EngineError, Frozen, Full, Unavailable
from holdfast.engine.embedded.generation import CommitLock, Generation, key_cell
from holdfast.engine.embedded.room import Room
from holdfast.engine.embedded.schema import PAGE_BYTES, connect

T = TypeVar("T")
log = logging.getLogger("holdfast.engine")

STEPS_MAX = 512
"""Steps in one transaction at most, so that one batch does not take long to be answered."""

CHECKPOINT_BACKGROUND_PAGES = 2_000
CHECKPOINT_NOW_PAGES = 16_000


class Batch:
    """One transaction: its connection, what it has learnt, and what must happen around its COMMIT."""

    __slots__ = ("buckets", "cells", "changed", "connection", "execute", "filling", "seq", "seq_stored")

    def __init__(self, connection: apsw.Connection, filling: bool = False) -> None:
        self.filling = filling  # by the one who moves another store into this one: what is given is kept
        self.connection = connection
        self.execute: Callable[..., Any] = connection.cursor().execute
        self.buckets: dict[int, tuple[int, int] | None] = {}  # id -> (revision, has_history)
        self.changed = False  # what other processes cache is being changed
        self.cells: set[int] = set()  # of the keys whose versions are being changed
        self.seq = self.seq_stored = -1

    def touch(self, bucket_id: int, key: str) -> None:
        """To be called by each step that changes the versions of a key: what others remember of it is stale from the commit on."""
        self.cells.add(key_cell(bucket_id, key))

    def next_seq(self) -> int:
        """The next number of the order of versions, store-wide."""
        if self.seq < 0:
            self.seq = self.seq_stored = self.execute("SELECT value FROM counters WHERE name = 'seq'").fetchall()[0][0]
        self.seq += 1
        return self.seq

    def keep_seq(self, given: int) -> int:
        """A number that was given elsewhere; what is given from now on is larger."""
        self.seq = max(self.next_seq(), given)
        return given

    def flush(self) -> None:
        """Writes what the steps left to be written once."""
        if self.seq != self.seq_stored:
            self.execute("UPDATE counters SET value = ? WHERE name = 'seq'", (self.seq,))


Step = Callable[[Batch], Any]
_Job = tuple[asyncio.Future[Any], Step]
_Outcome = tuple[asyncio.Future[Any], Any, BaseException | None]


def engine_error(error: BaseException) -> EngineError:
    """What an SQLite or system error means to the layer above."""
    if isinstance(error, EngineError):
        return error
    if isinstance(error, apsw.FullError):
        return Full("no space left for the catalog")
    return Unavailable(f"{type(error).__name__}: {error}")


class Writer:
    """The committing thread of one database in one process. Several processes take turns by a lock."""

    def __init__(self, database: Path, lock: Path, generation: Generation, room: Room) -> None:
        self._room = room
        self._database = database
        self._lock = CommitLock(lock)
        self._generation = generation
        self._jobs: deque[_Job] = deque()
        self._wake = threading.Semaphore(0)
        self._sleeping = False
        self._closing = False
        self.filling = False  # this process may commit although the store is frozen
        self._wal_pages = 0
        self.on_commit: Callable[[int, float], None] | None = None  # told, in the thread, of each durable transaction: steps and seconds
        self._connection = connect(database)
        self._connection.set_wal_hook(self._on_wal)
        self._checkpoint = threading.Event()
        self._checkpointer: threading.Thread | None = None
        self._thread = threading.Thread(target=self._run, name=f"commit-{database.stem}", daemon=True)
        self._thread.start()

    def submit(self, step: Callable[[Batch], T]) -> asyncio.Future[T]:
        """Queues a step; the future has its answer once it is durable. Steps of one process commit in the order of their submission."""
        if self._closing:
            raise Unavailable("the engine is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.append((future, step))
        if self._sleeping:
            self._sleeping = False
            loop.call_soon(self._wake.release)  # after this turn of the loop: what else arrived in it shares the commit
        return future

    def close(self) -> None:
        """Commits what is queued, then stops."""
        if self._closing:
            return
        self._closing = True
        self._wake.release()
        self._thread.join()
        if self._checkpointer is not None:
            self._checkpoint.set()
            self._checkpointer.join()
        self._connection.close()
        self._lock.close()

    # ---- in the thread ----

    def _run(self) -> None:
        jobs = self._jobs
        while True:
            if not jobs:
                if self._closing:
                    return
                self._sleeping = True
                if not jobs and not self._closing:  # a submission between the two checks has seen the flag and wakes us
                    self._wake.acquire()
                self._sleeping = False
                continue
            begun = time.monotonic()
            outcomes = self._commit()
            _answer(outcomes)
            if self.on_commit is not None:
                self.on_commit(len(outcomes), time.monotonic() - begun)
            try:
                self._tend_log()
            except Exception as error:  # the log grows on, and this is tried again after the next commit
                log.error("the log was not tended: %r", error)

    def _take(self) -> list[_Job]:
        return [self._jobs.popleft() for _ in range(min(len(self._jobs), STEPS_MAX))]

    def _commit(self) -> list[_Outcome]:
        """One transaction of what is queued once it is this process's turn. A step that breaks is taken out and the others are done again."""
        jobs: list[_Job] = []
        while True:
            try:
                with self._lock:
                    jobs = jobs or self._take()
                    self._generation.end()
                    outcomes, broken = self._transaction(jobs)
                if broken is None:
                    return outcomes
                job, error = broken
                log.error("a write step broke: %r", error)
                _answer([(job[0], None, error)])
                jobs = [other for other in jobs if other is not job]
            except Exception as error:  # whatever it is (no memory, perhaps): unanswered writers and a dead thread would be worse
                jobs = jobs or self._take()
                if isinstance(error, apsw.FullError):
                    checkpoint(self._connection)  # gives the log's space back, so that what frees space can be committed
                refusal = engine_error(error)
                log.error("a commit of %d steps failed: %s", len(jobs), refusal)
                self._bury_the_failed()
                return [(future, None, refusal) for future, _ in jobs]

    def _bury_the_failed(self) -> None:
        """A COMMIT whose sync failed leaves whole frames behind the end of the log, and a recovery after a crash would take them for
        a commit that no reader ever saw. So something harmless is committed over them; where that fails too, the next commit does it."""
        try:
            with self._lock, self._connection:
                self._connection.pragma("user_version", self._connection.pragma("user_version"))
        except (apsw.Error, OSError) as error:
            log.error("the end of the log is in doubt until a commit succeeds: %s", error)

    def _transaction(self, jobs: list[_Job]) -> tuple[list[_Outcome], tuple[_Job, BaseException] | None]:
        if self._generation.frozen() and not self.filling:
            return self._refuse_changes(jobs), None
        connection = self._connection
        execute = connection.execute
        execute("BEGIN IMMEDIATE")
        before = changes = connection.total_changes()
        try:
            batch = Batch(connection, self.filling)
            outcomes: list[_Outcome] = []
            for job in jobs:
                future, step = job
                try:
                    outcomes.append((future, step(batch), None))
                except EngineError as refusal:
                    if connection.total_changes() != changes:
                        raise RuntimeError("a step wrote before it refused") from refusal
                    outcomes.append((future, None, refusal))
                except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError) as error:
                    execute("ROLLBACK")
                    return [], (job, Unavailable(f"the catalog is damaged: {error}"))
                except (apsw.Error, OSError):
                    raise
                except Exception as error:  # a defect in one step must not take the others with it
                    execute("ROLLBACK")
                    return [], (job, error)
                changes = connection.total_changes()
            if changes == before:
                execute("ROLLBACK")
                return outcomes, None
            batch.flush()
            if batch.changed:
                self._generation.begin()
            self._generation.begin_keys(batch.cells)
            try:
                execute("COMMIT")
            finally:
                self._generation.end_keys(batch.cells)
                self._generation.end()
            return outcomes, None
        except BaseException:
            if not connection.get_autocommit():
                execute("ROLLBACK")
            raise

    def _refuse_changes(self, jobs: list[_Job]) -> list[_Outcome]:
        """The steps on a frozen store: each is tried alone and undone. One that would have changed something is refused; what the others
        found or refused is so, since nothing that another one undid was there for them to see."""
        connection = self._connection
        outcomes: list[_Outcome] = []
        for future, step in jobs:
            connection.execute("BEGIN IMMEDIATE")
            before = connection.total_changes()
            try:
                result, error = step(Batch(connection)), None
            except Exception as raised:
                result, error = None, raised if isinstance(raised, EngineError) else engine_error(raised)
            finally:
                changed = connection.total_changes() != before
                if not connection.get_autocommit():
                    connection.execute("ROLLBACK")
            outcomes.append((future, None, Frozen("the store is read-only: it is being moved")) if changed else (future, result, error))
        return outcomes

    # ---- the log ----

    def _on_wal(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _tend_log(self) -> None:
        """A second thread copies the log back while commits go on; if it cannot keep up, the committing thread does
        it, so that the log stays bounded."""
        if self._wal_pages >= CHECKPOINT_NOW_PAGES or (self._wal_pages and self._room.is_tight(self._wal_pages * PAGE_BYTES)):
            with self._lock:
                checkpoint(self._connection)
        elif self._wal_pages >= CHECKPOINT_BACKGROUND_PAGES:
            if self._checkpointer is None:
                self._checkpointer = threading.Thread(target=self._run_checkpoints, name="checkpoint", daemon=True)
                self._checkpointer.start()
            self._checkpoint.set()
        self._wal_pages = 0

    def _run_checkpoints(self) -> None:
        connection = connect(self._database)
        try:
            while True:
                self._checkpoint.wait()
                self._checkpoint.clear()
                if self._closing:
                    return
                checkpoint(connection)
        finally:
            connection.close()


def checkpoint(connection: apsw.Connection) -> None:
    """Copies what it can from the log to the database without waiting for anybody. A failure is not the caller's: it is tried again."""
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.BusyError:
        pass  # another process is at it
    except apsw.Error as error:
        log.warning("checkpoint: %s", error)


def _answer(outcomes: list[_Outcome]) -> None:
    """Hands the answers to the event loops that wait for them, in one call for each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome[0].get_loop(), []).append(outcome)
    for loop, some in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, some)
        except RuntimeError:  # the loop was closed: nobody waits
            log.debug("answers of %d steps found no event loop", len(some))


def _resolve(outcomes: list[_Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
