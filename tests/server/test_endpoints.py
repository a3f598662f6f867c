"""Endpoints published to users, what to paste into clients, and one object by every name and style (M4, M121-M124, M144, M145, M244)."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from holdfast.admin.snippets import CLIENTS, Place, snippet
from tests import certificates
from tests.administration import Somebody, unique
from tests.serving import Server

CAMPUSES = ("s3.storage.test", "um.storage.test", "wsu.storage.test")
"""The global name, and one for each campus; the last has no wildcard in its certificate, so that it is for path style only."""
VIRTUAL = CAMPUSES[:2]
COMPAT = "default.compat.objectstorage.us-east-1.oci.test"
NATIVE = "objectstorage.us-east-1.oci.test"
NAMES = (*CAMPUSES, *(f"*.{name}" for name in VIRTUAL), "*.compat.objectstorage.us-east-1.oci.test", NATIVE)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Any]]:
    home = tmp_path_factory.mktemp("endpoints")
    made = certificates.make(home / "tls", "campus", (*NAMES, "localhost"), "")
    endpoints = [f"{name}=https://{host}" for name, host in zip(("global", "um", "wsu"), CAMPUSES, strict=True)]
    server = Server(
        home, workers=1, ca=str(made.ca), tls_cert=made.cert, tls_key=made.key, endpoint=endpoints, domain=list(VIRTUAL), oci_domain="oci.test"
    )
    yield server.start(), made
    server.finish()


@pytest.fixture
def anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name is this machine."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: resolve("127.0.0.1", *rest, **more))


def client(server: Server, host: str, style: str) -> Any:
    port = server.endpoint.rpartition(":")[2]
    return boto3.client(
        "s3", endpoint_url=f"https://{host}:{port}", verify=server.ca, region_name=server.region, aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key, config=Config(s3={"addressing_style": style}, retries={"max_attempts": 1}),
    )  # fmt: skip


def test_M4_M122_M244_one_object_by_four_styles_and_every_name(place: tuple[Server, Any], anywhere: None) -> None:
    """Path style by each of three names, the bucket's own host, and the hosts of its namespace: S3's and OCI's. What one writes, each reads."""
    server, made = place
    bucket = unique("many-names")
    client(server, "s3.storage.test", "path").create_bucket(Bucket=bucket)
    ways = [*((host, "path") for host in (*CAMPUSES, COMPAT)), *((host, "virtual") for host in VIRTUAL)]
    for number, (host, style) in enumerate(ways):
        client(server, host, style).put_object(Bucket=bucket, Key="k", Body=b"%d" % number)
        for other, its in ways:
            s3 = client(server, other, its)
            assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"%d" % number
            url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
            assert url.startswith(f"https://{bucket}.{other}:" if its == "virtual" else f"https://{other}:")
            with urllib.request.urlopen(url, context=ssl.create_default_context(cafile=made.ca), timeout=10) as answer:
                assert answer.read() == b"%d" % number
    client(server, "s3.storage.test", "path").put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}))  # fmt: skip
    port = server.endpoint.rpartition(":")[2]
    own = f"https://{NATIVE}:{port}/n/default/b/{bucket}/o/k"
    with urllib.request.urlopen(own, context=ssl.create_default_context(cafile=made.ca), timeout=10) as answer:
        assert answer.read() == b"%d" % number


def test_M4_the_host_of_another_namespace_finds_nothing(place: tuple[Server, Any], anywhere: None) -> None:
    server, _ = place
    bucket = unique("of-default")
    client(server, COMPAT, "path").create_bucket(Bucket=bucket)
    for call in (lambda s3: s3.head_bucket(Bucket=bucket), lambda s3: s3.list_buckets(), lambda s3: s3.create_bucket(Bucket=unique("mine"))):
        with pytest.raises(ClientError) as refused:
            call(client(server, COMPAT.replace("default", "nobody"), "path"))
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404)


def test_M123_the_certificate_verifies_by_each_name_and_by_no_address(place: tuple[Server, Any]) -> None:
    """As the document says: names are to be used, not the addresses behind them; asked of openssl, which is what clients use."""
    server, made = place
    port = server.endpoint.rpartition(":")[2]
    names = (*CAMPUSES, *(f"bucket.{name}" for name in VIRTUAL), COMPAT, NATIVE)
    for kind, asked, good in (
        *(("-verify_hostname", name, True) for name in names),
        ("-verify_hostname", "bucket.wsu.storage.test", False), ("-verify_hostname", "a.b.s3.storage.test", False),
        ("-verify_ip", "127.0.0.1", False), ("-verify_ip", "::1", False), ("-verify_hostname", "127.0.0.1", False),
    ):  # fmt: skip
        said = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(made.ca), "-verify_return_error", "-brief", kind, asked],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert (said.returncode == 0) is good, f"{asked}: {said.stderr}"


def test_M124_endpoints_are_published_to_every_user(place: tuple[Server, Any]) -> None:
    server, _ = place
    root = Somebody(server, server.access_key, server.secret_key)
    status, document = root.ask("GET", "/endpoints")
    assert status == 200
    assert [(row["name"], row["url"], row["kind"], row["virtual-hosts"]) for row in document["data"]] == [
        ("global", "https://s3.storage.test", "s3", ["s3.storage.test"]), ("um", "https://um.storage.test", "s3", ["um.storage.test"]),
        ("wsu", "https://wsu.storage.test", "s3", []), ("native", f"https://{NATIVE}", "native", []), ("compat", f"https://{COMPAT}", "compat", []),
    ]  # fmt: skip
    for row in document["data"]:
        for name in CLIENTS:
            status, shown = root.ask("GET", f"/endpoints/{row['name']}/snippets/{name}")
            assert status == 200 and row["url"].removeprefix("https://") in shown["data"]["text"]
    status, document = root.ask("GET", "/endpoints/um/snippets/boto3", **{"access-key": "hft_mine"})
    assert status == 200 and 'endpoint_url="https://um.storage.test"' in document["data"]["text"] and "hft_mine" in document["data"]["text"]
    for path in ("/endpoints/nowhere/snippets/boto3", "/endpoints/um/snippets/telnet"):
        assert root.ask("GET", path)[0] == 404


@pytest.mark.parametrize("name", sorted(CLIENTS))
def test_M144_every_snippet_names_the_store_and_cannot_be_broken_out_of(name: str) -> None:
    place = Place("https://s3.storage.test:9000", "us-east-1", 'a"\n`rm -rf`$(x)\'\\', "b;touch>x&|y <z #*")
    text = snippet(name, place)
    assert "s3.storage.test" in text and "amazonaws" not in text
    assert "`" not in text and "$(" not in text and "\nrm" not in text
    assert "btouchxyz" in text or name == "oci"


def test_M145_the_boto3_snippet_runs_as_it_is_pasted(server: Server, tmp_path: Path) -> None:
    root = Somebody(server, server.access_key, server.secret_key)
    name = unique("pasted")
    root.admin("user", "create", "--name", name)
    root.admin("organisation", "create", "--name", name)
    token = root.admin("token", "create", "--user", name, "--organisation", name)["token"]
    text = snippet("boto3", Place(server.endpoint, server.region, token, name))
    ran = subprocess.run([sys.executable, "-c", text], env=os.environ, capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == str([name]), ran.stderr
