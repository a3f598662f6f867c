"""Backups of an embedded store: snapshots of its databases by SQLite's online backup, and the files of bodies that they name.

In the folder of a store's backups: `blobs/xx/<id>`, which all snapshots share, since a file never changes and its name is never used
again; and for each snapshot a directory `<time>` with `catalog.db`, `registry.db` and `backup.json`. One without `backup.json` is none.
The catalog's snapshot is taken first and the registry's after it: whatever an object needs of the registry (a key that
wraps its data key) was there before the object.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import apsw
import msgspec

from holdfast.engine.api import Damaged, EngineError, Unavailable
from holdfast.engine.embedded import files, journal, rows, schema, upkeep
from holdfast.engine.embedded.engine import RESTORING
from holdfast.engine.embedded.keep import Held
from holdfast.engine.embedded.moving import FROZEN
from holdfast.engine.embedded.reading import PIECE_BYTES
from holdfast.engine.embedded.registry import DOCUMENT

NOTE = "backup.json"
MASTER_KEY = "master.key"
_DATABASES = ("catalog.db", "registry.db")
_PARTIAL = ".partial"
_PAGES = 4096
"""Pages of a database copied at a time: 16 MiB."""
_THREADS = 4

Told = Callable[[int, int], None]
"""Told of files and bytes that are dealt with."""


class Note(msgspec.Struct, frozen=True, rename="kebab"):
    """What a snapshot is. Sizes in bytes; `files` and `file_bytes` are all that it names, `new_` what was copied for it; `sha256` of each
    database, by name; `damages` what could not be copied, one line each."""

    name: str
    source: str
    files: int
    file_bytes: int
    new_files: int
    new_bytes: int
    sha256: dict[str, str]
    master_key_ids: list[str] = []
    with_master_key: bool = False
    damages: list[str] = []
    format: int = 1


def snapshots(folder: Path) -> list[Note]:
    """The snapshots of a folder, oldest first. Errors: Unavailable."""
    found = []
    for note in sorted(folder.glob(f"*/{NOTE}")):
        try:
            one = msgspec.json.decode(note.read_bytes(), type=Note)
        except (OSError, msgspec.MsgspecError) as error:
            raise Unavailable(f"{note}: {error}") from error
        if one.format != 1:
            raise Unavailable(f"{note} was written by a newer release")
        found.append(one)
    return found


def find(folder: Path, name: str = "") -> Note:
    """The newest snapshot, or the one with that name. Errors: Unavailable."""
    found = [note for note in snapshots(folder) if name in ("", note.name)]
    if not found:
        raise Unavailable(f"{folder} holds no snapshot{' ' + name if name else ''}")
    return found[-1]


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """The folder for one process at a time. Errors: Unavailable."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(folder / "lock", "ab", opener=_private) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(f"another backup is at work in {folder}") from None
        yield


# ---- taking ----


