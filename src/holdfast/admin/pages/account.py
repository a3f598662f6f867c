"""The pages of somebody who is signed in: his organisations, a token in each, requests to join, and those that he decides on."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from holdfast.admin.pages.html import HEADERS, Html, failure, html, joined, page
from holdfast.admin.pages.visit import Visit, redirect
from holdfast.admin.route import Services
from holdfast.admin.shown import token_label
from holdfast.admin.snippets import Place, snippet
from holdfast.admin.waiting import waiting_of

Action = Callable[[Visit, dict[str, str]], Awaitable[Response]]
_SNIPPETS = ("boto3", "boto2", "s3cmd", "rclone", "cyberduck")


class Account:
    """The pages below /account. Whatever they show or do, the administration API answers in the name of the session."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.actions: dict[str, Action] = {
            "token": self._token, "revoke": self._revoke, "join": self._join, "withdraw": self._withdraw, "approve": self._approve,
            "refuse": self._refuse, "sign-out": self._sign_out, "cli": self._allow_cli,
        }  # fmt: skip

    async def overview(self, visit: Visit) -> Response:
        """GET /account: a page without any token for who is in no organisation."""
        if not visit.session:
            return redirect("/sign-in")
        if (await visit.ask("GET", "/whoami"))[0] == 401:
            return signed_out(visit)
        rows = await visit.data("/users/~/organisations")
        parts = [
            _section("Tokens", "tokens", [_token_row(visit, row) for row in rows if row["state"] == "MEMBER"]),
            _section("Requests", "requests", [_asked_row(visit, row) for row in rows if row["state"] in ("PENDING", "REFUSED")]),
            _section("Organisations that you can ask to join", "join", [_open_row(visit, row) for row in rows if row["state"] == "OPEN"]),
        ]
        for row in rows:
            if row["manager"]:
                asked = await visit.data(f"/organisations/{row['organisation-id']}/requests")
                parts.append(_section(f"Who asks to join {row['display-name']}", "decide", [_decide_row(visit, each) for each in asked]))
        if not any(parts):
            parts.append(Html("<p>You are in no organisation, and there is none that you can ask to join. Ask an administrator.</p>"))
        return page("Your account", joined(parts), nav=_nav(visit, (await visit.data("/whoami"))["name"]))

    async def cli(self, visit: Visit) -> Response:
        """GET /account/cli: a program on this person's machine waits for a session; only he may allow it."""
        text = visit.visited.query_params.get("cli", "")
        waiting = waiting_of(text)
        if waiting is None:
            return failure("Command line", "This is not the address that the command line printed.", status=400)
        if not visit.session or (await visit.ask("GET", "/whoami"))[0] == 401:
            return redirect(f"/sign-in?cli={text}")
        name = (await visit.data("/whoami"))["name"]
        body = html(
            "<p>A program on this computer (port $port) asks to act as <b>$name</b>. Allow it only if you just ran <code>holdfast login</code>.</p>\n"
            "$form<p><a href=\"/account\">No</a></p>",
            port=waiting.port, name=name, form=_button(visit, "cli", "Allow", cli=text),
        )  # fmt: skip
        return page("Command line", body, nav=_nav(visit, name), form_to=f"http://127.0.0.1:{waiting.port}")

    async def _token(self, visit: Visit, fields: dict[str, str]) -> Response:
        status, answer = await visit.ask("POST", "/users/~/tokens", {"organisation": fields.get("organisation", "") or "-"})
        if status != 201:
            return _failed(status, answer)
        made, services = answer["data"], self._services
        body = html(
            "<h2>$label</h2>\n<p>This is the only time that the token is shown. An older one has ended.</p>\n<pre id=\"token\">$token</pre>\n"
            "<p>Use it as access key; leave the secret key blank, or write anything. The S3 user is <code>$user</code>.</p>\n$how"
            "<p><a href=\"/account\">Done</a></p>",
            label=made["display-name"], token=made["token"], user=made["s3-user"], how=joined(_how(services)),
        )  # fmt: skip
        return page("Your token", body)

    async def _revoke(self, visit: Visit, fields: dict[str, str]) -> Response:
        return _back(*await visit.ask("DELETE", f"/users/~/tokens/{_segment(fields)}"))

    async def _join(self, visit: Visit, fields: dict[str, str]) -> Response:
        body = {"organisation": fields.get("organisation", ""), "message": " ".join(fields.get("message", "").split())}
        return _back(*await visit.ask("POST", "/users/~/enrolment-requests", body))

    async def _withdraw(self, visit: Visit, fields: dict[str, str]) -> Response:
        return _back(*await visit.ask("DELETE", f"/users/~/enrolment-requests/{_segment(fields)}"))

    async def _approve(self, visit: Visit, fields: dict[str, str]) -> Response:
        return _back(*await visit.ask("POST", f"/organisations/{_segment(fields)}/requests/{_segment(fields, 'user')}"))

    async def _refuse(self, visit: Visit, fields: dict[str, str]) -> Response:
        return _back(*await visit.ask("DELETE", f"/organisations/{_segment(fields)}/requests/{_segment(fields, 'user')}"))

    async def _sign_out(self, visit: Visit, fields: dict[str, str]) -> Response:
        await visit.ask("DELETE", "/sessions/current")
        return signed_out(visit)

    async def _allow_cli(self, visit: Visit, fields: dict[str, str]) -> Response:
        """The browser takes a code to the program: to this machine's own address, whatever was asked for."""
        waiting = waiting_of(fields.get("cli", ""))
        status, me = await visit.ask("GET", "/whoami")
        if waiting is None or status != 200:
            return failure("Command line", "This is not the address that the command line printed.", status=400)
        code = await self._services.directory.sign_in_codes.make(me["data"]["id"], waiting.challenge, int(time.time() * 1000))
        answer = redirect(f"http://127.0.0.1:{waiting.port}/?code={code}&state={waiting.state}")
        answer.headers.update({**HEADERS, "referrer-policy": "no-referrer"})
        return answer


