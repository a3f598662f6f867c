"""RADOS pools through the distribution's python3-rados: asynchronous, bounded in time, reconnected without a restart."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from holdfast.engine.api import EngineError, Full, Gone, Unavailable
from holdfast.engine.cluster import librados
from holdfast.engine.cluster.completions import Operations
from holdfast.engine.cluster.threads import in_thread

log = logging.getLogger("holdfast.engine")

BYTES_IN_FLIGHT_MAX = 128 << 20
THREAD_FROM_BYTES = 256 << 10
"""From this size on the copy into librados is made in a thread."""
CONNECT_S = 5
RETRY_S = 1.0
"""After a failed connection the next one is tried this much later; who comes in between is refused at once."""
CLOSE_S = 5.0
_OVERHEAD_BYTES = 4096
_WALK_NAMES = 500
_FULL_TRY, _FULL_FORCE = 64, 128  # LIBRADOS_OPERATION_FULL_TRY and _FULL_FORCE: an answer instead of a long wait; a removal goes through
_LOST = (errno.ESHUTDOWN, errno.ENOTCONN, errno.ECONNABORTED)  # the client is blocklisted, or its connection has ended for good

Connected = Callable[[Any], None]


def engine_error(number: int, what: str) -> EngineError:
    """What an error number (positive) of librados means to the layer above."""
    if number == errno.ENOENT:
        return Gone(what)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Full(f"no space left in Ceph for {what}: {os.strerror(number)}")
    if number == errno.ESHUTDOWN:
        return Unavailable(f"Ceph has blocklisted this client ({what})")
    return Unavailable(f"Ceph: {what}: {os.strerror(number)}")


class RadosCluster:
    """One connection of this process to a Ceph cluster, made when it is first needed and again after it was lost.

    `conf` is the path of a ceph.conf, `user` the cephx client without "client.". `connected` is called in a thread with each new
    connection before it is used; what it raises (Unavailable) refuses the cluster.
    """

    def __init__(self, conf: str, user: str, timeout_s: float, connected: Connected | None = None, namespace: str = "") -> None:
        self.namespace = namespace
        self._conf = conf
        self._user = user
        self._timeout_s = timeout_s
        self._connected = connected
        self._handle: Any = None
        self._contexts: list[Any] = []
        self._process = 0
        self._attempt: asyncio.Task[Any] | None = None
        self._refused: tuple[float, str] = (-RETRY_S, "")
        self.epoch = 0
        self.operations = Operations(BYTES_IN_FLIGHT_MAX, timeout_s + 1)
        self.threads = ThreadPoolExecutor(2, thread_name_prefix="rados")

    async def handle(self) -> Any:
        """The connected `rados.Rados`. Errors: Unavailable, after at most a few seconds."""
        if self._handle is not None and self._process == os.getpid():
            return self._handle
        if self._attempt is None:
            at, why = self._refused
            if time.monotonic() - at < RETRY_S:
                raise Unavailable(why)
            self._attempt = asyncio.get_running_loop().create_task(self._connect())
        return await asyncio.shield(self._attempt)

    async def _connect(self) -> Any:
        try:
            self._handle = await asyncio.wait_for(in_thread(self._open, unclaimed=_let_go), 3 * CONNECT_S)
            self._process = os.getpid()
            self.epoch += 1
            return self._handle
        except TimeoutError:
            self._refused = (time.monotonic(), "Ceph: the connection takes too long")
            raise Unavailable(self._refused[1]) from None
        except Unavailable as error:
            self._refused = (time.monotonic(), str(error))
            raise
        finally:
            self._attempt = None

    def _open(self) -> Any:
        """A connection of its own for this process; in a thread, since it waits. Errors: Unavailable."""
        rados = librados.load()
        try:
            # after a timeout librados forgets the operation, which may still happen: that is why no name is used twice
            handle = rados.Rados(
                conffile=self._conf,
                rados_id=self._user,
                conf={
                    "client_mount_timeout": str(CONNECT_S),
                    "rados_mon_op_timeout": str(CONNECT_S),
                    "rados_osd_op_timeout": f"{self._timeout_s:g}",
                    # librados asks for the map when operations are this old; they must be allowed to grow so old, or it never learns where a
                    # restarted OSD is
                    "objecter_tick_interval": "0.5",
                    "objecter_timeout": f"{self._timeout_s / 4:g}",
                    "objecter_inflight_ops": "65536",  # beyond these librados would block the event loop; ours are bounded before
                    "objecter_inflight_op_bytes": str(4 * BYTES_IN_FLIGHT_MAX),
                    "log_to_stderr": "false",
                    "err_to_stderr": "false",
                    "admin_socket": "",
                    "log_file": "",
                    "pid_file": "",
                },
            )
            handle.connect(timeout=CONNECT_S)
        except (rados.Error, OSError) as error:
            raise Unavailable(f"Ceph cannot be reached as client.{self._user}: {error}") from error
        if self._connected is not None:
            try:
                self._connected(handle)
            except BaseException:
                _let_go(handle)
                raise
        return handle

    def lost(self, epoch: int) -> None:
        """The connection of that epoch is of no use any more; the next who needs one makes another."""
        if epoch == self.epoch and self._handle is not None:
            log.warning("the connection to Ceph is lost; the next request makes a new one")
            threading.Thread(target=_let_go, args=self._give_up(), daemon=True).start()

    async def close(self) -> None:
        """Lets go of the connection. A cluster that does not answer is not waited for."""
        if self._handle is None:
            return
        self.operations.end()
        await asyncio.wait((in_thread(_let_go, *self._give_up()),), timeout=CLOSE_S)
        self.threads.shutdown(wait=False)

    def keep(self, context: Any) -> None:
        """Holds a `rados.Ioctx` as long as the connection. An operation in flight is referenced by its context alone, and that one by its
        operations: if nobody else held it, a garbage collection would free both under librados' hands."""
        self._contexts.append(context)

    def _give_up(self) -> tuple[Any, list[Any]]:
        given = self._handle, self._contexts
        self._handle, self._contexts = None, []
        return given


