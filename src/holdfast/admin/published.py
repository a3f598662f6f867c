"""The endpoints that a tenancy's people are told: those of the settings, and where OCI's hosts and websites have a domain, theirs."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from holdfast.admin.route import Services

S3, COMPAT, NATIVE, WEBSITE = "s3", "compat", "native", "website"
PATH, VIRTUAL = "path", "virtual"
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


class Endpoint(NamedTuple):
    """`kind`: s3; compat, S3 on the host of one namespace; native, OCI's own API; or website, below which each bucket's website has a host. `styles`:
    where a bucket's name may stand, in path or host."""

    name: str
    url: str
    kind: str
    styles: tuple[str, ...]


def published(services: Services, namespace: str) -> list[Endpoint]:
    """All of them by name, those of the settings first; the others have the scheme and port of the first."""
    found = []
    for name, url in services.endpoints:
        virtual = (urlsplit(url).hostname or "") in services.domains
        found.append(Endpoint(name, url, S3, (PATH, VIRTUAL) if virtual else (PATH,)))
    if not found:
        return found
    at = urlsplit(found[0].url)
    port = f":{at.port}" if at.port else ""
    more = []
    if services.oci_domain:
        host = f"objectstorage.{services.region}.{services.oci_domain}"
        more.append(Endpoint("native", f"{at.scheme}://{host}{port}", NATIVE, (PATH,)))
        if _LABEL.match(namespace):
            more.append(Endpoint("compat", f"{at.scheme}://{namespace}.compat.{host}{port}", COMPAT, (PATH,)))
    own = [domain for domain, of in services.websites.items() if of == namespace]
    for number, domain in enumerate(own, 1):
        more.append(Endpoint("website" if number == 1 else f"website-{number}", f"{at.scheme}://{domain}{port}", WEBSITE, (VIRTUAL,)))
    taken = {one.name for one in found}
    return found + [one for one in more if one.name not in taken]
