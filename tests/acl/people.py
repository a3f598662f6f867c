"""The people of the tests of access control lists: Ann owns the buckets, Ben is granted things, Eve has a key and nothing else."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.serving import Server

NAMES = ("ann", "ben", "eve", "zoe")
IDS = {name: f"canonical-id-of-{name}" for name in NAMES}
ANONYMOUS = "anonymous"
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"


ABROAD = "tom"
"""Who belongs to another tenancy, whose namespace is `elsewhere`."""


def bootstrap() -> str:
    """The bootstrap file. Zoe may do nothing of her own."""
    abroad = (
        f'[[tenancies]]\nname = "elsewhere"\nnamespace = "elsewhere"\n[[users]]\nname = "{ABROAD}"\ntenancy = "elsewhere"\n'
        f'[[users.keys]]\naccess_key = "{access_key(ABROAD)}"\nsecret_key = "{secret_key(ABROAD)}"\n'
    )
    return abroad + "".join(
        f'[[users]]\nname = "{name}"\ndisplay_name = "{name.title()}"\ncanonical_id = "{IDS[name]}"\nemail = "{name}@example.com"\n'
        f'rights = "{"none" if name == "zoe" else "own-buckets"}"\n'
        f'[[users.keys]]\naccess_key = "{access_key(name)}"\nsecret_key = "{secret_key(name)}"\n'
        for name in NAMES
    )


def access_key(name: str) -> str:
    return f"{name.upper()}TESTACCESSKEY0001"


def secret_key(name: str) -> str:
    return f"{name}-test-secret-key-000000000000000000001"


def client(server: Server, name: str) -> Any:
    """A boto3 client of one of them, or of nobody."""
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}, signature_version=UNSIGNED if name == ANONYMOUS else "s3v4")
    keys = {} if name == ANONYMOUS else {"aws_access_key_id": access_key(name), "aws_secret_access_key": secret_key(name)}
    return boto3.client("s3", endpoint_url=server.endpoint, region_name=server.region, config=config, **keys)


def refused(call: Any, *args: Any, **given: Any) -> tuple[int, str]:
    """The status and code with which a call is refused."""
    with pytest.raises(ClientError) as error:
        call(*args, **given)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


DENIED = (403, "AccessDenied")
