"""A real issuer of the tests' own, node-oidc-provider on loopback: its accounts and clients in one folder, as an ordinary user."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

from tests.serving import ROOT

INSTALLED = ROOT / ".build" / "oidc-issuer" / "node_modules"
SCRIPT = Path(__file__).parent / "issuer" / "issuer.mjs"


def why_not() -> str:
    """"" when the issuer can be started here, else what is missing."""
    if shutil.which("node") is None:
        return "node is not installed"
    return "" if (INSTALLED / "oidc-provider").is_dir() else "oidc-provider is not installed (make clients)"


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


class RealIssuer:
    """One issuer. `accounts` may be changed while it runs."""

    def __init__(self, home: Path, redirect_uris: list[str], secret: str) -> None:
        home.mkdir(parents=True)
        self._accounts = home / "accounts.json"
        self.accounts: dict[str, dict[str, Any]] = {}
        self.save()
        client: dict[str, Any] = {"client_id": "holdfast", "client_secret": secret, "redirect_uris": redirect_uris}
        if not secret:
            del client["client_secret"]
            client["token_endpoint_auth_method"] = "none"
        (home / "clients.json").write_text(json.dumps([client]))
        (home / "node_modules").symlink_to(INSTALLED)
        shutil.copy(SCRIPT, home)
        shutil.copy(SCRIPT.parent / "package.json", home)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (home / "issuer.log").open("wb")
        command = ["node", SCRIPT.name, str(self.port), "accounts.json", "clients.json"]
        self.process = subprocess.Popen(command, cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == b"ready\n", (line, (home / "issuer.log").read_text()[-2000:])

    def save(self) -> None:
        self._accounts.write_text(json.dumps(self.accounts))

    def person(self, name: str, *groups: str, **more: Any) -> str:
        """An account, whose login is its subject."""
        self.accounts[name] = {
            "preferred_username": name, "name": name.title(), "email": f"{name}@example.org", "email_verified": True, "groups": list(groups), **more,
        }  # fmt: skip
        self.save()
        return name

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self._log.close()
