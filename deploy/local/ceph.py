"""A Ceph of one's own: one monitor, one manager and some OSDs, made, started, stopped and taken apart; no systemd and no folder of root's."""

from __future__ import annotations

import json
import shutil
import signal
import uuid
from pathlib import Path
from typing import Any

from deploy.local import daemons

PROGRAMS = {
    "ceph-mon": "ceph-mon",
    "ceph-mgr": "ceph-mgr",
    "ceph-osd": "ceph-osd",
    "ceph": "ceph-common",
    "ceph-authtool": "ceph-common",
    "monmaptool": "ceph-common",
    "/usr/lib/python3/dist-packages/rados.*.so": "python3-rados",
}
GIB = 1024**3
POOL_TAG = "holdfast"  # the application that a pool of ours is enabled for: the gateways' cephx user may use those pools and no other
CONF = """\
# Written by deploy/local/ceph.py: a cluster for trying things, on one machine.
[global]
fsid = {fsid}
mon host = [v2:{host}:{v2},v1:{host}:{v1}]
public addr = {host}
cluster addr = {host}
ms bind ipv6 = false
auth allow insecure global id reclaim = false
keyring = {folder}/keyring
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
pid file = {folder}/run/$name.pid
log file = {folder}/log/$name.log
mon cluster log file = {folder}/log/cluster.log
crash dir = {folder}/log
osd pool default size = {copies}
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd heartbeat grace = 6
osd heartbeat interval = 2
mon osd min down reporters = 1
mon osd adjust heartbeat grace = false
mon allow pool size one = true
mon warn on pool no redundancy = false
mon allow pool delete = true
mon max pg per osd = 4000
mon data avail warn = 2
mon data avail crit = 1
[mon.a]
mon data = {folder}/mon
[mgr.x]
mgr data = {folder}/mgr
mgr initial modules =
[osd]
osd data = {folder}/osd.$id
osd objectstore = {store}
osd memory target = {memory}
bluestore block path =
bluestore block create = true
bluestore block size = {size}
bluestore fsck on mount = false
memstore device bytes = {size}
[client]
# A gateway reads this file too. Its admin socket would be one file for all of them.
admin socket =
log file =
[client.holdfast]
keyring = {folder}/holdfast.keyring
"""


def install() -> None:
    """Sees to it that the daemons and python3-rados are there; daemons.Missing says why not."""
    daemons.install(PROGRAMS)


