"""What a GET costs by the bucket's own host and by the host of a namespace, beside path style: through the gateway of a worker (M244)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from holdfast.config.settings import Settings
from tests.oci.test_par_cost import KEY, SECRET, calls, opened, spent_us

ROUNDS = 5
CALLS_MORE = {"query": 0, "header": 8}
"""Calls of functions beyond those of path style where no host has a meaning. Presigned reads take the same; times are printed, never asserted."""
STYLES = {
    "path": "http://s3.cost.test/bench/key",
    "virtual host": "http://bench.s3.cost.test/key",
    "host of a namespace": "http://default.compat.objectstorage.us-east-1.oci.test/bench/key",
}


def signed(url: str, how: str) -> tuple[bytes, dict[bytes, bytes]]:
    """Target and headers."""
    request, key = AWSRequest("GET", url), Credentials(KEY, SECRET)
    (S3SigV4QueryAuth(key, "s3", "us-east-1", expires=3600) if how == "query" else S3SigV4Auth(key, "s3", "us-east-1")).add_auth(request)
    at = urlsplit(request.url)
    headers = {name.lower().encode(): str(value).encode() for name, value in request.headers.items()}
    return (at.path + (f"?{at.query}" if at.query else "")).encode(), headers | {b"host": at.netloc.encode()}


@pytest.mark.parametrize("how", sorted(CALLS_MORE))
def test_M244_a_host_with_a_meaning_costs_a_read_next_to_nothing(tmp_path: Path, how: str) -> None:
    async def run() -> None:
        key = {"root_access_key": KEY, "root_secret_key": SECRET}
        plain = Settings(data_dir=str(tmp_path / "plain"), domain=(), **key)  # type: ignore[arg-type]
        names = {"domain": ("s3.cost.test",), "oci_domain": "oci.test", "website_domain": ("web.cost.test",), "website_host": ("*.sites.test",)}
        named = Settings(data_dir=str(tmp_path / "named"), **names, **key)  # type: ignore[arg-type]
        engine, _, _, gateway = await opened(plain)
        others, _, _, by_name = await opened(named)
        ways = {style: (by_name, *signed(url, how)) for style, url in STYLES.items()} | {"no names": (gateway, *signed(STYLES["path"], how))}
        counted = {style: await calls(at, target, headers) for style, (at, target, headers) in ways.items()}
        least = dict.fromkeys(ways, 1e9)
        for _ in range(ROUNDS):
            for style, (at, target, headers) in ways.items():
                least[style] = min(least[style], await spent_us(at, target, 200, headers))
        for style, us in least.items():
            print(f"{how}: {style} {us:.1f} us, {counted[style]} calls")
        for style in STYLES:
            assert counted[style] <= counted["no names"] + CALLS_MORE[how]
        await engine.close()
        await others.close()

    asyncio.run(run())
