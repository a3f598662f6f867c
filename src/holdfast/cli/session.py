"""`holdfast session user get`: who the caller is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from holdfast.cli import admin
from holdfast.cli.commands import WHOAMI


def main(arguments: Sequence[str]) -> int:
    """The entry point."""
    made = admin.Parser(
        prog="holdfast session", description="What the caller is in this store.", epilog=f"example:\n  {WHOAMI.example}\n",
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    nouns = made.add_subparsers(dest="noun", metavar="WHAT", parser_class=admin.Parser, required=True)
    user = admin.new_parser(nouns, "user", "the caller", f"example:\n  {WHOAMI.example}\n")
    verbs = user.add_subparsers(dest="verb", metavar="COMMAND", parser_class=admin.Parser, required=True)
    admin.add_options(admin.new_parser(verbs, "get", WHOAMI.says, f"example:\n  {WHOAMI.example}\n"), WHOAMI)
    return admin.perform(made.parse_args(arguments))