def signed_out(visit: Visit) -> Response:
    answer = page("Signed out", Html('<p>You are signed out. <a href="/sign-in">Sign in</a></p>'))
    visit.keep_session(answer, "", 0)
    return answer


def _segment(fields: dict[str, str], name: str = "organisation") -> str:
    return quote(fields.get(name, "") or "-", safe="")


def _back(status: int, answer: Any) -> Response:
    return redirect("/account") if status < 300 else _failed(status, answer)


def _failed(status: int, answer: Any) -> Response:
    return failure("That was not done", answer.get("message", ""), status=status)


def _nav(visit: Visit, name: str) -> Html:
    menu = '<nav><span>$name</span><a href="/account#tokens">Tokens</a><a href="/account#join">Organisations</a>$out</nav>'
    return html(menu, name=name, out=_button(visit, "sign-out", "Sign out"))


def _section(title: str, id: str, rows: list[Html]) -> Html:
    return html('<h2 id="$id">$title</h2>\n<table>$rows</table>\n', id=id, title=title, rows=joined(rows)) if rows else Html("")


def _button(visit: Visit, action: str, words: str, more: Html | None = None, **fields: str) -> Html:
    """A form of one button: whatever changes something is a POST with the session's own mark."""
    hidden = joined([html('<input type="hidden" name="$name" value="$value">', name=name, value=value) for name, value in fields.items()])
    return html(
        '<form method="post" action="/account/$action"><input type="hidden" name="csrf" value="$csrf">$hidden$more<button>$words</button></form>\n',
        action=action, csrf=visit.csrf, hidden=hidden, more=more or Html(""), words=words,
    )  # fmt: skip


def _token_row(visit: Visit, row: dict[str, Any]) -> Html:
    """The label of the service that this follows, and one button: there is one token in each organisation."""
    token, id = row["token"], row["organisation-id"]
    buttons = [_button(visit, "token", "Regenerate Token" if token else "Generate Token", organisation=id)]
    if token:
        buttons.append(_button(visit, "revoke", "Revoke", organisation=id))
    state = "no token yet" if token is None else f"{token['lifecycle-state'].lower()}, made {token['time-created'][:16].replace('T', ' ')} UTC"
    label = token_label(row["display-name"], row["s3-user"])
    return html("<tr><td>$label</td><td>$state</td><td>$buttons</td></tr>\n", label=label, state=state, buttons=joined(buttons))


def _asked_row(visit: Visit, row: dict[str, Any]) -> Html:
    pending = row["state"] == "PENDING"
    button = _button(visit, "withdraw", "Take back", organisation=row["organisation-id"]) if pending else Html("")
    said = "asked, not decided yet" if pending else "refused"
    return html("<tr><td>$name</td><td>$said</td><td>$button</td></tr>\n", name=row["display-name"], said=said, button=button)


def _open_row(visit: Visit, row: dict[str, Any]) -> Html:
    message = Html('<input name="message" maxlength="400" placeholder="why, for who decides"> ')
    button = _button(visit, "join", "Ask to join", message, organisation=row["organisation-id"])
    return html("<tr><td>$name</td><td>$text</td><td>$button</td></tr>\n", name=row["display-name"], text=row["description"], button=button)


def _decide_row(visit: Visit, row: dict[str, Any]) -> Html:
    about = {"organisation": row["organisation-id"], "user": row["user-id"]}
    buttons = [_button(visit, "approve", "Approve", **about)]
    if row["lifecycle-state"] == "PENDING":
        buttons.append(_button(visit, "refuse", "Refuse", **about))
    return html(
        "<tr><td>$user</td><td>$email</td><td>$message</td><td>$state</td><td>$buttons</td></tr>\n",
        user=row["user"], email=row["email"], message=row["message"], state=row["lifecycle-state"].lower(), buttons=joined(buttons),
    )  # fmt: skip


def _how(services: Services) -> list[Html]:
    """What to paste into clients, for the first endpoint; the token itself stands only once on the page."""
    place = Place(url=services.endpoints[0][1], region=services.region, access_key="TOKEN", bucket="my-bucket")
    pattern = "<details><summary>$client</summary><pre>$text</pre></details>\n"
    return [html(pattern, client=client, text=snippet(client, place)) for client in _SNIPPETS]
