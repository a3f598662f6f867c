"""The small page of HTML in place of what cannot be shown; everything in it that anybody sent is escaped."""

from __future__ import annotations

import re
from html import escape
from http.client import responses as PHRASES

from holdfast.model.errors import Refusal
from holdfast.model.messages import Request, Response

Header = tuple[bytes, bytes]

HTML: Header = (b"Content-Type", b"text/html; charset=utf-8")
_HARDENED: tuple[Header, ...] = (
    (b"Content-Security-Policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"X-Content-Type-Options", b"nosniff"),
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*\Z")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def page(refusal: Refusal, request: Request, without: Refusal | None = None) -> Response:
    """The page that says why, as S3's website endpoints write it; `without` is why the bucket's own error document could not be shown."""
    title = f"{refusal.status} {PHRASES.get(refusal.status, 'Error')}"
    rows = _rows({"Code": refusal.code, "Message": refusal.message, **refusal.fields, "RequestId": request.id})
    text = f"<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n{rows}"
    if without is not None:
        text += "<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n"
        text += _rows({"Code": without.code, "Message": without.message, **without.fields})
    text += "<hr/>\n</body>\n</html>\n"
    kept = [header for header in refusal.headers if not header[0].lower().startswith(b"x-amz-")]
    return Response(refusal.status, [*kept, *error_headers(refusal), HTML, *_HARDENED], text.encode())


def error_headers(refusal: Refusal) -> list[Header]:
    """What tells programs which error it is."""
    return [(b"x-amz-error-code", refusal.code.encode("ascii"))]


def _rows(fields: dict[str, str]) -> str:
    rows = "".join(f"<li>{name}: {escape(_CONTROL.sub('�', value))}</li>\n" for name, value in fields.items() if _NAME.match(name))
    return f"<ul>\n{rows}</ul>\n"
