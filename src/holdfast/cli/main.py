"""The holdfast command: serve, config, version, whose options come from the table of settings; and the commands that ask a running server."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn, get_origin

from holdfast import __version__
from holdfast.cli import anywhere
from holdfast.config.loading import Loaded, load
from holdfast.config.settings import TABLE, Row
from holdfast.config.values import ConfigError, nearest

USAGE_EXIT, FAILURE_EXIT = 2, 1
CLIENTS = {
    "admin": "administer a running store: users, groups, policies, keys",
    "login": "sign in through a browser; `holdfast logout` ends it",
    "logout": "end the session of `holdfast login`",
    "token": "your own tokens, one in each organisation",
    "organisation": "your own organisations, and those that you may ask to join",
    "session": "show who you are to a running store",
    "par": "URLs that let others read or write objects without an account (pre-authenticated requests)",
    "explain": "say whether somebody may do something, and why",
    "why": "say why a request was answered as it was",
    "oci": "write a profile with which Oracle's oci command uses a running store",
    "sh": "volumes, buckets and links, as `ozone sh`",
    "s3": "S3 secrets of principals, as `ozone s3`: getsecret, revokesecret",
    "migrate": "move a whole store to another engine while it serves",
    "backup": "back up an embedded store while it serves; verify and list backups",
    "restore": "put a backup into a new data directory",
}
"""The commands that have parsers of their own, in `holdfast.cli.clients`: most ask a running server, the last ones work on a store itself."""

SERVE_EPILOG = """\
examples:
  holdfast serve
      a store on http://127.0.0.1:9000 with its data in ./holdfast-data; the first start prints the administrator's key
  holdfast serve --data-dir /srv/holdfast --data-listen 0.0.0.0:9000 --tls-cert cert.pem --tls-key key.pem
      reachable from other machines, over TLS; SIGHUP reads a renewed certificate
  HOLDFAST_ROOT_ACCESS_KEY=admin HOLDFAST_ROOT_SECRET_KEY=... holdfast serve --bootstrap site.toml
      a fixed administrator's key, and users and buckets from a file

Every setting may stand in a TOML file (--config, or HOLDFAST_CONFIG), in the environment or here; the later wins. `holdfast config`
shows what is in force and where it comes from. SIGTERM finishes the requests in flight (up to drain_timeout_s); a second one ends at once.
Exit codes: 0 stopped in order, 1 could not start or had to cut requests off (the last line says what), 2 wrong usage.
"""

MAIN_EPILOG = """\
start here:
  holdfast serve             run a store, ready to use; data in ./holdfast-data
  holdfast serve --help      every setting, with its default and its environment variable
  holdfast admin --help      users, groups, policies, keys of a running store
  holdfast sh --help         volumes, buckets and links
  holdfast s3 --help         getsecret and revokesecret
