"""`holdfast backup` and `holdfast restore`: snapshots of an embedded store that may be served meanwhile."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from holdfast.cli.admin import DONE, FAILED, USAGE, Parser
from holdfast.config.loading import load
from holdfast.config.values import ConfigError
from holdfast.engine.api import EngineError
from holdfast.engines import FORMS, BadURL, backups, holds_a_store, open_url, shown
from holdfast.identities import master
from holdfast.identities.master import MasterKeyError
from holdfast.moving import migrate
from holdfast.moving.migrate import MigrationError
from holdfast.moving.progress import Progress
from holdfast.processes.datadir import DataDir, StartError

_REASON = "frozen for a backup"
_BACKUP = """\
  holdfast backup FOLDER            a new snapshot of the store in --data-dir
  holdfast backup verify FOLDER     read a snapshot from end to end
  holdfast backup list FOLDER       the snapshots in a folder
  holdfast backup freeze ENGINE-URL, holdfast backup release ENGINE-URL
                                    make a store read-only for the moment in which its backends are snapshotted, and writable again

The store may be served meanwhile. A file that the folder has already is not copied again. THE MASTER KEY IS NOT IN A BACKUP unless
--with-master-key is given: keep a copy of master.key somewhere else, or nothing in the backup that is secret - keys of users, encrypted
objects - can ever be opened. With it in the backup, whoever can read the backup can read everything.
Exit codes: 0 done, 1 failed or damaged, 2 wrong usage.

examples:
  holdfast backup /backup/holdfast --data-dir /srv/holdfast --keep 7
  holdfast backup verify /backup/holdfast
  holdfast restore /backup/holdfast --data-dir /srv/new --master-key /safe/master.key
