"""`holdfast explain` and `holdfast why`: who asked what, which rule decided, and the smallest change that would allow it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from holdfast.cli import admin
from holdfast.cli.commands import EXPLAIN, WHY, Command

_OUTPUTS = ("text", "json", "table")


def _parser(command: Command) -> admin.Parser:
    made = admin.Parser(
        prog=f"holdfast {command.noun}", description=command.says[0].upper() + command.says[1:] + ".", allow_abbrev=False,
        epilog=f"example:\n  {command.example}\n", formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    admin.add_options(made, command, _OUTPUTS)
    return made


def explain(arguments: Sequence[str]) -> int:
    """The entry point of `holdfast explain`."""
    return admin.perform(_parser(EXPLAIN).parse_args(arguments), explained)


def why(arguments: Sequence[str]) -> int:
    """The entry point of `holdfast why`."""
    return admin.perform(_parser(WHY).parse_args(arguments), recorded)


def explained(data: dict[str, Any]) -> str:
    """A decision as people read it."""
    lines = [
        f"{data['who']} may{'' if data['allowed'] else ' not'} do {data['action']} on {data['resource'] or 'the tenancy'}",
        f"  because  {data['because']}",
    ]
    if data["permissions"]:
        lines.append(f"  needs    {', '.join(data['permissions'])}")
    for said in data["said"]:
        lines.append(f"  {said['part']:8} {said['effect']:8} {said['name']}" + (f" ({said['why']})" if said["why"] else ""))
    if data["suggestion"]:
        lines.append(f"  to allow {data['suggestion']}")
    return _printable(lines)


def recorded(data: dict[str, Any]) -> str:
    """What the logs say of a request, and how it would be decided now."""
    lines = [f"request {data['request-id']}"]
    access = data["access"]
    if access:
        what = "/".join(str(access[name]) for name in ("bucket", "key") if access.get(name))
        who = access.get("user") or access.get("access_key") or "anonymous"
        did = access.get("operation") or access.get("method", "")
        lines.append(f"  {access.get('time', '')}  {who} from {access.get('remote', '')}: {did} {what}")
        lines.append(f"  answered {access.get('status', '')} {access.get('error', '')}".rstrip())
    for line in data["audit"]:
        said = [str(line[name]) for name in ("decision", "action", "resource") if line.get(name)]
        lines.append(f"  {line.get('door', '')}: {' '.join(said)}, {line.get('rule', '')}")
    text = _printable(lines)
    return f"{text}\nnow: {explained(data['explained'])}" if data.get("explained") else text


def _printable(lines: list[str]) -> str:
    """One line each, whatever a client put into a name."""
    return "\n".join("".join(letter if letter.isprintable() else "?" for letter in line) for line in lines)
