"""Where a website sends its visitors, and that nothing in a request can make it another place (M182, issue 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.website.conftest import INDEX, Site
from tests.website.visitor import Visitor

READ, LIST = "s3:GetObject", "s3:ListBucket"
NewSite = Callable[..., Site]


def rules(*rows: tuple[dict[str, str] | None, dict[str, str]]) -> dict[str, Any]:
    return {**INDEX, "RoutingRules": [{**({"Condition": when} if when else {}), "Redirect": then} for when, then in rows]}


def test_M182_all_requests_are_sent_elsewhere(new_site: NewSite, visitor: Visitor) -> None:
    site = new_site(RedirectAllRequestsTo={"HostName": "new.example"})
    for path, location in (
        ("/", "http://new.example/"), ("/a/b%20c?x=1&y=%3C", "http://new.example/a/b%20c?x=1&y=%3C"), ("/%2F%2Fevil.example", "http://new.example///evil.example"),
        ("//evil.example/", "http://new.example//evil.example/"), ("/@evil.example", "http://new.example/@evil.example"),
    ):  # fmt: skip
        for method in ("GET", "HEAD"):
            answer = visitor.ask(site.host, path, method)
            assert (answer.status, answer.location, answer.body) == (301, location, b"")
    site.configure(RedirectAllRequestsTo={"HostName": "new.example:8443/below", "Protocol": "https"})
    assert visitor.ask(site.host, "/a").location == "https://new.example:8443/below/a"


def test_M182_rules_by_prefix_come_before_the_look_up_and_by_error_after_it(new_site: NewSite, visitor: Visitor) -> None:
    """The examples of the user guide; the first rule that fits counts, and one with both conditions needs both."""
    site = new_site(READ, LIST, **rules(
        ({"KeyPrefixEquals": "missing/", "HttpErrorCodeReturnedEquals": "404"}, {"HostName": "errors.example", "ReplaceKeyPrefixWith": "report/"}),
        ({"KeyPrefixEquals": "docs/"}, {"ReplaceKeyPrefixWith": "documents/"}),
        ({"KeyPrefixEquals": "docs/never"}, {"ReplaceKeyWith": "never.html"}),
        ({"KeyPrefixEquals": "images/"}, {"ReplaceKeyWith": "folderdeleted.html", "HttpRedirectCode": "302"}),
        ({"KeyPrefixEquals": "safe/"}, {"Protocol": "https"}),
        ({"KeyPrefixEquals": "bare/"}, {"ReplaceKeyPrefixWith": ""}),
        ({"KeyPrefixEquals": "app/", "HttpErrorCodeReturnedEquals": "404"}, {"ReplaceKeyPrefixWith": "app/#!/", "HttpRedirectCode": "307"}),
    ))  # fmt: skip
    for key in ("docs/there", "missing/there", "app/there"):
        site.put(key, "there")
    for path, status, location in (
        ("/docs/there", 301, f"http://{site.host}/documents/there"), ("/docs/", 301, f"http://{site.host}/documents/"),
        ("/docs/never", 301, f"http://{site.host}/documents/never"), ("/images/a/b", 302, f"http://{site.host}/folderdeleted.html"),
        ("/safe/a", 301, f"https://{site.host}/safe/a"), ("/bare/a%20b?c", 301, f"http://{site.host}/a%20b"), ("/missing/there", 200, ""),
        ("/missing/x", 301, "http://errors.example/report/x"), ("/app/there", 200, ""), ("/app/a?b", 307, f"http://{site.host}/app/#!/a"),
        ("/app/", 307, f"http://{site.host}/app/#!/"), ("/absent", 404, ""), ("/docs", 404, ""),
    ):  # fmt: skip
        answer = visitor.ask(site.host, path)
        assert (answer.status, answer.location) == (status, location), path
    assert visitor.ask(site.host + ":8080", "/docs/x").location == f"http://{site.host}:8080/documents/x"
    site.policy(READ)
    assert visitor.ask(site.host, "/missing/x").status == 403  # no 404 that could tell
    site.configure(**rules((None, {"HostName": "all.example"})))
    assert visitor.ask(site.host, "/index.html").location == "http://all.example/index.html"


@pytest.mark.parametrize("code", [301, 302, 303, 304, 305, 307, 308])
def test_M182_every_code_of_a_redirect(new_site: NewSite, visitor: Visitor, code: int) -> None:
    site = new_site(READ, **rules(({"KeyPrefixEquals": "a"}, {"ReplaceKeyWith": "b", "HttpRedirectCode": str(code)})))
    answer = visitor.ask(site.host, "/a")
    assert (answer.status, answer.location, answer.body) == (code, f"http://{site.host}/b", b"")


def test_M182_an_object_says_where_it_went(site: Site, visitor: Visitor, s3: Any) -> None:
    for key, given in (("relative", "/other page"), ("absolute", "https://example.org/a?b=c#d"), ("index-of/index.html", "/elsewhere")):
        site.put(key, "not shown", WebsiteRedirectLocation=given)
    for path, location in (("/relative", "/other%20page"), ("/absolute", "https://example.org/a?b=c#d"), ("/index-of/", "/elsewhere")):
        answer = visitor.ask(site.host, path)
        assert (answer.status, answer.location, answer.body) == (301, location, b"")
    site.policy(READ, Condition={"StringEquals": {"s3:ExistingObjectTag/public": "yes"}})
    answer = visitor.ask(site.host, "/absolute")
    assert answer.status == 403 and "location" not in answer.headers


TRICKS = (
    "//evil.example", "///evil.example", "/%2Fevil.example", "/%2f%2fevil.example", "/\\evil.example", "/%5Cevil.example", "/%5c/evil.example",
    "/.//evil.example", "//evil.example/%2e%2e", "/%0D%0ALocation:%20http://evil.example", "/%0aSet-Cookie:%20a=b", "/%09/evil.example",
    "/%E5%98%8A%E5%98%8DSet-Cookie:a", "/@evil.example", "/a@evil.example:80", "/:80/x", "/%00x", "/%zz", "/%ff", "/x%3Fy%23z",
)  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_of_a_path_leads_to_another_host_or_into_the_header(new_site: NewSite, visitor: Visitor, trick: str) -> None:
    """Open redirects and response splitting: by the missing slash of a folder, by rules, and by an object's own redirect."""
    from urllib.parse import unquote_to_bytes

    def on_the_host(path: str) -> None:
        answer = visitor.ask(site.host, path)
        assert "set-cookie" not in answer.headers
        assert answer.status in (301, 302, 400, 403, 404), answer
        if "location" in answer.headers:
            location = answer.location
            assert location.isascii() and location.isprintable() and "\\" not in location and not location.startswith("//")
            assert urljoin(f"http://{site.host}/", location).startswith(f"http://{site.host}/"), location
        else:
            assert "evil" not in answer.headers.values()

    site = new_site(READ)
    try:
        key = unquote_to_bytes(trick[1:]).decode()
    except UnicodeDecodeError:
        key = ""
    if key and "\0" not in key:
        site.put(key + "/index.html", "folder")
        assert visitor.ask(site.host, trick).status == (400 if trick == "/%zz" else 302)
    on_the_host(trick)
    site.configure(**rules(({"KeyPrefixEquals": ""}, {"ReplaceKeyPrefixWith": ""})))
    on_the_host(trick)
    site.configure(**rules((None, {"Protocol": "http"})))
    on_the_host(trick)
    site.configure(**rules(({"KeyPrefixEquals": "d/"}, {"ReplaceKeyPrefixWith": "/"})))
    on_the_host("/d" + trick)


@pytest.mark.parametrize("given", ["//evil.example/", "/\\evil.example", "/\t/evil.example"])
def test_a_path_that_an_object_names_stays_on_its_host(site: Site, visitor: Visitor, given: str) -> None:
    site.put("a", WebsiteRedirectLocation=given)
    location = visitor.ask(site.host, "/a").location
    assert location.startswith("/") and not location.startswith("//") and "\\" not in location and location.isprintable()
