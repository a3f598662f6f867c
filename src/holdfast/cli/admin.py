"""`holdfast admin`: the command line over the administration API of a running server."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import select
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn
from urllib.parse import quote

from holdfast.cli import kept_sessions
from holdfast.cli.client import DEFAULT_CONTROL, Client, ClientError, Key, ServiceError, Session, Ticket, find_key
from holdfast.cli.commands import COMMANDS, NOUNS, Command, Option
from holdfast.cli.show import QueryError, check_query, picked, text_of

DONE, FAILED, USAGE = 0, 1, 2
WAIT_S = 0.2
"""So long is waited for the answer of who pipes one in."""
SURE = "Are you sure you want to delete this resource? [y/N]: "
_ASKED_ALWAYS = ("par", "encryption-key")
"""What is asked about before it is deleted even where nobody is at a terminal: as `oci` asks, and where bytes are lost that no one deleted."""
ONCE = "This is the only time that the {} is shown. Keep it now: it cannot be had again, only replaced."

HOW = """\
Every command asks the server at --control (or HOLDFAST_CONTROL) in the name of the key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, of the
session of `holdfast login`, or of a profile in ~/.aws/credentials. It prints JSON, {"data": ...}; --query picks from that (JMESPath), --raw-output
prints a text bare. Such options may also stand before the command. Deletions ask first at a terminal; --force does not ask, and a script is not
asked. Exit codes: 0 done, 1 refused or not reached (ServiceError on stderr), 2 wrong usage.
"""
_FIRST_STEPS = """\
a user who may write to the buckets of one compartment:
  holdfast admin user create --name ann
  holdfast admin group create --name writers
  holdfast admin group add-user --group writers --user ann
  holdfast admin compartment create --name photos
  holdfast admin policy create --name writers --statements '["Allow group writers to manage object-family in compartment photos"]'
  holdfast admin key create --user ann

