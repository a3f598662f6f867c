"""The settings of host names: endpoints, domains of virtual hosts and of OCI's hosts, and the hosts of websites, as they are written and checked."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from holdfast.config.settings import Settings
from holdfast.website.hosts import ANY, Sites

NAMESPACE_DEFAULT = "default"
"""Where the buckets of a website are looked up unless its setting says otherwise."""

_ENDPOINT = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}\Z")
_URL = re.compile(r"https?://[a-z0-9.\[\]:_-]+(?::[0-9]{1,5})?/?\Z")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,252})\Z")
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}\Z")


class BadHost(Exception):
    """A setting of host names that cannot be used; the message says which and why."""


def endpoint_of(text: str) -> tuple[str, str]:
    """Name and URL of "name=https://host". Errors: BadHost."""
    name, _, url = text.partition("=")
    if not _ENDPOINT.match(name) or not _URL.match(url):
        raise BadHost(f"endpoint: {text!r} is not NAME=URL, for example global=https://s3.example.org")
    return name, url.rstrip("/")


def websites_of(setting: str, texts: tuple[str, ...]) -> dict[str, str]:
    """Names with the namespace of their buckets, of `website_domain` or `website_host`: NAME or NAME=NAMESPACE. Errors: BadHost."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, namespace = text.partition("=")
        name = name.strip(".")
        plain = name[2:] if setting == "website_host" and name.startswith("*.") else name
        if not (_DOMAIN.match(plain) or (setting == "website_host" and name == ANY)) or (equals and not _NAMESPACE.match(namespace)):
            raise BadHost(f"{setting}: {text!r} is not a host name, or a host name with =NAMESPACE")
        if name in found:
            raise BadHost(f"{setting}: {name} is given twice")
        found[name] = namespace or NAMESPACE_DEFAULT
    return found


def sites_of(settings: Settings) -> Sites:
    """The hosts of websites. Errors: BadHost."""
    endpoints = (urlsplit(endpoint_of(text)[1]).hostname or "" for text in settings.endpoint)
    domains, hosts = websites_of("website_domain", settings.website_domain), websites_of("website_host", settings.website_host)
    return Sites(domains, hosts, settings.domain, endpoints)


def check(settings: Settings) -> None:
    """Errors: BadHost, for what is no host name, and for a name that would be a website's and something else."""
    for domain in (*settings.domain, *filter(None, (settings.oci_domain,))):
        if not _DOMAIN.match(domain):
            raise BadHost(f"domain: {domain!r} is not a host name")
    taken = {name.strip("."): "domain" for name in settings.domain}
    taken |= {urlsplit(endpoint_of(text)[1]).hostname or "": "endpoint" for text in settings.endpoint}
    for setting, texts in (("website_domain", settings.website_domain), ("website_host", settings.website_host)):
        for name in websites_of(setting, texts):
            if name in taken:
                raise BadHost(f"{setting}: {name} is a name of {taken[name]} already; websites need names of their own")
            taken[name] = setting
