"""`holdfast oci setup`: an API key for a user, and the profile with which Oracle's `oci` command uses this store."""

from __future__ import annotations

import argparse
import configparser
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from holdfast.authn.oci_keys import new_key_pair
from holdfast.cli import admin
from holdfast.cli.client import DEFAULT_CONTROL, Client, ClientError, ServiceError

CONFIG = "~/.oci/config"
PROFILE = "DEFAULT"
REGION = "us-east-1"
ENDPOINT = "http://127.0.0.1:9000"
LABEL = "OCI_API_KEY\n"
"""The last line of a key file, without which the `oci` command warns at each call."""
EPILOG = """\
example:
  holdfast oci setup --user ann --config ~/.oci/config --profile DEFAULT
  oci --endpoint http://127.0.0.1:9000 os ns get

The private key is written beside the configuration file, readable by its owner only, and is nowhere else. Profiles of other names stay as they are.
"""


def parser() -> admin.Parser:
    """All of `holdfast oci`."""
    made = admin.Parser(
        prog="holdfast oci", description="What Oracle's oci command needs to use this store.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    verbs = made.add_subparsers(dest="verb", metavar="COMMAND", parser_class=admin.Parser, required=True)
    setup = admin.new_parser(verbs, "setup", "make an API key for a user and write a profile of the oci command", EPILOG)
    setup.add_argument("--user", metavar="NAME", required=True, help="whose key it is: name or OCID")
    setup.add_argument("--config", metavar="FILE", default=CONFIG, help=f"the configuration file of the oci command [{CONFIG}]")
    setup.add_argument("--profile", metavar="NAME", default=PROFILE, help=f"the profile to write; one of that name is replaced [{PROFILE}]")
    setup.add_argument("--region", metavar="NAME", default="", help="the region of the store [what the store says]")
    setup.add_argument("--control", metavar="URL", help=f"the control listener [HOLDFAST_CONTROL; default {DEFAULT_CONTROL}]")
    setup.add_argument("--aws-profile", metavar="NAME", default="", help="profile of ~/.aws/credentials to ask with; else the environment's key")
    setup.add_argument("--ca-bundle", metavar="FILE", default="", help="certificates to trust for https [AWS_CA_BUNDLE]")
    return made


def main(arguments: Sequence[str]) -> int:
    """The entry point."""
    options = parser().parse_args(arguments)
    options.oci_profile, options.profile = options.profile, options.aws_profile
    try:
        written = setup(admin.client_of(options), options.user, Path(options.config).expanduser(), options.oci_profile, options.region)
    except (ServiceError, ClientError) as error:
        return admin.complain(error)
    print(written)
    return admin.DONE


def setup(client: Client, user: str, config: Path, profile: str, region: str = "") -> str:
    """What was done, for people. Nothing is written unless the store took the key. Errors: ServiceError, ClientError."""
    known = read_config(config)
    private, public = new_key_pair()
    path = f"/users/{quote(user, safe='')}/api-keys"
    answer = client.ask("POST", path, body={"key": public})["data"]
    tenancy, user_id, fingerprint = answer["key-id"].split("/")
    key_file = config.parent / f"{profile}-{fingerprint.replace(':', '')[:8]}.pem"
    try:
        config.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(key_file, private + LABEL)
        region = region or region_of(client)
        known[profile] = {"user": user_id, "tenancy": tenancy, "fingerprint": fingerprint, "key_file": str(key_file.absolute()), "region": region}
        write_config(config, known)
    except OSError as error:
        client.ask("DELETE", f"{path}/{quote(fingerprint, safe='')}")
        raise ClientError(f"{error.filename or config} cannot be written: {error.strerror}; the key was deleted again") from None
    told = f"profile {profile} is in {config}, its private key in {key_file}"
    return f"{told}\nTry: oci --config-file {config} --profile {profile} --endpoint {endpoint_of(client)} os ns get"


def endpoint_of(client: Client) -> str:
    """Where OCI's command finds the store: the host that it has for that, else the first that it publishes, which takes OCI's requests too."""
    try:
        found = client.ask("GET", "/endpoints")["data"]
    except ServiceError:
        return ENDPOINT
    return str(next((one["url"] for one in found if one.get("kind") == "native"), found[0]["url"]))


def region_of(client: Client) -> str:
    """The region that the store says it is in."""
    try:
        said = client.ask("GET", "/whoami")["data"].get("region")
    except ServiceError:
        said = None
    return said or os.environ.get("AWS_DEFAULT_REGION") or REGION


def read_config(path: Path) -> configparser.RawConfigParser:
    """The file as it is; an empty one where there is none. Errors: ClientError."""
    found = configparser.RawConfigParser(default_section="")
    try:
        found.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        raise ClientError(f"{path} is no configuration file of the oci command: {str(error).splitlines()[0]}") from None
    return found


def write_config(path: Path, config: configparser.RawConfigParser) -> None:
    """Replaces the file at once, private to its owner. Errors: OSError."""
    partial = path.with_name(path.name + ".new")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        config.write(out, space_around_delimiters=False)
        out.flush()
        os.fsync(out.fileno())
    os.replace(partial, path)


def write_private(path: Path, text: str) -> None:
    """Errors: OSError."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as out:
        out.write(text)
