"""The chain of the audit log: lines that each vouch for all before them, appended under a lock by every process to one file.

The MAC of a line is HMAC-SHA256 over the MAC of the line before and its own text without the MAC, under a key that is derived from the
master key: whoever has only the log can neither change, insert nor remove a line unnoticed. `audit.head` beside it, under the same
key, says how far the chain has come and where it begins, so that cutting off either end is noticed too. Files: `audit.jsonl`, and
`audit-<first number>.jsonl` for those that were full.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

_MARK = b',"mac":"'
_MAC_CHARACTERS = 64
_TAIL = len(_MARK) + _MAC_CHARACTERS + 2  # and the closing quote and brace
_DIGITS = re.compile(r"[0-9a-f]{64}\Z")
_HEAD_BYTES = 512
_CHARACTERS_MAX = 2048
_FRAGMENT_MAX = 512


class Head(msgspec.Struct, frozen=True):
    """How far the chain has come: number and MAC of the last line; `first` is the first number that is kept, `begins` that of the current
    file, `size` its bytes."""

    seq: int
    mac: str
    first: int
    begins: int
    size: int


class Place(NamedTuple):
    """Where in the chain one is: the number and the MAC of the last line."""

    seq: int
    mac: bytes


class Keys:
    """The keys of the chain by the id of the master key that each comes from; the first one signs, all of them verify."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self.current = next(iter(self._keys))

    def mac(self, id: str, before: bytes, text: bytes) -> bytes:
        """Errors: KeyError for a key that is not held."""
        return hmac.new(self._keys[id], before + text, hashlib.sha256).digest()

    def genesis(self) -> Place:
        """Where every chain begins."""
        return Place(0, bytes(32))


def encode(line: Mapping[str, Any]) -> bytes:
    """One line of JSON in printable ASCII without its newline: no value, whatever it holds, can begin another line."""
    return json.dumps(_bounded(line), separators=(",", ":")).replace("\x7f", "\\u007f").encode("ascii")


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _CHARACTERS_MAX else value[:_CHARACTERS_MAX] + "..."
    if isinstance(value, Mapping):
        return {str(name)[:_CHARACTERS_MAX]: _bounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_bounded(item) for item in value]
    return value if isinstance(value, int | float) or value is None else _bounded(str(value))


def follows(keys: Keys, place: Place, raw: bytes) -> Place | None:
    """The place after the line `raw` (without newline), or None where it is not the line that belongs there."""
    text, mac = split(raw)
    if text is None:
        return None
    try:
        line = json.loads(text)
        if line["seq"] != place.seq + 1 or not hmac.compare_digest(keys.mac(line["mac_key"], place.mac, text), mac):
            return None
    except (ValueError, KeyError, TypeError):
        return None
    return Place(place.seq + 1, mac)


def split(raw: bytes) -> tuple[bytes | None, bytes]:
    """The text that a line's MAC covers, and the MAC; None where it is no line of an audit log."""
    text, tail = raw[:-_TAIL], raw[-_TAIL:]
    try:
        digits = tail[len(_MARK) : -2].decode("ascii")
        if not tail.startswith(_MARK) or not tail.endswith(b'"}') or not _DIGITS.match(digits):
            return None, b""
        return text + b"}", bytes.fromhex(digits)
    except ValueError:
        return None, b""


