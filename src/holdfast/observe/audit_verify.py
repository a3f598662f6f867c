"""Reads an audit log from end to end and says whether every line is the one that was written, in its place, and none is missing."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from hmac import compare_digest
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from holdfast.observe.audit_chain import Files, Head, Keys, Place, follows, locked, read_head, split


class Found(msgspec.Struct):
    """What verifying found. `broken` names the first line that is not as it was written ("" for none) and what is wrong with it; `notes` are
    things that happened to the log and are in it."""

    files: list[tuple[str, int]] = []
    lines: int = 0
    first: str = ""
    last: str = ""
    notes: list[str] = []
    broken: str = ""


class _Broken(Exception):
    """The first thing that is wrong."""


def verify(path: Path, keys: Keys) -> Found:
    """Verifies the log at `path` with its full files, as it is at this moment, while others may write on. Errors: OSError."""
    files = Files(path)
    found = Found()
    with contextlib.ExitStack() as stack:
        with locked(files.lock, fcntl.LOCK_SH) if files.lock.exists() else contextlib.nullcontext():
            try:
                head = read_head(keys, files.head)
            except ValueError as error:
                found.broken = f"{files.head.name}: {error}"
                return found
            names = [*files.kept(), *([path] if path.exists() else [])]
            opened = [(name, stack.enter_context(name.open("rb")), name.stat().st_size) for name in names]
        if head is None:
            found.broken = f"{files.head.name} is missing" if opened else f"there is no audit log at {path}"
            return found
        try:
            _all(found, keys, head, sorted(opened, key=_begins))
        except _Broken as error:
            found.broken = str(error)
    return found


def _begins(one: tuple[Path, BinaryIO, int]) -> int:
    """The number of a file's first line, or of what its name says."""
    _, file, _ = one
    seq = _seq(file.readline(1 << 16))
    file.seek(0)
    return seq if seq is not None else 1 << 62


def _all(found: Found, keys: Keys, head: Head, opened: list[tuple[Path, BinaryIO, int]]) -> None:
    place: Place | None = keys.genesis() if head.first == 1 else None
    for name, file, size in opened:
        if size:
            place = _one(found, keys, head, place, name, file.read(size))
    seq = 0 if place is None else place.seq
    if seq < head.seq:
        raise _Broken(f"{opened[-1][0].name if opened else 'the log'}: cut off at its end: lines {seq + 1} to {head.seq} are missing")


def _one(found: Found, keys: Keys, head: Head, place: Place | None, path: Path, data: bytes) -> Place:
    """One file after another one that ended at `place`; None for the oldest, whose first line says what was before it."""
    *whole, rest = data.split(b"\n")
    found.files.append((path.name, len(whole)))
    for number, raw in enumerate(whole):
        where = f"{path.name}, line {number + 1}"
        if place is None:
            place = _start(head, raw, where)
        after = follows(keys, place, raw)
        if after is None:
            raise _Broken(f"{where}: {_why(keys, place, raw, whole[number + 1] if number + 1 < len(whole) else b'')}")
        if after.seq == head.seq and not compare_digest(after.mac.hex(), head.mac):
            raise _Broken(f"{where}: it is not the line that the anchor names")
        place = after
        _note(found, json.loads(raw), where)
    if rest:
        found.notes.append(f"{path.name}: {len(rest)} bytes of a line that a crash cut off; the next start takes them out")
    return place or Place(0, bytes(32))


def _start(head: Head, raw: bytes, where: str) -> Place:
    """Where the oldest file begins: no later than the anchor says."""
    seq = _seq(raw)
    if seq is None:
        raise _Broken(f"{where}: it was changed: it is no line of an audit log")
    if seq > head.first:
        raise _Broken(f"{where}: cut off at its beginning: lines {head.first} to {seq - 1} are missing")
    try:
        return Place(seq - 1, bytes.fromhex(json.loads(raw).get("previous", "")))
    except (ValueError, TypeError):
        raise _Broken(f"{where}: it was changed: it does not say what was before it") from None


def _why(keys: Keys, place: Place, raw: bytes, after: bytes) -> str:
    """What must have happened where another line stands than the one that belongs there."""
    seq, expected = _seq(raw), place.seq + 1
    if follows(keys, place, after) is not None:
        return f"it was inserted or moved here: number {expected} comes after it"
    if seq is None:
        return f"it was changed: it is no line of an audit log (number {expected} belongs here)"
    if seq > expected:
        return f"lines {expected} to {seq - 1} were removed before it"
    if seq < expected:
        return f"it was inserted or moved here: number {seq} stands before number {expected}"
    _, mac = split(raw)
    return f"it was changed: number {seq} is not as it was written" + ("" if mac else ", its MAC is gone")


def _seq(raw: bytes) -> int | None:
    try:
        seq = json.loads(raw)["seq"]
    except (ValueError, KeyError, TypeError):
        return None
    return seq if isinstance(seq, int) and not isinstance(seq, bool) else None


def _note(found: Found, line: dict[str, Any], where: str) -> None:
    found.lines += 1
    found.first = found.first or line.get("time", "")
    found.last = line.get("time", "")
    details = line.get("details", {})
    if line.get("door") != "audit":
        return
    if line["action"] == "AuditAlarm":
        raise _Broken(f"{where}: an alarm of the store itself: {details.get('what')}")
    if line["action"] == "AuditTorn":
        found.notes.append(f"{where}: a crash had torn a line of {details.get('bytes')} bytes, which was taken out")
    if line["action"] == "AuditDropped":
        found.notes.append(f"{where}: {details.get('count')} events were counted, not listed ({details.get('why')})")


def report(found: Found) -> Iterator[str]:
    """What `holdfast audit verify` prints."""
    for name, lines in found.files:
        yield f"{name}: {lines} lines"
    yield f"{found.lines} lines verified" + (f", {found.first} to {found.last}" if found.lines else "")
    yield from found.notes
    yield f"BROKEN {found.broken}" if found.broken else "OK"
