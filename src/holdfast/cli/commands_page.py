"""Writes docs/cli.md from the tables of commands: `python -m holdfast.cli.commands_page > docs/cli.md`, or `make docs`."""

from __future__ import annotations

from holdfast.cli import own, par
from holdfast.cli.commands import COMMANDS, EXPLAIN, NOUNS, WHOAMI, WHY, Command, Option

HEAD = """\
# The command line

Written by `make docs` from `src/holdfast/cli/commands.py`; a test compares the two. `--help` says the same at each level, with examples.

`holdfast serve`, `config` and `version` are explained in [settings.md](settings.md), `migrate` in
[moving.md](moving.md), `backup` and `restore` in [backup.md](backup.md).
The commands below ask a running server over its control listener, in the name of a key:

| | |
|---|---|
| `--control URL` | the control listener; else `HOLDFAST_CONTROL`, else `http://127.0.0.1:9001` |
| `--profile NAME` | a profile of `~/.aws/credentials`; else `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, else the profile `AWS_PROFILE`, \
else the session of `holdfast login`, else the profile `default` |
| `--ca-bundle FILE` | certificates to trust for https; else `AWS_CA_BUNDLE`, else the system's |
| `--in-tenancy NAME` | another tenancy than your own; only for who runs the store |
| `--output json` or `table` | JSON is `{"data": ...}` with names in kebab case |
| `--query JMESPATH`, `--raw-output` | picks from the answer; prints a text without quotes |

Names may be OCIDs wherever something is named, `~` is the caller, compartments are paths from the root (`a:b`). Deletions ask first, unless
`--force` is given. Exit codes: 0 done, 1 refused (`ServiceError:` and JSON on stderr) or not reached, 2 wrong usage.
"""
OWN = """
## holdfast login, token, organisation

For people who sign in by their institution ([identity.md](identity.md)), and everybody else about himself. `holdfast login` opens a browser (or only
prints the address: `--no-browser`), waits until the person allows it there, and keeps the session in `~/.config/holdfast/sessions.json` for the
commands that follow; `holdfast logout` ends it. A key in the environment, or a profile that is named, goes before it.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for noun in NOUNS:
        parts.append(f"\n## holdfast admin {noun.name}\n\n{noun.says[0].upper()}{noun.says[1:]}.\n")
        parts += [_entry(f"holdfast admin {command.noun} {command.verb}", command) for command in COMMANDS if command.noun == noun.name]
    parts.append("\n## holdfast par\n\nPre-authenticated requests: URLs that let others read or write objects without an account.\n")
    parts += [_entry(f"holdfast par {command.verb}", command) for command in par.COMMANDS]
    parts.append(OWN)
    parts += [_entry(f"holdfast {command.noun} {command.verb}", command) for command in own.COMMANDS]
    parts.append("\n## Who am I, may he, and why\n")
    for name, command in (("holdfast session user get", WHOAMI), ("holdfast explain", EXPLAIN), ("holdfast why", WHY)):
        parts.append(_entry(name, command))
    return "".join(parts)


def _entry(name: str, command: Command) -> str:
    usage = " ".join([name, *(_usage(option) for option in command.options)])
    rows = "".join(f"- `{option.flag}`: {option.says}\n" for option in command.options)
    parts = [f"### {name}\n", f"{command.says[0].upper()}{command.says[1:]}.\n", f"```\n{usage}\n```\n", rows]
    if command.example:
        parts.append(f"Example: `{command.example}`\n")
    return "\n" + "\n".join(part for part in parts if part)


def _usage(option: Option) -> str:
    if not option.flag.startswith("-"):
        return option.flag if option.required else f"[{option.flag}]"
    value = "" if option.kind == "flag" else " " + ("|".join(option.choices) or option.metavar)
    needed = option.required or option.one_of.endswith("!")
    return f"{option.flag}{value}" if needed and not option.one_of else f"[{option.flag}{value}]"


if __name__ == "__main__":
    print(page(), end="")
