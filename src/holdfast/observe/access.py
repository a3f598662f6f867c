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

    `error` is the S3 code of a refusal. `access_key` names the key, never the secret; `user` is its user's name, `principal` its id. `started`
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
    principal: str = ""
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


class Clock:
    """Seconds since the epoch as RFC 3339 text with milliseconds; the date is formatted once a second, the rest once a millisecond."""

    def __init__(self) -> None:
        self._second = self._ms = -1
        self._date = self._text = ""

    def text(self, moment: float) -> str:
        ms = int(moment * 1000)
        if ms != self._ms:
            self._ms = ms
            if ms // 1000 != self._second:
                self._second = ms // 1000
                self._date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self._second))
            self._text = f"{self._date}.{ms % 1000:03d}Z"
        return self._text


_clock = Clock()


_AGENTS_MAX = 256
_agents: dict[bytes, str] = {}


def line_of(request: Request, status: int, bytes_in: int, bytes_out: int, first_s: float, total_s: float) -> Line:
    """What is to be written of a finished request: only numbers and text, so that nothing of the request is kept alive."""
    seen = request.seen if isinstance(request.seen, Seen) else _NOTHING
    operation = seen.operation
    agent = request.headers.get(b"user-agent")
    total_us = int(total_s * 1e6)
    return Line(
        _clock.text(request.received_at),
        request.id,
        request.peer,
        request.method,
        operation,
        status,
        bytes_in,
        bytes_out,
        total_us,
        total_us if first_s is total_s else int(first_s * 1e6),
        seen.bucket,
        seen.key,
        seen.version_id,
        seen.access_key,
        seen.user,
        seen.error,
        "" if seen.only_signed or not request.query else _shown(request.query),
        "" if operation else _path(request.path[:256]),
        _agents.get(agent) or _agent(agent) if agent else "",
        request.secure,
    )


def _agent(agent: bytes) -> str:
    """The start of a user agent as text; of the few that come again and again it is remembered."""
    text = agent[:256].decode("latin-1")
    if len(agent) <= 256:
        if len(_agents) >= _AGENTS_MAX:
            _agents.clear()
        _agents[agent] = text
    return text


def text_of(record: Line) -> bytes:
    """A line with its newline: ASCII only, every control character escaped."""
    try:
        text = _encode(record)
    except UnicodeEncodeError:  # a lone surrogate somewhere
        text = json.dumps(msgspec.structs.asdict(record)).encode()
    if text.isascii() and b"\x7f" not in text:
        return text + b"\n"
    return json.dumps(msgspec.json.decode(text)).replace("\x7f", "\\u007f").encode() + b"\n"


def _text(lines: Sequence[Line]) -> bytes:
    """All lines at once where nothing in them needs care, which costs half of one at a time."""
    try:
        text = _encode_lines(lines)
        if text.isascii() and b"\x7f" not in text:
            return text
    except UnicodeEncodeError:
        pass
    return b"".join(map(text_of, lines))


def refused_line(status: int, error: str, request_id: str, moment: float) -> Line:
    """The line of what was refused before it was a request: nothing of it can be trusted to be printed."""
    return Line(_clock.text(moment), request_id, "", "", "", status, 0, 0, 0, error=error)


def _shown(query: bytes) -> str:
    """The parameters that may be written."""
    return b"&".join([pair for pair in query.split(b"&") if pair.partition(b"=")[0] in _QUERY]).decode("latin-1")


def _path(path: bytes) -> str:
    """The raw path (its start) of a request that no operation claimed; what follows /p/ would be a token."""
    text = path.decode("latin-1")
    return "/p/..." if text.lstrip("/").startswith(("p/", "%70/")) else text


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
        self._lines: list[Line] = []
        self.dropped = 0
        self.written = 0

    def add(self, line: Line) -> None:
        """Takes a line, in order."""
        self._lines.append(line)
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
