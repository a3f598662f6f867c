"""The people of world.toml, as boto3 clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.serving import Server

WORLD = Path(__file__).parent / "world.toml"
PASSWORD = "anns-canary-password"
ENV = {"WORLD_ANN_PASSWORD": PASSWORD}
ANN_CHEM = "hft_ANNS-FIXED-TOKEN-OF-CHEM-CANARY-0000000000001"
ANN_BIO = "hft_ANNS-FIXED-TOKEN-OF-BIO-CANARY-00000000000002"
BEN_CHEM = "hft_BENS-FIXED-TOKEN-OF-CHEM-CANARY-0000000000003"
SECRETS = {
    "ANNS-KEY": "anns-secret-key-1", "ANNS-OLD-KEY": "anns-secret-key-2", "ann/host@EXAMPLE.ORG": "anns-secret-key-3",
    "BENS-KEY": "bens-secret-key-1",
    "CARLS-KEY": "carls-secret-key-1", "ACMES-KEY": "acmes-secret-key-1", "OLGAS-KEY": "olgas-secret-key-1", "ROBOTS-KEY": "robots-secret-key-1",
}  # fmt: skip


def client(server: Server, access_key: str, secret: str | None = None, signature: str = "s3v4") -> Any:
    """A boto3 client; the secret is the right one unless another is given."""
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}, signature_version=signature)
    return boto3.client(
        "s3", endpoint_url=server.endpoint, region_name=server.region, config=config, verify=server.ca,
        aws_access_key_id=access_key, aws_secret_access_key=SECRETS.get(access_key, "") if secret is None else secret,
    )  # fmt: skip


def refused(call: Any, *args: Any, **given: Any) -> tuple[int, str]:
    """The status and code with which a call is refused; (200, "") when it is not."""
    try:
        call(*args, **given)
    except ClientError as error:
        answer = error.response
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]
    return 200, ""
