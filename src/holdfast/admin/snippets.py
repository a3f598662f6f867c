"""What to paste into each client so that it uses this store and not Amazon: settings, and a first command. Secrets are never in it."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit


class Place(NamedTuple):
    """Where and as whom. `access_key` and `bucket` are put in as they are given."""

    url: str
    region: str
    access_key: str
    bucket: str


AWS_SETTINGS = """\
export AWS_ACCESS_KEY_ID='{access_key}'
read -rs -p 'Secret: ' AWS_SECRET_ACCESS_KEY && export AWS_SECRET_ACCESS_KEY
export AWS_ENDPOINT_URL_S3='{url}' AWS_DEFAULT_REGION='{region}'
"""
_AWS = AWS_SETTINGS + """\
aws s3 mb s3://{bucket}
aws s3 ls
"""
_BOTO3 = """\
import boto3

s3 = boto3.client(
    "s3",
    endpoint_url="{url}",  # without it the client asks Amazon
    region_name="{region}",
    aws_access_key_id="{access_key}",
    aws_secret_access_key="SECRET",  # with an access token any will do
)
s3.create_bucket(Bucket="{bucket}")
print([bucket["Name"] for bucket in s3.list_buckets()["Buckets"]])
"""
_BOTO2 = """\
import boto
from boto.s3.connection import OrdinaryCallingFormat

s3 = boto.connect_s3(
    aws_access_key_id="{access_key}",
    aws_secret_access_key="",
    host="{host}", port={port}, is_secure={secure},
    calling_format=OrdinaryCallingFormat(),
)
s3.create_bucket("{bucket}")
"""
S3CMD_SETTINGS = """\
# ~/.s3cfg
[default]
access_key = {access_key}
secret_key =
host_base = {authority}
host_bucket = {authority}
use_https = {secure}
bucket_location = {region}
"""
_S3CMD = S3CMD_SETTINGS + """\
# then:  s3cmd mb s3://{bucket}
"""
RCLONE_SETTINGS = """\
# rclone config file
[holdfast]
type = s3
provider = Other
access_key_id = {access_key}
secret_access_key =
endpoint = {url}
region = {region}
force_path_style = true
"""
_RCLONE = RCLONE_SETTINGS + """\
# then:  rclone mkdir holdfast:{bucket}
"""
_CURL = """\
curl --user '{access_key}:SECRET' --aws-sigv4 'aws:amz:{region}:s3' --request PUT {url}/{bucket}
curl --user '{access_key}:SECRET' --aws-sigv4 'aws:amz:{region}:s3' --upload-file hello.txt {url}/{bucket}/hello.txt
"""
_CYBERDUCK = """\
# Cyberduck or duck: protocol "Amazon S3 (path style)" with this server
duck --username '{access_key}' --list s3-path://{authority}/{bucket}/
"""
_RESTIC = """\
export AWS_ACCESS_KEY_ID='{access_key}' AWS_DEFAULT_REGION='{region}'
read -rs -p 'Secret: ' AWS_SECRET_ACCESS_KEY && export AWS_SECRET_ACCESS_KEY
restic -r s3:{url}/{bucket} init
"""
_DUCKDB = """\
INSTALL httpfs; LOAD httpfs;
CREATE SECRET (TYPE s3, KEY_ID '{access_key}', SECRET 'SECRET', REGION '{region}', ENDPOINT '{authority}', URL_STYLE 'path', USE_SSL {secure});
COPY (SELECT 42 AS n) TO 's3://{bucket}/answer.parquet';
"""
_S3FS = """\
echo '{access_key}:SECRET' > ~/.passwd-s3fs && chmod 600 ~/.passwd-s3fs
s3fs {bucket} /mnt -o url={url},endpoint={region},use_path_request_style
"""
_OCI = """\
holdfast oci setup --user NAME --region {region}
oci --endpoint {url} os ns get
"""

CLIENTS = {
    "aws": _AWS, "boto2": _BOTO2, "boto3": _BOTO3, "curl": _CURL, "cyberduck": _CYBERDUCK, "duckdb": _DUCKDB, "oci": _OCI, "rclone": _RCLONE,
    "restic": _RESTIC, "s3cmd": _S3CMD, "s3fs": _S3FS,
}  # fmt: skip
"""The clients that there is a snippet for."""

_NOT_OF_A_WORD = re.compile(r"[^A-Za-z0-9._~:/@%+=,\[\]-]+")


def snippet(client: str, place: Place) -> str:
    """The text for one of CLIENTS. What is put in is one word to a shell and to each of the languages: every other character is left out."""
    return filled(CLIENTS[client], place)


def filled(text: str, place: Place, **more: str) -> str:
    """A text with everything about a place put in, and `more`, as `snippet` says."""
    at = urlsplit(place.url)
    secure = at.scheme == "https"
    values = {
        "url": place.url.rstrip("/"), "region": place.region, "access_key": place.access_key, "bucket": place.bucket, "authority": at.netloc,
        "host": at.hostname or "", "port": str(at.port or (443 if secure else 80)), "secure": str(secure), **more,
    }  # fmt: skip
    clean = {name: _NOT_OF_A_WORD.sub("", value) for name, value in values.items()}
    return text.format(**clean)