class Taking:
    """One backup of the store in `data_dir`, which may be served meanwhile, into `folder`. With `link` files are linked, not copied. With
    `master_key` the master key goes into the snapshot too."""

    def __init__(self, data_dir: Path, folder: Path, *, link: bool = False, master_key: bool = False, key_ids: list[str], told: Told) -> None:
        self._data_dir = data_dir
        self._folder = folder
        self._link = link
        self._master_key = master_key
        self._key_ids = key_ids
        self._told = told
        self._counts = {"files": 0, "file_bytes": 0, "new_files": 0, "new_bytes": 0}
        self._damages: list[str] = []

    def run(self, keep: int) -> Note:
        """The new snapshot; of all only the newest `keep` are left. Errors: Unavailable, OSError; what was done stays for the next one."""
        self._require_store()
        with _claimed(self._folder):
            _make_directories(self._folder / "blobs")
            for unfinished in self._folder.glob("*" + _PARTIAL):
                shutil.rmtree(unfinished)
            name = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            while (self._folder / name).exists():
                time.sleep(0.1)
                name = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            partial = self._folder / (name + _PARTIAL)
            partial.mkdir(mode=0o700)
            with Held(self._data_dir):
                for database in _DATABASES:
                    copy_database(self._data_dir / database, partial / database)
                self._files(partial / "catalog.db")
            note = self._finish(name, partial)
            prune(self._folder, keep)
            return note

    def _require_store(self) -> None:
        if not (self._data_dir / "catalog.db").exists():
            raise Unavailable(f"there is no store in {self._data_dir}")
        with contextlib.suppress(FileNotFoundError):
            reason = (self._data_dir / FROZEN).read_text("utf-8").strip()
            if reason.startswith("filled from"):
                raise Unavailable(f"{self._data_dir} is not a whole store yet: it is {reason}")

    def _files(self, catalog: Path) -> None:
        """Every file that the snapshot names and the folder does not have yet."""
        for blob_id, done in _in_threads(_named(catalog), self._file):
            try:
                size, is_new = done.result()
            except (Damaged, FileNotFoundError) as error:
                self._damages.append(str(error) if isinstance(error, Damaged) else f"blob {blob_id.hex()}: its file is missing")
                continue
            for name, count in (("files", 1), ("file_bytes", size)):
                self._counts[name] += count
                self._counts["new_" + name.removeprefix("file_")] += count * is_new
            self._told(1, size)

    def _file(self, blob_id: bytes) -> tuple[int, bool]:
        source, target = (files.path_of(place / "blobs", blob_id) for place in (self._data_dir, self._folder))
        with contextlib.suppress(FileNotFoundError):
            return os.stat(target).st_size, False
        if self._link:
            os.link(source, target)
            return os.stat(target).st_size, True
        return copy_file(source, target, blob_id), True

    def _finish(self, name: str, partial: Path) -> Note:
        if self._master_key:
            _copy_private(self._data_dir / MASTER_KEY, partial / MASTER_KEY)
        sums = {database: sha256_of(partial / database) for database in _DATABASES}
        note = Note(
            name=name, source=str(self._data_dir), sha256=sums, master_key_ids=self._key_ids, with_master_key=self._master_key,
            damages=self._damages, **self._counts,
        )  # fmt: skip
        for number in range(256):
            schema.sync_directory(self._folder / "blobs" / f"{number:02x}")
        _write_private(partial / NOTE, msgspec.json.format(msgspec.json.encode(note)) + b"\n")
        schema.sync_directory(partial)
        partial.rename(self._folder / name)
        schema.sync_directory(self._folder)
        return note


def _named(catalog: Path) -> Iterator[bytes]:
    """The files that a snapshot's catalog names."""
    with contextlib.closing(schema.connect(catalog, readonly=True)) as connection:
        for (blob_id,) in connection.execute("SELECT id FROM blobs ORDER BY id"):
            yield blob_id


def _in_threads(ids: Iterator[bytes], work: Callable[[bytes], tuple[int, bool]]) -> Iterator[tuple[bytes, Future[tuple[int, bool]]]]:
    """Work on a few at a time, in order."""
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="file") as pool:
        waiting: deque[tuple[bytes, Future[tuple[int, bool]]]] = deque()
        try:
            for blob_id in ids:
                waiting.append((blob_id, pool.submit(work, blob_id)))
                if len(waiting) > 4 * _THREADS:
                    yield waiting.popleft()
            yield from waiting
        finally:
            pool.shutdown(cancel_futures=True)


