"""The audit log as the settings want it: opened for a process, and verified by `holdfast audit verify`."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

from holdfast import __version__
from holdfast.config.settings import Settings, master_path
from holdfast.identities import master
from holdfast.identities.master import MasterKeyError
from holdfast.observe.audit import Audit, Event
from holdfast.observe.audit_chain import Chain, Keys
from holdfast.observe.audit_verify import report, verify

log = logging.getLogger(__name__)
_CHANGES_MAX = 500
_PURPOSE = "audit log"


def audit_path(settings: Settings) -> Path | None:
    """Where the audit log is; None where there is to be none."""
    if settings.audit_log == "off":
        return None
    return Path(settings.data_dir) / "logs" / "audit.jsonl" if settings.audit_log == "default" else Path(settings.audit_log)


def keys_of(settings: Settings) -> Keys:
    """The keys that the master key gives for the chain. Errors: MasterKeyError."""
    path = master_path(settings)
    key = master.load(path)
    if key is None:
        raise MasterKeyError(f"{path} is missing")
    return Keys(key.derive(_PURPOSE))


def open_audit(settings: Settings) -> Audit | None:
    """The audit log for this process, to be made after its fork. Errors: MasterKeyError."""
    chain = _chain(settings)
    return None if chain is None else Audit(chain)


def note_start(settings: Settings, bootstrap_changes: list[str]) -> None:
    """Takes up the chain, mends what a crash left of its last line, and writes down that the store starts. Errors: MasterKeyError."""
    chain = _chain(settings)
    if chain is None:
        return
    details: dict[str, Any] = {"version": __version__, "pid": os.getpid()}
    events = [Event(door="bootstrap", who="holdfast", action="Start", details=details)]
    if bootstrap_changes:
        details = {"file": settings.bootstrap, "changes": bootstrap_changes[:_CHANGES_MAX], "count": len(bootstrap_changes)}
        events.append(Event(door="bootstrap", who="holdfast", action="ApplyBootstrap", details=details))
    try:
        chain.append([event.line() for event in events])
    except OSError as error:
        log.error("the audit log cannot be written: %s; administrative changes are refused until it can", error)


def _chain(settings: Settings) -> Chain | None:
    path = audit_path(settings)
    if path is None:
        return None
    return Chain(path, keys_of(settings), bytes_max=settings.audit_log_bytes_max, files=settings.audit_log_files)


def verify_command(settings: Settings) -> int:
    """Prints what verifying finds. Exit codes: 0 every line is as it was written, 1 not."""
    path = audit_path(settings)
    if path is None:
        print("holdfast: the settings say audit_log = off", file=sys.stderr)
        return 1
    try:
        found = verify(path, keys_of(settings))
    except (MasterKeyError, OSError) as error:
        print(f"holdfast: {error}", file=sys.stderr)
        return 1
    for line in report(found):
        print(line)
    return 1 if found.broken else 0
