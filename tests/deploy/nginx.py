"""nginx with a configuration of `deploy/`, as tests run it: in the foreground, in a folder of its own, on ports of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """The text with each first one, which must be there once, replaced."""
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@contextmanager
def nginx(home: Path, text: str, port: int) -> Iterator[None]:
    """It runs with `text` in its http block, and listens at `port`."""
    home.mkdir(parents=True, exist_ok=True)
    temporary = " ".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = f"daemon off; pid {home}/nginx.pid; error_log {home}/error.log; worker_processes 1;\nevents {{}}\n"
    (home / "nginx.conf").write_text(f"{main}http {{ access_log off; {temporary}\n{text}\n}}\n")
    process = subprocess.Popen([shutil.which("nginx") or "nginx", "-p", str(home), "-c", str(home / "nginx.conf")], stderr=subprocess.PIPE)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)
