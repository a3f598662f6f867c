"""Where a website sends browsers, as the text of a Location header: what comes from a request is a path there and nothing else.

What the owner of the bucket wrote may hold a query or a fragment and names any host; what a request names is percent-encoded, so that it can
neither end the header, nor name another host ("//evil.example", backslashes), nor become a query. Source: RFC 3986, 3.3 and 4.2.
"""

from __future__ import annotations

from urllib.parse import quote

from holdfast.buckets.website import Rule
from holdfast.model.messages import Response

_OF_PATHS = "/!$&'()*+,;=:@~"
_OF_URLS = _OF_PATHS + "?#[]%"


def path_of(key: str) -> str:
    """The path of a key on the same host."""
    return "/" + _one_slash(quote(key, safe=_OF_PATHS, errors="replace"))


def of_object(location: str) -> str:
    """An object's own redirect: a path, which stays on the host, or a URL as its writer gave it."""
    text = quote(location, safe=_OF_URLS, errors="replace")
    return "/" + _one_slash(text[1:]) if text.startswith("/") else text


def of_rule(rule: Rule, key: str, scheme: str, host: str) -> str:
    """The URL that a rule makes of a key that fits it; `scheme` and `host` are those of the request."""
    if rule.new_key is not None:
        path = quote(rule.new_key, safe=_OF_URLS, errors="replace")
    elif rule.new_prefix is not None:
        path = quote(rule.new_prefix, safe=_OF_URLS, errors="replace") + quote(key[len(rule.prefix) :], safe=_OF_PATHS, errors="replace")
    else:
        path = quote(key, safe=_OF_PATHS, errors="replace")
    return f"{rule.protocol or scheme}://{rule.host or host}/{path}"


def with_query(url: str, query: bytes) -> str:
    """The URL with the query of the request."""
    return f"{url}?{quote(query, safe=_OF_URLS.replace('#', ''))}" if query else url


def redirect(status: int, location: str) -> Response:
    """The answer: no body, as S3 gives it."""
    return Response(status, [(b"Location", location.encode("ascii"))], b"")


def _one_slash(path: str) -> str:
    """A path behind its first slash: a second slash would make it a host's name."""
    return "%2F" + path[1:] if path.startswith("/") else path
