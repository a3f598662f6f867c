"""Where a cluster is: the URL of the engine, taken apart.

`cluster://?postgres=DSN&ceph=CONF&pool=POOL`, each value percent-encoded where it holds `&`, `%`, `+` or a space.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import msgspec

from holdfast.engine.api import EngineError

SCHEME = "cluster"
INLINE_BYTES_MAX = 8 * 1024
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}\Z")
_CLASS = "pool."


class BadPlace(EngineError):
    """The URL does not say where a cluster is; the message says why, for who wrote it."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """`postgres` is libpq's connection string or URI, `replica` that of a replica for listings, `ceph` the path of a ceph.conf, `user` the
    cephx client without "client.", `pool` where bodies go, `pools` other pools by storage class. `timeout_s` is how long one step may take
    before it is given up, `linger_s` how long a large body outlives its last name, for those who read it. `reads`, `pages` and `steps` are
    connections of one process by what they carry."""

    postgres: str
    ceph: str
    replica: str = ""
    pool: str
    user: str = "admin"
    schema: str = "holdfast"
    inline_bytes_max: int = INLINE_BYTES_MAX
    timeout_s: float = 5.0
    linger_s: float = 120.0
    pools: dict[str, str] = {}
    insecure_ceph: str = "warn"
    reads: int = 2
    pages: int = 2
    steps: int = 3


_NUMBERS = {"inline": ("inline_bytes_max", 0, 1 << 20), "reads": ("reads", 1, 64), "pages": ("pages", 1, 64), "steps": ("steps", 1, 64)}
_TEXTS = ("postgres", "replica", "ceph", "pool", "user", "schema")


def place_of(url: str) -> Place:
    """Errors: BadPlace."""
    parts = urlsplit(url)
    if parts.scheme != SCHEME or parts.netloc or parts.path not in ("", "/"):
        raise BadPlace(f"an engine is given as cluster://?postgres=DSN&ceph=CONF&pool=POOL, not as {parts.scheme}://{parts.netloc}{parts.path}")
    values: dict[str, object] = {}
    pools: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in values or name[len(_CLASS) :] in pools:
            raise BadPlace(f"the engine's URL says {name} twice")
        if name in _TEXTS:
            values[name] = value
        elif name.startswith(_CLASS) and value:
            pools[name[len(_CLASS) :]] = value
        elif name in _NUMBERS:
            field, least, most = _NUMBERS[name]
            values[field] = _number(name, value, least, most)
        elif name == "linger":
            values["linger_s"] = float(_number(name, value, 0, 86400))
        elif name == "timeout":
            values["timeout_s"] = float(_number(name, value, 1, 600))
        elif name == "insecure_ceph" and value in ("warn", "refuse"):
            values["insecure_ceph"] = value
        else:
            known = ", ".join((*_TEXTS, "pool.CLASS", *_NUMBERS, "timeout", "linger", "insecure_ceph=warn|refuse"))
            raise BadPlace(f"the engine's URL says {name}={value}, which means nothing here; it knows {known}")
    missing = [name for name in ("postgres", "ceph", "pool") if not values.get(name)]
    if missing:
        raise BadPlace(f"the engine's URL lacks {' and '.join(missing)}: cluster://?postgres=DSN&ceph=CONF&pool=POOL")
    if _SCHEMA.match(str(values.get("schema", "holdfast"))) is None:
        raise BadPlace("the engine's schema is a name of lower-case letters, digits and _")
    return msgspec.convert({**values, "pools": pools}, Place)


def _number(name: str, value: str, least: int, most: int) -> int:
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        raise BadPlace(f"the engine's {name} is a whole number from {least} to {most}, not {value!r}")
    return int(value)
