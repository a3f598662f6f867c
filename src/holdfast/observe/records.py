"""Finds what the access log and the audit log say of one request."""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

REQUEST_ID = re.compile(r"[0-9A-F]{16}\Z")


class Record(msgspec.Struct, frozen=True):
    """One request: its line of the access log ({} where it is not there any more), and its lines of the audit log, oldest first."""

    request_id: str
    access: dict[str, Any]
    audit: list[dict[str, Any]]


def find(data_dir: Path, request_id: str, *, access_log: Path | None = None, audit_log: Path | None = None) -> Record | None:
    """The record of a request, None where no log knows it. `access_log` and `audit_log` are given where they are not below the data directory.

    Errors: ValueError for what is no request id; OSError.
    """
    if not REQUEST_ID.match(request_id):
        raise ValueError(f"{request_id!r} is no request id: it has 16 digits and upper-case letters from A to F")
    access = access_log or data_dir / "logs" / "access.jsonl"
    audit = audit_log or data_dir / "logs" / "audit.jsonl"
    served = next((line for path in _access_files(access) for line in _lines(path, request_id)), {})
    judged = [line for path in _audit_files(audit) for line in _lines(path, request_id)]
    if not served and not judged:
        return None
    return Record(request_id, served, judged)


def _access_files(path: Path) -> list[Path]:
    """Newest first."""
    return [path, *sorted(path.parent.glob(path.name + ".[0-9]*"), key=lambda one: int(one.suffix[1:]) if one.suffix[1:].isdigit() else 0)]


def _audit_files(path: Path) -> list[Path]:
    """Oldest first."""
    return [*sorted(path.parent.glob(f"{path.stem}-[0-9]*{path.suffix}")), path]


def _lines(path: Path, request_id: str) -> Iterator[dict[str, Any]]:
    """The lines of that request in one file, which is searched without being read into memory."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        if not path.stat().st_size:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            at = view.find(request_id.encode())
            while at >= 0:
                begin, end = view.rfind(b"\n", 0, at) + 1, view.find(b"\n", at)
                end = len(view) if end < 0 else end
                line = _read(view[begin:end])
                if line.get("request_id") == request_id:
                    yield line
                at = view.find(request_id.encode(), end)


def _read(raw: bytes) -> dict[str, Any]:
    try:
        line = json.loads(raw)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
