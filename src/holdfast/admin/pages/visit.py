"""One visit of a browser: where it came to, its session, what its form says; and how a page asks the administration API for it."""

from __future__ import annotations

import json
from hmac import compare_digest, digest
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request as Visited
from starlette.responses import RedirectResponse, Response

from holdfast.admin.api import PREFIX, Api
from holdfast.admin.callers import COOKIE
from holdfast.admin.faults import Fault
from holdfast.admin.pages.html import HEADERS
from holdfast.admin.request import ReceivedBody, request_of
from holdfast.model.messages import Request

FORM_BYTES_MAX = 16 * 1024
_FIELDS_MAX = 20


class Elsewhere(Exception):
    """The visit is not one of this site's pages: what is answered instead."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class BadForm(Exception):
    """A form that did not come from this site's own page; the message says so."""


class Visit:
    """A request of a browser. `session` is the text of its session, "" without one."""

    def __init__(self, visited: Visited, api: Api, url: str) -> None:
        """`url`: where browsers reach this listener. Errors: Elsewhere, for a visit under another name."""
        self.visited = visited
        self._api = api
        self.url = url
        self.secure = url.startswith("https:")
        self.session = visited.cookies.get(COOKIE, "")
        self.request: Request = request_of(visited.scope, visited.receive)
        if visited.headers.get("host", "").lower() != urlsplit(url).netloc:
            raise Elsewhere(redirect(url + "/account"))

    @property
    def csrf(self) -> str:
        """What the forms of this session carry: it can be made only by who knows the session."""
        return digest(self.session.encode(), b"form", "sha256").hex()

    async def form(self) -> dict[str, str]:
        """The fields of a form that this site's own page sent. Errors: BadForm; refusals of the body."""
        origin = self.visited.headers.get("origin")
        kind = self.visited.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded" or (origin is not None and origin != self.url):
            raise BadForm("The form did not come from this site.")
        data = await self.request.body.read_all(FORM_BYTES_MAX)
        try:
            fields = dict(parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX))
        except ValueError:
            raise BadForm("The form cannot be read.") from None
        if not self.session or not compare_digest(fields.get("csrf", "").encode(), self.csrf.encode()):
            raise BadForm("The form is not of this session; open the page again.")
        return fields

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and document of the administration API, asked in the session."""
        data = b"" if body is None else json.dumps(body).encode()
        headers = {b"authorization": b"Bearer " + self.session.encode("ascii", "replace"), b"content-type": b"application/json"}

        async def receive() -> Any:
            return {"type": "http.request", "body": data, "more_body": False}

        of = self.request
        asked = Request(
            method, (PREFIX + path).encode(), headers, ReceivedBody(receive, len(data)), peer=of.peer, secure=of.secure,
            received_at=of.received_at, id=of.id,
        )  # fmt: skip
        answer = await self._api.ask(asked)
        return answer.status, json.loads(answer.body)

    async def data(self, path: str) -> Any:
        """What a GET shows. Errors: Fault, as the API refused it."""
        status, answer = await self.ask("GET", path)
        if status != 200:
            raise Fault(status, answer["code"], answer["message"])
        return answer["data"]

    def keep_session(self, answer: Response, text: str, life_s: int) -> None:
        """Gives the browser its session; "" takes it away."""
        answer.set_cookie(COOKIE, text, max_age=life_s if text else 0, path="/", secure=self.secure, httponly=True, samesite="strict")


def redirect(to: str) -> RedirectResponse:
    return RedirectResponse(to, 303, headers=HEADERS)
