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
    place.run(
        node, JS_CLIENTS / "cycle.mjs", place.endpoint, place.bucket, place.home, str(place.small.stat().st_size), str(place.big.stat().st_size)
    )
    for file in (place.small, place.big):
        place.compare(place.out / file.name, file)
    place.compare(place.out / "upload", place.big)