def read_head(keys: Keys, path: Path) -> Head | None:
    """The anchor, or None where there is none. Errors: ValueError for one that is not what this store wrote."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    text, mac = split(raw.rstrip())
    if text is None:
        raise ValueError("the anchor is damaged")
    line = json.loads(text)
    try:
        if not hmac.compare_digest(keys.mac(line["mac_key"], b"head", text), mac):
            raise ValueError("the anchor is forged")
    except (KeyError, TypeError):
        raise ValueError("the anchor is damaged, or made under a master key that is not there") from None
    return msgspec.convert(line, Head)


class Files(NamedTuple):
    """The names that belong to a log at `path`."""

    path: Path

    @property
    def head(self) -> Path:
        return self.path.with_suffix(".head")

    @property
    def lock(self) -> Path:
        return self.path.with_suffix(".lock")

    def full(self, begins: int) -> Path:
        return self.path.with_name(f"{self.path.stem}-{begins:012d}{self.path.suffix}")

    def kept(self) -> list[Path]:
        """Those that were full, oldest first."""
        return sorted(self.path.parent.glob(f"{self.path.stem}-[0-9]*{self.path.suffix}"))


@contextmanager
def locked(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Alone with the log among all processes. The lock goes with the process that holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, how)
        yield
    finally:
        os.close(fd)


class Chain:
    """Appends to the log at `path`; `files` full ones of `bytes_max` are kept. Not for several threads at once."""

    def __init__(self, path: Path, keys: Keys, *, bytes_max: int = 64 << 20, files: int = 16) -> None:
        self.files = Files(path)
        self._keys = keys
        self._bytes_max = bytes_max
        self._kept = files

    def append(self, lines: Iterable[Mapping[str, Any]]) -> int:
        """Writes and syncs all lines, in order, and returns their number. Errors: OSError, and then none of them is in the log."""
        self.files.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.files.lock):
            fd = os.open(self.files.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                return self._append(fd, lines)
            finally:
                os.close(fd)

    def _append(self, fd: int, lines: Iterable[Mapping[str, Any]]) -> int:
        head, found = self._take_up(fd)
        place = Place(head.seq, bytes.fromhex(head.mac))
        begins, size = head.begins, os.fstat(fd).st_size
        out: list[bytes] = []
        for line in (*found, *lines):
            before = {"previous": place.mac.hex()} if size == 0 and not out else {}
            text = encode({"seq": place.seq + 1, **line, **before, "mac_key": self._keys.current})
            place = Place(place.seq + 1, self._keys.mac(self._keys.current, place.mac, text))
            out.append(text[:-1] + _MARK + place.mac.hex().encode() + b'"}\n')
        data = b"".join(out)
        self._write(fd, data, size)
        head = Head(place.seq, place.mac.hex(), head.first, begins, size + len(data))
        self._anchor(head)
        if head.size >= self._bytes_max:
            self._rotate(head)
        return len(out) - len(found)

    def _write(self, fd: int, data: bytes, size: int) -> None:
        """All of it, on stable storage; after an error the file is as it was."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fdatasync(fd)
        except OSError:
            os.ftruncate(fd, size)
            raise

    def _take_up(self, fd: int) -> tuple[Head, list[dict[str, Any]]]:
        """Where the chain goes on, and lines that tell what was found there: a line torn by a crash (which is taken out), or an alarm."""
        size = os.fstat(fd).st_size
        try:
            head = read_head(self._keys, self.files.head)
            if head is None and not size and not self.files.kept():
                return self._begin(), []
            trouble = "the anchor is missing"
        except ValueError as error:
            head, trouble = None, str(error)
        if head is None:
            head = self._last_resort(fd)
            return head, [_event("AuditAlarm", what=trouble)]
        if size < head.size and not size and self.files.full(head.begins).exists():  # a crash in the middle of a rotation
            return Head(head.seq, head.mac, head.first, head.seq + 1, 0), []
        if size < head.size:
            _end_line(fd)
            return head, [_event("AuditAlarm", what=f"the log is {head.size - size} bytes shorter than it was")]
        if size == head.size:
            return head, []
        return self._read_on(fd, head)

    def _read_on(self, fd: int, head: Head) -> tuple[Head, list[dict[str, Any]]]:
        """Lines that a process wrote before it was killed, without coming to the anchor."""
        place, at = Place(head.seq, bytes.fromhex(head.mac)), head.size
        *whole, rest = os.pread(fd, os.fstat(fd).st_size - at, at).split(b"\n")
        found: list[dict[str, Any]] = []
        for raw in whole:
            after = follows(self._keys, place, raw)
            if after is None:
                found = [_event("AuditAlarm", what="there are lines that this store did not write")]
            else:
                place = after
        if rest:
            os.ftruncate(fd, os.fstat(fd).st_size - len(rest))
            found.append(_event("AuditTorn", bytes=len(rest), fragment=rest[:_FRAGMENT_MAX].decode("latin-1")))
        return Head(place.seq, place.mac.hex(), head.first, head.begins, os.fstat(fd).st_size), found

    def _last_resort(self, fd: int) -> Head:
        """Goes on after the last line that can be read, for a log whose anchor is lost."""
        lines = [raw for raw in os.pread(fd, os.fstat(fd).st_size, 0).split(b"\n") if split(raw)[0] is not None]
        if not lines and self.files.kept():
            lines = [raw for raw in self.files.kept()[-1].read_bytes().split(b"\n") if split(raw)[0] is not None]
        text, mac = split(lines[-1]) if lines else (None, bytes(32))
        seq = json.loads(text).get("seq", 0) if text is not None else 0
        end = _end_line(fd)
        first = self.files.kept()[0].stem.rpartition("-")[2] if self.files.kept() else "1"
        return Head(seq, mac.hex(), int(first), 1 if end else seq + 1, end)

    def _begin(self) -> Head:
        """A new chain: its anchor is durable before its first line is."""
        place = self._keys.genesis()
        head = Head(place.seq, place.mac.hex(), 1, 1, 0)
        self._anchor(head, sync=True)
        return head

    def _anchor(self, head: Head, *, sync: bool = False) -> None:
        text = encode({**msgspec.structs.asdict(head), "mac_key": self._keys.current})
        mac = self._keys.mac(self._keys.current, b"head", text).hex().encode()
        record = (text[:-1] + _MARK + mac + b'"}').ljust(_HEAD_BYTES - 1) + b"\n"
        fd = os.open(self.files.head, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(fd, record, 0)
            if sync:
                os.fsync(fd)
                _sync_folder(self.files.head.parent)
        finally:
            os.close(fd)

    def _rotate(self, head: Head) -> None:
        """The current file gets the name of its first line; the oldest go, after the anchor has said so."""
        self.files.path.rename(self.files.full(head.begins))
        kept = self.files.kept()
        gone, stay = kept[: max(0, len(kept) - self._kept)], kept[max(0, len(kept) - self._kept) :]
        first = int(stay[0].stem.rpartition("-")[2]) if stay else head.seq + 1
        self._anchor(Head(head.seq, head.mac, max(first, head.first), head.seq + 1, 0), sync=True)
        for path in gone:
            path.unlink(missing_ok=True)


def _end_line(fd: int) -> int:
    """Ends what was left of a line, so that the next one is not taken for its end. The size of the file."""
    end = os.fstat(fd).st_size
    if end and os.pread(fd, 1, end - 1) != b"\n":
        end += os.write(fd, b"\n")
    return end


def _event(action: str, **details: Any) -> dict[str, Any]:
    """A line of the log about itself."""
    return {"time": moment(time.time()), "door": "audit", "action": action, "decision": "note", "details": details}


def moment(at: float) -> str:
    """RFC 3339 with milliseconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}Z"


def _sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
