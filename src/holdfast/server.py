"""Wires the parts into one running server: the only file that names an engine implementation and knows every other part."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from holdfast import __version__, http
from holdfast.admin import metadata
from holdfast.admin.app import make_app
from holdfast.admin.listener import ControlListener
from holdfast.authn.authenticate import authenticate
from holdfast.authn.negotiate import Acceptor, KerberosError
from holdfast.authn.post_form import authenticate_form
from holdfast.authn.presigned import claimed_key, verify_alike
from holdfast.authn.settings import Settings as AuthnSettings
from holdfast.authz.gather import authorize, permits_operation
from holdfast.authz.grants import check_statement, compile_grants
from holdfast.authz.permissions import OF_OPERATION
from holdfast.authz.roles import role_named
from holdfast.buckets.links import source_of
from holdfast.cli.audit_log import note_start, open_audit
from holdfast.cli.banner import Started, banner, key_text, own_authority, ready_line
from holdfast.config.hosts import endpoint_of, sites_of
from holdfast.config.oidc import BadProvider, providers_of
from holdfast.config.settings import Settings, master_path
from holdfast.control import access_path, administration, instance_facts
from holdfast.doors import Doors
from holdfast.engine.api import Engine, EngineError
from holdfast.engines import BadURL, open_url, prepare_url, url_of
from holdfast.gateway import Gateway, limits
from holdfast.http.proxies import Proxies
from holdfast.identities import bootstrap, master
from holdfast.identities.cache import Keys
from holdfast.identities.directory import Directory
from holdfast.identities.first_start import FirstStartError, ensure_first
from holdfast.identities.key_service import KeyService
from holdfast.identities.keys import secrets_exist
from holdfast.identities.master import MasterKeyError
from holdfast.identities.open_door import OpenDoor
from holdfast.identities.server_secrets import server_secret
from holdfast.jobs.plan import planned
from holdfast.jobs.schedule import run_jobs
from holdfast.model.errors import Refusal
from holdfast.model.identity import ACTIVE, Caller
from holdfast.model.messages import Request
from holdfast.native_control import NativeOnControl
from holdfast.observe import logs
from holdfast.observe.access import AccessLog
from holdfast.observe.audit import Audit
from holdfast.observe.metrics import Metrics, exposition
from holdfast.oci.handle import OCI
from holdfast.oci.keys import SigningKeys
from holdfast.oci.operation import Services as NativeServices
from holdfast.oci.par_door import ParDoor
from holdfast.oci.par_handle import ParHandler
from holdfast.processes import child, sockets
from holdfast.processes.board import Board, name
from holdfast.processes.datadir import DataDir, StartError
from holdfast.processes.supervisor import StartFailed, Supervisor, wait_for
from holdfast.s3.handle import S3
from holdfast.s3.router import POST_FORM
from holdfast.website.handle import OPERATION as OF_WEBSITES
from holdfast.website.handle import WebsiteDoor
from holdfast.wire.model import service

log = logging.getLogger(__name__)
FILES_MAX = 1 << 20
PREPARE_S = 30
"""A gateway that prepares the store and is not heard of for so long has died at it."""


class Prepared(msgspec.Struct):
    """What the preparing process found or made: the administrator's access key, its secret if it was made now, or why nothing can start."""

    access_key: str = ""
    secret_key: str = ""
    error: str = ""

    def __repr__(self) -> str:
        """Without the secret: it must not get into a log or a traceback."""
        return f"Prepared(access_key={self.access_key!r}, error={self.error!r})"


