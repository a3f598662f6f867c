"""Writes docs/cli.md from the tables of commands: `python -m holdfast.cli.commands_page > docs/cli.md`, or `make docs`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from holdfast.cli import main, oci_setup, own, par, s3_secret, sh
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

These options may stand before the command, too. Names may be OCIDs wherever something is named, `~` is the caller, compartments are paths from the
root (`a:b`). Deletions ask first at a terminal, and heed an answer that is piped in; with `--force` they do not ask, and a script is not asked either
(but by `holdfast par`, as by `oci`, and about encryption keys).

Exit codes: 0 done, 1 refused (`ServiceError:` and JSON on stderr) or not reached, 2 wrong usage.
"""
OWN = """
## holdfast login, token, organisation

For people who sign in by their institution ([identity.md](identity.md)), and everybody else about himself. `holdfast login` opens a browser (or only
prints the address: `--no-browser`), waits until the person allows it there, and keeps the session in `~/.config/holdfast/sessions.json` for the
commands that follow; `holdfast logout` ends it. A key in the environment, or a profile that is named, goes before it.
"""

AUDIT = """
## holdfast audit

Who was refused, and who changed what, is in `logs/audit.jsonl` of the data directory; each line carries a code that depends on all lines before it.

### holdfast audit verify

{says}

```
holdfast audit verify [--data-dir DIR] [--config FILE] [SETTING ...]
```

It reads the store of the settings (as `holdfast serve` takes them) and asks no server, so it works while one runs and when none does.
"""
FAMILIES = (
    (
        "holdfast sh",
        "Volumes, buckets and links by path, with the forms and the output of `ozone sh`. The volume `/s3v` is always there: its buckets\n"
        "are those that S3 and OCI show, and a link in it shows a bucket of another volume.",
        sh.parser,
    ),
    (
        "holdfast s3",
        "S3 secrets, as `ozone s3` has them: shown once, for the environment of a shell, revoked at once. Where there is no key to sign with,\n"
        "or with `-k`, a Kerberos ticket proves who asks.",
        s3_secret.parser,
    ),
    ("holdfast oci", "What Oracle's `oci` command needs ([oci.md](oci.md)).", oci_setup.parser),
)
"""Those with parsers of their own: title, what they are for, and the parser."""
SHARED = "server, caller and output"


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
    for title, says, made in FAMILIES:
        parts.append(f"\n## {title}\n\n{says}\n")
        parts += [_entry_of(leaf) for leaf in _leaves(made())]
    parts.append(AUDIT.format(says=next(leaf for leaf in _leaves(main.parser()) if leaf.prog == "holdfast audit verify").description))
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


def _leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of the commands that have none below them, in their order."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield parser
    for action in below:
        for child in action.choices.values():
            yield from _leaves(child)


def _entry_of(parser: argparse.ArgumentParser) -> str:
    """An entry made from a parser; the options that every command has are left out, the head of the page says them."""
    everybodys = {action.dest for group in parser._action_groups if group.title == SHARED for action in group._group_actions} | {"help"}
    own = [action for action in parser._actions if action.dest not in everybodys]
    words, rows = [parser.prog], []
    for action in sorted(own, key=lambda action: not action.option_strings):
        value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
        flags = ", ".join(f"`{flag}`" for flag in action.option_strings) or f"`{value}`"
        word = " ".join(filter(None, [(action.option_strings or [""])[0], value]))
        words.append(word if action.required else f"[{word}]")
        if action.help:
            rows.append(f"- {flags}: {action.help}\n")
    return "\n" + "\n".join(filter(None, [f"### {parser.prog}\n", f"{parser.description}\n", f"```\n{' '.join(words)}\n```\n", "".join(rows)]))


def _usage(option: Option) -> str:
    if not option.flag.startswith("-"):
        return option.flag if option.required else f"[{option.flag}]"
    value = "" if option.kind == "flag" else " " + ("|".join(option.choices) or option.metavar)
    needed = option.required or option.one_of.endswith("!")
    return f"{option.flag}{value}" if needed and not option.one_of else f"[{option.flag}{value}]"


if __name__ == "__main__":
    print(page(), end="")
