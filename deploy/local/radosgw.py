"""Ceph's own S3 gateway on a cluster of `deploy.local.ceph`, in the foreground, as its caller's child: what a benchmark puts Holdfast beside."""

from __future__ import annotations

import http.client
import subprocess
from pathlib import Path

from deploy.local import daemons
from deploy.local.ceph import Ceph

NAME = "client.rgw"


class Radosgw:
    """One radosgw on `ceph`: `port` and `process` once started. Its frontend is beast with tcp_nodelay=1: without that each small GET waits
    about 40 ms for the client's delayed acknowledgement."""

    def __init__(self, ceph: Ceph) -> None:
        self.ceph = ceph
        self.folder = ceph.folder / "rgw"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it; returns when it answers. Errors: daemons.Missing, daemons.Failed."""
        daemons.install({"radosgw": "radosgw", "radosgw-admin": "ceph-common"})
        self.folder.mkdir(exist_ok=True)
        keyring = self.folder / "keyring"
        if not keyring.exists():
            daemons.write_secret(keyring, self.ceph.ask("auth", "get-or-create", NAME, "mon", "allow rw", "osd", "allow rwx", "mgr", "allow rw"))
        self.port = daemons.free_port(self.ceph.host)
        command = ["radosgw", "-f", "-c", str(self.ceph.conf), "-n", NAME, "--keyring", str(keyring), "--rgw-data", str(self.folder)]
        command += ["--rgw-frontends", f"beast endpoint={self.ceph.host}:{self.port} tcp_nodelay=1", "--rgw-enable-usage-log=false"]
        command += ["--rgw-enable-ops-log=false", "--no-mon-config"]
        log = self.folder / "radosgw.log"
        with log.open("ab") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        daemons.wait(f"radosgw answers (see {log})", self._answers, seconds=90)

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise daemons.Failed("radosgw ended at once")
        link = http.client.HTTPConnection(self.ceph.host, self.port, timeout=2)
        try:
            link.request("GET", "/")
            return link.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()

    def user(self, name: str, access: str, secret: str) -> None:
        """Sees to it that a user with these keys is there."""
        admin: list[str | Path] = ["radosgw-admin", "-c", self.ceph.conf]
        if f'"{name}"' not in daemons.run([*admin, "user", "list"]):
            keys = [f"--access-key={access}", f"--secret-key={secret}"]
            daemons.run([*admin, "user", "create", f"--uid={name}", f"--display-name={name}", *keys])

    def stop(self) -> None:
        """Ends it."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
