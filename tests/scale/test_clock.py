"""The clock jumps by a day, forwards and back, under a running server (libfaketime): signatures follow the new clock, nothing is lost."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.scale.watching import until
from tests.scale.wires import answer, connect, head
from tests.security.raw import Raw
from tests.serving import Server

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
DAY_S = 86400


class Clock:
    """What the server takes for the time: the real one and some days."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.days = 0
        path.write_text("+0")

    def env(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }

    def now(self) -> float:
        return time.time() + self.days * DAY_S

    def jump(self, days: int) -> None:
        self.days = days
        self.path.write_text(f"{days:+d}d")


@pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed (Debian: apt install libfaketime)")
def test_a_clock_that_jumps_by_a_day_loses_nothing_and_signatures_follow_it(serve: Callable[..., Server], tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    server = serve(workers=2, env=clock.env())
    pids = list(server.facts()["processes"].values())
    raw = Raw(server)

    def ask(method: str, target: str, body: bytes = b"", at: float | None = None, **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return raw.send(method, target, sent, body, at=clock.now() if at is None else at)

    assert ask("PUT", "/box").status == 200
    versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert ask("PUT", "/box?versioning=", versioning).status == 200
    upload = re.search(rb"<UploadId>([^<]+)<", ask("POST", "/box/parts?uploads=").body)
    assert upload is not None
    place = f"/box/parts?partNumber=1&uploadId={upload[1].decode()}"
    etag = ask("PUT", place, b"part").headers["etag"]
    kept = connect(server)
    request = head(server, "HEAD", "box", "none")  # presigned with the real clock, for an hour

    stored: list[bytes] = []
    for days in (0, 1, -1, 0):
        clock.jump(days)
        until(lambda: ask("GET", "/box").status == 200)  # the new clock is taken notice of
        for other in {-1, 0, 1} - {days}:
            refused = ask("GET", "/box", at=time.time() + other * DAY_S)
            assert (refused.status, refused.code) == (403, "RequestTimeTooSkewed")
        kept.sendall(request)
        status = {0: b"404", 1: b"403", -1: b"403"}[days]  # expired, or not yet valid
        assert answer(kept).startswith(b"HTTP/1.1 " + status), "a kept connection outlives the jump"
        body = b"body %d" % len(stored)
        put = ask("PUT", "/box/k", body)
        assert put.status == 200
        stored.append(body)
        got = ask("GET", "/box/k")
        assert got.body == body, "the version that came last is the latest, whatever the clock says"
        assert abs(seconds(got.headers["last-modified"]) - clock.now()) < 60
        until(lambda: abs(seconds(ask("GET", "/box").headers["date"]) - clock.now()) < 60)  # renewed once a second
        versions = re.findall(r"<VersionId>([^<]+)<", ask("GET", "/box?versions=&prefix=k").body.decode())
        assert [ask("GET", f"/box/k?versionId={version}").body for version in versions] == stored[::-1]

    complete = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>".encode()
    assert ask("POST", place.replace("partNumber=1&", ""), complete).status == 200
    assert ask("GET", "/box/parts").body == b"part"
    assert server.get("/health/ready")[0] == 200
    assert list(server.facts()["processes"].values()) == pids, "a process was replaced"
    assert not [line for line in server.access_log() if line.get("status", 0) >= 500]


def seconds(date: str) -> float:
    """An HTTP date as seconds since the epoch."""
    return parsedate_to_datetime(date).timestamp()
