"""The headers that let a page of any origin read an answer of the native doors, and what a preflight is answered.

Source: OCI, "Using Pre-Authenticated Requests", the sample of a HEAD: every answer names, sorted, the headers that it has.
"""

from __future__ import annotations

from functools import lru_cache

from holdfast.model.messages import Request, Response

Header = tuple[bytes, bytes]

_FIXED: tuple[Header, ...] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"POST,PUT,GET,HEAD,DELETE,OPTIONS"),
    (b"access-control-allow-credentials", b"true"),
)
_ALWAYS = (
    b"access-control-allow-credentials", b"access-control-allow-methods", b"access-control-allow-origin", b"content-length", b"date",
    b"opc-client-info", b"opc-request-id",
)  # fmt: skip


def share(response: Response) -> Response:
    """The same answer with the headers that browsers ask for."""
    headers = response.headers
    headers += _FIXED
    headers.append(_exposed(tuple([name for name, _ in headers])))
    return response


@lru_cache(4096)
def _exposed(names: tuple[bytes, ...]) -> Header:
    """Answers of one kind have the same names; metadata makes others, so that there is a bound."""
    return b"access-control-expose-headers", b",".join(sorted({*[name.lower() for name in names], *_ALWAYS}))


def preflight(request: Request) -> Response:
    """The answer to OPTIONS, the same for every place (Fetch standard, "CORS-preflight fetch")."""
    asked = request.headers.get(b"access-control-request-headers", b"")
    headers = [(b"access-control-allow-headers", asked[:1024])] if asked else []
    return Response(200, [*headers, (b"access-control-max-age", b"3600")])
