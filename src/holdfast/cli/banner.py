"""What a person sees when the server starts: where it listens, the administrator's key, and commands to paste."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import NamedTuple


class Started(NamedTuple):
    """What the banner speaks of.

    `secret_key` is set only when the key was made by this start, `fixed` when the environment fixed it. `trust` names a certificate
    that clients must be told of, because it is its own authority. `endpoint` is the URL that clients are told, where one is set.
    """

    version: str
    data_url: str
    control_url: str
    data_dir: str
    region: str
    workers: int
    access_key: str
    secret_key: str
    fixed: bool
    trust: str
    endpoint: str = ""


LOST = """
The administrator's secret was shown at the first start. If it is lost, start once with a new one in the environment:
  HOLDFAST_ROOT_ACCESS_KEY='{access_key}' HOLDFAST_ROOT_SECRET_KEY='...'
"""


def own_authority(cert: str) -> str:
    """The absolute path of a PEM file whose certificate signed itself, else ""; what an authority signed, clients verify by that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with contextlib.suppress(OSError, ValueError):  # a broken file is refused, in words, by the process that serves it
        if cert:
            context.load_verify_locations(cert)
    return str(Path(cert).absolute()) if any(ca["subject"] == ca["issuer"] for ca in context.get_ca_certs()) else ""


def key_text(started: Started) -> str:
    """The administrator's key, printed once."""
    return (
        "Administrator's key, made now and shown only this once:\n"
        f"  access key  {started.access_key}\n"
        f"  secret key  {started.secret_key}\n"
    )  # fmt: skip


def banner(started: Started) -> str:
    """Addresses and paste-ready commands for aws, boto3 and curl; Python stands at the margin, because its prompt takes no indented line."""
    secret = started.secret_key or ("$HOLDFAST_ROOT_SECRET_KEY" if started.fixed else "the-secret-shown-at-the-first-start")
    quoted = f"'{secret}'" if started.secret_key else f'"{secret}"'
    ca = f" --ca-bundle '{started.trust}'" if started.trust else ""
    cacert = f" --cacert '{started.trust}'" if started.trust else ""
    verify = f", verify={started.trust!r}" if started.trust else ""
    lost = "" if started.secret_key or started.fixed else LOST.format(access_key=started.access_key)
    url, region = started.endpoint or started.data_url, started.region
    return f"""Holdfast {started.version}
  S3        {started.data_url}   region {region}, {started.workers} worker{"s" if started.workers != 1 else ""}
  control   {started.control_url}   /health/live /health/ready /metrics
  data      {started.data_dir}
{lost}
Paste into a shell:
  export AWS_ACCESS_KEY_ID='{started.access_key}' AWS_SECRET_ACCESS_KEY={quoted} AWS_DEFAULT_REGION='{region}'

With aws:
  aws --endpoint-url {url}{ca} s3 mb s3://first
  aws --endpoint-url {url}{ca} s3 cp /etc/hostname s3://first/hello.txt
  aws --endpoint-url {url}{ca} s3 ls s3://first

With boto3 (in python3):

import boto3
s3 = boto3.client("s3", endpoint_url="{url}"{verify})
s3.create_bucket(Bucket="second")
s3.put_object(Bucket="second", Key="hello.txt", Body=b"hello")
print(s3.get_object(Bucket="second", Key="hello.txt")["Body"].read())

With curl:
  curl -f{cacert} --aws-sigv4 "aws:amz:{region}:s3" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -X PUT {url}/third
  curl -f{cacert} --aws-sigv4 "aws:amz:{region}:s3" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -T /etc/hostname {url}/third/hello.txt
  curl -f{cacert} --aws-sigv4 "aws:amz:{region}:s3" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" {url}/third/hello.txt
"""


def ready_line(started: Started) -> str:
    """The one line that says that the server serves."""
    return f"holdfast: ready, S3 on {started.data_url}, control on {started.control_url}"