def copy_database(source: Path, target: Path) -> None:
    """A snapshot of a database that others write to, in one file, durable; readers and writers of the source are not held up."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    with contextlib.closing(schema.connect(source)) as one, contextlib.closing(apsw.Connection(str(target))) as other:
        one.execute("BEGIN")
        one.execute("SELECT count(*) FROM sqlite_master").fetchall()  # the snapshot is of now; without it every commit of others begins it anew
        with other.backup("main", one, "main") as backup:
            while not backup.done:
                backup.step(_PAGES)
        one.execute("COMMIT")
        with other:
            journal.drop(other)  # that of a migration under way is not the copy's
        other.execute("PRAGMA journal_mode=DELETE").fetchall()  # one file, readable without writing beside it
    with open(target, "rb") as file:
        os.fsync(file.fileno())


def copy_file(source: str, target: str, blob_id: bytes) -> int:
    """A body's file, verified block by block, durable, and there only when it is whole; its size. Errors: Damaged, OSError."""
    partial = target + _PARTIAL
    reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = files.body_bytes(reading, blob_id)
        with open(partial, "wb", buffering=0, opener=_private) as file:
            for at in range(0, size, PIECE_BYTES):
                data = os.pread(reading, min(PIECE_BYTES, size - at), at)
                checks = files.read_checks(reading, size, at // files.BLOCK_BYTES, files.blocks(len(data)))
                files.verify(blob_id, data, at // files.BLOCK_BYTES, checks)
                file.write(data)
            rest = os.pread(reading, files.file_bytes(size) - size, size)
            file.write(rest)
            os.fsync(file.fileno())
        if os.stat(partial).st_size != files.file_bytes(size):
            raise Unavailable(f"{partial}: not all was written")
        os.rename(partial, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise
    finally:
        os.close(reading)
    return files.file_bytes(size)


def prune(folder: Path, keep: int) -> None:
    """Removes all but the newest `keep` snapshots, and the files that none of them names."""
    found = snapshots(folder)
    for old in found[:-keep]:
        (folder / old.name / NOTE).unlink()
        shutil.rmtree(folder / old.name)
    with contextlib.ExitStack() as stack:
        catalogs = [
            stack.enter_context(contextlib.closing(schema.connect(folder / note.name / "catalog.db", readonly=True))) for note in found[-keep:]
        ]
        for entry in (entry for directory in (folder / "blobs").iterdir() for entry in directory.iterdir()):
            try:
                blob_id = bytes.fromhex(entry.name)
            except ValueError:
                entry.unlink()  # cut off
                continue
            if not any(catalog.execute("SELECT 1 FROM blobs WHERE id = ?", (blob_id,)).fetchall() for catalog in catalogs):
                entry.unlink()


# ---- verifying ----


def verify(folder: Path, note: Note, told: Told) -> Iterator[str]:
    """What is wrong with a snapshot: every row and every byte of every file is read. One line each."""
    place = folder / note.name
    for database, sha256 in note.sha256.items():
        try:
            if sha256_of(place / database) != sha256:
                yield f"{database} is not what it was"
        except OSError as error:
            yield f"{database}: {error.strerror}"
            return
    yield from note.damages
    try:
        with contextlib.closing(schema.connect(place / "registry.db", readonly=True)) as connection:
            for row in connection.execute(DOCUMENT):
                rows.document_of(row)
        with contextlib.closing(schema.connect(place / "catalog.db", readonly=True)) as connection:
            after, first = "", True
            while after or first:
                first = False
                damages, after = upkeep.scrub(connection, folder / "blobs", 1000, after)
                yield from damages
                told(1000, 0)
    except (apsw.Error, Damaged) as error:
        yield str(error)


# ---- restoring ----


def restore(folder: Path, note: Note, data_dir: Path, told: Told) -> list[str]:
    """Puts a snapshot into a new or empty directory, or goes on with one that was cut off; every file is verified. What was damaged, one line
    each: an object that names it answers an error when it is read. Errors: Unavailable, OSError."""
    marker = data_dir / RESTORING
    if data_dir.exists() and not marker.exists() and any(entry.name not in ("lock", "logs", "lost+found") for entry in data_dir.iterdir()):
        raise Unavailable(f"{data_dir} is not empty")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if marker.exists() and marker.read_text().strip() != note.name:
        raise Unavailable(f"{data_dir} was begun to be restored from {marker.read_text().strip()}; empty it first")
    _write_private(marker, note.name.encode() + b"\n")
    schema.sync_directory(data_dir)
    place, damages = folder / note.name, []
    for database, sha256 in note.sha256.items():
        if sha256_of(place / database) != sha256:
            raise Unavailable(f"{place / database} is not what it was when the backup was made")
        _copy_private(place / database, data_dir / database)
    _make_directories(data_dir / "blobs")

    def one(blob_id: bytes) -> tuple[int, bool]:
        source, target = (files.path_of(where / "blobs", blob_id) for where in (folder, data_dir))
        with contextlib.suppress(FileNotFoundError):
            return os.stat(target).st_size, False
        return copy_file(source, target, blob_id), True

    for blob_id, done in _in_threads(_named(place / "catalog.db"), one):
        try:
            told(1, done.result()[0])
        except (Damaged, FileNotFoundError) as error:
            damages.append(str(error) if isinstance(error, EngineError) else f"blob {blob_id.hex()}: its file is missing")
    if note.with_master_key:
        _copy_private(place / MASTER_KEY, data_dir / MASTER_KEY)
    for number in range(256):
        schema.sync_directory(data_dir / "blobs" / f"{number:02x}")
    schema.sync_directory(data_dir)
    marker.unlink()
    schema.sync_directory(data_dir)
    return damages


# ---- files ----


def _make_directories(blobs: Path) -> None:
    for directory in (blobs, *(blobs / f"{number:02x}" for number in range(256))):
        directory.mkdir(mode=0o700, exist_ok=True)


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _write_private(path: Path, data: bytes) -> None:
    with open(path, "wb", opener=_private) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _copy_private(source: Path, target: Path) -> None:
    with open(source, "rb") as reading, open(target, "wb", opener=_private) as file:
        shutil.copyfileobj(reading, file, PIECE_BYTES)
        file.flush()
        os.fsync(file.fileno())
