"""A value as it was written, read as the type of its setting, or refused in words."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from holdfast.config.settings import Row

_SIZE = re.compile(r"(-?\d+)\s*([KMGT]i?B?)?\Z")
_UNITS = {"K": 10, "M": 20, "G": 30, "T": 40}
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class ConfigError(Exception):
    """A setting that cannot be used; the message names it, where it came from, and what would be right."""


def nearest(name: str, known: Mapping[str, Any] | list[str] | tuple[str, ...]) -> str:
    """" Did you mean ...?" for a misspelt name, or "" where nothing is near."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def typed_value(row: Row, raw: Any, where: str) -> Any:
    """The typed value of `raw`; strings (environment, command line) are read, TOML values must have the type. Errors: ConfigError."""
    value = _typed(row, raw, where)
    about = row.about
    if about.choices and value not in about.choices:
        raise ConfigError(f"{where}: {value!r} is not one of {', '.join(about.choices)}.{nearest(str(value), about.choices)}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if about.low is not None and value < about.low:
            raise ConfigError(f"{where}: {value} is too small; at least {about.low:g} is needed")
        if about.high is not None and value > about.high:
            raise ConfigError(f"{where}: {value} is too large; at most {about.high:g} is possible")
    return value


def _typed(row: Row, raw: Any, where: str) -> Any:
    kind = row.kind
    if kind is bool:
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, str) and raw.lower() in _WORDS:
            return _WORDS[raw.lower()]
        raise ConfigError(f"{where}: {raw!r} is neither true nor false")
    if kind is int:
        match = _SIZE.match(raw.strip()) if isinstance(raw, str) else None
        if match is not None and (match[2] is None or "_bytes_" in row.name):
            return int(match[1]) << (_UNITS[match[2][0]] if match[2] else 0)
        if isinstance(raw, int) and not isinstance(raw, bool):
            return raw
        raise ConfigError(f"{where}: {raw!r} is not a whole number" + (" or a size such as 64KiB" if "_bytes_" in row.name else ""))
    if kind is float:
        try:
            if not isinstance(raw, bool) and abs(float(raw)) < 1e12:
                return float(raw)
        except (TypeError, ValueError):
            pass
        raise ConfigError(f"{where}: {raw!r} is not a number of seconds")
    if kind is str:
        if isinstance(raw, str) and "\0" not in raw:
            return raw.strip()
        raise ConfigError(f"{where}: {raw!r} is not a text")
    parts = raw if isinstance(raw, list | tuple) else [raw]
    if not all(isinstance(part, str) for part in parts):
        raise ConfigError(f"{where}: {raw!r} is not a list of texts")
    return tuple(piece.strip().lower() for part in parts for piece in part.split(",") if piece.strip())


def address(text: str) -> tuple[str, int]:
    """Host and port of "host:port", "[::1]:port" or ":port" (every address). Errors: ConfigError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535 or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise ConfigError(f"{text!r} is not an address; write HOST:PORT, for example 127.0.0.1:9000 or [::1]:9000")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether a host is reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
