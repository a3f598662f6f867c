"""The nginx configuration of `deploy/`, in front of a running server: signatures, odd keys, large bodies and the client's address arrive."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests import certificates
from tests.deploy.nginx import free_port, nginx, replaced
from tests.serving import ROOT, Server

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
CLIENT = "127.0.0.9"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str, str]]:
    """The server, nginx's https address, and the authority that vouches for it."""
    home = tmp_path_factory.mktemp("nginx")
    made = certificates.make(home / "tls")
    server = Server(home / "server", workers=1, trusted_proxies="127.0.0.1").start()
    port = free_port()
    text = replaced(
        (ROOT / "deploy" / "nginx.conf").read_text(),
        ("server 127.0.0.1:9000;", f"server {server.endpoint.removeprefix('http://')};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
        ("server_name s3.example.org *.s3.example.org;", "server_name localhost *.localhost;"),
        ("/etc/nginx/tls/s3.example.org.pem", str(made.cert)),
        ("/etc/nginx/tls/s3.example.org.key", str(made.key)),
    )
    try:
        with nginx(home, text, port):
            yield server, f"https://localhost:{port}", str(made.ca)
    finally:
        server.stop()


def client(place: tuple[Server, str, str], **options: Any) -> Any:
    server, endpoint, ca = place
    return boto3.client(
        "s3", endpoint_url=endpoint, verify=ca, region_name=server.region, aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key, config=Config(retries={"max_attempts": 1}, **options),
    )  # fmt: skip


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_signed_requests_with_odd_keys_and_large_bodies_pass_through(
    place: tuple[Server, str, str], style: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo  # *.localhost is not resolved everywhere
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: resolve("127.0.0.1", *rest, **more))
    s3 = client(place, s3={"addressing_style": style})
    bucket = f"behind-nginx-{style}"
    s3.create_bucket(Bucket=bucket)
    odd = ["../up"] if style == "path" else ["a/../up"]  # nginx itself refuses a path that leads above the root
    for key in ("plain", "a b+c", "a//b", *odd, "ü%2F", "x?y=1&z", "trailing/"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    large = bytes(12 << 20)
    s3.put_object(Bucket=bucket, Key="large", Body=large)
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == large
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 8


def test_the_access_log_names_the_client_and_not_the_proxy(place: tuple[Server, str, str]) -> None:
    server, endpoint, ca = place
    port = endpoint.rpartition(":")[2]
    said = subprocess.run(
        ["curl", "-sS", "--cacert", ca, "--interface", CLIENT, "-H", "X-Forwarded-For: 203.0.113.77", f"https://localhost:{port}/seen-by-nginx/k"],
        capture_output=True, timeout=30, check=True,
    )  # fmt: skip
    assert b"<Error>" in said.stdout
    log = Path(server.data_dir) / "logs" / "access.jsonl"
    lines: list[dict[str, Any]] = []
    for _ in range(100):
        text = log.read_text() if log.exists() else ""
        lines = [json.loads(line) for line in text.splitlines() if "seen-by-nginx" in line]
        if lines:
            break
        time.sleep(0.05)
    assert [(line["remote"], line["tls"]) for line in lines] == [(CLIENT, True)]
