"""The access log: one JSON line a request, without secrets, buffered and appended by every worker to the same file."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from holdfast.model.messages import Request

FLUSH_INTERVAL_S = 0.1
_BUFFER_LINES_MAX = 512
"""To make the text of so many takes about two milliseconds, in which a worker does nothing else."""

# Only these query parameters are ever written: everything else may be a signature, a credential or a token.
_QUERY = frozenset(
    b"list-type prefix delimiter marker max-keys start-after fetch-owner encoding-type key-marker version-id-marker versionId uploads uploadId"
    b" upload-id-marker partNumber part-number-marker max-parts max-uploads max-buckets versions versioning location delete tagging acl policy cors"
    b" lifecycle attributes object-lock retention legal-hold restore select select-type x-id".split()
)


class Seen(msgspec.Struct, gc=False):
    """What became known of a request on its way; the dialect fills it, the access log writes it.

    `error` is the S3 code of a refusal. `access_key` names the key, never the secret; `user` is its user's name. `started`
    is when the handler was called and `answered` when a streamed answer began (0: it was not streamed), on time.monotonic().
    `only_signed`: the query holds nothing besides a signature, so that there is nothing in it to write.
    """

    started: float = 0.0
    answered: float = 0.0
    only_signed: bool = False
    operation: str = ""
    bucket: str = ""
    key: str = ""
    version_id: str = ""
    access_key: str = ""
    user: str = ""
    error: str = ""


class Line(msgspec.Struct, omit_defaults=True, gc=False):
    """One line of the access log. Durations are in microseconds: `total_us` to the last byte, `first_us` to the first."""

    time: str
    request_id: str
    remote: str
    method: str
    operation: str
    status: int
    bytes_in: int
    bytes_out: int
    total_us: int
    first_us: int = 0
    bucket: str = ""
    key: str = ""
    version_id: str = ""
    access_key: str = ""
    user: str = ""
    error: str = ""
    query: str = ""
    path: str = ""
    user_agent: str = ""
    tls: bool = False


_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
_NOTHING = Seen()


_MILLISECONDS = tuple(f"{number:03d}Z" for number in range(1000))


class Clock:
    """Seconds since the epoch as RFC 3339 text with milliseconds; the date is formatted once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, moment: float) -> str:
        second = int(moment)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        return self._text + _MILLISECONDS[int((moment - second) * 1000)]


_clock = Clock()


Pending = tuple[float, str, str, str, str, int, int, int, float, float, str, str, str, str, str, str, bytes, bytes, bytes, bool]
"""What a line will say, in the order of its fields: only numbers and text, so that nothing of the request is kept alive."""


def pending(request: Request, status: int, bytes_in: int, bytes_out: int, first_s: float, total_s: float) -> Pending:
    """What is to be written of a finished request; its text is made when the log is flushed."""
    seen = request.seen if isinstance(request.seen, Seen) else _NOTHING
    operation = seen.operation
    return (
        request.received_at,
        request.id,
        request.peer,
        request.method,
        operation,
        status,
        bytes_in,
        bytes_out,
        total_s,
        first_s,
        seen.bucket,
        seen.key,
        seen.version_id,
        seen.access_key,
        seen.user,
        seen.error,
        b"" if seen.only_signed else request.query,
        b"" if operation else request.path[:256],
        request.headers.get(b"user-agent", b"")[:256],
        request.secure,
    )


def _record(what: Pending) -> Line:
    moment, id, peer, method, operation, status, bytes_in, bytes_out, total_s, first_s, bucket, key, version_id, access_key, user, error = what[:16]
    query, path, agent, secure = what[16:]
    return Line(
        _clock.text(moment),
        id,
        peer,
        method,
        operation,
        status,
        bytes_in,
        bytes_out,
        int(total_s * 1e6),
        int(first_s * 1e6),
        bucket,
        key,
        version_id,
        access_key,
        user,
        error,
        _shown(query) if query else "",
        _path(path) if path else "",
        agent.decode("latin-1"),
        secure,
    )


