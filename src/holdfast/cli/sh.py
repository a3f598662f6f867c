"""`holdfast sh`: volumes, buckets and links by path, with the forms and the output of `ozone sh`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from holdfast.cli.admin import DONE, USAGE, Parser, client_of, complain, print_answer, shared
from holdfast.cli.client import Client, ClientError, ServiceError
from holdfast.cli.show import QueryError, check_query

S3_VOLUME = "s3v"

_EPILOG = """\
examples:
  holdfast sh volume create /vol1
  holdfast sh bucket create /vol1/bucket1
  holdfast sh bucket link /vol1/bucket1 /s3v/common-bucket     S3 shows it as common-bucket
  holdfast sh bucket list /s3v

The volume /s3v is always there: its buckets are those that S3 and OCI show. The server is asked at --control (or HOLDFAST_CONTROL) in
the name of the key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or of a profile. --query picks from what is printed: "[].name" of a list, name
of one thing. Exit codes: 0 done, 1 refused, 2 wrong usage.
"""


class BadPath(Exception):
    """What was typed is not the path of such a thing."""


def volume_path(text: str) -> str:
    """The API's path of `/volume`. Errors: BadPath."""
    parts = text.strip("/").split("/")
    if len(parts) != 1 or not parts[0]:
        raise BadPath(f"{text!r} is not the path of a volume: /volume")
    return "/volumes/" + quote(parts[0], safe="-_.~")


def bucket_parts(text: str) -> tuple[str, str]:
    """The volume and the bucket of `/volume/bucket`. Errors: BadPath."""
    parts = text.strip("/").split("/")
    if len(parts) != 2 or not all(parts):
        raise BadPath(f"{text!r} is not the path of a bucket: /volume/bucket")
    return parts[0], parts[1]


def _buckets(volume: str) -> str:
    return f"/volumes/{quote(volume, safe='-_.~')}/buckets"


def _bucket(text: str) -> str:
    volume, name = bucket_parts(text)
    return f"{_buckets(volume)}/{quote(name, safe='-_.~')}"


