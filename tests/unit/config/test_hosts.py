"""Which host is a website's, and which settings of hosts are refused."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.config.hosts import sites_of, websites_of
from holdfast.config.loading import load
from holdfast.config.settings import Settings
from holdfast.config.values import ConfigError
from holdfast.website.hosts import Site


def site(name: str, **given: Any) -> Site | None:
    usual: dict[str, Any] = {"domain": ("s3.example.org", "example.net"), "endpoint": ("global=https://store.example.com:9000",)}
    return sites_of(Settings(**usual, **given)).find(name)


def test_below_the_domain_of_websites_the_first_labels_are_a_bucket() -> None:
    domains = ("web.example.org", "web.acme.example=acme", "site.s3.example.org", "org.example.net")
    for name, wanted in (
        ("photos.web.example.org", Site("default", "photos")), ("www.site.com.web.example.org", Site("default", "www.site.com")),
        ("web.example.org", Site("default", "")), ("photos.web.acme.example", Site("acme", "photos")),
        ("photos.site.s3.example.org", Site("default", "photos")), ("photos.s3.example.org", None), ("s3.example.org", None),
        ("a.org.example.net", Site("default", "a")), ("a.example.net", None), ("xweb.example.org", None), ("example.org", None), ("", None),
        ("127.0.0.1", None), ("localhost", None), ("store.example.com", None),
    ):  # fmt: skip
        assert site(name, website_domain=domains) == wanted, name


def test_a_host_that_is_a_buckets_name_counts_only_where_the_settings_say_so() -> None:
    for hosts, name, wanted in (
        ((), "www.site.com", None), (("www.site.com",), "www.site.com", Site("default", "www.site.com")), (("www.site.com",), "site.com", None),
        (("*.site.com=acme",), "www.site.com", Site("acme", "www.site.com")), (("*.site.com",), "site.com", None),
        (("*.site.com",), "a.b.site.com", Site("default", "a.b.site.com")), (("*",), "any.where", Site("default", "any.where")),
        (("*",), "127.0.0.1", None), (("*",), "[::1", None), (("*",), "single", None), (("*",), "s3.example.org", None),
        (("*",), "photos.s3.example.org", None), (("*",), "store.example.com", None), (("*.example.net",), "a.example.net", None),
        (("a.example.net",), "a.example.net", Site("default", "a.example.net")),
        (("*",), "..", None), (("*",), "a..b", None), (("*",), "<b>.c", None),
    ):  # fmt: skip
        assert site(name, website_host=hosts) == wanted, (hosts, name)


@pytest.mark.parametrize(("given", "said"), [
    ({"website_domain": "not a name"}, "not a host name"), ({"website_domain": "*"}, "not a host name"),
    ({"website_domain": "*.a.b"}, "not a host name"),
    ({"website_domain": "a.b=../x"}, "not a host name"), ({"website_host": "a.*.b"}, "not a host name"),
    ({"website_domain": "a.b=x,a.b"}, "given twice"),
    ({"website_domain": "s3.localhost"}, "a name of domain already"), ({"website_domain": "a.b", "website_host": "a.b"}, "website_domain already"),
    ({"website_host": "s3.example.org", "endpoint": "global=https://s3.example.org:9000"}, "a name of endpoint already"),
    ({"endpoint": "global"}, "is not NAME=URL"), ({"domain": "a b"}, "not a host name"),
])  # fmt: skip
def test_names_that_cannot_be_are_refused_in_words(given: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(given, {})


def test_names_are_read_as_people_write_them() -> None:
    settings = load({"website_domain": ["Web.Example.org., b.example=ACME"], "website_host": "*"}, {}).settings
    assert websites_of("website_domain", settings.website_domain) == {"web.example.org": "default", "b.example": "acme"}
    assert websites_of("website_host", settings.website_host) == {"*": "default"}
