"""Host names for real clients: a client runs where they are this machine's, in a mount namespace with an /etc/hosts of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.clients.place import Place

DOMAIN = "s3.localhost"
_IN_NAMESPACE = 'mount --bind "$0" /etc/hosts && exec "$@"'


@cache
def namespace() -> tuple[str, ...]:
    """The command that gives a program mounts of its own, as root or as another user; () where neither may be."""
    for command in (("unshare", "--mount"), ("unshare", "--mount", "--map-root-user")):
        if command[1:] == ("--mount",) and os.geteuid() != 0:
            continue
        whole = [*command, "sh", "-c", _IN_NAMESPACE, "/etc/hosts", "true"]
        if shutil.which("unshare") and subprocess.run(whole, capture_output=True, check=False).returncode == 0:
            return command
    return ()


class NamedPlace(Place):
    """A place whose clients know the server as `s3.localhost`, and in virtual-host style by the bucket's own host only.

    Where the bucket's host is the only name that leads anywhere, a client that goes on in path style fails."""

    def __init__(self, server: Any, home: Path, style: str) -> None:
        super().__init__(server, home)
        self.style = style
        self.endpoint = server.endpoint.replace("://localhost", f"://{DOMAIN}")
        self.hostport = self.endpoint.split("://", 1)[1]
        self.virtual = style == "virtual"
        self.hosts = home / "hosts"
        self.resolve(*([] if self.virtual else [DOMAIN]))

    def resolve(self, *more: str) -> None:
        """Which names are this machine's: the bucket's own host and these."""
        self.hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", f"{self.bucket}.{DOMAIN}", *more)))

    def run(self, *argv: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        if not namespace():
            pytest.skip("no mount namespace may be made here, in which host names would be this machine's")
        return super().run(*namespace(), "sh", "-c", _IN_NAMESPACE, self.hosts, *argv, **options)
