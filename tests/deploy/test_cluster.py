"""Several nodes on one store behind nginx, as `deploy/cluster` puts them together (M121, M149, M150)."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from deploy.local.ceph import Ceph
from deploy.local.postgres import Postgres
from tests.cluster_servers import engine_url
from tests.conftest import make_client
from tests.deploy.nginx import free_port, nginx, replaced
from tests.serving import ACCESS_KEY, ROOT, SECRET_KEY, Server

FOLDER = ROOT / "deploy" / "cluster"
NODES = 3
VARIABLES = {"POSTGRES_PASSWORD": "letters", "HOLDFAST_ROOT_ACCESS_KEY": ACCESS_KEY, "HOLDFAST_ROOT_SECRET_KEY": "letters-and-digits"}

CAPTURED: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 60, "check": False}


def composer() -> list[str]:
    """The command that reads compose files: Docker's plugin, else the program of its own; skips where there is none."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True, check=False, timeout=20).returncode == 0:
            return command
    pytest.skip("neither docker compose nor docker-compose is installed")


@pytest.mark.parametrize("file", [FOLDER / "compose.yaml", ROOT / "deploy" / "compose.yaml"])
def test_compose_files_are_understood(file: Path) -> None:
    """And want to be given what must not have a default."""
    whole = subprocess.run([*composer(), "-f", str(file), "config"], env=VARIABLES | {"PATH": "/usr/local/bin:/usr/bin:/bin"}, **CAPTURED)
    assert whole.returncode == 0, whole.stderr
    bare = subprocess.run([*composer(), "-f", str(file), "config"], env={"PATH": "/usr/local/bin:/usr/bin:/bin"}, **CAPTURED)
    assert bare.returncode != 0 and "set " in bare.stderr


def test_M150_a_node_can_be_there_several_times() -> None:
    """`up -d --scale datanode=3` is refused where a service has a name or a port of the host of its own, and wrong where nodes share their data."""
    text = (FOLDER / "compose.yaml").read_text()
    node = re.search(r"(?ms)^  datanode:\n(.*?)^  \w", text)
    assert node is not None and not re.search(r"container_name|ports:|/data|hostname", node[1])
    proxy = re.search(r"(?ms)^  proxy:\n(.*?)^networks", text)
    assert proxy is not None and '"9878:80"' in proxy[1] and '"127.0.0.1:9001:9001"' in proxy[1]
    assert "--scale datanode=3" in text


@pytest.fixture
def cluster(postgres: Postgres, ceph: Ceph, shared_pool: str, schema: str, tmp_path: Path) -> Iterator[tuple[list[Server], int]]:
    """Nodes with the settings of the compose file, and the port of nginx with its configuration in front of them."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    url = engine_url(postgres.dsn(), ceph.conf, shared_pool, schema=schema)
    key = tmp_path / "master.key"
    key.write_text(f"{'5' * 8} {'a' * 64}\n")
    key.chmod(0o600)
    nodes = [
        Server(
            tmp_path / f"node{number}", workers=1, master_key=key, trusted_proxies="127.0.0.1", domain="s3g.internal", env={"HOLDFAST_ENGINE": url}
        )
        for number in range(NODES)
    ]
    port, control = free_port(), free_port()
    try:
        for node in nodes:
            node.start()
        servers = "".join(f"server {node.endpoint.removeprefix('http://')}; " for node in nodes)
        controls = "".join(f"server {node.control.removeprefix('http://')}; " for node in nodes)
        text = replaced(
            (FOLDER / "nginx.conf").read_text(), ("server datanode:9000;", servers), ("server datanode:9001;", controls),
            ("listen 80 default_server;", f"listen 127.0.0.1:{port};"), ("listen 9001 default_server;", f"listen 127.0.0.1:{control};"),
        )  # fmt: skip
        with nginx(tmp_path / "nginx", text, port):
            yield nodes, port
        for node in nodes:
            node.finish()
    finally:
        for node in nodes:
            node.kill()


def test_M121_M149_M150_three_nodes_are_one_store_and_one_may_go(cluster: tuple[list[Server], int]) -> None:
    nodes, port = cluster
    s3 = boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{port}", aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )  # fmt: skip
    s3.create_bucket(Bucket="scaled")
    bodies = {f"k{number}": bytes([number]) * (number * 40_000) for number in range(12)}
    for name, body in bodies.items():
        s3.put_object(Bucket="scaled", Key=name, Body=body)
    for node in nodes:
        direct = make_client(node)
        assert {o["Key"] for o in direct.list_objects_v2(Bucket="scaled")["Contents"]} == set(bodies)
        for name in ("k1", "k11"):
            assert direct.get_object(Bucket="scaled", Key=name)["Body"].read() == bodies[name]
    served = [any(line["operation"] == "PutObject" for line in lines_of(node)) for node in nodes]
    assert all(served), "nginx asks every node"
    nodes[0].stop()
    for name, body in bodies.items():
        s3.put_object(Bucket="scaled", Key=name, Body=body[::-1])
        assert s3.get_object(Bucket="scaled", Key=name)["Body"].read() == body[::-1]


def lines_of(node: Server) -> list[dict[str, Any]]:
    """The access log, once something is in it: it is written on a beat."""
    for _ in range(100):
        if found := node.access_log():
            return found
        time.sleep(0.05)
    return []
