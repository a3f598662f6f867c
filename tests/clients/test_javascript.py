"""The AWS SDK for JavaScript v3: stream upload (aws-chunked, checksum trailer) and multipart by lib-storage."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.place import JS_CLIENTS, Place


def test_javascript_sdk_stream_upload(place: Place, client: Callable[[str], str]) -> None:
    node = client("node")
    if not (JS_CLIENTS / "node_modules" / "@aws-sdk" / "client-s3").is_dir():
        pytest.skip("the JavaScript SDK is not installed here (make clients)")
    shutil.copy(Path(__file__).parent / "js" / "cycle.mjs", JS_CLIENTS)
    sizes = [str(file.stat().st_size) for file in (place.small, place.big)]
    # Node 18 tries only the first address of "localhost", which is ::1 on a plain Debian; the server under test listens on 127.0.0.1.
    place.run(node, "--dns-result-order=ipv4first", JS_CLIENTS / "cycle.mjs", place.endpoint, place.bucket, place.home, *sizes)
    for file in (place.small, place.big):
        place.compare(place.out / file.name, file)
    place.compare(place.out / "upload", place.big)
