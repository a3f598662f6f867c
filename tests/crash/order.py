"""The order of durability, read from a trace of system calls: body, its sync, its directory's sync, the log, its sync, and only then the answer.

A file system that commits its whole journal at the next sync hides a missing sync from every power cut, so this rule looks at
the calls themselves.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

TRACED = "write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync,mkdir,mkdirat,link,linkat,rename,renameat,renameat2,openat"
SYNCS = {"fsync", "fdatasync"}
WRITES = {"write", "writev", "pwrite64", "pwritev", "pwritev2"}
NAMES = {"link", "linkat", "rename", "renameat", "renameat2"}


class Call(NamedTuple):
    """A finished call: lines of the trace where it began and ended, its name, the path of its descriptor, its arguments and result."""

    begin: int
    end: int
    name: str
    path: str
    arguments: str
    result: str


_BEGUN = re.compile(r"^(\d+)\s+(\w+)\((.*?)(?: <unfinished \.\.\.>|\)\s+= (.*))$")
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. (\w+) resumed>(.*)\)\s+= (.*)$")
_PATH = re.compile(r"^\d+<([^>]*)>")


def calls_of(lines: Iterable[str]) -> list[Call]:
    """The calls of `strace -f -yy` output, in the order of their end."""
    calls: list[Call] = []
    open_: dict[str, tuple[int, str, str]] = {}
    for number, line in enumerate(lines):
        if found := _BEGUN.match(line):
            thread, name, arguments, result = found.groups()
            if result is None:
                open_[thread] = (number, name, arguments)
                continue
            begin = number
        elif (found := _RESUMED.match(line)) and found[1] in open_:
            begin, name, arguments = open_.pop(found[1])
            arguments, result = arguments + found[3], found[4]
        else:
            continue
        path = _PATH.match(arguments)
        calls.append(Call(begin, number, name, path[1] if path else "", arguments, result))
    return calls


def is_answer(call: Call) -> bool:
    return call.path.startswith("TCP") and '"HTTP/1.1 2' in call.arguments


def broken_order(calls: list[Call], data_dir: str, large: bool) -> list[str]:
    """What is wrong before each 2xx answer of the trace, a line each; one client must have sent one PUT after the other.

    `large`: each must have brought a body file of its own.
    """
    wrong, since, answers = [], -1, 0
    for answer in (c for c in calls if is_answer(c)):
        answers += 1
        wrong += [f"answer {answers}: {fault}" for fault in _faults([c for c in calls if since < c.begin < answer.begin], answer, data_dir, large)]
        since = answer.begin
    return wrong if answers else ["no answer in the trace"]


def _faults(calls: list[Call], answer: Call, data_dir: str, large: bool) -> list[str]:
    done = [c for c in calls if c.end < answer.begin and not c.result.startswith("-1")]
    log_syncs = [c for c in done if c.name in SYNCS and c.path.endswith("-wal")]
    if not log_syncs:
        return ["answered without a sync of the log"]
    log_writes = [c for c in calls if c.name in WRITES and c.path.endswith("-wal") and c.begin < log_syncs[-1].begin]
    if not log_writes:
        return ["the log was synced, but nothing was written to it"]
    faults = [f"log write at {c.begin} ends after its sync began" for c in log_writes if c.end > log_syncs[-1].begin]
    commit = log_writes[0].begin
    bodies = {c.path for c in calls if c.name in WRITES and c.path.startswith(data_dir + "/blobs/")}
    if large and not bodies:
        faults.append("a large body wrote no body file")
    for body in sorted(bodies):
        last = max(c.end for c in calls if c.name in WRITES and c.path == body)
        synced = [c for c in done if c.name in SYNCS and c.path == body and c.begin > last]
        if not synced or synced[0].end > commit:
            faults.append(f"{os.path.basename(body)}: body not synced between its last write and the log")
        # The name that must last is the one given last: by the open that made the file, or by a rename or link after it.
        folders = {os.path.dirname(name) for name in [body, *_later_names(calls, body)]}
        named = [c for c in done if c.name == "fsync" and c.path in folders and c.end < commit]
        if not named:
            faults.append(f"{os.path.basename(body)}: its directory was not synced before the log")
    for made in (c for c in done if c.name in ("mkdir", "mkdirat")):
        folder = re.search(r'"([^"]+)"', made.arguments)
        parent = os.path.dirname(folder[1]) if folder else ""
        if not any(c.name == "fsync" and c.path == parent and made.end < c.begin and c.end < commit for c in done):
            faults.append(f"new directory {folder and folder[1]}: its parent was not synced before the log")
    return faults


def _later_names(calls: list[Call], body: str) -> list[str]:
    names = [re.findall(r'"([^"]+)"', c.arguments) for c in calls if c.name in NAMES]
    return [pair[1] for pair in names if len(pair) == 2 and os.path.basename(pair[0]) == os.path.basename(body)]
