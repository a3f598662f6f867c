"""Opens an engine by its URL: the one place besides `server.py` that names engines, for the commands that work on a store without a server."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from holdfast.config.settings import Settings
from holdfast.engine.api import Engine, Unavailable
from holdfast.engine.embedded import EmbeddedEngine
from holdfast.engine.embedded import backup as embedded_backup
from holdfast.engine.embedded.engine import INLINE_BYTES_MAX

FORMS = "embedded:///path/to/data-dir, or cluster://?postgres=DSN&ceph=CONF&pool=POOL"

backups = embedded_backup
"""Backups of embedded stores: `Taking`, `snapshots`, `find`, `verify`, `restore`."""


class BadURL(Exception):
    """What was given is not the URL of an engine; the message says what would be."""


class EmbeddedURL(NamedTuple):
    """`embedded:///path?inline=BYTES`: a data directory, and the size up to which bodies live in its database."""

    path: Path
    inline_bytes_max: int


def embedded_url(url: str) -> EmbeddedURL | None:
    """The parts of an embedded engine's URL; None for another engine's. Errors: BadURL."""
    parts = urlsplit(url)
    if parts.scheme != "embedded":
        return None
    if parts.netloc or not parts.path.startswith("/") or parts.path == "/" or parts.fragment:
        raise BadURL(f"{url!r}: the data directory must be an absolute path: embedded:///path/to/data-dir")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    inline = options.pop("inline", str(INLINE_BYTES_MAX))
    if options or not inline.isascii() or not inline.isdigit() or int(inline) > 1 << 20:
        raise BadURL(f"{url!r}: the only option is inline=BYTES, up to 1048576")
    return EmbeddedURL(Path(unquote(parts.path)), int(inline))


def open_url(url: str) -> Engine:
    """The engine at a URL, opened. Errors: BadURL; those of opening: Unavailable, Full."""
    embedded = embedded_url(url)
    if embedded is not None:
        return EmbeddedEngine.open(embedded.path, inline_bytes_max=embedded.inline_bytes_max)
    _require_cluster(url)
    from holdfast.engine.cluster import ClusterEngine
    from holdfast.engine.cluster.place import BadPlace

    try:
        return ClusterEngine.open(url)
    except BadPlace as error:
        raise BadURL(str(error)) from error


def _require_cluster(url: str) -> None:
    """Errors: BadURL for what is no cluster's; Unavailable when what it needs is not installed."""
    if urlsplit(url).scheme != "cluster":
        raise BadURL(f"{shown(url)!r} is not the URL of an engine: {FORMS}")
    try:
        import holdfast.engine.cluster  # noqa: F401
    except ImportError as error:
        needed = "install holdfast[cluster], in a checkout what requirements-cluster.lock names"
        raise Unavailable(f"the cluster engine needs psycopg: {needed} ({error})") from error


def prepare_url(url: str) -> None:
    """Makes ready what one process has to before the others open it: a cluster's schema. Errors: BadURL, Unavailable."""
    if embedded_url(url) is None:
        _require_cluster(url)
        from holdfast.engine.cluster.engine import prepare
        from holdfast.engine.cluster.place import BadPlace

        try:
            prepare(url)
        except BadPlace as error:
            raise BadURL(str(error)) from error


def url_of(settings: Settings) -> str:
    """The URL of the engine that a server's settings name."""
    return settings.engine or f"embedded://{quote(str(Path(settings.data_dir).absolute()))}?inline={settings.inline_bytes_max}"


def holds_a_store(url: str) -> bool:
    """Whether there is one at a URL that could be opened without making it. Errors: BadURL."""
    embedded = embedded_url(url)
    return embedded is None or (embedded.path / "catalog.db").exists()


def shown(url: str) -> str:
    """A URL as it may be printed and logged: without what a DSN may hold of secrets."""
    parts = urlsplit(url)
    if parts.scheme == "embedded":
        return url
    kept = [f"{name}={value}" for name, value in parse_qsl(parts.query) if name in ("pool", "schema", "ceph")]
    return f"{parts.scheme}://?{'&'.join(kept)}"