"""


def _parser(name: str, says: str) -> Parser:
    made = Parser(prog=name, description=says, epilog=_BACKUP, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    made.add_argument("folder", metavar="FOLDER", type=Path, help="the folder of this store's backups")
    made.add_argument("--quiet", action="store_true", help="print nothing but the result")
    return made


def _at(made: Parser) -> None:
    made.add_argument("--at", default="", metavar="SNAPSHOT", help="which snapshot, as the list names it; else the newest")


def main(arguments: Sequence[str]) -> int:
    """The entry point of `holdfast backup`. Exit codes: 0 done, 1 failed or damaged, 2 wrong usage."""
    verb = arguments[0] if arguments and arguments[0] in ("verify", "list", "freeze", "release") else ""
    if verb in ("freeze", "release"):
        made = Parser(prog=f"holdfast backup {verb}", description=f"{verb.capitalize()}s a store.", allow_abbrev=False)
        made.add_argument("engine", metavar="ENGINE-URL", help=FORMS)
        options = made.parse_args(arguments[1:])
        return _answer(lambda: asyncio.run(_frozen(options.engine, verb == "freeze")))
    if verb == "list":
        options = _parser("holdfast backup list", "Lists the snapshots in a folder.").parse_args(arguments[1:])
        return _answer(lambda: _list(options))
    if verb == "verify":
        made = _parser("holdfast backup verify", "Reads a snapshot from end to end.")
        _at(made)
        options = made.parse_args(arguments[1:])
        return _answer(lambda: _verify(options))
    made = _parser("holdfast backup", "Backs up an embedded store.")
    made.add_argument("--data-dir", metavar="DIR", help="the store; else that of the settings (HOLDFAST_DATA_DIR, --config)")
    made.add_argument("--config", metavar="FILE", default="", help="TOML file of settings [HOLDFAST_CONFIG]")
    made.add_argument("--keep", type=int, default=3, metavar="N", help="snapshots that stay; older ones are removed [3]")
    made.add_argument("--link", action="store_true", help="link files of bodies instead of copying them: no copy against a failing disk")
    made.add_argument("--with-master-key", action="store_true", help="put the master key into the snapshot")
    options = made.parse_args(arguments)
    if options.keep < 1:
        made.error("--keep must be at least 1")
    return _answer(lambda: _backup(options))


def restore_main(arguments: Sequence[str]) -> int:
    """The entry point of `holdfast restore`. Exit codes: 0 done, 1 failed or damaged, 2 wrong usage."""
    made = _parser("holdfast restore", "Puts a snapshot into a new data directory.")
    _at(made)
    made.add_argument("--data-dir", metavar="DIR", required=True, type=Path, help="a directory that is new or empty")
    made.add_argument("--master-key", metavar="FILE", type=Path, help="the master key of the store, to be put where the server looks for it")
    options = made.parse_args(arguments)
    return _answer(lambda: _restore(options))


def _answer(work: Callable[[], int]) -> int:
    os.umask(0o077)
    try:
        return work()
    except (ConfigError, BadURL) as error:
        print(f"holdfast: {error}", file=sys.stderr)
        return USAGE
    except (EngineError, StartError, MasterKeyError, MigrationError) as error:
        print(f"holdfast: not done: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"holdfast: not done: {error.filename or ''}: {error.strerror}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("holdfast: interrupted; the same command goes on", file=sys.stderr)
        return FAILED


def _print(result: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(result)).decode())


async def _frozen(url: str, frozen: bool) -> int:
    if not holds_a_store(url):
        raise MigrationError(f"there is no store at {shown(url)}")
    engine = open_url(url)
    try:
        if frozen:
            await migrate.freeze(engine, _REASON)
        else:
            await migrate.release(engine)
    finally:
        await engine.close()
    print(f"{shown(url)} is read-only until holdfast backup release" if frozen else f"{shown(url)} takes writes")
    return DONE


def _list(options: argparse.Namespace) -> int:
    _print({"snapshots": backups.snapshots(options.folder)})
    return DONE


def _backup(options: argparse.Namespace) -> int:
    given = {} if options.data_dir is None else {"data_dir": options.data_dir}
    data_dir = Path(load(given, os.environ, options.config).settings.data_dir).absolute()
    key = master.load(data_dir / master.FILE_NAME)
    if key is None and options.with_master_key:
        raise MasterKeyError(f"there is no {master.FILE_NAME} in {data_dir}")
    progress = Progress(quiet=options.quiet)
    progress.begin("Backed up")
    taking = backups.Taking(
        data_dir, options.folder.absolute(), link=options.link, master_key=options.with_master_key, key_ids=key.ids if key else [], told=progress.add,
    )  # fmt: skip
    note = taking.run(options.keep)
    _print(note)
    if options.with_master_key:
        progress.say("THE MASTER KEY IS IN THIS BACKUP: whoever can read it can read every secret and every encrypted object of the store.")
    else:
        path = data_dir / master.FILE_NAME
        progress.say(f"THE MASTER KEY IS NOT IN THIS BACKUP. Keep a copy of {path} elsewhere: without it no secret opens again.")
    return _damages(note.damages)


def _verify(options: argparse.Namespace) -> int:
    note = backups.find(options.folder, options.at)
    progress = Progress(quiet=options.quiet)
    progress.begin("Verified")
    damages = list(backups.verify(options.folder, note, progress.add))
    _print({"name": note.name, "files": note.files, "file-bytes": note.file_bytes, "damages": damages})
    return _damages(damages)


def _damages(damages: list[str]) -> int:
    if damages:
        print(f"holdfast: {len(damages)} damages; the first: {damages[0]}", file=sys.stderr)
    return FAILED if damages else DONE


def _restore(options: argparse.Namespace) -> int:
    note = backups.find(options.folder, options.at)
    data_dir = options.data_dir.absolute()
    _check_key(options.master_key, note.master_key_ids)
    progress = Progress(quiet=options.quiet)
    progress.begin("Restored", note.files, note.file_bytes)
    there = data_dir.exists() and any(data_dir.iterdir()) and not (data_dir / "restoring").exists()
    if there:
        print(f"holdfast: not done: {data_dir} is not empty", file=sys.stderr)
        return FAILED
    claim = DataDir.claim(data_dir)
    try:
        damages = backups.restore(options.folder, note, data_dir, progress.add)
        target = data_dir / master.FILE_NAME
        if options.master_key is not None and not target.exists():
            shutil.copyfile(options.master_key, target)
    finally:
        claim.leave()
    _print({"name": note.name, "data-dir": str(data_dir), "files": note.files, "file-bytes": note.file_bytes, "damages": damages})
    if not target.exists():
        ids = ", ".join(note.master_key_ids) or "unknown"
        progress.say(
            f"THE MASTER KEY IS MISSING: put the store's {master.FILE_NAME} (with key {ids}) into {data_dir}, mode 0600; "
            "the server does not start without it."
        )
    progress.say(f"Start it: holdfast serve --data-dir {data_dir}")
    return _damages(damages)


def _check_key(path: Path | None, needed: list[str]) -> None:
    """Errors: MasterKeyError where the file is no master key, or not this store's."""
    if path is None:
        return
    key = master.load(path)
    if key is None:
        raise MasterKeyError(f"{path} is missing")
    missing = [id for id in needed if id not in key.ids]
    if missing:
        raise MasterKeyError(f"{path} does not hold key {', '.join(missing)}, under which secrets of this store are sealed")