class Server:
    """One server: what the supervisor makes before the fork and every child uses after it."""

    def __init__(self, settings: Settings, data_sockets: list[socket.socket], control: socket.socket) -> None:
        self.settings = settings
        self.data_sockets = data_sockets
        self.control = control
        self.data_url = sockets.url(data_sockets[0], bool(settings.tls_cert))
        self.administrator = ""
        processes = len(data_sockets) + 1
        self.board = Board(processes)
        operations = [*service().names, POST_FORM, OF_WEBSITES, *sorted(OF_OPERATION.keys() - set(service().names))]
        self.metrics = Metrics(operations, sorted(error.__name__ for error in Refusal.__subclasses__()), processes)

    def run(self, slot: int) -> int:
        """The life of the process in `slot`: 0 the steward, n the n-th worker. Its exit code."""
        logs.configure(self.settings.log_level, name(slot))
        self._keep_only(self.data_sockets[slot - 1] if slot else self.control)
        self.metrics.use(slot)
        program = self._steward if slot == 0 else self._worker
        return child.run_async(slot, self.board, program, uvloop.new_event_loop)

    def _keep_only(self, own: socket.socket) -> None:
        """Closes the listeners of the other processes: as long as anybody holds one, clients are not refused but wait in its queue."""
        for bound in (*self.data_sockets, self.control):
            if bound is not own:
                bound.close()

    async def _worker(self, life: child.Life) -> None:
        settings = self.settings
        engine = open_engine(settings)
        engine.watch_commits(self.metrics.commit)
        proxies = Proxies(settings.trusted_proxies) if settings.trusted_proxies else None
        audit = open_audit(settings)
        gateway = Gateway(self._doors(engine, audit), self.metrics, access_log(settings), proxies)
        tls = http.TLS(settings.tls_cert, settings.tls_key, settings.tls_dir) if settings.tls_cert else None
        bound = [self.data_sockets[life.slot - 1]]
        server = await http.serve(gateway.handle, bound, limits(settings), tls, refuse=gateway.refuse, finished=gateway.finished)
        gateway.server = server
        life.on_reload.append(server.reload_tls)
        life.on_beat.append(gateway.beat)
        self._watch(audit, life)
        flushing = asyncio.create_task(gateway.flush())
        life.serving()
        await life.draining.wait()
        life.cut_off(await server.drain(settings.drain_timeout_s))
        flushing.cancel()
        gateway.close()
        await life.closed(engine.close(), *([] if audit is None else [asyncio.to_thread(audit.close)]))

    def _watch(self, audit: Audit | None, life: child.Life) -> None:
        """Carries what the audit log counts over to the metrics."""
        if audit is None:
            return
        counted = {"audit_lines": 0, "audit_dropped": 0}

        def beat() -> None:
            for metric, value in (("audit_lines", audit.written), ("audit_dropped", audit.dropped)):
                self.metrics.add(metric, value - counted[metric])
                counted[metric] = value

        life.on_beat.append(beat)

    def _doors(self, engine: Engine, audit: Audit | None, *, websites: bool = True) -> Doors:
        """The dialects on this engine, with their authentication and their decisions; `websites` only where browsers are to come."""
        settings = self.settings
        proof = AuthnSettings(region=settings.region, token_transport=settings.token_transport)
        key = master.load(master_path(settings))
        if key is None:
            raise MasterKeyError(f"{master_path(settings)} is missing")
        engine.keyring = KeyService(engine.registry, key)
        directory = Directory(engine.registry, key)
        keys = Keys(engine.registry, directory, compile_grants)

        finder = keys if settings.security == "on" else OpenDoor(keys, self.administrator)

        def who(request: Request, host_bucket: str) -> Coroutine[Any, Any, Caller]:
            return authenticate(request, finder, request.received_at, proof, host_bucket)

        def known(request: Request) -> Caller | None:
            return verify_alike(request, finder, request.received_at, proof)

        async def creator(user_id: str) -> Caller | None:
            user = await directory.users.user(user_id)
            return await keys.caller_of(user, "par") if user is not None and user.status == ACTIVE else None

        door = ParDoor(engine, creator, permits_operation, source_of)

        async def whose(request: Request) -> str:
            credential = await keys.find(claimed_key(request.query))
            return credential.user.namespace if credential is not None else ""

        def whose_form(fields: dict[str, str], request: Request) -> Coroutine[Any, Any, Caller]:
            return authenticate_form(fields, finder, request.received_at, proof)

        s3 = S3(
            engine, settings, who, authorize, domains=settings.domain, namespace_claimed=whose, authenticate_form=whose_form, audit=audit,
            recognise=known,
        )  # fmt: skip
        signing = SigningKeys(directory, keys, lambda: server_secret(engine.registry, key, "oci-sessions"))
        oci = OCI(NativeServices(engine, settings, directory, keys, signing), audit)
        handler = ParHandler(engine, door, settings.region, audit)
        return Doors(
            s3, oci, handler, region=settings.region, domain=settings.oci_domain, s3_domains=settings.domain,
            websites=WebsiteDoor(engine, audit) if websites else None, sites=sites_of(settings),
        )  # fmt: skip

    async def _steward(self, life: child.Life) -> None:
        settings = self.settings
        engine = open_engine(self.settings)
        audit = open_audit(settings)
        self._watch(audit, life)

        async def troubles() -> list[str]:
            found = [f"{process} does not serve" for process in self.board.missing()]
            trouble = await engine.check()
            return [*found, trouble] if trouble else found

        more = metadata.routes(instance_facts(engine, settings)) if settings.instance_metadata else []
        control_url = sockets.url(self.control, bool(settings.control_tls_cert))
        api, pages = administration(engine, settings, audit, control_url, self.data_url, self.administrator)
        app = make_app(troubles, lambda: exposition(self.metrics.families()), api, [*more, *pages])
        both = NativeOnControl(app, self._doors(engine, audit, websites=False))
        listener = ControlListener(both, settings.control_tls_cert, settings.control_tls_key, settings.drain_timeout_s, settings.trusted_proxies)
        life.on_reload.append(listener.reload)
        jobs = planned(engine, self.metrics, settings)
        working = asyncio.create_task(run_jobs(jobs, life.draining, engine.lease))
        life.serving()
        life.cut_off(await listener.serve_until(self.control, life.draining))
        await working
        await life.closed(engine.close(), *([] if audit is None else [asyncio.to_thread(audit.close)]))


