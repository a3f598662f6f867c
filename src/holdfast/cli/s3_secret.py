"""`holdfast s3 getsecret` and `holdfast s3 revokesecret`, to the letter as `ozone s3` has them.

Source: Apache Ozone, "S3 Protocol", Security. The caller proves itself as for every other command.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from urllib.parse import quote

from holdfast.cli.admin import DONE, FAILED, Parser, client_of, complain, print_answer, shared
from holdfast.cli.client import Client, ClientError, NoKey, ServiceError, Ticket
from holdfast.cli.show import QueryError, check_query

_EPILOG = """\
examples:
  holdfast s3 getsecret                             your own secret, shown once
  holdfast s3 getsecret -u om/om@EXAMPLE.COM        somebody else's, for administrators
  eval "$(holdfast s3 getsecret -e)"                into the environment of this shell
  holdfast s3 revokesecret -y                       then getsecret gives another one

Exit codes: 0 done, 1 refused or not reached, 2 wrong usage.
"""


def parser() -> Parser:
    """All of `holdfast s3`."""
    made = Parser(
        prog="holdfast s3", description="S3 secrets, as `ozone s3` has them.", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    commands = made.add_subparsers(dest="verb", metavar="getsecret|revokesecret", parser_class=Parser, required=True)
    get = commands.add_parser("getsecret", help="get your S3 secret", description="Gets an S3 secret, shown only once.", allow_abbrev=False)
    get.add_argument("-e", "--export", action="store_true", help="print export commands for a shell")
    revoke = commands.add_parser("revokesecret", help="revoke your S3 secret", description="Revokes an S3 secret, at once.", allow_abbrev=False)
    revoke.add_argument("-y", "--yes", action="store_true", help="do not ask")
    for command in (get, revoke):
        command.add_argument("-k", "--kerberos", action="store_true", help="prove yourself by your Kerberos ticket, whatever key there is")
        command.add_argument("-u", "--user", metavar="NAME", default="", help="another user's, for administrators")
    shared(get, ("text", "json", "table"))
    shared(revoke, ())
    return made


def caller_of(options: argparse.Namespace) -> Client:
    """Who is asked: by a ticket where one is asked for, or where there is no key to sign with. Errors: ClientError."""
    if not options.kerberos:
        try:
            return client_of(options)
        except NoKey as nothing:
            if not has_ticket():
                raise ClientError(f"{nothing}; or get a Kerberos ticket (kinit)") from None
    return client_of(options, Ticket())


def has_ticket() -> bool:
    """Whether there is a ticket in the cache."""
    try:
        import gssapi

        return bool(gssapi.Credentials(usage="initiate").lifetime)
    except Exception:  # no python-gssapi, no cache, an expired ticket: there is none
        return False


def _path(user: str) -> str:
    return f"/users/{quote(user or '~', safe='-_.~')}/s3-secret"


def _getsecret(client: Client, options: argparse.Namespace) -> int:
    data = client.ask("POST", _path(options.user), None, None)["data"]
    if options.query or options.output != "text":
        print_answer({"data": data}, options)
    elif options.export:
        print(f"export AWS_ACCESS_KEY_ID='{data['aws-access-key']}'")
        print(f"export AWS_SECRET_ACCESS_KEY='{data['aws-secret']}'")
    else:
        print(f"awsAccessKey={data['aws-access-key']}")
        print(f"awsSecret={data['aws-secret']}")
    return DONE


def _revokesecret(client: Client, options: argparse.Namespace) -> int:
    if not options.yes:
        name = options.user or client.ask("GET", "/whoami")["data"]["name"]
        print(f"Enter 'y' to confirm S3 secret revocation for '{name}': ", end="", flush=True)
        if sys.stdin.readline().strip() not in ("y", "Y", "yes"):
            print("Operation cancelled.")
            return FAILED
    client.ask("DELETE", _path(options.user))
    print("S3 secret revoked.")
    return DONE


def main(arguments: Sequence[str]) -> int:
    """The entry point. Exit codes: 0 done, 1 refused or not reached, 2 wrong usage."""
    options = parser().parse_args(arguments)
    try:
        check_query(options.query if options.verb == "getsecret" else "")
        client = caller_of(options)
        return (_getsecret if options.verb == "getsecret" else _revokesecret)(client, options)
    except ServiceError as error:
        code = "PERMISSION_DENIED" if error.status == 403 else error.answer.get("code", error.status)
        print(f"{code} {error}", file=sys.stderr)
        return FAILED
    except (ClientError, QueryError) as error:
        return complain(error)
