"""The application log: one JSON line an event on stderr, control characters escaped."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping

import msgspec

_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime", "taskName"}
_encode = msgspec.json.Encoder().encode


class JsonLines(logging.Formatter):
    """time, level, process, logger, message, what `extra` gave, and the traceback of an exception."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((name, _plain(value)) for name, value in record.__dict__.items() if name not in _STANDARD)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        text = _encode(line).decode()
        return text if text.isascii() else text.encode("ascii", "backslashreplace").decode()


def _plain(value: object) -> object:
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return str(value)


def configure(level: str, process: str) -> None:
    """Sends every logger of this process to stderr. Call again after a fork with the process's own name."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("botocore", "asyncio", "urllib3", "hpack", "uvicorn"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
