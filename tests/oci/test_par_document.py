"""Every curl line of OCI's document on pre-authenticated requests, run with curl against real ones, and wget.

Slips of the document are put right: a stray second PUT (taken for a host), a list that lacks what was just uploaded, an upload with the
URL of another request, and the file names that were pasted behind a GET.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.oci.requests_made import Store

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

GUIDE = b"%PDF" + bytes(range(256)) * 500


def curl(line: str, cwd: Path) -> str:
    """What a line of the document prints, run by a shell as a reader would."""
    done = subprocess.run(["sh", "-c", line.replace("curl ", "curl -sS ", 1)], cwd=cwd, capture_output=True, timeout=60, check=True)
    return done.stdout.decode()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    names = ("using-dita-guide.pdf", "CorporateTerminologyUsageGuide.pdf", "OCI_User_Guide.pdf", "edit-lifecycle-rules.pdf", "servicediscovery.dita",
             "objectstoragelogreference.htm")  # fmt: skip
    for name in names:
        (tmp_path / name).write_bytes(name.encode() + GUIDE)
    for number in (1, 2, 3):
        (tmp_path / f"data.{number}").write_bytes(b"%d" % number * 9)
    return tmp_path


def sums(s3: Any, bucket: str, key: str) -> str:
    return sha256(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest()


def test_to_put_and_get_an_object_M46_M70_M71_M72(store: Store, s3: Any, bucket: str, files: Path) -> None:
    _, url = store.par(bucket, "AnyObjectReadWrite")
    assert curl(f"curl -X PUT --data-binary '@using-dita-guide.pdf' {url}using-dita-guide.pdf", files) == ""
    assert sums(s3, bucket, "using-dita-guide.pdf") == sha256((files / "using-dita-guide.pdf").read_bytes()).hexdigest()
    name = "CorporateTerminologyUsageGuide.pdf"
    assert curl(f'curl -X PUT -H "opc-meta-version:2020May" --data-binary \'@{name}\' {url}{name}', files) == ""
    found = s3.head_object(Bucket=bucket, Key=name)
    assert (found["Metadata"], found["ContentType"]) == ({"version": "2020May"}, "application/x-www-form-urlencoded")
    assert "opc-meta-version: 2020May" in curl(f"curl --head {url}{name}", files)
    curl(f"curl -X GET -o got.pdf {url}{name}", files)
    assert (files / "got.pdf").read_bytes() == (files / name).read_bytes()
    assert curl(f"curl -r 0-9 -w ' %{{http_code}}' {url}{name}", files) == "CorporateT 206"


def test_to_put_a_large_object_M73_M75_M76_M77(store: Store, s3: Any, bucket: str, files: Path) -> None:
    host = store.server.endpoint
    _, url = store.par(bucket, "ObjectReadWrite", "OCI_User_Guide.pdf")
    told = json.loads(curl(f'curl -X PUT -H "opc-multipart:true" {url}', files))
    assert told["object"] == "OCI_User_Guide.pdf"
    uri = told["accessUri"]
    for number in (1, 2, 3):
        assert curl(f"curl -X PUT --data-binary '@data.{number}' {host}{uri}{number}", files) == ""
    assert curl(f"curl -X POST {host}{uri}", files) == ""
    assert curl(f"curl -X GET {url}", files) == "1" * 9 + "2" * 9 + "3" * 9
    uri = json.loads(curl(f'curl -X PUT -H "opc-multipart:true" {url}', files))["accessUri"]
    curl(f"curl -X PUT --data-binary '@data.1' {host}{uri}1", files)
    assert curl(f"curl -w '%{{http_code}}' -X DELETE {host}{uri}", files) == "204"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    head = curl(f"curl --head {url}", files).splitlines()
    assert head[0] == "HTTP/1.1 200 OK"
    headers = dict(line.lower().split(": ", 1) if "multipart-md5" not in line else line.split(": ", 1) for line in head[1:] if ": " in line)
    sample = {
        "accept-ranges", "content-length", "opc-multipart-md5", "last-modified", "etag", "version-id", "storage-tier", "content-type", "date",
        "opc-request-id", "x-api-id", "access-control-allow-origin", "access-control-allow-methods", "access-control-allow-credentials",
        "access-control-expose-headers",
    }  # fmt: skip
    assert sample <= headers.keys()
    assert re.fullmatch(r"[A-Za-z0-9+/]{22}==-3", headers["opc-multipart-md5"])
    assert (headers["content-length"], headers["storage-tier"], headers["x-api-id"]) == ("27", "standard", "native")
    assert parsedate_to_datetime(headers["last-modified"]) and parsedate_to_datetime(headers["date"])
    assert headers["access-control-expose-headers"] == (
        "accept-ranges,access-control-allow-credentials,access-control-allow-methods,access-control-allow-origin,content-length,content-type,date,"
        "etag,last-modified,opc-client-info,opc-multipart-md5,opc-request-id,storage-tier,version-id,x-api-id"
    )


def test_to_get_a_list_of_objects_M85_M86_M87(store: Store, bucket: str, files: Path) -> None:
    _, url = store.par(bucket, "AnyObjectReadWrite", listing=True)
    for name in ("services.html", "InfoWorld DeepDive - Tips  for Git and GitHub Users.pdf", "VPN.png"):
        curl(f"curl -X PUT --data-binary '@data.1' '{url}{name.replace(' ', '%20')}'", files)
    assert curl(f"curl -X PUT --data-binary '@edit-lifecycle-rules.pdf' {url}edit-lifecycle-rules.pdf", files) == ""
    assert curl(f"curl -X GET {url}", files) == (
        '{"objects":[{"name":"InfoWorld DeepDive - Tips  for Git and GitHub Users.pdf"},{"name":"VPN.png"},{"name":"edit-lifecycle-rules.pdf"},'
        '{"name":"services.html"}]}'
    )
    found = json.loads(curl(f'curl -X GET {url}?fields="name,etag,timeCreated,md5,timeModified,storageTier,archivalState"', files))["objects"]
    assert [set(each) for each in found] == [{"name", "etag", "timeCreated", "md5", "timeModified", "storageTier"}] * 4
    assert all(each["storageTier"] == "Standard" and re.fullmatch(r"[A-Za-z0-9+/]{22}==", each["md5"]) for each in found)


def test_for_one_object_and_for_a_prefix_M63_M117(store: Store, bucket: str, files: Path) -> None:
    _, single = store.par(bucket, "ObjectReadWrite", "OCI_User_Guide.pdf")
    assert single.endswith("/o/OCI_User_Guide.pdf")
    assert curl(f"curl -X PUT --data-binary '@OCI_User_Guide.pdf' {single}", files) == ""
    curl(f"curl -X GET -o got.pdf {single}", files)
    assert (files / "got.pdf").read_bytes() == (files / "OCI_User_Guide.pdf").read_bytes()
    _, url = store.par(bucket, "AnyObjectReadWrite", "service", listing=True)
    assert url.endswith("/o/")
    assert curl(f"curl -X PUT --data-binary '@servicediscovery.dita' {url}servicediscovery.dita", files) == ""
    assert curl(f"curl -X GET {url}", files) == '{"objects":[{"name":"servicediscovery.dita"}]}'
    refused = curl(f"curl -X PUT --data-binary '@objectstoragelogreference.htm' {url}objectstoragelogreference.htm", files)
    assert refused == '{"code":"NotAuthenticated","message":"PAR does not exist"}'


@pytest.mark.skipif(shutil.which("wget") is None, reason="wget is not installed")
def test_with_wget_M46(store: Store, s3: Any, bucket: str, tmp_path: Path) -> None:
    s3.put_object(Bucket=bucket, Key="a b", Body=GUIDE)
    _, url = store.par(bucket, "ObjectRead", "a b")
    subprocess.run(["wget", "-q", "-O", "got", url], cwd=tmp_path, timeout=60, check=True)
    assert (tmp_path / "got").read_bytes() == GUIDE
