"""The field of the fault tests: gateways in namespaces of their own on one PostgreSQL (with a replica) and one Ceph, and what can befall them."""

from __future__ import annotations

import http.client
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from deploy.local import daemons
from deploy.local.ceph import Ceph
from deploy.local.gateways import MASTER, engine_url
from deploy.local.postgres import Postgres
from tests.administration import Somebody
from tests.cluster.network import Network, run
from tests.cluster_servers import loadable
from tests.crash.client import Client
from tests.serving import ACCESS_KEY, SECRET_KEY, Server

RECOVERY_S = 30.0
POOL = "holdfast"


class Fault(NamedTuple):
    """What is done to the field, for how long, and how it is undone; `healed` says afterwards how long recovery took."""

    name: str
    inject: Callable[[], Any]
    heal: Callable[[], Any]
    hold_s: float = 3.0


class Field:
    """Everything started; `close` takes it all away. `apart`: each gateway in a network namespace of its own, else all on loopback.
    `postgres_mib`: the database's files are on a file system of that size. `ceph`: one that runs, and goes on afterwards."""

    failed_over = False

    def __init__(
        self, gateways: int = 3, *, osds: int = 1, replica: bool = True, apart: bool = True, postgres_mib: int = 0, ceph: Ceph | None = None
    ) -> None:
        loadable()
        self.folder = Path(tempfile.mkdtemp(prefix="hff"))
        self.mounted = False
        self.gateways: list[Server] = []
        self.lost_osds: set[int] = set()
        self.space = Network(gateways) if apart else None
        host = self.space.host if self.space else "127.0.0.1"
        self.postgres = Postgres(self.folder / "disk" / "pg", host)
        self.ceph = ceph or Ceph(self.folder / "ceph", host, osds=osds, gib=4, copies=osds)
        try:
            self._start(gateways, replica, postgres_mib)
        except BaseException:
            self.close()
            raise

    def _start(self, count: int, replica: bool, postgres_mib: int) -> None:
        disk = self.folder / "disk"
        disk.mkdir()
        if postgres_mib:
            run("mount", "-t", "tmpfs", "-o", f"size={postgres_mib}m,mode=0755", "tmpfs", str(disk))
            self.mounted = True
        with ThreadPoolExecutor(1) as beside:
            making = beside.submit(lambda: (self.ceph.start(), self.ceph.pool(POOL)))
            self.postgres.start()
            if replica:
                self.postgres.add_replica()
            making.result()
        dsn = self.postgres.dsn_of_pair() if replica else self.postgres.dsn()
        listings = {"replica": self.postgres.dsn("replica")} if replica else {}
        self.engine = engine_url(dsn, self.ceph.conf, POOL, **listings)
        for number in range(count):
            self.gateways.append(self._gateway(number))

    def _gateway(self, number: int) -> Server:
        listeners = {"data_listen": "127.0.0.1:0", "control_listen": "127.0.0.1:0"}
        if self.space:
            address = self.space.address(number)
            listeners = {"data_listen": f"{address}:9000", "control_listen": f"{address}:9001"}
        made = Server(self.folder / f"gateway{number}", env={"HOLDFAST_ENGINE": self.engine}, workers=1 if self.space else 2,
                      master_key=self.folder / MASTER, **listeners)  # fmt: skip
        if self.space:
            made.before = self.space.enter(number)
        return made.start()

    @property
    def network(self) -> Network:
        assert self.space is not None, "these gateways are not apart"
        return self.space

    @property
    def addresses(self) -> list[tuple[str, int]]:
        places = [urlsplit(one.endpoint) for one in self.gateways]
        return [(str(place.hostname), int(place.port or 0)) for place in places]

    def client(self, number: int, timeout_s: float = 20) -> Client:
        host, port = self.addresses[number]
        return Client(port, ACCESS_KEY, SECRET_KEY, timeout_s=timeout_s, host=host)

    def root(self, number: int = 0) -> Somebody:
        """The administrator, asking one gateway."""
        return Somebody(self.gateways[number], ACCESS_KEY, SECRET_KEY)

    def works(self, number: int, bucket: str) -> bool:
        """Whether a gateway writes and reads small and large bodies again."""
        client = self.client(number, 10)
        try:
            for size in (10, 30_000):
                name, body = f"probe/{number}/{size}", f"{time.monotonic()}".encode().ljust(size)
                if client.put(bucket, name, body).status != 200 or client.get(bucket, name).body != body:
                    return False
            return True
        except (OSError, http.client.HTTPException):
            return False
        finally:
            client.close()

    def recovered(self, bucket: str) -> float:
        """Waits until every gateway works; how many seconds that took. Errors: AssertionError when it takes too long."""
        began = time.monotonic()
        for number in range(len(self.gateways)):
            while not self.works(number, bucket):
                assert time.monotonic() - began < RECOVERY_S, f"gateway {number} does not work {RECOVERY_S:g} s after all was healed"
                time.sleep(0.2)
        return time.monotonic() - began

    def befall(self, fault: Fault, bucket: str) -> float:
        """Injects, holds, heals, and waits for recovery."""
        fault.inject()
        time.sleep(fault.hold_s)
        fault.heal()
        return self.recovered(bucket)

    # What can befall it

    def partition(self, *numbers: int) -> Fault:
        def undo() -> None:
            for number in numbers:
                self.network.heal(number)

        return Fault(f"gateways {numbers} cut from the backends", lambda: [self.network.cut(number) for number in numbers], undo, 6.0)

    def loss(self, percent: int) -> Fault:
        every = range(len(self.gateways))
        return Fault(f"{percent} % of packets lost", lambda: [self.network.lose(one, percent) for one in every],
                     lambda: [self.network.heal(one) for one in every], 3.0)  # fmt: skip

    def reset(self, number: int) -> Fault:
        return Fault(f"gateway {number} reset by the backends", lambda: self.network.reset(number), lambda: self.network.heal(number))

    def crash(self, number: int) -> Fault:
        return Fault(f"gateway {number} killed", self.gateways[number].kill, self.gateways[number].start, 1.0)

    def restart_postgres(self, how: int = signal.SIGINT) -> Fault:
        which = "replica" if self.failed_over else "primary"
        return Fault("PostgreSQL restarted", lambda: self.postgres.stop(which, how=how), lambda: self.postgres.start(which), 1.0)

    def crash_postgres(self) -> Fault:
        which = "replica" if self.failed_over else "primary"
        return Fault("PostgreSQL killed", lambda: self.postgres.kill(which), lambda: self.postgres.start(which), 1.0)

    def fail_over(self) -> Fault:
        """The primary is killed and its synchronous replica takes its place; it does not come back."""

        def promote() -> None:
            self.postgres.promote()
            self.failed_over = True

        return Fault("PostgreSQL failed over", self.postgres.kill, promote, 1.0)

    def stop_osd(self, number: int = 0, how: int = signal.SIGTERM) -> Fault:
        name = f"osd.{number}"

        def start() -> None:
            try:
                self.ceph.start_daemon(name)
            except daemons.Failed:  # Ceph 16's BlueFS cannot always read its log again after a kill: what the other OSDs hold is enough
                self.lost_osds.add(number)
                if len(self.lost_osds) == self.ceph.osds:
                    raise

        return Fault(f"{name} stopped", lambda: self.ceph.stop_daemon(name, how), start, 3.0)

    def osds(self) -> list[int]:
        """Those that may be stopped: the last one that starts again may not, where others were lost for good."""
        alive = [number for number in range(self.ceph.osds) if number not in self.lost_osds]
        return alive if len(alive) > 1 or not self.lost_osds else []

    def finish(self) -> None:
        """Every gateway ends in order, with nothing unexpected in its log."""
        for one in self.gateways:
            one.finish()

    def close(self) -> None:
        for one in self.gateways:
            one.kill()
        if self.ceph.folder.parent == self.folder.resolve():
            self.ceph.purge()
        self.postgres.purge()
        if self.space:
            self.space.close()
        if self.mounted:
            run("umount", "-l", str(self.folder / "disk"), check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
