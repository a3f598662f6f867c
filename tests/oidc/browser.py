"""A browser without JavaScript: cookies, redirects, links and forms as pages have them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import urljoin

import requests


class Form(NamedTuple):
    """A form, the words of its button, and where it stands: the text of its table row."""

    action: str
    fields: dict[str, str]
    button: str
    row: str


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.refresh = ""
        self.texts: dict[str, str] = {}
        self._form: dict[str, Any] | None = None
        self._href = self._words = self._row = self._id = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = {"action": found.get("action", ""), "fields": {}}
        elif tag in ("input", "button") and self._form is not None and found.get("name"):
            self._form["fields"][found["name"]] = found.get("value", "")
        elif tag == "a":
            self._href, self._words = found.get("href", ""), ""
        elif tag == "meta" and found.get("http-equiv") == "refresh":
            self.refresh = found["content"].partition("url=")[2]
        elif tag == "tr":
            self._row = ""
        self._id = found.get("id", "") or (self._id if tag != "p" else "")
        if tag == "button":
            self._words = ""

    def handle_data(self, data: str) -> None:
        self._words += data
        self._row += data
        if self._id:
            self.texts[self._id] = self.texts.get(self._id, "") + data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form is not None:
            self.forms.append(Form(self._form["action"], self._form["fields"], self._words.strip(), self._row))
            self._form = None
        elif tag == "a" and self._href:
            self.links[self._words.strip()] = self._href
            self._href = ""
        elif tag in ("pre", "h1", "h2"):
            self._id = ""


class Browser:
    """One person's browser. `page` is the page that it shows."""

    def __init__(self, ca: str = "") -> None:
        self.http = requests.Session()
        self.http.trust_env = False  # the environment's certificates would go before those of the test
        self.http.verify = ca or True
        self.page: requests.Response
        self.seen: _Page

    def get(self, url: str) -> requests.Response:
        return self._show(self.http.get(url, timeout=30))

    def submit(self, button: str, row: str = "", **fields: str) -> requests.Response:
        """Presses the one button of that name, in the row that holds a text."""
        form = next(form for form in self.seen.forms if form.button == button and row in form.row)
        return self._show(self.http.post(urljoin(self.page.url, form.action), {**form.fields, **fields}, timeout=30))

    def follow(self, words: str) -> requests.Response:
        return self.get(urljoin(self.page.url, self.seen.links[words]))

    def buttons(self) -> list[str]:
        return [form.button for form in self.seen.forms]

    @property
    def text(self) -> str:
        return self.page.text

    def _show(self, answer: requests.Response) -> requests.Response:
        self.page, self.seen = answer, _Page()
        self.seen.feed(answer.text)
        if self.seen.refresh:
            return self.get(urljoin(answer.url, self.seen.refresh))
        return answer


def sign_in(browser: Browser, control: str, title: str, login: str, path: str = "/account") -> requests.Response:
    """From a page of the store to the real issuer and back."""
    browser.get(control + path)
    browser.follow(f"Sign in with {title}")
    browser.submit("Sign-in", login=login, password="any")
    return browser.submit("Continue")
