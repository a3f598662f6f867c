"""One bit turned over on the disk: the object is refused, never answered with wrong bytes, and the others do not notice."""

from __future__ import annotations

import http.client
from collections.abc import Callable

import pytest

from tests.crash.client import Client
from tests.crash.conftest import Start
from tests.crash.server import CrashServer
from tests.crash.store import body_files, catalog, flip, forge_inline_body
from tests.crash.storm import BUCKET
from tests.crash.workload import bytes_of

SMALL, LARGE = bytes_of(1, 3000), bytes_of(2, 3 * 1024 * 1024)
OTHERS = {"other-small": bytes_of(3, 3000), "other-large": bytes_of(4, 400 * 1024)}


def flip_inline_body(server: CrashServer) -> str:
    with catalog(server.data_dir):
        pass
    assert flip(server.data_dir / "catalog.db", SMALL[:24]) >= 1
    return "small"


def flip_row(server: CrashServer) -> str:
    with catalog(server.data_dir) as db:
        ((etag,),) = db.execute("SELECT etag FROM current WHERE key = 'small'").fetchall()
    assert flip(server.data_dir / "catalog.db", etag.encode()) >= 1
    return "small"


def flip_body_start(server: CrashServer) -> str:
    assert sum(flip(path, LARGE[:24]) for path in body_files(server.data_dir)) == 1
    return "large"


def flip_body_end(server: CrashServer) -> str:
    assert sum(flip(path, LARGE[-24:]) for path in body_files(server.data_dir)) == 1
    return "large"


def stored(server: CrashServer) -> None:
    client = server.client()
    client.create_bucket(BUCKET)
    for key, body in {"small": SMALL, "large": LARGE, **OTHERS}.items():
        assert client.put(BUCKET, key, body).status == 200
    server.end()


def bytes_got(client: Client, key: str) -> bytes | None:
    """A complete successful body, or None when the answer is an error or breaks off."""
    try:
        answer = client.get(BUCKET, key)
    except (OSError, http.client.HTTPException):
        return None
    assert answer.status in (200, 500), answer
    if answer.status == 500:
        assert answer.code == "InternalError", answer
    return answer.body if answer.status == 200 else None


@pytest.mark.parametrize("damage", [flip_inline_body, flip_row, flip_body_start, flip_body_end], ids=lambda d: d.__name__)
def test_a_flipped_bit_is_never_answered(launch: Start, damage: Callable[[CrashServer], str]) -> None:
    server = launch(workers=1)
    stored(server)
    key = damage(server)
    server.restart()
    assert bytes_got(server.client(), key) is None
    for other, body in OTHERS.items():
        assert bytes_got(server.client(), other) == body
    assert "damaged" in server.log.read_text().lower() or "checksum" in server.log.read_text().lower(), "the damage is not in the log"
    server.end()


def test_control_it_is_the_checksum_that_notices(launch: Start) -> None:
    """The same turned bit with every checksum made right again is answered as if nothing had happened."""
    server = launch(workers=1)
    stored(server)
    forged = forge_inline_body(server.data_dir, "small")
    server.restart()
    assert forged != SMALL
    assert bytes_got(server.client(), "small") == forged
