"""What every test may ask for: running servers (plain and TLS), boto3 clients, fresh buckets."""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests import certificates, cluster_servers
from tests.cluster_servers import ceph, pool, postgres, schema, shared_pool
from tests.serving import Server

__all__ = ["ceph", "pool", "postgres", "schema", "shared_pool"]  # fixtures


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        cluster_servers.announce()


class ByGroup(LoadScopeScheduling):
    """Tests one by one to whichever worker is free, but those of a file with an `xdist_group` in its `pytestmark` to one worker, which starts what
    they share once. (xdist's own `loadgroup` writes the group into ids of tests, which pytest 9.2 does not let it change.)"""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0]) or nodeid


@functools.cache
def group_of(file: str) -> str:
    """The group that a file of tests names for all of them, or ""."""
    path = Path(__file__).parents[1] / file
    found = re.search(r'^pytestmark = .*xdist_group\("([^"]+)"\)', path.read_text(encoding="utf-8"), re.MULTILINE) if path.is_file() else None
    return found.group(1) if found else ""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    return ByGroup(config, log)


def pytest_unconfigure() -> None:
    cluster_servers.end()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if cluster_servers.on_cluster():
        for item in items:
            if only := item.get_closest_marker("embedded"):
                item.add_marker(pytest.mark.skip(reason=f"embedded engine only: {only.args[0]}"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server shared by the tests of one pytest process; its end is checked."""
    running = Server(tmp_path_factory.mktemp("server")).start()
    yield running
    running.finish()


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.make(tmp_path_factory.mktemp("certs"))


@pytest.fixture(scope="session")
def server_tls(tmp_path_factory: pytest.TempPathFactory, certs: certificates.Certificates) -> Iterator[Server]:
    """As `server`, over TLS; `ca` is the authority that signed its certificate."""
    running = Server(tmp_path_factory.mktemp("server-tls"), ca=str(certs.ca), tls_cert=certs.cert, tls_key=certs.key).start()
    yield running
    running.finish()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """serve(**settings) starts a server of the test's own; serve(start=False, ...) only prepares it."""
    servers: list[Server] = []

    def make(*, start: bool = True, **settings: Any) -> Server:
        made = Server(tmp_path / f"server{len(servers)}", **settings)
        servers.append(made)
        return made.start() if start else made

    yield make
    try:
        for one in servers:
            one.finish()
    finally:
        for one in servers:
            one.kill()


def make_client(server: Server, **config: Any) -> Any:
    """A boto3 S3 client of the administrator, path style unless `s3` says otherwise."""
    import boto3
    from botocore.config import Config

    settings = {"s3": {"addressing_style": "path"}, "retries": {"max_attempts": 0}, **config}
    return boto3.client(
        "s3", endpoint_url=server.endpoint, aws_access_key_id=server.access_key, aws_secret_access_key=server.secret_key,
        region_name=server.region, verify=server.ca, config=Config(**settings),
    )  # fmt: skip


@pytest.fixture(scope="session")
def s3(server: Server) -> Any:
    return make_client(server)


def empty_bucket(s3: Any, name: str) -> None:
    """Removes every version and upload of a bucket."""
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=name):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        for version in page.get("Versions", []) + page.get("DeleteMarkers", []):
            s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])


@pytest.fixture
def bucket(s3: Any) -> Iterator[str]:
    """A fresh bucket, emptied and deleted afterwards."""
    name = f"test-{uuid.uuid4().hex[:16]}"
    s3.create_bucket(Bucket=name)
    yield name
    empty_bucket(s3, name)
    s3.delete_bucket(Bucket=name)


@pytest.fixture(scope="session")
def root(server: Server) -> Any:
    """The administrator of the shared server."""
    from tests.administration import Somebody

    return Somebody(server, server.access_key, server.secret_key)
