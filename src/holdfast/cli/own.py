"""`holdfast token` and `holdfast organisation`: what everybody does about his own tokens and organisations, without an administrator."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from holdfast.cli.admin import HOW, Parser, add_command, perform
from holdfast.cli.commands import Command, Option

_TOKENS = """\
your token in the organisation physics, after `holdfast login`; it is the S3 access key, with any secret:
  holdfast token generate --organisation physics --query data.token --raw-output
  holdfast token regenerate --organisation physics      # the old one is refused from now on

"""
_ORGANISATIONS = """\
see yours and those that you may ask to join, and ask; its managers decide:
  holdfast organisation list --output table
  holdfast organisation join --organisation physics --message "I work with Ann"
who decides (a manager, or an administrator):
  holdfast admin organisation list-requests --organisation physics
  holdfast admin organisation approve --organisation physics --user ben

"""
_WHICH = Option("--organisation", "body", "organisation", "name or OCID of the organisation", required=True)
_OF = Option("--organisation", "path", "organisation", "name or OCID of the organisation", required=True)
_EXPIRES = Option("--expires", "body", "expires", "when it ends: 2030-01-31T12:00:00Z; else never", metavar="TIME")

COMMANDS = (
    Command("token", "list", "GET", "/users/~/tokens", "list your tokens, without their text"),
    Command("token", "generate", "POST", "/users/~/tokens", "make your token in an organisation (data.token), shown only now", (_WHICH, _EXPIRES),
            "holdfast token generate --organisation physics", once="token"),
    Command("token", "regenerate", "POST", "/users/~/tokens", "make another one: the old one is refused at once", (_WHICH, _EXPIRES),
            "holdfast token regenerate --organisation physics", once="token"),
    Command("token", "revoke", "DELETE", "/users/~/tokens/{organisation}", "end your token in an organisation", (_OF,)),
    Command("organisation", "list", "GET", "/users/~/organisations", "list the organisations that you are in, have asked to join, or may ask"),
    Command("organisation", "join", "POST", "/users/~/enrolment-requests", "ask to be enrolled in an organisation", (
        _WHICH, Option("--message", "body", "message", "what who decides should know", metavar="TEXT"),
    ), "holdfast organisation join --organisation physics"),
    Command("organisation", "withdraw", "DELETE", "/users/~/enrolment-requests/{organisation}", "take a request back", (_OF,)),
)  # fmt: skip


def _main(noun: str, says: str, epilog: str, arguments: Sequence[str]) -> int:
    made = Parser(
        prog=f"holdfast {noun}", description=says, epilog=epilog + HOW, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    verbs = made.add_subparsers(dest="verb", metavar="COMMAND", parser_class=Parser, required=True)
    for command in COMMANDS:
        if command.noun == noun:
            add_command(verbs, command)
    return perform(made.parse_args(arguments))


def tokens(arguments: Sequence[str]) -> int:
    """The entry point of `token`. Exit codes: 0 done, 1 refused or not reached, 2 wrong usage."""
    return _main("token", "Your own tokens: one in each organisation that you are in.", _TOKENS, arguments)


def organisations(arguments: Sequence[str]) -> int:
    """The entry point of `organisation`. Exit codes as `tokens`."""
    return _main("organisation", "Your own organisations, and those that you may ask to join.", _ORGANISATIONS, arguments)