class Ceph:
    """One cluster in `folder`. `osds`, `store` (bluestore, memstore: what it holds is gone when the OSD stops), `gib` a device, `copies`."""

    def __init__(self, folder: Path, host: str = "127.0.0.1", *, osds: int = 1, store: str = "bluestore", gib: float = 10, copies: int = 1) -> None:
        self.folder, self.host = folder.resolve(), host
        self.conf, self.keyring = self.folder / "ceph.conf", self.folder / "keyring"
        self.osds, self.store, self.size, self.copies = osds, store, int(gib * GIB), copies
        self.fact_file = self.folder / "facts.json"

    def ask(self, *words: str, timeout: float = 60) -> str:
        """Runs the ceph command as administrator; what it prints."""
        return daemons.run(["ceph", "-c", self.conf, "--connect-timeout", str(int(timeout)), *words], timeout=timeout + 10)

    def look(self, *words: str) -> Any:
        """As `ask`, its JSON read."""
        return json.loads(self.ask(*words, "-f", "json"))

    def start(self) -> None:
        """Makes what is missing and starts what does not run; returns when every OSD is up."""
        known = daemons.facts(self.fact_file)
        if not known:
            self._make()
        else:
            self.osds = int(known["osds"])
            for which in ["mon.a", "mgr.x", *(f"osd.{number}" for number in range(self.osds))]:
                self.start_daemon(which)
        daemons.wait("every OSD is up", lambda: self.up() == self.osds, seconds=90, every=0.3)

    def up(self) -> int:
        """How many OSDs the monitor holds for alive."""
        return int(self.look("osd", "stat")["num_up_osds"])

    def start_daemon(self, which: str) -> None:
        """Starts "mon.a", "mgr.x" or "osd.N" unless it runs."""
        if not self.pid(which):
            kind, name = which.split(".")
            daemons.spawn([f"ceph-{kind}", "-c", self.conf, "-i", name], self.folder / "log" / "start.log")

    def pid(self, which: str) -> int:
        """That daemon's pid, 0 where it does not run."""
        return daemons.running(self.folder / "run" / f"{which}.pid", str(self.conf))

    def stop_daemon(self, which: str, how: int = signal.SIGTERM) -> None:
        """Stops one daemon; returns when it is gone."""
        daemons.stop(self.folder / "run" / f"{which}.pid", str(self.conf), how=how)

    def _make(self) -> None:
        install()
        if self.folder.exists():  # a half-made one, from a start that was ended
            self.purge()
        for name in ("run", "log", "mon", "mgr"):
            (self.folder / name).mkdir(parents=True)
        fsid, v1, v2 = str(uuid.uuid4()), daemons.free_port(self.host), daemons.free_port(self.host)
        self.conf.write_text(CONF.format(
            fsid=fsid, host=self.host, v1=v1, v2=v2, folder=self.folder, store=self.store, size=self.size, copies=self.copies,
            memory=GIB,
        ))  # fmt: skip
        self._make_keys()
        monmap = self.folder / "monmap"
        daemons.run(["monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", f"[v2:{self.host}:{v2},v1:{self.host}:{v1}]", monmap])
        daemons.run(["ceph-mon", "-c", self.conf, "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", self.keyring])
        self.start_daemon("mon.a")
        self.start_daemon("mgr.x")
        for number in range(self.osds):
            name = str(uuid.uuid4())
            (self.folder / f"osd.{number}").mkdir()
            self.ask("osd", "new", name, str(number))
            daemons.spawn(["ceph-osd", "-c", self.conf, "-i", str(number), "--mkfs", "--osd-uuid", name], self.folder / "log" / "mkfs.log")
            self.start_daemon(f"osd.{number}")
        daemons.write_secret(self.fact_file, json.dumps({"osds": self.osds, "store": self.store}))

    def _make_keys(self) -> None:
        def key(name: str, *caps: str, into: Path = self.keyring) -> None:
            words = [word for cap in caps for word in ("--cap", *cap.split(" ", 1))]
            made = [] if into.exists() else ["--create-keyring"]
            daemons.run(["ceph-authtool", into, *made, "--gen-key", "-n", name, *words])

        key("mon.", "mon allow *")
        self.keyring.chmod(0o600)
        key("client.admin", "mon allow *", "osd allow *", "mgr allow *")
        key("mgr.x", "mon allow profile mgr", "osd allow *")
        for number in range(self.osds):
            key(f"osd.{number}", "mon allow profile osd", "mgr allow profile osd", "osd allow *")
        ours = self.folder / "holdfast.keyring"
        key("client.holdfast", "mon profile simple-rados-client", f"osd allow rw tag {POOL_TAG} *=*", into=ours)  # as docs/cluster.md says
        ours.chmod(0o600)
        daemons.run(["ceph-authtool", self.keyring, "--import-keyring", ours])  # the monitor learns of it when it is made

    def pool(self, name: str, *, erasure: bool = False) -> str:
        """Sees to it that a pool of that name is there for Holdfast's use; the name."""
        if name not in self.look("osd", "pool", "ls"):
            self.ask("osd", "pool", "create", name, "8", "8", *(["erasure"] if erasure else []))
            self.ask("osd", "pool", "application", "enable", name, POOL_TAG)
            if erasure:
                self.ask("osd", "pool", "set", name, "allow_ec_overwrites", "true")
        return name

    def drop_pool(self, name: str) -> None:
        """Removes a pool and all that is in it."""
        self.ask("osd", "pool", "rm", name, name, "--yes-i-really-really-mean-it")

    def stop(self) -> None:
        """Stops its daemons, clients' ends first."""
        for which in [*(f"osd.{number}" for number in range(64)), "mgr.x", "mon.a"]:
            self.stop_daemon(which)

    def purge(self) -> None:
        """Stops its daemons at once and removes everything."""
        for which in [*(f"osd.{number}" for number in range(64)), "mgr.x", "mon.a"]:
            self.stop_daemon(which, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