def access_log(settings: Settings) -> AccessLog | None:
    """The access log as the settings want it."""
    if settings.access_log == "off":
        return None
    return AccessLog(access_path(settings), bytes_max=settings.access_log_bytes_max, files=settings.access_log_files)


def serve(settings: Settings, *, quiet: bool = False) -> int:
    """Runs a server until it is told to stop. Exit codes: 0 stopped in order, 1 could not start or had to cut requests off."""
    harden()
    logs.configure(settings.log_level, "supervisor")
    signal.pthread_sigmask(signal.SIG_BLOCK, child.HANDLED)
    try:
        data_dir = DataDir.claim(Path(settings.data_dir).absolute())
    except StartError as error:
        return failed(str(error))
    try:
        return _serve(settings, data_dir, quiet)
    except (StartError, StartFailed) as error:
        return failed(str(error))
    except KeyboardInterrupt:
        return 0
    finally:
        data_dir.leave()


def _serve(settings: Settings, data_dir: DataDir, quiet: bool) -> int:
    workers = settings.workers or os.cpu_count() or 1
    control = sockets.bind("control_listen", settings.control_listen, 1)[0]
    server = Server(settings, sockets.bind("data_listen", settings.data_listen, workers), control)
    prepared = prepare(settings)
    server.administrator = prepared.access_key
    started = Started(
        version=__version__,
        data_url=server.data_url,
        control_url=sockets.url(control, bool(settings.control_tls_cert)),
        data_dir=str(data_dir.path),
        region=settings.region,
        workers=workers,
        access_key=prepared.access_key,
        secret_key=prepared.secret_key,
        fixed=bool(settings.root_access_key),
        trust=own_authority(settings.tls_cert),
        endpoint=endpoint_of(settings.endpoint[0])[1] if settings.endpoint else "",
    )
    if started.secret_key:  # at once: whatever happens next, it cannot be shown again
        say(key_text(started), "the key that was just made could not be shown; fix another one: HOLDFAST_ROOT_ACCESS_KEY, HOLDFAST_ROOT_SECRET_KEY")
    supervisor = Supervisor(server.board, server.run, settings.drain_timeout_s)
    supervisor.start()
    supervisor.on_change = lambda: data_dir.note(_facts(started, server.board))
    supervisor.on_change()
    say(ready_line(started) if quiet else f"{banner(started)}\n{ready_line(started)}")
    supervisor.watch()
    for bound in (*server.data_sockets, control):
        bound.close()
    log.info("draining", extra={"drain_timeout_s": settings.drain_timeout_s})
    return failed(trouble) if (trouble := supervisor.drain()) else 0


