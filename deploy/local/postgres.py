"""A PostgreSQL of one's own: made with data checksums, started, given a synchronous replica, promoted, stopped."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import signal
from pathlib import Path

from deploy.local import daemons

SETTINGS = {
    "unix_socket_directories": "''",  # their paths may be 107 bytes long; TCP is what gateways speak
    "password_encryption": "'scram-sha-256'",
    "max_connections": "200",
    "max_locks_per_transaction": "1024",  # each key written is an advisory lock in a shared transaction
    "shared_buffers": "'128MB'",
    "wal_level": "replica",
    "max_wal_senders": "8",
    "max_wal_size": "'512MB'",
    "min_wal_size": "'64MB'",
    "wal_keep_size": "'64MB'",
    "fsync": "on",
    "synchronous_commit": "on",
    "hot_standby": "on",
    "jit": "off",
    "log_min_messages": "warning",
}
OLDEST = 15
PROGRAMS = dict.fromkeys(["initdb", "pg_ctl", "pg_basebackup"], "postgresql")


def folders() -> list[str]:
    """Where Debian puts the server's programs, the newest version first."""
    return [str(one) for one in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: float(one.parent.name), reverse=True)]


def install() -> None:
    """Sees to it that the server's programs are there; daemons.Missing says why not."""
    daemons.install(PROGRAMS, folders())
    said = daemons.run([program("postgres"), "--version"]).split()[2]
    if int(re.split(r"\D", said)[0]) < OLDEST:
        raise daemons.Missing(f"PostgreSQL {OLDEST} or newer is needed, and {said} is installed")


def program(name: str) -> str:
    """The path of one of its programs."""
    return daemons.found(name, folders()) or name


def psql(url: str, statement: str) -> str:
    """Runs statements; their rows as text, a line each, columns divided by |."""
    quiet = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
    return daemons.run([program("psql"), *quiet, "-d", url, "-f", "-"], text=statement).strip()


