"""One server with one of everything."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from botocore import auth

from tests.identity.people import ENV, WORLD
from tests.serving import Server


@pytest.fixture(scope="session", autouse=True)
def boto3_as_installed_alone() -> Iterator[None]:
    """boto3 signs in Python unless awscrt is installed too, as it is here: only that refuses an empty secret before it sends anything."""
    with patch.dict(
        auth.AUTH_TYPE_MAPS,
        {"v4": auth.SigV4Auth, "s3v4": auth.S3SigV4Auth, "v4-query": auth.SigV4QueryAuth, "s3v4-query": auth.S3SigV4QueryAuth},
    ):
        yield


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of two workers that was started with world.toml."""
    running = Server(tmp_path_factory.mktemp("world"), bootstrap=WORLD, env=ENV, log_level="debug").start()
    yield running
    running.finish()
