"""Which dialect a request is for: a website's by its host, pre-authenticated ones by their path, others by how they are signed, then by host, and by
path where they are not.

Source: OCI, "Object Storage Service API" (hosts), and the paths of both APIs. `n` and `p` cannot be buckets made by S3, whose names have
three characters, so that an unsigned `/n/...` or `/p/...` is OCI's.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from holdfast.model.messages import Request, Response
from holdfast.pars.url import is_par_path
from holdfast.s3.handle import S3
from holdfast.s3.hosted import HostedS3
from holdfast.s3.hosts import Hosts
from holdfast.website.handle import WebsiteDoor
from holdfast.website.hosts import Site, Sites

Handle = Callable[[Request], Coroutine[Any, Any, Response]]

ELSEWHERE = frozenset((b"/p/", b"/n/", b"/%7", b"//n", b"//p", b"//%", b"///"))
"""The first three bytes of a path that may be OCI's; an unsigned request for anything else is S3's, unless its host says otherwise."""
NATIVE, WEBSITE = "native", "web:"
_HOSTS_MAX = 1024
_NAMESPACES_MAX = 256


class Doors:
    """The dialects of one process. `domain` is that of OCI's hosts, "" for none; below `s3_domains` the first label of a host is a bucket;
    `sites` are the hosts of websites, which `websites` answers for."""

    def __init__(
        self,
        s3: S3,
        oci: Handle,
        pars: Handle,
        *,
        region: str = "",
        domain: str = "",
        s3_domains: tuple[str, ...] = (),
        websites: WebsiteDoor | None = None,
        sites: Sites | None = None,
    ) -> None:
        self.s3: Handle = s3
        self.alike = s3.alike.answer
        self._s3 = s3
        self._oci = oci
        self.pars = pars
        names = [f"{service}.{region}.{domain}" for service in ("objectstorage", "identity", "auth")]
        names += [f"{service}.{region}.oci.{domain}" for service in ("objectstorage", "identity")]
        self._native = frozenset(name.lower() for name in names) if domain else frozenset()
        self._compat = f".compat.objectstorage.{region}.{domain}".lower()
        self._dedicated = f".objectstorage.{region}.oci.{domain}".lower()
        self._websites = websites
        self._sites = sites if websites is not None and sites else None
        self.by_host = bool(domain) or self._sites is not None
        self._buckets = Hosts(s3_domains)
        self._hosts: dict[bytes, str] = {}
        self._hosted: dict[str, HostedS3] = {}

    def handle(self, request: Request) -> Coroutine[Any, Any, Response]:
        """The dialect's own coroutine."""
        authorization = request.headers.get(b"authorization", b"")
        if authorization[:3] == b"AWS" and request.path[:3] not in ELSEWHERE:
            return self._of(self.host(request.headers.get(b"host", b"")) if self.by_host else "")(request)
        query = request.query
        for_s3 = authorization.startswith(b"AWS") or b"X-Amz-" in query or b"AWSAccessKeyId=" in query
        named = request.headers.get(b"host", b"")
        host = self.host(named) if self.by_host else ""
        if host[:4] == WEBSITE:  # whatever the path and the signature
            return self._of(host)(request)
        for_s3 = for_s3 or (not host and self._buckets.bucket(named) != "")  # in a bucket's own host a key may begin with anything
        if is_par_path(request.path, signed=for_s3):
            return self.pars(request)
        if authorization.startswith(b"Signature "):
            return self._oci(request)
        if not for_s3 and (host == NATIVE or is_native_path(request.path)):
            return self._oci(request)
        return self._of(host)(request)

    def host(self, host: bytes) -> str:
        """ "native" for a host of OCI's own APIs, "s3:" and the namespace for one of the compatible API, "web:" with namespace and bucket for a
        website's, "" for any other."""
        found = self._hosts.get(host)
        if found is None:
            found = self._find(host.decode("latin-1").lower().rpartition(":")[0] if b":" in host else host.decode("latin-1").lower())
            if len(self._hosts) >= _HOSTS_MAX:
                self._hosts.clear()
            self._hosts[host] = found
        return found

    def _find(self, name: str) -> str:
        name = name.rstrip(".")
        if name in self._native or (name.endswith(self._dedicated) and "." not in name.removesuffix(self._dedicated)):
            return NATIVE
        namespace = name.removesuffix(self._compat)
        if namespace != name and namespace and "." not in namespace:
            return "s3:" + namespace
        site = self._sites.find(name) if self._sites is not None else None
        return "" if site is None else f"{WEBSITE}{site.namespace}/{site.bucket}"

    def _of(self, host: str) -> Handle:
        """S3, on the host of a namespace where that is one; or a website."""
        if not host or host == NATIVE:
            return self.s3
        if host[:4] == WEBSITE and self._websites is not None:
            namespace, _, bucket = host[4:].rpartition("/")
            return partial(self._websites, Site(namespace, bucket))
        namespace = host[3:]
        found = self._hosted.get(namespace)
        if found is None:
            if len(self._hosted) >= _NAMESPACES_MAX:
                self._hosted.clear()
            found = self._hosted[namespace] = HostedS3(self._s3, namespace)
        return found


def is_native_path(path: bytes) -> bool:
    """Whether an undecoded path is one of OCI's object storage: `/n/<namespace>/b` and what is below."""
    parts = path.lstrip(b"/").split(b"/", 3)
    return len(parts) >= 3 and parts[0] == b"n" and parts[2] == b"b"