"""


class UsageError(Exception):
    """Arguments that do not fit together; the message says which."""


class Parser(argparse.ArgumentParser):
    """argparse that names the nearest word for a misspelt one, and ends with 2."""

    def error(self, message: str) -> NoReturn:
        near = ""
        if "invalid choice: '" in message:
            wrong = message.split("invalid choice: '", 1)[1].split("'")[0]
            choices = [name for action in self._actions if _is_about(message, action) for name in action.choices or ()]
            close = difflib.get_close_matches(wrong, choices, n=1, cutoff=0.5) or [name for name in choices if name.lower() == wrong.lower()]
            message = f"{wrong!r} is no command here" if isinstance(self._actions[-1], argparse._SubParsersAction) else message
            near = f". Did you mean {close[0]}?" if close else ""
        self.exit(USAGE, f"holdfast: {message}{near}\nTry: {self.prog} --help\n")


def _is_about(message: str, action: argparse.Action) -> bool:
    """Whether a complaint of argparse names this option; one that names none is about a command."""
    flag = message.removeprefix("argument ").partition(": ")[0]
    return flag in action.option_strings if flag.startswith("-") else not action.option_strings


def shared(to: argparse.ArgumentParser, outputs: tuple[str, ...] = ("json", "table")) -> None:
    """The options that every command has; the first of `outputs` is the usual one, and a command without any prints what it always prints."""
    group = to.add_argument_group("server, caller and output")
    group.add_argument("--control", metavar="URL", help=f"the control listener [HOLDFAST_CONTROL; default {DEFAULT_CONTROL}]")
    group.add_argument("--profile", metavar="NAME", default="", help="profile of ~/.aws/credentials; else the environment's key")
    group.add_argument("--ca-bundle", metavar="FILE", default="", help="certificates to trust for https [AWS_CA_BUNDLE]")
    group.add_argument("--in-tenancy", metavar="NAME", default="", help="another tenancy than your own; only for who runs the store")
    if not outputs:
        return
    group.add_argument("--output", choices=outputs, default=outputs[0], help=f"how the answer is printed [{outputs[0]}]")
    group.add_argument("--query", metavar="JMESPATH", default="", help="picks from the answer, for example data.id")
    group.add_argument("--raw-output", action="store_true", help="prints a text without quotes")


def new_parser(to: Any, name: str, says: str, epilog: str) -> Parser:
    """A subcommand with its help."""
    made: Parser = to.add_parser(
        name, help=says, description=says[0].upper() + says[1:] + ".", epilog=epilog, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    return made


def parser() -> Parser:
    """All of `holdfast admin`."""
    made = Parser(
        prog="holdfast admin", description="Administers a running Holdfast: who there is, and who may do what.", epilog=_FIRST_STEPS + HOW,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    nouns = made.add_subparsers(dest="noun", metavar="WHAT", parser_class=Parser, required=True)
    for noun in NOUNS:
        own = [command for command in COMMANDS if command.noun == noun.name]
        examples = "".join(f"  {command.example}\n" for command in own if command.example)
        below = new_parser(nouns, noun.name, noun.says, f"examples:\n{examples}\n{HOW}")
        verbs = below.add_subparsers(dest="verb", metavar="COMMAND", parser_class=Parser, required=True)
        for command in own:
            add_command(verbs, command)
    return made


def add_command(verbs: Any, command: Command) -> None:
    """A command of the table as a subcommand."""
    made = new_parser(verbs, command.verb, command.says, f"example:\n  {command.example}\n" if command.example else "")
    add_options(made, command)


def add_options(made: argparse.ArgumentParser, command: Command, outputs: tuple[str, ...] = ("json", "table")) -> None:
    """The options of one command, and those that every command has."""
    exclusive: dict[str, Any] = {}
    for option in command.options:
        to: Any = made
        if option.one_of:
            if option.one_of not in exclusive:
                exclusive[option.one_of] = made.add_mutually_exclusive_group(required=option.one_of.endswith("!"))
            to = exclusive[option.one_of]
        settings: dict[str, Any] = {"help": option.says.replace("%", "%%"), "default": None}
        if not option.flag.startswith("-"):
            to.add_argument("option:" + option.flag, metavar=option.flag, nargs=None if option.required else "?", **settings)
            continue
        settings["dest"] = "option:" + option.flag
        if option.required and not option.one_of:
            settings["required"] = True
        if option.kind == "flag":
            settings |= {"action": "store_true", "default": None}
        else:
            settings["metavar"] = None if option.choices else option.metavar
            settings["choices"] = option.choices or None
            settings["type"] = int if option.kind == "number" else str
        aliases = ["--id"] if option.flag == "--name" and option.place == "path" else []
        to.add_argument(option.flag, *aliases, **settings)
    if command.asks:
        made.add_argument("--force", action="store_true", help="does not ask whether you are sure")
    made.set_defaults(command=command)
    shared(made, outputs)


def client_of(options: argparse.Namespace, ticket: Ticket | None = None) -> Client:
    """Who is asked, in whose name: that of a key, of the session of `holdfast login`, or of the Kerberos ticket. Errors: ClientError."""
    control = options.control or os.environ.get("HOLDFAST_CONTROL") or DEFAULT_CONTROL
    whose = _whose(control, options.profile) if ticket is None else ticket
    return Client(control, whose, options.ca_bundle or os.environ.get("AWS_CA_BUNDLE", ""))


def _whose(control: str, profile: str) -> Key | Session:
    """A key that is named goes first, then the session for this listener, then the key of the usual file. Errors: ClientError."""
    named = profile or os.environ.get("AWS_PROFILE") or (os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY"))
    kept = None if named else kept_sessions.find(os.environ, control)
    if kept is None:
        return find_key(os.environ, profile)
    if kept.ended:
        raise ClientError(f"the session of {kept.user} has ended: holdfast login (or holdfast logout, to go on without one)")
    return Session(kept.token)


def request_of(command: Command, options: argparse.Namespace) -> tuple[str, dict[str, str], dict[str, Any] | None]:
    """Path, query and body. Errors: UsageError."""
    path, query = command.path, dict[str, str]()
    sends = command.sends or any(option.place == "body" for option in command.options)
    body: dict[str, Any] | None = dict(command.sends) if command.method in ("POST", "PUT") and sends else None
    for option in command.options:
        value = getattr(options, "option:" + option.flag)
        if value is None or value is False:
            rivals = [other for other in command.options if other.one_of and other.one_of == option.one_of]
            if option.kind == "secret" and body is not None:
                body[option.name] = _asked()
            if not option.default or any(getattr(options, "option:" + other.flag) for other in rivals):
                continue
            value = option.default
        if option.place == "path":
            path = path.replace("{" + option.name + "}", quote(value, safe="-_.~"))
        elif option.place == "query":
            query[option.name] = "true" if value is True else str(value)
        elif body is not None:
            body[option.name] = _read(option, value) if option.kind in ("json", "file", "line", "secret") else value
    if options.in_tenancy:
        query["tenancy"] = options.in_tenancy
    return path, query, body


def _read(option: Option, text: str) -> Any:
    """What an option leads to: JSON (or file://NAME with JSON in it), the text of a file, a secret in a file. Errors: UsageError."""
    try:
        if option.kind == "json" and not text.startswith("file://"):
            return json.loads(text)
        name = text.removeprefix("file://")
        if name == "-":
            text = sys.stdin.read()
        else:
            with open(name, encoding="utf-8") as file:
                text = file.read()
        return json.loads(text) if option.kind == "json" else text.rstrip("\r\n") if option.kind in ("line", "secret") else text
    except OSError as error:
        raise UsageError(f"{option.flag}: {error.strerror}: {error.filename}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{option.flag}: the file is not text") from None
    except ValueError as error:
        raise UsageError(f"{option.flag} is not JSON: {error}") from None


def _asked() -> str:
    """A new password from the terminal, twice. Errors: UsageError."""
    import getpass

    nowhere = "there is no terminal to ask at: --password-file names a file, or - for stdin"
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(nowhere)
    try:
        first = getpass.getpass("New password: ")
        again = getpass.getpass("Again: ")
    except EOFError:
        raise UsageError(nowhere) from None
    if first != again:
        raise UsageError("the two are not the same")
    return first


def ask(command: Command, options: argparse.Namespace) -> dict[str, Any]:
    """The whole answer; of a list all pages."""
    client = client_of(options)
    path, query, body = request_of(command, options)
    answer = client.ask(command.method, path, query, body)
    while command.pages and "next-page" in answer:
        more = client.ask(command.method, path, {**query, "page": answer["next-page"]}, body)
        answer = {"data": answer["data"] + more.pop("data"), **more}
    return answer


def print_answer(answer: Any, options: argparse.Namespace) -> None:
    """Prints what --query picks of an answer. Errors: QueryError."""
    found = picked(answer, options.query)
    if found is None:
        print("Query returned empty result, no output to show.", file=sys.stderr)
    text = text_of(found, output=options.output, raw=options.raw_output)
    if text:
        print(text)


def _print_done(answer: dict[str, Any], options: argparse.Namespace) -> None:
    """Prints the answer: all of it if something was done and the query does not fit what came, so that no secret is lost. Errors: QueryError."""
    try:
        print_answer(answer, options)
    except QueryError:
        if options.command.method != "GET":
            print(text_of(answer, output=options.output, raw=False))
        raise


def complain(error: Exception) -> int:
    """Says on stderr what went wrong; the exit code."""
    if isinstance(error, ServiceError):
        print("ServiceError:\n" + json.dumps({"status": error.status, **error.answer}, indent=2, ensure_ascii=False), file=sys.stderr)
        return FAILED
    print(f"holdfast: {error}", file=sys.stderr)
    return USAGE if isinstance(error, UsageError | QueryError) else FAILED


def sure(*, always: bool = False) -> bool:
    """Whether to delete: asks whoever is there. Where nobody is, no terminal and nothing piped in, it is a script that means what it says; with
    `always` that is a no."""
    typed = sys.stdin is not None and sys.stdin.isatty()
    if not (typed or always or _something_waits()):
        return True
    if typed or always:
        print(SURE, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline() if sys.stdin is not None else ""
    if not (typed or always):
        if not line:
            return True
        print(SURE, file=sys.stderr)
    return line.strip().lower() in ("y", "yes")


def _something_waits() -> bool:
    """Whether standard input has something to read, or its end."""
    try:
        return sys.stdin is not None and bool(select.select([sys.stdin.fileno()], [], [], WAIT_S)[0])
    except (OSError, ValueError):  # no descriptor: what is in its place can be read at once
        return True


def main(arguments: Sequence[str]) -> int:
    """The entry point. Exit codes: 0 done, 1 refused or not reached, 2 wrong usage."""
    return perform(parser().parse_args(arguments))


def perform(options: argparse.Namespace, show: Callable[[dict[str, Any]], str] | None = None) -> int:
    """Does what was asked for; `show` makes the text of `--output text`. The exit code."""
    command: Command = options.command
    try:
        check_query(options.query)  # a wrong query is found before anything is done
        if command.asks and not options.force:
            request_of(command, options)
            if not sure(always=command.noun in _ASKED_ALWAYS):
                print("Aborted: nothing was deleted.", file=sys.stderr)
                return FAILED
        answer = ask(command, options)
        if show is not None and options.output == "text" and not options.query:
            print(show(answer["data"]))
        else:
            _print_done(answer, options)
    except (ServiceError, ClientError, UsageError, QueryError) as error:
        return complain(error)
    if command.once and answer["data"].get(command.once):
        print(ONCE.format("URL" if command.once == "access-uri" else "secret"), file=sys.stderr)
    return DONE
