"""One store with a real issuer that the tests start."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.administration import Somebody, unique
from tests.oidc.browser import Browser, sign_in
from tests.oidc.issuer import RealIssuer, free_port, why_not
from tests.serving import Server

SECRET = "a-secret+with/odd:chars and%blanks"
TITLE = "Example University"


class Place:
    """A store, its issuer, and its administrator."""

    def __init__(self, server: Server, issuer: RealIssuer) -> None:
        self.server, self.issuer = server, issuer
        self.root = Somebody(server, server.access_key, server.secret_key)

    def organisation(self, name: str, **more: str) -> str:
        options = [part for key, value in more.items() for part in ("--" + key.replace("_", "-"), value)]
        return str(self.root.admin("organisation", "create", "--name", name, *options)["id"])

    def browser(self, login: str, *groups: str, **more: Any) -> Browser:
        """Somebody who has just signed in."""
        self.issuer.person(login, *groups, **more)
        browser = Browser()
        sign_in(browser, self.server.control, TITLE, login)
        return browser

    def refused_for(self, rule: str, action: str = "HoldfastSignIn") -> bool:
        """Whether the audit log says that something was refused for that; refusals are written a moment later."""
        for _ in range(50):
            if any(line["action"] == action and line["decision"] == "deny" and line["rule"] == rule for line in self.audit()):
                return True
            time.sleep(0.1)
        return False

    def audit(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.server.data_dir / "logs" / "audit.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if why_not():
        pytest.skip(why_not())
    home = tmp_path_factory.mktemp("oidc")
    port = free_port()
    issuer = RealIssuer(home / "issuer", [f"http://127.0.0.1:{port}/sign-in/oidc/callback"], SECRET)
    (home / "secret").write_text(SECRET + "\n")
    server = Server(
        home / "server", workers=2, data_listen=f"127.0.0.1:{free_port()}", control_listen=f"127.0.0.1:{port}", log_level="debug",
        oidc_issuer=issuer.url, oidc_client_id="holdfast", oidc_client_secret_file=home / "secret", oidc_title=TITLE,
        oidc_scope="openid profile email groups", oidc_organisation=["member@example.org=physics", "*@chem.example.org=chemistry"],
        oidc_group="/operators=operators", **refusing(home),
    ).start()  # fmt: skip
    try:
        made = Place(server, issuer)
        made.organisation("physics", display_name="Physics")
        made.organisation("chemistry", display_name="Chemistry")
        made.root.admin("group", "create", "--name", "Operators")
        yield made
        server.finish()
    finally:
        server.kill()
        issuer.stop()


def refusing(home: Path) -> dict[str, Any]:
    """What lets in everybody but those whom the issuer says to be outside."""
    return {"oidc_allow": ["*@example.org", "*@chem.example.org", "/operators", "guest"]}


def person() -> str:
    return unique("p")
