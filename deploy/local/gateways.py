"""Gateways of `holdfast serve` on the servers of this folder: started with one administrator's key and one master key, found again, stopped."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

from deploy.local import daemons

READY_S = 60.0
MASTER = "master.key"


def engine_url(dsn: str, conf: Path | str, pool: str, **options: str) -> str:
    """The cluster engine's URL, as `holdfast serve --engine` takes it. `dsn` is libpq's connection string."""
    return "cluster://?" + urlencode({"postgres": dsn, "ceph": str(conf), "pool": pool, "user": "holdfast", **options})


class Gateways:
    """So many gateways in `folder`, numbered from 1. The addresses and the administrator's key are kept: a second start finds them as they were."""

    def __init__(self, folder: Path, engine: str, count: int = 2) -> None:
        self.folder, self.engine, self.count = folder.resolve(), engine, count
        self.folder.mkdir(parents=True, exist_ok=True)
        self.fact_file = self.folder / "facts.json"
        self.facts = daemons.facts(self.fact_file) or self._choose()

    def _choose(self) -> dict[str, str]:
        known = {"access_key": "HFCLUSTER" + secrets.token_hex(6).upper(), "secret_key": secrets.token_hex(24)}
        daemons.write_secret(self.fact_file, json.dumps(known))
        return known

    def data(self, number: int) -> Path:
        return self.folder / str(number)

    def pid(self, number: int) -> int:
        return daemons.running(self.folder / f"{number}.pid", str(self.data(number)))

    def run_json(self, number: int) -> dict[str, str]:
        """What gateway `number` says of itself: data_url, control_url, pid."""
        return daemons.facts(self.data(number) / "run.json")

    def start(self) -> None:
        """Starts those that do not run. The first makes the master key, which every gateway of a cluster must have."""
        for number in range(1, self.count + 1):
            if not self.pid(number):
                self._start(number)

    def _start(self, number: int) -> None:
        home, out = self.data(number), self.folder / f"{number}.log"
        home.mkdir(mode=0o700, exist_ok=True)
        for listener in ("data", "control"):
            self.facts.setdefault(f"{listener}{number}", str(daemons.free_port()))
        daemons.write_secret(self.fact_file, json.dumps(self.facts))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        environment |= {"HOLDFAST_ROOT_ACCESS_KEY": self.facts["access_key"], "HOLDFAST_ROOT_SECRET_KEY": self.facts["secret_key"]}
        environment["HOLDFAST_ENGINE"] = self.engine  # not among the arguments, which everybody on this machine may read: it holds a password
        command = [sys.executable, "-m", "holdfast", "serve", "--quiet", "--data-dir", str(home), "--master-key", str(self.folder / MASTER)]
        for listener in ("data", "control"):
            command += [f"--{listener}-listen", f"127.0.0.1:{self.facts[f'{listener}{number}']}"]
        with out.open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        (self.folder / f"{number}.pid").write_text(str(process.pid))
        until = time.monotonic() + READY_S
        while "holdfast: ready" not in out.read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise daemons.Failed(f"gateway {number} did not start: {out.read_text(errors='replace').strip()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stops them; each finishes the requests in flight."""
        for pid_file in sorted(self.folder.glob("*.pid")):
            daemons.stop(pid_file, str(self.folder / pid_file.stem), patience=40)
