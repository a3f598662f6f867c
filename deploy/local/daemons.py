"""What starting any daemon here needs: its program, a free port, the user it runs as, its pid file, and stopping only what was started."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CREATE_NO_MAIN = Path("/etc/postgresql-common/createcluster.d/no-main.conf")  # Debian would start a server of its own on installing one


class Missing(RuntimeError):
    """A program is not installed and cannot be installed here; the text says what to do."""


class Failed(RuntimeError):
    """A daemon or a command did not do what it was started for; the text holds its last words."""


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def run(arguments: Sequence[str | Path], *, ok: bool = True, timeout: float = 120, text: str | None = None) -> str:
    """Runs a command to its end and gives its standard output; Failed with its last words unless it succeeded (`ok=False` takes any end)."""
    command = [str(one) for one in arguments]
    try:
        done = subprocess.run(command, input=text or "", capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"{Path(command[0]).name} was not done after {timeout:g} s") from None
    if ok and done.returncode:
        raise Failed(f"{Path(command[0]).name} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def spawn(arguments: Sequence[str | Path], log: Path, *, timeout: float = 60) -> None:
    """Runs a command that puts itself into the background. Its output goes to a file: a daemon that kept a pipe would hold its reader for ever."""
    command = [str(one) for one in arguments]
    with log.open("ab") as out:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=timeout, check=False).returncode
    if code:
        raise Failed(f"{Path(command[0]).name} ended with {code}: {log.read_text(errors='replace')[-2000:]}")


def install(programs: dict[str, str], folders: Sequence[str] = ()) -> None:
    """Sees to it that every program (name -> Debian package) is there: by apt as root or by sudo without a password, else Missing says how."""
    wanted = sorted({package for program, package in programs.items() if not found(program, folders)})
    if not wanted:
        return
    by_hand = f"not installed: {' '.join(wanted)}. On Debian or Ubuntu, as root: apt-get install --no-install-recommends {' '.join(wanted)}"
    if not shutil.which("apt-get"):
        raise Missing(by_hand)
    if os.environ.get("HOLDFAST_TEST_APT", "1") == "0":
        raise Missing(f"{by_hand} (HOLDFAST_TEST_APT=0 forbids it here)")
    root: list[str] = []
    if os.geteuid():
        root = ["sudo", "-n"]
        if not shutil.which("sudo") or subprocess.run([*root, "true"], capture_output=True, check=False).returncode:
            raise Missing(by_hand)
    print(f"installing {' '.join(wanted)} (HOLDFAST_TEST_APT=0 forbids it): about a minute", flush=True)
    try:
        if not Path("/etc/postgresql-common").exists() and any("postgresql" in package for package in wanted):
            run([*root, "mkdir", "-p", CREATE_NO_MAIN.parent])
            run([*root, "tee", CREATE_NO_MAIN], text="create_main_cluster = false\n")
        apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        run([*apt, "update"], ok=False, timeout=300)
        run([*apt, "install", "-y", "--no-install-recommends", *wanted], timeout=900)
    except Failed as error:
        raise Missing(f"{by_hand}. apt-get said: {error}") from None


def found(program: str, folders: Sequence[str] = ()) -> str | None:
    """The path of a program, looked for in `folders` before PATH; of an absolute pattern the first file that it means."""
    if program.startswith("/"):
        return next(iter(glob.glob(program)), None)
    return shutil.which(program, path=os.pathsep.join([*folders, os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


def unprivileged(folder: Path, user: str = "postgres") -> list[str]:
    """The words before a command that make it run as nobody special: none for an ordinary user; for root, setpriv to `user`, who may also
    walk through folders that are closed to it where one lies above `folder`."""
    if os.geteuid():
        return []
    try:
        who = pwd.getpwnam(user)
    except KeyError:
        who = pwd.getpwnam("nobody")
    plain = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]
    if subprocess.run([*plain, "test", "-x", str(folder)], stdin=subprocess.DEVNULL, check=False).returncode:
        return [*plain, "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return plain


def give(folder: Path, user: str = "postgres") -> None:
    """As root, makes `user` the owner of a folder and what is in it."""
    if os.geteuid() == 0:
        with contextlib.suppress(KeyError):
            who = pwd.getpwnam(user)
            for path in [folder, *folder.rglob("*")]:
                os.chown(path, who.pw_uid, who.pw_gid)


def running(pid_file: Path, mark: str) -> int:
    """The pid of the daemon that wrote `pid_file` if it still runs, else 0. `mark` must be in its command line: pids are used again."""
    try:
        pid = int(pid_file.read_text().split()[0])
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (OSError, ValueError, IndexError):
        return 0
    return pid if mark in words else 0


def stop(pid_file: Path, mark: str, *, how: int = signal.SIGTERM, patience: float = 15) -> None:
    """Ends that daemon and returns when it is gone; SIGKILL when it takes longer than `patience` seconds."""
    pid = running(pid_file, mark)
    if pid:
        os.kill(pid, how)
        until = time.monotonic() + patience
        while running(pid_file, mark):
            if time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
                until += 5
            time.sleep(0.05)
    pid_file.unlink(missing_ok=True)


def wait(what: str, holds: Any, *, seconds: float = 60, every: float = 0.1) -> None:
    """Returns once holds() is true; Failed with `what` after so many seconds."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise Failed(f"{what}: not after {seconds:g} s")
        time.sleep(every)


def write_secret(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, whole or not at all."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
        out.write(text)
    beside.replace(path)


def facts(path: Path) -> dict[str, Any]:
    """What a finished installation wrote about itself, or {} where there is none."""
    try:
        read: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return read


def end(pid: int, how: int = signal.SIGKILL) -> None:
    """Ends a process that may have ended already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
