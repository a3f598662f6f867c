"""The instruments: fsync that lies or fails (LD_PRELOAD), a file system whose power can be cut, strace. Each says why it cannot be used here."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
"""EXT4_GOING_FLAGS_NOLOGFLUSH: stop at once; what the journal holds only in memory is lost (linux/fs/ext4/ext4.h)."""


def run(*argv: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=check, timeout=60)


class Missing(Exception):
    """The instrument cannot be used on this machine; the text says why."""


class Syncs:
    """fsync and fdatasync of a server that is started with `preload` and `env`: obedient until told otherwise, at any time."""

    def __init__(self, where: Path) -> None:
        if not (compiler := shutil.which("gcc") or shutil.which("cc")):
            raise Missing("no C compiler for the LD_PRELOAD shim")
        if subprocess.run([compiler, "-E", "-"], input=b"#include <dlfcn.h>", capture_output=True).returncode:
            raise Missing("the C compiler has no headers for the LD_PRELOAD shim (on Debian: libc6-dev)")
        self.preload, self.control = where / "shim.so", where / "faults"
        run(compiler, "-O2", "-shared", "-fPIC", "-o", self.preload, Path(__file__).with_name("shim.c"), "-ldl")
        self.env = {"FAULTS": str(self.control)}
        self.obey()

    def obey(self) -> None:
        self._order("")

    def lie(self) -> None:
        self._order("lie\n")

    def fail(self, path_part: str, error: str = "EIO") -> None:
        self._order(f"{error} {path_part}\n")

    def _order(self, text: str) -> None:
        fresh = self.control.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self.control)


class Disk:
    """An ext4 file system of its own on a loop device, mounted at `path`. Needs root."""

    def __init__(self, where: Path, size_mib: int, kind: str = "ext4") -> None:
        self.image, self.path, self.kind, self.size_mib = where / "disk.img", where / "disk", kind, size_mib
        self.mounted = False
        if os.geteuid() != 0:
            raise Missing("mounting a file system needs root")
        self.path.mkdir()
        if kind == "ext4":
            if not shutil.which("mkfs.ext4"):
                raise Missing("no mkfs.ext4")
            with self.image.open("wb") as image:
                image.truncate(size_mib << 20)
            run("mkfs.ext4", "-qF", self.image)
        self.mount()

    def mount(self) -> None:
        where = ["-o", "loop", self.image] if self.kind == "ext4" else ["-t", "tmpfs", "-o", f"size={self.size_mib}m", "tmpfs"]
        done = run("mount", *where, self.path, check=False)
        if done.returncode:
            raise Missing(f"cannot mount {self.kind}: {done.stderr.strip()}")
        self.mounted = True

    def unmount(self) -> None:
        if not self.mounted:
            return
        for _ in range(100):
            if run("umount", self.path, check=False).returncode == 0:
                break
            time.sleep(0.05)
        else:
            run("umount", "-l", self.path)
        self.mounted = False

    def cut(self) -> None:
        """The power fails now: no write of the file system reaches the device any more, not even its journal."""
        handle = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        except OSError as error:
            raise Missing(f"the ext4 shutdown ioctl: {error}") from error
        finally:
            os.close(handle)

    def power_on(self) -> None:
        """Mounts again, so that the kernel replays the journal, as at boot."""
        self.unmount()
        self.mount()

    def free_bytes(self) -> int:
        state = os.statvfs(self.path)
        return state.f_bavail * state.f_frsize

    def close(self) -> None:
        self.unmount()
        with contextlib.suppress(FileNotFoundError):
            self.image.unlink()


class Strace:
    """strace attached to every thread of some processes until `detach`."""

    def __init__(self, pids: list[int], *options: str) -> None:
        if not (strace := shutil.which("strace")):
            raise Missing("no strace")
        argv = [strace, "-f", *options, *(f"-p{pid}" for pid in pids)]
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr
        waiting = set(pids)
        while waiting:                               # "strace: Process 7 attached", or "... attached with 3 threads"
            line = self.process.stderr.readline()
            if not line or "not permitted" in line:
                self.process.kill()
                self.process.wait()
                raise Missing(f"strace cannot attach: {line.strip() or 'it ended'}")
            if "attached" in line:
                waiting.discard(int(line.split("Process ")[1].split()[0]))

    def detach(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