def _all(client: Client, path: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    query: dict[str, str] = {}
    while True:
        answer = client.ask("GET", path, query)
        rows = [row for row in answer["data"] if row["name"].startswith(options.prefix or "")]
        found += [row for row in rows if not options.start or row["name"] > options.start.rpartition("/")[2]]
        if "next-page" not in answer or len(found) >= options.length:
            return found[: options.length]
        query = {"page": answer["next-page"]}


def volume_shown(row: dict[str, Any]) -> dict[str, Any]:
    """A volume in Ozone's words."""
    return {"name": row["name"], "owner": row["owner"], "creationTime": row["time-created"]}


def bucket_shown(row: dict[str, Any]) -> dict[str, Any]:
    """A bucket or link in Ozone's words."""
    shown: dict[str, Any] = {
        "volumeName": row["volume"], "name": row["name"], "owner": row["owner"], "versioning": row["versioning"] == "Enabled",
        "creationTime": row["time-created"], "encryptionKeyName": row["encryption-key"], "link": row["source"] is not None,
    }  # fmt: skip
    if row["source"] is not None:
        shown["sourceVolume"], shown["sourceBucket"] = row["source"].strip("/").split("/")
    return shown


def _volume(client: Client, options: argparse.Namespace) -> None:
    if options.verb == "list":
        if options.path not in ("", "/"):
            raise BadPath(f"{options.path!r} is not the root, /, whose volumes are listed")
        print_answer([volume_shown(row) for row in _all(client, "/volumes", options)], options)
        return
    path = volume_path(options.path)
    name = path.rpartition("/")[2]
    if options.verb == "create":
        try:
            made = client.ask("POST", "/volumes", None, {"name": name} | ({"owner": options.user} if options.user else {}))["data"]
        except ServiceError as error:
            if name != S3_VOLUME or error.status != 409 or options.user:
                raise
            print(error, file=sys.stderr)  # what guides for Ozone begin with is done
            made = client.ask("GET", path)["data"]
        _print_if_asked(volume_shown(made), options)
    elif options.verb == "info":
        print_answer(volume_shown(client.ask("GET", path)["data"]), options)
    else:
        client.ask("DELETE", path)
        print(f"Volume {name} is deleted")


def _bucket_verb(client: Client, options: argparse.Namespace) -> None:
    if options.verb == "list":
        volume = volume_path(options.path).rpartition("/")[2]
        print_answer([bucket_shown(row) for row in _all(client, _buckets(volume), options)], options)
    elif options.verb == "create":
        volume, name = bucket_parts(options.path)
        body = {"name": name} | ({"encryption-key": options.bucketkey} if options.bucketkey else {})
        _print_if_asked(bucket_shown(client.ask("POST", _buckets(volume), None, body)["data"]), options)
    elif options.verb == "link":
        source, (volume, name) = bucket_parts(options.source), bucket_parts(options.path)
        body = {"name": name, "source": "/" + "/".join(source)}
        _print_if_asked(bucket_shown(client.ask("POST", f"/volumes/{quote(volume, safe='-_.~')}/links", None, body)["data"]), options)
    elif options.verb == "info":
        print_answer(bucket_shown(client.ask("GET", _bucket(options.path))["data"]), options)
    else:
        client.ask("DELETE", _bucket(options.path))
        print(f"Bucket {bucket_parts(options.path)[1]} is deleted")


def _print_if_asked(made: dict[str, Any], options: argparse.Namespace) -> None:
    """Ozone prints nothing of what it made; who picks something from it or wants a table gets that."""
    if options.query or options.output == "table":
        print_answer(made, options)


def _length(text: str) -> int:
    """How many a list shows at most. Errors: ArgumentTypeError."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def parser() -> Parser:
    """All of `holdfast sh`."""
    made = Parser(
        prog="holdfast sh", description="Volumes, buckets and links, as `ozone sh` has them.", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    nouns = made.add_subparsers(dest="noun", metavar="volume|bucket", parser_class=Parser, required=True)
    forms = {
        "volume": (("create", "make a volume", "/volume"), ("list", "list volumes", "/"), ("info", "show a volume", "/volume"),
                   ("delete", "delete an empty volume", "/volume")),
        "bucket": (("create", "make a bucket", "/volume/bucket"), ("list", "list the buckets and links of a volume", "/volume"),
                   ("info", "show a bucket or link", "/volume/bucket"), ("link", "make a link to a bucket", "/volume/link"),
                   ("delete", "delete an empty bucket, or a link", "/volume/bucket")),
    }  # fmt: skip
    for noun, verbs in forms.items():
        below = nouns.add_parser(noun, help=f"work with {noun}s", description=f"Works with {noun}s.", allow_abbrev=False)
        commands = below.add_subparsers(dest="verb", metavar="COMMAND", parser_class=Parser, required=True)
        for verb, says, path in verbs:
            command = commands.add_parser(verb, help=says, description=says[0].upper() + says[1:] + ".", allow_abbrev=False)
            if verb == "link":
                command.add_argument("source", metavar="/volume/bucket", help="the bucket that it stands for")
            if path:
                command.add_argument("path", metavar=path, nargs="?" if path == "/" else None, default="")
            if verb == "list":
                command.add_argument("--prefix", "-p", help="only names that begin so")
                command.add_argument("--start", "-s", help="only names after this one")
                command.add_argument("--length", "-l", type=_length, default=100, help="at most so many [100]")
            if (noun, verb) == ("volume", "create"):
                command.add_argument("--user", "-u", metavar="NAME", help="its owner; else you")
            if (noun, verb) == ("bucket", "create"):
                command.add_argument("--bucketkey", "-k", metavar="KEY", help="encrypt what is stored in it under this key of the key service")
            shared(command)
    return made


def main(arguments: Sequence[str]) -> int:
    """The entry point. Exit codes: 0 done, 1 refused or not reached, 2 wrong usage."""
    options = parser().parse_args(arguments)
    try:
        check_query(options.query)
        client = client_of(options)
        (_volume if options.noun == "volume" else _bucket_verb)(client, options)
    except BadPath as error:
        print(f"holdfast: {error}", file=sys.stderr)
        return USAGE
    except (ServiceError, ClientError, QueryError) as error:
        return complain(error)
    return DONE
