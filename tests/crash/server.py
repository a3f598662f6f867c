"""A whole server as the crash tests need it: started again and again, and killed at once with everything it started."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

from tests.crash.client import Client
from tests.serving import Server


def processes_of(session: int) -> list[int]:
    """The live processes of a session; a server is started as the leader of one."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry))
    return found


class CrashServer(Server):
    """`start` may be called again after `kill` or `stop`. `preload` is an LD_PRELOAD library; `home` should not be on the disk under test."""

    def __init__(self, home: Path, *, preload: Path | None = None, env: dict[str, str] | None = None, **settings: Any) -> None:
        super().__init__(home, env={**(env or {}), **({"LD_PRELOAD": str(preload)} if preload else {})}, **settings)

    def restart(self) -> float:
        """Seconds until it is ready. Errors: ServerFailed."""
        begin = time.monotonic()
        try:
            self.start()
        except AssertionError as why:
            raise ServerFailed(str(why)) from None
        return time.monotonic() - begin

    @property
    def port(self) -> int:
        return int(self.endpoint.rsplit(":", 1)[1])

    def client(self, timeout_s: float = 20) -> Client:
        return Client(self.port, self.access_key, self.secret_key, self.region, timeout_s)

    def pids(self) -> list[int]:
        return processes_of(self.process.pid) if self.process else []

    def kill(self) -> None:
        """SIGKILL to supervisor, workers and steward; returns when none is left."""
        super().kill()
        deadline = time.monotonic() + 10
        while pids := self.pids():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise AssertionError(f"processes {pids} survive SIGKILL")
            time.sleep(0.002)

    def end(self) -> None:
        """SIGTERM and a clean end of every process, which is checked; what the log says is not."""
        code, left = self.stop(), self.pids()
        self.kill()
        if code or left:
            raise AssertionError(f"SIGTERM: exit status {code}, left behind {left}: {self.tail()}")


class ServerFailed(AssertionError):
    """The server did not come up."""