def _facts(started: Started, board: Board) -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "version": started.version,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "data_url": started.data_url,
        "control_url": started.control_url,
        "region": started.region,
        "processes": {name(slot): board.pid(slot) for slot in range(board.processes)},
    }


def prepare(settings: Settings) -> Prepared:
    """Migrates the store and applies the bootstrap in a process of its own, so that the supervisor never opens a database or starts a thread.
    Errors: StartError; KeyboardInterrupt when told to stop."""
    reading, writing = os.pipe()

    def work() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, child.HANDLED)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the whole group; the supervisor decides
        try:
            result = asyncio.run(_prepare(settings))
        except (bootstrap.BootstrapError, FirstStartError, MasterKeyError, KerberosError, BadProvider, EngineError, BadURL) as error:
            result = Prepared(error=str(error))
        except Exception as error:
            log.exception("the store could not be prepared")
            result = Prepared(error=f"{type(error).__name__}: {error}")
        os.write(writing, msgspec.json.encode(result))

    pid = child.fork(work)
    os.close(writing)
    wait_for(pid)
    with open(reading, "rb") as pipe:
        answer = pipe.read()
    prepared = msgspec.json.decode(answer, type=Prepared) if answer else Prepared(error="the preparing process died")
    if prepared.error:
        raise StartError(f"the store in {settings.data_dir} cannot be prepared: {prepared.error}")
    return prepared


async def _prepare(settings: Settings) -> Prepared:
    """The store migrated, the administrator there, the bootstrap file applied."""
    if settings.kerberos_keytab:
        Acceptor(settings.kerberos_keytab)
    providers_of(settings)
    prepare_url(url_of(settings))
    engine = open_engine(settings)
    try:
        while not await engine.lease("prepare", PREPARE_S):  # noqa: ASYNC110 - another gateway of the same store is at it
            await asyncio.sleep(0.1)
        registry = engine.registry
        key = master.load_or_create(master_path(settings), secrets_exist=await secrets_exist(registry))
        directory, now_ms = Directory(registry, key), int(time.time() * 1000)
        given = {"access_key": settings.root_access_key, "secret": settings.root_secret_key}
        administrator = await ensure_first(directory, **given, now_ms=now_ms)
        changes: list[str] = []
        if settings.bootstrap:
            declared = bootstrap.read(Path(settings.bootstrap))
            about: dict[str, Any] = {"region": settings.region, "now_ms": now_ms, "environ": os.environ}
            about |= {"check_statement": check_statement, "find_role": role_named}
            changes = await bootstrap.apply(declared, directory, engine.catalog, **about)
            changes += await bootstrap.apply_encryption_keys(declared, KeyService(registry, key), now_ms)
            log.info("bootstrap applied", extra={"file": settings.bootstrap, "changes": changes})
        await master.verify(registry, key)
        note_start(settings, changes)
        return Prepared(access_key=administrator.access_key, secret_key=administrator.secret)
    finally:
        with contextlib.suppress(EngineError):
            await engine.lease("prepare", 0)
        await engine.close()


def open_engine(settings: Settings) -> Engine:
    return open_url(url_of(settings))


def harden() -> None:
    """Files are private, memory never goes into core dumps, and as many descriptors as the system allows may be open."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, FILES_MAX) if hard > 0 else FILES_MAX, hard))


def say(text: str, lost: str = "") -> None:
    """Prints for people. Where nobody reads any more (`serve | head`), the server goes on, and says on stderr what was `lost`."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if lost:
            failed(lost)


def failed(message: str) -> int:
    """Says why the server ends, for people."""
    print(f"holdfast: {message}", file=sys.stderr, flush=True)
    return 1