_stuck: list[Any] = []


def _let_go(handle: Any, contexts: Sequence[Any] = ()) -> None:
    """Ends a connection; while that lasts the handle stays referenced, since dropping it would wait for the end as well, and so do the
    contexts, whose operations may still be called back."""
    held = (handle, contexts)
    _stuck.append(held)
    handle.shutdown()
    _stuck.remove(held)


class RadosPool:
    """`Pool` in a RADOS cluster, by its name or (name "") by its number."""

    def __init__(self, cluster: RadosCluster, name: str, number: int = 0) -> None:
        self._cluster = cluster
        self._name = name
        self.known_number = number
        self._io: Any = None
        self._write_op: Any = None
        self._epoch = -1
        self._opening: asyncio.Task[Any] | None = None

    async def number(self) -> int:
        if not self.known_number:
            await self._open()
        return self.known_number

    def sibling(self, number: int) -> RadosPool:
        return RadosPool(self._cluster, "", number)

    async def _open(self) -> Any:
        """The pool's `rados.Ioctx` on the connection at hand. Errors: Unavailable."""
        handle = await self._cluster.handle()
        if self._epoch == self._cluster.epoch:
            return self._io
        opening = self._opening
        if opening is None or opening.get_loop() is not asyncio.get_running_loop():
            opening = self._opening = asyncio.get_running_loop().create_task(self._open_on(handle))
            opening.add_done_callback(self._opened)
        return await asyncio.shield(opening)

    async def _open_on(self, handle: Any) -> Any:
        epoch = self._cluster.epoch
        io, number = await in_thread(self._io_of, handle)
        self._cluster.keep(io)
        self._io, self.known_number, self._epoch = io, number, epoch
        return io

    def _opened(self, task: asyncio.Task[Any]) -> None:
        self._opening = None
        if not task.cancelled():
            task.exception()  # whoever waits is told

    def _io_of(self, handle: Any) -> tuple[Any, int]:
        rados = librados.load()
        what = f"pool {self._name}" if self._name else f"pool of number {self.known_number}"
        self._write_op = rados.WriteOp
        try:
            io = handle.open_ioctx(self._name) if self._name else handle.open_ioctx2(self.known_number)
            io.set_namespace(self._cluster.namespace)
            number: int = io.get_pool_id()
        except rados.ObjectNotFound as error:
            raise Unavailable(f"Ceph has no {what}, or client.{self._cluster._user} may not see it") from error
        except rados.Error as error:
            raise Unavailable(f"{what}: {error}") from error
        if self.known_number and number != self.known_number:
            raise Unavailable(f"{what} is another one than before")
        return io, number

    def _submit(self, cost: int, begin: Callable[[Any, Any], object], value: Callable[[Any], Any]) -> asyncio.Future[Any]:
        """`begin(io, completed)` on the connection at hand, or as soon as there is one."""
        cluster = self._cluster
        if self._epoch == cluster.epoch and cluster._handle is not None and cluster._process == os.getpid():
            io = self._io
            return cluster.operations.submit(cost, lambda completed: begin(io, completed), value)
        return asyncio.ensure_future(self._submit_later(cost, begin, value))

    async def _submit_later(self, cost: int, begin: Callable[[Any, Any], object], value: Callable[[Any], Any]) -> Any:
        io = await self._open()
        return await self._cluster.operations.submit(cost, lambda completed: begin(io, completed), value)

    def _outcome(self, completion: Any, what: str) -> int:
        """What the operation returned. Errors: as `engine_error`."""
        result: int = completion.get_return_value()
        if result < 0:
            if -result in _LOST:
                self._cluster.lost(self._epoch)
            raise engine_error(-result, what)
        return result

    def write(self, name: str, pieces: Sequence[bytes | memoryview], size: int) -> asyncio.Future[None]:
        def begin(io: Any, completed: Any) -> None:
            if size >= THREAD_FROM_BYTES:
                self._cluster.threads.submit(_guarded, send, io, completed)
            else:
                send(io, completed)

        def send(io: Any, completed: Any) -> None:
            data = b"".join(pieces)
            operation = self._write_op()
            operation.create()
            try:
                operation.write_full(data)
                io.operate_aio_write_op(operation, name, completed, mtime=int(time.time()), flags=_FULL_TRY)
            finally:
                operation.release()

        return self._submit(size + _OVERHEAD_BYTES, begin, lambda outcome: self._written(outcome, name))

    def _written(self, outcome: Any, name: str) -> None:
        if isinstance(outcome[0], Exception):
            raise Unavailable(f"Ceph: object {name}: {outcome[0]}")
        self._outcome(outcome[0], f"object {name}")

    def read(self, name: str, offset: int, length: int) -> asyncio.Future[bytes]:
        def value(outcome: Any) -> bytes:
            read = self._outcome(outcome[0], f"object {name}")
            data: bytes = outcome[1]
            return data if read == len(data) else data[:read]  # of nothing read, librados' module hands out what lay in memory there

        return self._submit(length + _OVERHEAD_BYTES, lambda io, completed: io.aio_read(name, length, offset, completed), value)

    def stat(self, name: str) -> asyncio.Future[tuple[int, float]]:
        def value(outcome: Any) -> tuple[int, float]:
            self._outcome(outcome[0], f"object {name}")
            return outcome[1], time.mktime(outcome[2])

        return self._submit(_OVERHEAD_BYTES, lambda io, completed: io.aio_stat(name, completed), value)

    def remove(self, name: str) -> asyncio.Future[None]:
        def begin(io: Any, completed: Any) -> None:
            operation = self._write_op()
            operation.create()  # what librados' module calls making one
            try:
                operation.remove()
                io.operate_aio_write_op(operation, name, completed, mtime=int(time.time()), flags=_FULL_TRY | _FULL_FORCE)
            finally:
                operation.release()

        def value(outcome: Any) -> None:
            try:
                self._outcome(outcome[0], f"object {name}")
            except Gone:
                return

        return self._submit(_OVERHEAD_BYTES, begin, value)

    async def walk(self) -> AsyncIterator[list[str]]:
        io = await self._open()
        rados = librados.load()
        try:
            names = await in_thread(io.list_objects)
            while batch := await in_thread(_some, names):
                yield batch
        except rados.Error as error:
            raise engine_error(abs(error.errno or errno.EIO), "listing of objects") from error

    async def close(self) -> None:
        await self._cluster.close()


def _guarded(send: Callable[[Any, Any], None], io: Any, completed: Any) -> None:
    try:
        send(io, completed)
    except Exception as error:
        completed(error)


def _some(names: Iterator[Any]) -> list[str]:
    """The next names of a listing, [] at its end; in a thread."""
    found: list[str] = []
    for item in names:
        found.append(item.key)
        if len(found) >= _WALK_NAMES:
            break
    return found


def open_pools(conf: str, user: str, pool: str, pools: dict[str, str], timeout_s: float, connected: Connected | None = None,
               namespace: str = "") -> dict[str, RadosPool]:  # fmt: skip
    """The pools of the storage classes in `pools`, and `pool` for the rest (class ""), on one connection. Nothing is connected yet. Stores
    with different namespaces share pools and never meet each other's objects."""
    cluster = RadosCluster(conf, user, timeout_s, connected, namespace)
    opened = {name: RadosPool(cluster, name) for name in {pool, *pools.values()}}
    return {"": opened[pool]} | {storage_class: opened[name] for storage_class, name in pools.items()}
