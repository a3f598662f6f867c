"""Which bucket's website a host is: by its first labels below a website's domain, or by its whole name where that is a bucket's (CNAMEs)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from holdfast.model.buckets import is_bucket_name

ANY = "*"


class Site(NamedTuple):
    """Where the bucket of a host is looked up. `bucket` may be "": the host is a website's domain itself."""

    namespace: str
    bucket: str


class Sites:
    """The website hosts of a deployment. `domains` and `hosts` (a name, "*.DOMAIN" or "*") lead to the namespace of their buckets; `s3_domains` are
    those with virtual hosts of S3, and `others` the names that are never a website's. Of two domains that a host is below, the longer one counts.

    Source: S3 User Guide, "Website endpoints" and "Configuring a static website using a custom domain"."""

    def __init__(self, domains: Mapping[str, str], hosts: Mapping[str, str], s3_domains: Iterable[str] = (), others: Iterable[str] = ()) -> None:
        self._domains = dict(domains)
        self._exact = {name: namespace for name, namespace in hosts.items() if ANY not in name}
        self._below = {name[2:]: namespace for name, namespace in hosts.items() if name.startswith("*.")}
        self._any = hosts.get(ANY)
        self._s3 = frozenset(name.strip(".").lower() for name in s3_domains)
        self._others = frozenset(others) | self._s3

    def __bool__(self) -> bool:
        return bool(self._domains or self._exact or self._below or self._any is not None)

    def find(self, name: str) -> Site | None:
        """The site of a host name in lower case, without a port; None where it is no website's."""
        if name in self._exact:
            return Site(self._exact[name], name)
        if name in self._domains:
            return Site(self._domains[name], "")
        if name in self._others:
            return None
        below = name
        while below:
            _, _, below = below.partition(".")  # the longest domain comes first
            if below in self._domains:
                return Site(self._domains[below], name[: -len(below) - 1])
            if below in self._s3:
                return None
            if below in self._below and is_bucket_name(name):
                return Site(self._below[below], name)
        return Site(self._any, name) if self._any is not None and "." in name and is_bucket_name(name) else None