def line(what: Pending) -> bytes:
    """The line of a finished request, with its newline: ASCII only, every control character escaped."""
    record = _record(what)
    try:
        text = _encode(record)
    except UnicodeEncodeError:  # a lone surrogate somewhere
        text = json.dumps(msgspec.structs.asdict(record)).encode()
    if text.isascii() and b"\x7f" not in text:
        return text + b"\n"
    return json.dumps(msgspec.json.decode(text)).replace("\x7f", "\\u007f").encode() + b"\n"


def _text(lines: Sequence[bytes | Pending]) -> bytes:
    """All lines at once where nothing in them needs care, which costs half of one at a time."""
    try:
        text = _encode_lines([msgspec.Raw(each[:-1]) if isinstance(each, bytes) else _record(each) for each in lines])
        if text.isascii() and b"\x7f" not in text:
            return text
    except UnicodeEncodeError:
        pass
    return b"".join([each if isinstance(each, bytes) else line(each) for each in lines])


def refused_line(status: int, error: str, request_id: str, moment: float) -> bytes:
    """The line of what was refused before it was a request: nothing of it can be trusted to be printed."""
    return _encode(Line(_clock.text(moment), request_id, "", "", "", status, 0, 0, 0, error=error)) + b"\n"


def _shown(query: bytes) -> str:
    """The parameters that may be written."""
    return b"&".join([pair for pair in query.split(b"&") if pair.partition(b"=")[0] in _QUERY]).decode("latin-1")


def _path(path: bytes) -> str:
    """The raw path (its start) of a request that no operation claimed; what follows /p/ would be a token."""
    text = path.decode("latin-1")
    return "/p/..." if text.lstrip("/").startswith("p/") else text


class AccessLog:
    """Appends lines to `path` (None: descriptor `fd`, for example stdout), rotating by size.

    Lines are kept for up to FLUSH_INTERVAL_S: the owner calls `flush` on that beat and at exit. Several processes may write to the same file:
    each flush is one O_APPEND write of whole lines, and rotation is done by one of them under a lock; a file that was
    moved away (by us or by logrotate) is opened anew.
    """

    def __init__(self, path: Path | None, *, fd: int = 1, bytes_max: int = 256 << 20, files: int = 4) -> None:
        self._path = path
        self._fd = fd if path is None else -1
        self._bytes_max = bytes_max
        self._files = files
        self._lines: list[bytes | Pending] = []
        self.dropped = 0
        self.written = 0

    def add(self, text: bytes | Pending) -> None:
        """Takes a line, or what one is to be made of, in order."""
        self._lines.append(text)
        if len(self._lines) >= _BUFFER_LINES_MAX:
            self.flush()

    def flush(self) -> None:
        """Writes what is buffered. A full disk or a lost directory drops the lines and counts them; it never stops a request."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        try:
            if self._path is not None:
                self._follow()
            data = _text(lines)
            while data:
                data = data[os.write(self._fd, data) :]
            self.written += len(lines)
            if self._path is not None and os.lseek(self._fd, 0, os.SEEK_END) >= self._bytes_max:
                self._rotate()
        except OSError:
            self.dropped += len(lines)

    def close(self) -> None:
        self.flush()
        if self._path is not None and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _follow(self) -> None:
        """Opens the file, or opens it anew when its name means another file now."""
        assert self._path is not None
        if self._fd >= 0:
            with contextlib.suppress(FileNotFoundError):
                if os.stat(self._path).st_ino == os.fstat(self._fd).st_ino:
                    return
            os.close(self._fd)
            self._fd = -1
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _rotate(self) -> None:
        """access.jsonl becomes access.jsonl.1, .1 becomes .2 ...; the oldest goes. Only one process at a time, and only if still needed."""
        assert self._path is not None
        lock = os.open(self._path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.stat(self._path).st_size < self._bytes_max:
                    return
                names = [self._path, *(self._path.with_name(f"{self._path.name}.{number}") for number in range(1, self._files + 1))]
                names[-1].unlink(missing_ok=True)
                for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
                    with contextlib.suppress(FileNotFoundError):
                        newer.rename(older)
        finally:
            os.close(lock)