class Postgres:
    """One installation in `folder`: a primary, and a replica where one was asked for. Addresses: `host`, and a port for each."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.folder, self.host = folder.resolve(), host
        self.fact_file = self.folder / "facts.json"

    @property
    def facts(self) -> dict[str, str]:
        return daemons.facts(self.fact_file)

    def data(self, which: str = "primary") -> Path:
        return self.folder / which

    def dsn(self, which: str = "primary") -> str:
        """How a gateway connects, as the owner of the database and nothing more: a connection URL of one server."""
        known = self.facts
        return f"postgresql://holdfast:{known['password']}@{self.host}:{known[which]}/holdfast"

    def dsn_of_pair(self) -> str:
        """A connection URL of both servers that finds the one that takes writes."""
        known = self.facts
        places = ",".join(f"{self.host}:{known[which]}" for which in ("primary", "replica"))
        return f"postgresql://holdfast:{known['password']}@{places}/holdfast?target_session_attrs=read-write&connect_timeout=2"

    def admin(self, which: str = "primary") -> str:
        """The superuser's connection URL."""
        known = self.facts
        return f"postgresql://postgres:{known['admin']}@{self.host}:{known[which]}/postgres"

    def sql(self, statement: str, which: str = "primary") -> str:
        """Runs a statement as superuser; its rows as text."""
        return psql(self.admin(which), statement)

    def pid(self, which: str = "primary") -> int:
        """The postmaster's pid, 0 where it does not run."""
        return daemons.running(self.data(which) / "postmaster.pid", str(self.data(which)))

    def start(self, which: str = "primary") -> None:
        """Makes what is missing and starts what does not run."""
        if not self.facts:
            self._make()
        if self.pid(which):
            return
        (self.data(which) / "postmaster.pid").unlink(missing_ok=True)
        port = self.facts[which]
        self._pg_ctl("start", which, "-l", self.folder / f"{which}.log", "-o", f"-p {port}")

    def _pg_ctl(self, verb: str, which: str, *words: str | Path) -> None:
        command = [*daemons.unprivileged(self.folder), program("pg_ctl"), verb, "-D", self.data(which), "-w", "-t", "60", *words]
        daemons.spawn(command, self.folder / "pg_ctl.log", timeout=90)

    def _make(self) -> None:
        install()
        if self.data().exists():  # a half-made one, from a start that was ended
            self.purge()
        self.folder.mkdir(parents=True, exist_ok=True)
        known = {"password": secrets.token_hex(16), "admin": secrets.token_hex(16), "primary": str(daemons.free_port(self.host))}
        secret = self.folder / "admin.password"
        daemons.write_secret(secret, known["admin"] + "\n")
        daemons.give(self.folder)
        how = ["-U", "postgres", "--data-checksums", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={secret}"]
        daemons.run([*daemons.unprivileged(self.folder), program("initdb"), "-D", self.data(), *how])
        secret.unlink()
        with (self.data() / "postgresql.conf").open("a") as out:
            out.write("".join(f"{name} = {value}\n" for name, value in {"listen_addresses": f"'{self.host}'", **SETTINGS}.items()))
        (self.data() / "pg_hba.conf").write_text("host all all samenet scram-sha-256\nhost replication all samenet scram-sha-256\n")
        self._pg_ctl("start", "primary", "-l", self.folder / "primary.log", "-o", f"-p {known['primary']}")
        url = f"postgresql://postgres:{known['admin']}@{self.host}:{known['primary']}/postgres"
        psql(url, f"CREATE ROLE holdfast LOGIN PASSWORD '{known['password']}';\nCREATE DATABASE holdfast OWNER holdfast;\n")
        daemons.write_secret(self.fact_file, json.dumps(known))

    def add_replica(self) -> None:
        """Makes and starts a streaming replica; from then on a commit is answered when both have it on disk."""
        known = self.facts
        if "replica" not in known:
            shutil.rmtree(self.data("replica"), ignore_errors=True)
            known["replica"] = str(daemons.free_port(self.host))
            source = f"host={self.host} port={known['primary']} user=postgres password={known['admin']} application_name=replica"
            daemons.run([*daemons.unprivileged(self.folder), program("pg_basebackup"), "-D", self.data("replica"), "-d", source,
                         "-R", "-X", "stream", "--checkpoint=fast"])  # fmt: skip
            daemons.write_secret(self.fact_file, json.dumps(known))
        self.start("replica")
        daemons.wait("the replica streams", lambda: self.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == "1")
        self.sql("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (replica)'")
        self.sql("SELECT pg_reload_conf()")
        daemons.wait("the replica is synchronous", lambda: self.sql("SELECT sync_state FROM pg_stat_replication") == "sync")

    def promote(self) -> None:
        """Makes the replica the one that takes writes, waiting for no other. The old primary must be dead: two would take writes."""
        if self.pid("primary"):
            raise daemons.Failed("the primary still runs: kill it before its replica is promoted")
        shutil.copy(self.data("replica") / "postgresql.auto.conf", self.folder / "replica.auto.conf.before")
        with (self.data("replica") / "postgresql.auto.conf").open("a") as out:
            out.write("synchronous_standby_names = ''\n")
        self._pg_ctl("promote", "replica")
        self.sql("SELECT pg_reload_conf()", "replica")

    def kill(self, which: str = "primary") -> None:
        """kill -9 of the postmaster and of every process under it, as losing the machine would (its disk stays)."""
        pid = self.pid(which)
        children = [int(child) for child in daemons.run(["ps", "-o", "pid=", "--ppid", str(pid)], ok=False).split()] if pid else []
        daemons.stop(self.data(which) / "postmaster.pid", str(self.data(which)), how=signal.SIGKILL)
        for child in children:
            daemons.end(child)

    def stop(self, which: str = "", *, how: int = signal.SIGINT) -> None:
        """Stops one of them, or both (the replica last): sessions are ended, nothing is lost."""
        for one in [which] if which else ["primary", "replica"]:
            daemons.stop(self.data(one) / "postmaster.pid", str(self.data(one)), how=how)

    def purge(self) -> None:
        """Stops them and removes everything."""
        self.stop(how=signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