"""


class _Parser(argparse.ArgumentParser):
    """argparse that names the nearest option for a misspelt one."""

    def error(self, message: str) -> NoReturn:
        text = message
        if message.startswith("unrecognized arguments:"):
            first = message.split(":", 1)[1].split()[0].split("=")[0]
            near = nearest(first, [row.flag for row in TABLE.values() if not row.about.secret] + ["--config", "--quiet"])
            text = text.replace("unrecognized arguments", "unknown on the command line") + ("." + near if near else "")
        page = self.prog if self.prog != "holdfast" or sys.argv[1:2] != ["serve"] else "holdfast serve"
        self.exit(USAGE_EXIT, f"holdfast: {text}\nTry: {page} --help\n")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help whose lines never break inside a word: names are there to be copied."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    made = _Parser(
        prog="holdfast",
        description="Holdfast, a self-hosted object store that S3 clients use unchanged.",
        epilog=MAIN_EPILOG,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"holdfast {__version__}")
    commands = made.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    serve = commands.add_parser(
        "serve", usage="holdfast serve [OPTION ...]", help="run a store", description="Runs a store until SIGTERM or Ctrl-C.", epilog=SERVE_EPILOG,
        formatter_class=_Formatter, allow_abbrev=False,
    )  # fmt: skip
    add_settings(serve)
    serve.add_argument("--quiet", action="store_true", help="print only the ready line (and a key that was just made)")
    config = commands.add_parser(
        "config", usage="holdfast config [OPTION ...]", help="show every setting and where its value comes from",
        description="Shows the settings that `holdfast serve` would use with the same options, and where each comes from. Secrets are not shown.",
        formatter_class=_Formatter, allow_abbrev=False,
    )  # fmt: skip
    add_settings(config)
    audit = commands.add_parser("audit", help="verify the audit log", description="Verifies the audit log.", allow_abbrev=False)
    verify = audit.add_subparsers(dest="what", metavar="verify", parser_class=_Parser, required=True).add_parser(
        "verify", usage="holdfast audit verify [OPTION ...]", help="read it from end to end",
        description="Says whether every line of the audit log is as it was written, and none is missing. Exit code 0: it is; 1: it is not.",
        formatter_class=_Formatter, allow_abbrev=False,
    )  # fmt: skip
    add_settings(verify)
    for name, says in CLIENTS.items():
        commands.add_parser(name, help=says, add_help=False)
    commands.add_parser("version", help="print the version")
    return made


def add_settings(to: argparse.ArgumentParser) -> None:
    """One option a setting, in groups, described from the table."""
    to.add_argument("--config", metavar="FILE", default="", help="TOML file of settings, names as below with underscores [HOLDFAST_CONFIG]")
    groups: dict[str, Any] = {}
    for row in TABLE.values():
        group = groups.get(row.about.group)
        if group is None:
            group = groups[row.about.group] = to.add_argument_group(row.about.group)
        if row.about.secret:
            group.description = "\n".join(filter(None, [group.description, f"  {row.env} (environment only)\n      {row.about.text}"]))
            continue
        options: dict[str, Any] = {"dest": row.name, "default": argparse.SUPPRESS, "help": _help(row)}
        if get_origin(row.kind) is tuple:
            options |= {"action": "append", "metavar": "NAME"}
        else:
            options["metavar"] = _metavar(row)
        group.add_argument(row.flag, **options)


def _metavar(row: Row) -> str:
    if row.about.choices:
        return "|".join(row.about.choices)
    if row.name.endswith("_listen"):
        return "HOST:PORT"
    if row.name.endswith("_s"):
        return "SECONDS"
    if "_bytes_" in row.name:
        return "BYTES"
    if row.name in ("control_url", "oidc_issuer"):
        return "URL"
    if row.name.startswith("oidc_") and not row.name.endswith(("_file", "_providers")):
        return "TEXT"
    return {bool: "true|false", int: "N"}.get(row.kind, {"data_dir": "DIR", "region": "NAME"}.get(row.name, "FILE"))


def _help(row: Row) -> str:
    default = shown(row, row.default)
    return f"{row.about.text} [{row.env}; default {default}]".replace("%", "%%")


def shown(row: Row, value: Any) -> str:
    """A value as a person reads it."""
    if row.about.secret:
        return "(set)" if value else "(not set)"
    if row.name == "engine" and value:
        from holdfast.engines import shown as shown_engine

        return shown_engine(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, int) and "_bytes_" in row.name:
        for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
            if value and value % (1 << shift) == 0:
                return f"{value >> shift}{unit}"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value != "" else "none"


def show_config(loaded: Loaded) -> str:
    """The effective settings as TOML with their origins as comments; secrets redacted."""
    lines: list[str] = []
    for name, row in TABLE.items():
        value = getattr(loaded.settings, name)
        if row.about.secret or (name == "engine" and value):
            lines.append(f"# {name} {shown(row, value)}  ({loaded.origins[name]})")
            continue
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, tuple):
            text = "[" + ", ".join(_quoted(item) for item in value) + "]"
        else:
            text = _quoted(value) if isinstance(value, str) else f"{value}"
        lines.append(f"{name} = {text}".ljust(48) + f"  # {loaded.origins[name]}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    escaped = "".join(f"\\u{ord(letter):04x}" if letter in '"\\' or ord(letter) < 32 or ord(letter) == 127 else letter for letter in text)
    return f'"{escaped}"'


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point. Exit codes: 0 done, 1 failed, 2 wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and anywhere.is_one(given[0]):  # holdfast --control URL admin ...
        given = anywhere.options_last(given)
    if given and given[0] in CLIENTS:  # these have parsers of their own, and need no settings
        from holdfast.cli.clients import run

        return run(given[0], given[1:])
    made = parser()
    options = vars(made.parse_args(given))
    command = options.pop("command")
    if command is None:
        made.print_help()
        return 0
    if command == "version":
        print(f"holdfast {__version__}")
        return 0
    options.pop("what", None)
    quiet, config = options.pop("quiet", False), options.pop("config")
    try:
        loaded = load(options, os.environ, config)
    except ConfigError as error:
        print(f"holdfast: {error}", file=sys.stderr)
        return USAGE_EXIT
    for remark in loaded.remarks:
        print(f"holdfast: {remark}", file=sys.stderr)
    if command == "config":
        print(show_config(loaded))
        return 0
    if command == "audit":
        from holdfast.cli.audit_log import verify_command

        return verify_command(loaded.settings)
    from holdfast.server import serve

    return serve(loaded.settings, quiet=quiet)


if __name__ == "__main__":
    sys.exit(main())
