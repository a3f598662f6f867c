"""Which bucket a Host header names: virtual-host addressing below the configured domains; every other host is path style."""

from __future__ import annotations

from collections.abc import Iterable

_REMEMBERED_MAX = 4096
_HOST_BYTES_MAX = 300  # a host name has up to 253 characters (RFC 1035, 2.3.4); longer ones are not remembered


class Hosts:
    """`<bucket>.<domain>` for the domains given, in any case, with or without a port (S3 User Guide, "Virtual hosting of buckets")."""

    __slots__ = ("_suffixes", "known")

    def __init__(self, domains: Iterable[str] = ()) -> None:
        """Longer domains first, so that `b.s3.localhost` is bucket b of s3.localhost, not b.s3 of localhost."""
        names = {name.strip(".").lower() for name in domains}
        self._suffixes = tuple("." + name for name in sorted(names, key=lambda name: (-len(name), name)) if name)
        self.known: dict[bytes, str] = {}  # what was found, so that a caller may look here first

    def __bool__(self) -> bool:
        return bool(self._suffixes)

    def bucket(self, host: bytes) -> str:
        """The bucket in a Host header, or "" for path style."""
        found = self.known.get(host)
        if found is None:
            found = self._find(host)
            if len(host) > _HOST_BYTES_MAX:
                return found
            if len(self.known) >= _REMEMBERED_MAX:
                self.known.clear()
            self.known[host] = found
        return found

    def _find(self, host: bytes) -> str:
        name = host.decode("latin-1").lower()
        if name.startswith("["):
            return ""
        name = name.partition(":")[0].rstrip(".")
        if any(name == suffix[1:] for suffix in self._suffixes):
            return ""
        for suffix in self._suffixes:
            if name.endswith(suffix):
                return name[: -len(suffix)]
        return ""
