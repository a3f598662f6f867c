"""Endpoints published to users, what to paste into clients, and one object by several names and styles (M121-M124, M144, M145, M244)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from holdfast.admin.snippets import CLIENTS, Place, snippet
from tests import certificates
from tests.administration import Somebody, unique
from tests.serving import Server

NAMES = ("s3.storage.test", "*.s3.storage.test", "um.storage.test", "*.um.storage.test", "wsu.storage.test")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Any]]:
    home = tmp_path_factory.mktemp("endpoints")
    made = certificates.make(home / "tls", "campus", (*NAMES, "localhost"), "")
    endpoints = ["global=https://s3.storage.test", "um=https://um.storage.test", "wsu=https://wsu.storage.test"]
    domains = ["s3.storage.test", "um.storage.test"]
    server = Server(home, workers=1, ca=str(made.ca), tls_cert=made.cert, tls_key=made.key, endpoint=endpoints, domain=domains)
    yield server.start(), made
    server.stop()


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


def test_M122_M244_one_object_by_every_name_and_style(place: tuple[Server, Any], anywhere: None) -> None:
    server, _ = place
    bucket = unique("many-names")
    client(server, "s3.storage.test", "path").create_bucket(Bucket=bucket)
    both = [(host, style) for host in ("s3.storage.test", "um.storage.test") for style in ("path", "virtual")]
    ways = [*both, ("wsu.storage.test", "path")]
    for number, (host, style) in enumerate(ways):
        client(server, host, style).put_object(Bucket=bucket, Key="k", Body=b"%d" % number)
        for other, its in ways:
            assert client(server, other, its).get_object(Bucket=bucket, Key="k")["Body"].read() == b"%d" % number
            url = client(server, other, its).generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
            assert url.startswith(f"https://{bucket}.{other}" if its == "virtual" else f"https://{other}")


def test_M124_endpoints_are_published_to_every_user(place: tuple[Server, Any]) -> None:
    server, _ = place
    root = Somebody(server, server.access_key, server.secret_key)
    status, document = root.ask("GET", "/endpoints")
    assert status == 200
    assert [(row["name"], row["url"]) for row in document["data"]] == [
        ("global", "https://s3.storage.test"), ("um", "https://um.storage.test"), ("wsu", "https://wsu.storage.test"),
    ]  # fmt: skip
    status, document = root.ask("GET", "/endpoints/um/snippets/boto3", **{"access-key": "hft_mine"})
    assert status == 200 and 'endpoint_url="https://um.storage.test"' in document["data"]["text"] and "hft_mine" in document["data"]["text"]
    for path in ("/endpoints/nowhere/snippets/boto3", "/endpoints/um/snippets/telnet"):
        assert root.ask("GET", path)[0] == 404


@pytest.mark.parametrize("name", sorted(CLIENTS))
def test_M144_every_snippet_names_the_store_and_cannot_be_broken_out_of(name: str) -> None:
    place = Place("https://s3.storage.test:9000", "us-east-1", 'a"\n`rm -rf`$(x)\'\\', "b")
    text = snippet(name, place)
    assert "s3.storage.test" in text and "amazonaws" not in text
    assert "`" not in text and "$(" not in text and "\nrm" not in text


def test_M145_the_boto3_snippet_runs_as_it_is_pasted(server: Server, tmp_path: Path) -> None:
    root = Somebody(server, server.access_key, server.secret_key)
    name = unique("pasted")
    root.admin("user", "create", "--name", name)
    root.admin("organisation", "create", "--name", name)
    token = root.admin("token", "create", "--user", name, "--organisation", name)["token"]
    text = snippet("boto3", Place(server.endpoint, server.region, token, name))
    ran = subprocess.run([sys.executable, "-c", text], env=os.environ, capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == str([name]), ran.stderr
