"""What a gateway answers to one of everything, and what its health says: for tests that take something away from under it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.local import daemons
from tests.cluster.field import Field
from tests.cluster.network import Missing
from tests.serving import SECRET_KEY

SMALL, LARGE = b"small", b"large" * 10_000
BOUND_S = 15.0
WELL = {"get small": 200, "get large": 200, "put small": 200, "put large": 200, "list": 200, "delete": 204}
BUSY = ("SlowDown", "ServiceUnavailable")


def prepare(field: Field, bucket: str) -> None:
    """Makes what `Seen` reads."""
    client = field.client(0)
    client.create_bucket(bucket)
    assert client.put(bucket, "small", SMALL).status == 200
    assert client.put(bucket, "large", LARGE).status == 200


class Seen:
    """What a gateway answers now: (status, code) by what was asked, each within BOUND_S; `troubles` of its health."""

    def __init__(self, field: Field, bucket: str, number: int = 0) -> None:
        client, gateway = field.client(number, BOUND_S), field.gateways[number]
        asked = {
            "get small": ("GET", f"/{bucket}/small", b""),
            "get large": ("GET", f"/{bucket}/large", b""),
            "put small": ("PUT", f"/{bucket}/new", SMALL),
            "put large": ("PUT", f"/{bucket}/new-large", LARGE),
            "list": ("GET", f"/{bucket}", b""),
            "delete": ("DELETE", f"/{bucket}/new", b""),
        }
        self.said = {}
        for name, (method, path, body) in asked.items():
            answer = client.request(method, path, body=body)
            self.said[name] = (answer.status, answer.code)
            assert answer.status != 503 or answer.headers.get("retry-after"), (name, answer)
            assert "Traceback" not in answer.body.decode(errors="replace")
        client.close()
        began = time.monotonic()
        self.ready, text = gateway.get("/health/ready")
        assert time.monotonic() - began < BOUND_S
        self.troubles = json.loads(text)["troubles"]
        assert self.ready == (503 if self.troubles else 200)
        for secret in (field.postgres.facts["password"], SECRET_KEY):
            assert secret not in text
        assert gateway.get("/health/live")[0] == 200

    @property
    def statuses(self) -> dict[str, int]:
        return {name: status for name, (status, _) in self.said.items()}


def made(bucket: str, *arguments: int, **options: Any) -> Iterator[Field]:
    """A field whose bucket is ready; skipped where the machine permits no namespaces, or has no PostgreSQL and Ceph and cannot install them."""
    try:
        field = Field(*arguments, **options)
    except (Missing, daemons.Missing) as why:
        pytest.skip(str(why))
    try:
        prepare(field, bucket)
        yield field
        field.finish()
    finally:
        field.close()
