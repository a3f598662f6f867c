"""`holdfast par`: pre-authenticated requests from the command line, where the `oci` command is not installed.

The options are those of `oci os preauth-request`, over the administration API of a running server.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from holdfast.cli.admin import HOW, Parser, add_command, perform
from holdfast.cli.commands import Command, Option

ACCESS_TYPES = ("ObjectRead", "ObjectWrite", "ObjectReadWrite", "AnyObjectRead", "AnyObjectWrite", "AnyObjectReadWrite")
_EPILOG = """\
a URL that lets its holder read everything below reports/ until 2030, and list it:
  holdfast par create --bucket-name photos --name reports --access-type AnyObjectRead --object-name reports/ \\
    --bucket-listing-action ListObjects --time-expires 2030-01-01T00:00:00Z --query 'data."access-uri"' --raw-output
  curl "http://127.0.0.1:9000$(...)"       # the access-uri behind the address of the data listener

Whoever has the URL can use it, as long as its maker may do what it allows. It is shown once, and cannot be changed: delete it, and make another.

"""

_BUCKET = Option("--bucket-name", "path", "bucket", "the bucket", required=True)
_ID = Option("--par-id", "path", "par", "its id", required=True, metavar="ID")
_ALL, _ONE = "/buckets/{bucket}/pars", "/buckets/{bucket}/pars/{par}"

COMMANDS = (
    Command("par", "create", "POST", _ALL, "make a request; its URL (data.access-uri) is shown only now", (
        _BUCKET,
        Option("--name", "body", "name", "its name: letters, digits, dashes, underscores and periods; need not be the only one", required=True),
        Option("--access-type", "body", "access-type", "for one object, or for any", required=True, choices=ACCESS_TYPES),
        Option("--time-expires", "body", "time-expires", "when it ends, RFC 3339: 2030-09-01T00:09:51.000+02:00", required=True, metavar="TIME"),
        Option("--object-name", "body", "object-name", "the object; with AnyObject..., a prefix of names, else the whole bucket"),
        Option("--bucket-listing-action", "body", "bucket-listing-action", "ListObjects: its holder may list", choices=("Deny", "ListObjects")),
    ), once="access-uri"),
    Command("par", "list", "GET", _ALL, "list the requests on a bucket and on objects in it", (
        _BUCKET, Option("--object-name-prefix", "query", "object-name-prefix", "only those about names that begin so", metavar="PREFIX"),
    ), pages=True),
    Command("par", "get", "GET", _ONE, "show a request, without its URL", (_BUCKET, _ID)),
    Command("par", "delete", "DELETE", _ONE, "delete a request: its URL is refused at once", (_BUCKET, _ID)),
)  # fmt: skip


def parser() -> Parser:
    """All of `holdfast par`."""
    made = Parser(
        prog="holdfast par", description="Pre-authenticated requests: URLs that let others read or write objects without an account.",
        epilog=_EPILOG + HOW, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    verbs = made.add_subparsers(dest="verb", metavar="COMMAND", parser_class=Parser, required=True)
    for command in COMMANDS:
        add_command(verbs, command)
    return made


def main(arguments: Sequence[str]) -> int:
    """The entry point. Exit codes: 0 done, 1 refused or not reached, 2 wrong usage."""
    return perform(parser().parse_args(arguments))
