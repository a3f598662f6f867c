"""Writes a page: everything that is put in is escaped, no script runs, nobody frames or keeps it."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template

from starlette.responses import HTMLResponse

_STYLE = files("holdfast.admin.pages").joinpath("style.css").read_text("utf-8")
_PAGE = Template(
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "$head<title>$title - Holdfast</title><style>" + _STYLE + "</style></head>\n"
    '<body><header><a class="brand" href="/account">Holdfast</a>$nav</header><main><h1>$title</h1>\n$body\n</main></body></html>\n'
)
_POLICY = (
    "default-src 'none'; style-src 'sha256-" + b64encode(sha256(_STYLE.encode()).digest()).decode() + "'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
HEADERS = {
    "cache-control": "no-store", "x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}  # fmt: skip


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def html(pattern: str, **values: object) -> Html:
    """A pattern with `$name` in it, each replaced by its value, escaped unless it is Html."""
    safe = {name: value if isinstance(value, Html) else escape(str(value)) for name, value in values.items()}
    return Html(Template(pattern).substitute(safe))


def joined(parts: list[Html]) -> Html:
    return Html("".join(parts))


def page(title: str, body: Html, *, status: int = 200, nav: Html | None = None, go_to: str = "", form_to: str = "") -> HTMLResponse:
    """An answer. `go_to`: a path of this site that the browser goes on to by itself; `form_to`: another origin that a form may lead to."""
    head = html('<meta http-equiv="refresh" content="0;url=$to">', to=go_to) if go_to else Html("")
    text = _PAGE.substitute(head=head, title=escape(title), nav=nav or "", body=body)
    policy = _POLICY + (" " + form_to if form_to else "")
    return HTMLResponse(text, status, headers={**HEADERS, "content-security-policy": policy})


def failure(title: str, message: str, *, status: int, again: str = "/account") -> HTMLResponse:
    """A page that says why something was not done."""
    body = html('<p class="error">$message</p>\n<p><a href="$again">Go on</a></p>', message=message, again=again)
    return page(title, body, status=status)
