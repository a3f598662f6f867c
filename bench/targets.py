"""The servers that are measured: Holdfast, nginx as the limit, and each peer that is installed; started here, on data that goes away."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.machine import family, rss_mib
from bench.presign import Endpoint

ROOT = Path(__file__).parents[1]
ACCESS, SECRET = "HOLDFASTBENCH0000000", "a-secret-that-only-this-benchmark-uses-0"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Target:
    """One running server. `web_root` is set for a static web server, which is filled through the file system."""

    name: str
    endpoint: Endpoint
    process: subprocess.Popen[bytes] | None = None
    pids: list[int] = field(default_factory=list)
    web_root: Path | None = None
    slow: bool = False
    """Less data and one run: a peer that answers hundreds of requests a second."""
    backends: dict[str, list[int]] = field(default_factory=dict)
    """Processes behind it, whose CPU is counted apart: name to pids."""

    def memory_mib(self) -> float:
        """The largest of its processes."""
        return max((rss_mib(pid) for pid in family(self.pids)), default=0.0)

    def stop(self) -> None:
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def start(name: str, argv: list[str], endpoint: Endpoint, log: Path, ready: Callable[[], bool], env: dict[str, str] | None = None) -> Target:
    """Starts a server and waits until `ready`. Errors: SystemExit with the end of its log."""
    with log.open("ab") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=env, start_new_session=True)
    target = Target(name, endpoint, process, [process.pid])
    deadline = time.monotonic() + 30
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            target.stop()
            raise SystemExit(f"{name} did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
    return target


def answers(port: int, path: str, status: int | None = None) -> bool:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        link.request("GET", path)
        return link.getresponse().status == (status or 200) or status is None
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def holdfast(where: Path, workers: int | None = None, engine: str = "") -> Target:
    """The server of this tree with its default workers, all else as it comes; `engine` is a cluster's URL."""
    data, control = free_port(), free_port()
    argv = [sys.executable, "-m", "holdfast", "serve", "--data-dir", str(where / "data")]
    argv += ["--data-listen", f"127.0.0.1:{data}", "--control-listen", f"127.0.0.1:{control}"]
    argv += ["--workers", str(workers)] if workers else []
    argv += ["--engine", engine] if engine else []
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "HOLDFAST_ROOT_ACCESS_KEY": ACCESS, "HOLDFAST_ROOT_SECRET_KEY": SECRET}
    return start("holdfast", argv, Endpoint(data, ACCESS, SECRET), where / "holdfast.log", lambda: answers(control, "/health/ready", 200), env)


NGINX = """
daemon off; worker_processes auto; pid {where}/nginx.pid; error_log {where}/nginx.error.log; {user}
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; open_file_cache max=10000 inactive=600s; open_file_cache_valid 600s;
  keepalive_requests 1000000000; keepalive_timeout 600;
  client_body_temp_path {where}/t1; proxy_temp_path {where}/t2; fastcgi_temp_path {where}/t3; uwsgi_temp_path {where}/t4; scgi_temp_path {where}/t5;
  server {{ listen 127.0.0.1:{port} reuseport; root {where}/www; }}
}}
"""


def nginx(where: Path) -> Target | None:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if not program:
        return None
    port, root = free_port(), where / "www"
    root.mkdir()
    (root / "up").write_text("up")
    user = "user root;" if os.geteuid() == 0 else ""
    (where / "nginx.conf").write_text(NGINX.format(where=where, port=port, user=user))
    argv = [program, "-p", str(where), "-c", str(where / "nginx.conf")]
    target = start("nginx", argv, Endpoint(port), where / "nginx.log", lambda: answers(port, "/up", 200))
    target.web_root = root
    return target


def moto(where: Path) -> Target | None:
    """moto's S3 (everything in memory, nothing durable)."""
    program = Path(sys.executable).with_name("moto_server")
    found = str(program) if program.exists() else shutil.which("moto_server")
    if not found or subprocess.run([found, "--help"], capture_output=True, timeout=60).returncode:
        return None
    port = free_port()
    argv = [found, "-H", "127.0.0.1", "-p", str(port)]
    target = start("moto", argv, Endpoint(port, "bench", "bench"), where / "moto.log", lambda: answers(port, "/moto-api/"))
    target.slow = True
    return target


def external(text: str) -> Target:
    """A server that already runs: NAME=PORT,ACCESS,SECRET,PID[,PID...] (a Ceph gateway and its OSDs, say)."""
    try:
        name, rest = text.split("=", 1)
        port, access, secret, *pids = rest.split(",")
        return Target(name, Endpoint(int(port), access, secret), None, [int(pid) for pid in pids], slow=True)
    except ValueError:
        raise SystemExit(f"--peer {text}: expected NAME=PORT,ACCESS,SECRET,PID[,PID...]") from None
