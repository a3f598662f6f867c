"""A real `holdfast serve` as tests start, ask and stop it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from holdfast import engines
from holdfast.engine.api import Engine
from tests import cluster_servers

ROOT = Path(__file__).resolve().parents[1]
ACCESS_KEY, SECRET_KEY, REGION = "HOLDFASTTESTROOT0001", "test-root-secret/with+signs=01", "us-east-1"
READY_S, STOP_S = 40.0, 40.0


HEARD_S = 0.3


@contextlib.asynccontextmanager
async def store_of(data_dir: Path) -> AsyncIterator[Engine]:
    """The store of a server with this data directory, opened beside it as another process would. What was done in it counts when this ends."""
    engine = open_store(data_dir)
    try:
        yield engine
    finally:
        await engine.close()
        await heard(engine)


def open_store(data_dir: Path) -> Engine:
    """As `store_of`; whoever opens it closes it."""
    return engines.open_url(cluster_servers.store_url(data_dir) if cluster_servers.on_cluster() else f"embedded://{quote(str(data_dir.absolute()))}")


async def heard(engine: Engine) -> None:
    """Returns when the other processes of the store have heard of changes, which may take a moment on a cluster."""
    if not engine.at_once:
        await asyncio.sleep(HEARD_S)


class Server:
    """One server on ports that the system chose. Settings are those of `holdfast serve`, by name (`workers=1`, `tls_cert=path`)."""

    access_key, secret_key = ACCESS_KEY, SECRET_KEY
    before: tuple[str, ...] = ()  # words of a command that runs the server, such as one that enters a network namespace

    def __init__(self, home: Path, *, ca: str | None = None, env: dict[str, str] | None = None, **settings: Any) -> None:
        self.home = home
        self.data_dir = Path(settings.pop("data_dir", home / "data"))
        self.ca = ca
        self.settings = {"data_dir": self.data_dir, "data_listen": "127.0.0.1:0", "control_listen": "127.0.0.1:0", "workers": 2, **settings}
        if "engine" not in self.settings and cluster_servers.on_cluster():
            inline = {"inline": str(self.settings["inline_bytes_max"])} if "inline_bytes_max" in self.settings else {}
            self.settings["engine"] = cluster_servers.store_url(self.data_dir, **inline)
        self.region = str(self.settings.get("region", REGION))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_") and name != "PYTHONDONTWRITEBYTECODE"}
        self.env = kept | {"PYTHONPYCACHEPREFIX": str(ROOT / ".build" / "bytecode")}  # a server that compiles itself anew starts in twice the time
        self.env |= {"HOLDFAST_ROOT_ACCESS_KEY": ACCESS_KEY, "HOLDFAST_ROOT_SECRET_KEY": SECRET_KEY, "PYTHONPATH": str(ROOT / "src"), **(env or {})}
        self.env = {name: value for name, value in self.env.items() if value}
        self.out, self.log = home / "stdout.txt", home / "stderr.txt"
        self.process: subprocess.Popen[bytes] | None = None
        self.endpoint = self.control = ""

    def arguments(self) -> list[str]:
        found: list[str] = []
        for name, value in self.settings.items():
            for one in value if isinstance(value, list | tuple) else [value]:
                found += ["--" + name.replace("_", "-"), str(one).lower() if isinstance(one, bool) else str(one)]
        return found

    def launch(self) -> subprocess.Popen[bytes]:
        """Starts the process without waiting for anything."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self.out.open("wb") as out, self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.before, sys.executable, "-m", "holdfast", "serve", *self.arguments()],
                env=self.env, cwd=self.home, stdin=subprocess.DEVNULL, stdout=out, stderr=log, start_new_session=True,
            )  # fmt: skip
        return self.process

    def start(self) -> Server:
        """Starts it and returns when the ready line is there."""
        process = self.launch()
        until = time.monotonic() + READY_S
        while "holdfast: ready" not in self.out.read_text():
            if process.poll() is not None:
                raise AssertionError(f"the server ended with {process.returncode} before it was ready:\n{self.tail()}")
            if time.monotonic() > until:
                self.kill()
                raise AssertionError(f"the server was not ready after {READY_S:g} s:\n{self.tail()}")
            time.sleep(0.02)
        facts = self.facts()
        self.endpoint, self.control = facts["data_url"], facts["control_url"]
        if self.ca:  # the certificate names hosts, as certificates do
            self.endpoint = self.endpoint.replace("127.0.0.1", "localhost")
        return self

    def facts(self) -> dict[str, Any]:
        """run.json: pids and addresses."""
        found: dict[str, Any] = json.loads((self.data_dir / "run.json").read_text())
        return found

    def worker_pids(self) -> list[int]:
        return [pid for name, pid in self.facts()["processes"].items() if name.startswith("worker")]

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET on the control listener."""
        try:
            with urllib.request.urlopen(self.control + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def tail(self) -> str:
        return self.out.read_text()[-2000:] + self.log.read_text()[-4000:] if self.log.exists() else ""

    def access_log(self) -> list[dict[str, Any]]:
        path = self.data_dir / "logs" / "access.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server still ran {STOP_S:g} s after SIGTERM:\n{self.tail()}") from None

    def kill(self) -> None:
        """SIGKILL for the whole session, and no process left afterwards."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def finish(self) -> None:
        """Stops it and asserts what must hold for every server: a clean end and nothing unexpected in its log."""
        if self.process is None or self.process.returncode is not None:
            return
        code = self.stop()
        log = self.log.read_text()
        assert code == 0, f"exit code {code}:\n{self.tail()}"
        assert not re.search(r"traceback|InternalError", log, re.IGNORECASE), f"something unexpected happened:\n{log[-6000:]}"
