"""A folder uploader as people write it with boto3: create the bucket if missing, threads, 8 MiB parts, progress, URLs for seven days."""

from __future__ import annotations

import hashlib
import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.place import PYTHON_CLIENTS, Place

PROGRAM = """
import os, sys, time
os.environ['AWS_REQUEST_CHECKSUM_CALCULATION'] = os.environ['AWS_RESPONSE_CHECKSUM_VALIDATION'] = sys.argv[5]
import boto3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
endpoint, region, bucket, folder = sys.argv[1:5]
s3 = boto3.client('s3', endpoint_url=endpoint, region_name=region)
try:
    s3.head_bucket(Bucket=bucket); print('bucket is there')
except ClientError as e:
    assert e.response['Error']['Code'] == '404', e
    s3.create_bucket(Bucket=bucket); print('bucket was made')
transfer = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20, max_concurrency=10)
files = sorted(f for f in os.listdir(folder) if os.path.isfile(os.path.join(folder, f)))
print(f'{len(files)} files' if files else 'nothing to do')
for name in files:
    moved = 0
    def progress(n):
        global moved
        moved += n
    try:
        s3.upload_file(os.path.join(folder, name), bucket, name, Config=transfer, Callback=progress)
    except ClientError as e:
        print('failed', name, e); continue
    assert moved == os.path.getsize(os.path.join(folder, name)), moved
    print('etag', name, s3.head_object(Bucket=bucket, Key=name)['ETag'])
    print('url', name, s3.generate_presigned_url('get_object', Params={'Bucket': bucket, 'Key': name}, ExpiresIn=604800))
"""


@pytest.mark.parametrize("checksums", ["when_required", "when_supported"])
def test_m1_m30_m31_m32_m33_m41_uploader(place: Place, client: Callable[[str], str], checksums: str) -> None:
    """M1, M30 to M33, M41: a 100 MiB file goes up in 13 parts, and its presigned URL gives it back to curl."""
    python = PYTHON_CLIENTS / "bin" / "python"
    if not python.exists():
        pytest.skip("the Python clients are not installed here (make clients)")
    folder = place.home / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "not-this.txt").write_text("a subfolder is left alone")
    (folder / "small file ü.txt").write_text("small")
    data = random.Random(1).randbytes(100 << 20)
    (folder / "large.bin").write_bytes(data)
    argv = (str(python), "-c", PROGRAM, place.endpoint, place.region, place.bucket, str(folder), checksums)
    first, second = place.run(*argv).stdout, place.run(*argv).stdout
    assert first.startswith("bucket was made\n2 files") and second.startswith("bucket is there\n2 files")
    assert re.search(r'etag large.bin "[0-9a-f]{32}-13"', first), "12 full parts and one of 4 MiB"
    urls = dict(re.findall(r"url (.+) (http\S+)", first))
    assert set(urls) == {"large.bin", "small file ü.txt"}
    got: Path = place.out / "got"
    place.run(client("curl"), "-sSf", "-o", got, urls["large.bin"])
    assert hashlib.sha256(got.read_bytes()).digest() == hashlib.sha256(data).digest()
    place.run(client("curl"), "-sSf", "-o", got, urls["small file ü.txt"])
    assert got.read_text() == "small"
    os.truncate(got, 0)
