"""What the documents tell people to type works as it is written there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from tests.administration import Somebody
from tests.conftest import make_client
from tests.serving import ROOT, Server


def commands(name: str) -> list[list[str]]:
    """The `holdfast` commands of a document's shell blocks that ask a server."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / name).read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if re.match(r"holdfast (admin|session|explain|why|sh|s3)\b", line)]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def test_every_command_of_the_identity_page_works_as_it_is_written(serve: Callable[..., Server]) -> None:
    server = serve(workers=1)
    root = Somebody(server, server.access_key, server.secret_key)
    make_client(server).create_bucket(Bucket="photos")
    key = ""
    wanted = commands("docs/identity.md")
    assert len(wanted) > 15
    for arguments in wanted:
        if arguments[0] == "why":  # its id is an example
            continue
        ran = root.run(*(key if word == "ACCESS-KEY" else word for word in arguments), stdin="y\n")
        assert ran.code == 0, (arguments, ran)
        if arguments[:3] == ["admin", "key", "create"]:
            key = ran.data["id"]
        if arguments[:3] == ["admin", "key", "update"]:
            root.admin("key", "update", "--id", key, "--status", "ACTIVE")


def test_the_commands_of_the_readme_make_a_user_who_can_write(serve: Callable[..., Server]) -> None:
    server = serve(workers=1)
    root = Somebody(server, server.access_key, server.secret_key)
    make_client(server).create_bucket(Bucket="first")
    ran = {tuple(arguments): root.run(*arguments) for arguments in commands("README.md")}
    assert len(ran) > 12 and all(each.code == 0 for each in ran.values()), [each for each in ran.values() if each.code]
    key = ran["admin", "key", "create", "--user", "ann"].data
    ann = Somebody(server, key["id"], key["key"])
    ann.s3().create_bucket(Bucket="hers")
    ann.s3().put_object(Bucket="hers", Key="a", Body=b"a")
