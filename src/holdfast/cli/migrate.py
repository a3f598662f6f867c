"""`holdfast migrate`: moves a whole store from one engine to another while a server goes on serving it."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

import msgspec

from holdfast import engines
from holdfast.cli.admin import DONE, FAILED, USAGE, Parser
from holdfast.engine.api import Engine, EngineError
from holdfast.moving import migrate
from holdfast.moving.migrate import Migration, MigrationError, Options, Report
from holdfast.moving.progress import Progress
from holdfast.processes.datadir import DataDir, StartError

_EPILOG = f"""\
engine URLs: {engines.FORMS}

Servers go on serving the source. All is copied, both sides are compared, and what changed meanwhile is copied again, until that is little; then
writes are answered 503 SlowDown while the last of it is copied, and the command says how to start on the target. The source stays read-only until
--release. It may be interrupted anywhere, also by kill -9: the same command goes on. The master key (master.key) is not moved: copy it yourself.
Exit codes: 0 done, 1 not done (the source then takes writes as before, unless the message says otherwise), 2 wrong usage.

examples:
  holdfast migrate --from embedded:///srv/holdfast --to "cluster://?postgres=DSN&ceph=/etc/ceph/ceph.conf&pool=holdfast"
  holdfast migrate --from embedded:///srv/holdfast --to embedded:///new/disk --no-cutover
  holdfast migrate --from embedded:///srv/holdfast --release
"""


def parser() -> Parser:
    """The options of `holdfast migrate`."""
    made = Parser(
        prog="holdfast migrate", description="Moves a whole store to another engine, online.", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    made.add_argument("--from", dest="source", metavar="ENGINE-URL", required=True, help="the store to move")
    made.add_argument("--to", dest="target", metavar="ENGINE-URL", help="an empty store, or the one that an earlier run began to fill")
    made.add_argument("--jobs", type=int, default=16, metavar="N", help="bodies copied at once [16]")
    made.add_argument("--verify", action="store_true", help="read all bytes of both sides back and compare them")
    made.add_argument("--check-all", action="store_true", help="count every row of both sides again in the cut-over, however long it takes")
    made.add_argument("--no-cutover", action="store_true", help="copy, and leave the last pass to a later run; the source stays writable")
    made.add_argument("--dry-run", action="store_true", help="say what there is to move, and write nothing")
    made.add_argument("--release", action="store_true", help="let a source that was moved take writes again")
    made.add_argument("--quiet", action="store_true", help="print nothing but the result")
    return made


def main(arguments: Sequence[str]) -> int:
    """The entry point. Exit codes: 0 done, 1 not done, 2 wrong usage."""
    made = parser()
    options = made.parse_args(arguments)
    if options.release and options.target:
        made.error("--release takes --from only")
    if not options.release and not options.target:
        made.error("--to is missing")
    if not 1 <= options.jobs <= 256:
        made.error("--jobs must be from 1 to 256")
    os.umask(0o077)
    try:
        if not engines.holds_a_store(options.source):
            print(f"holdfast: there is no store at {engines.shown(options.source)}", file=sys.stderr)
            return FAILED
        if options.release:
            return asyncio.run(_release(options.source))
        if options.dry_run:
            return asyncio.run(_dry_run(options.source, options.target))
        return _claimed(options)
    except engines.BadURL as error:
        print(f"holdfast: {error}", file=sys.stderr)
        return USAGE
    except (MigrationError, EngineError, StartError) as error:
        print(f"holdfast: not done: {error or type(error).__name__}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("holdfast: interrupted; the same command goes on", file=sys.stderr)
        return FAILED


def _claimed(options: argparse.Namespace) -> int:
    """With the target's data directory claimed, where it has one: no server and no other migration uses it meanwhile."""
    embedded = engines.embedded_url(options.target)
    claim = None if embedded is None else DataDir.claim(embedded.path.absolute())
    try:
        report = asyncio.run(_migrate(options))
    finally:
        if claim is not None:
            claim.leave()
    print(msgspec.json.format(msgspec.json.encode(report)).decode())
    if not options.quiet:
        print(_next(options, report), file=sys.stderr)
    return DONE


async def _migrate(options: argparse.Namespace) -> Report:
    source = engines.open_url(options.source)
    try:
        engines.prepare_url(options.target)
        target = engines.open_url(options.target)
        try:
            wanted = Options(
                source=engines.shown(options.source), target=engines.shown(options.target), lanes=options.jobs, verify=options.verify,
                cutover=not options.no_cutover, check_all=options.check_all,
            )  # fmt: skip
            return await Migration(source, target, wanted, Progress(quiet=options.quiet)).run()
        finally:
            await target.close()
    finally:
        await source.close()


def _next(options: argparse.Namespace, report: Report) -> str:
    """What a person does now."""
    source, target = engines.shown(options.source), engines.shown(options.target)
    if not report.cut_over:
        return f"Copied; {source} takes writes as before. To go on, to cut over too: the same command without --no-cutover."
    embedded = engines.embedded_url(options.target)
    start = f"holdfast serve --data-dir {embedded.path}" if embedded is not None else "holdfast serve with the URL of --to in HOLDFAST_ENGINE"
    return (
        f"Everything is in {target}, and both sides are equal. {source} is read-only now: reads go on, writes are answered 503 SlowDown.\n"
        f"1. Put the master key (master.key of the source's data directory) into the data directory of the new server, mode 0600.\n"
        f"2. Stop the server, and start: {start}\n"
        f"3. To go back to the source instead (what was written to the target since is not there): holdfast migrate --from SOURCE --release"
    )


async def _dry_run(source_url: str, target_url: str) -> int:
    source = engines.open_url(source_url)
    target: Engine | None = None
    try:
        target = engines.open_url(target_url) if engines.holds_a_store(target_url) else None
        found, outcome = await migrate.difference(source, target)
    finally:
        if target is not None:
            await target.close()
        await source.close()
    result = {"source": found, "to-do": outcome}
    print(msgspec.json.format(msgspec.json.encode(result)).decode())
    return DONE


async def _release(url: str) -> int:
    source = engines.open_url(url)
    try:
        reason = await migrate.release(source)
    finally:
        await source.close()
    print(f"{engines.shown(url)} takes writes again; it was {reason}" if reason else f"{engines.shown(url)} was not read-only")
    return DONE
