"""The access log: what a line says, what it must never say, rotation, and several writers."""

from __future__ import annotations

import json
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from holdfast.model.messages import Request
from holdfast.observe.access import AccessLog, Seen, line_of, text_of


class NoBody:
    length = 0
    trailers: dict[bytes, bytes] = {}  # noqa: RUF012

    async def read(self) -> bytes:
        return b""

    async def read_all(self, limit: int) -> bytes:
        return b""


def request(target: bytes = b"/b/k", agent: bytes = b"test", *, operation: str = "GetObject", key: str = "k") -> Request:
    headers = {b"user-agent": agent, b"authorization": b"AWS4-HMAC-SHA256 CANARY"}
    made = Request("GET", target, headers, NoBody(), peer="10.0.0.9", received_at=1700000000.25, id="0" * 16)
    seen = Seen()
    seen.operation, seen.bucket, seen.key, seen.access_key, seen.user = operation, "b", key, "AK1", "ann"
    made.seen = seen
    return made


def test_a_line_says_who_did_what_and_how_it_ended() -> None:
    said = json.loads(text_of(line_of(request(), 200, 5, 4096, 0.001, 0.0025)))
    assert said == {
        "time": "2023-11-14T22:13:20.250Z", "request_id": "0" * 16, "remote": "10.0.0.9", "method": "GET", "operation": "GetObject",
        "status": 200, "bytes_in": 5, "bytes_out": 4096, "total_us": 2500, "first_us": 1000, "bucket": "b", "key": "k", "access_key": "AK1",
        "user": "ann", "user_agent": "test",
    }  # fmt: skip


def test_m246_no_signature_credential_or_token_is_ever_written() -> None:
    query = (
        b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=CANARY&X-Amz-Signature=CANARY&x-amz-signature=CANARY&X-Amz-Security-Token=CANARY"
        b"&X-Amz-%53ignature=CANARY&AWSAccessKeyId=CANARY&Signature=CANARY&token=CANARY&partNumber=3&versionId=v1&CANARY"
    )
    for operation in ("GetObject", ""):
        text = text_of(line_of(request(b"/b/k?" + query, operation=operation), 403, 0, 0, 0, 0))
        assert b"CANARY" not in text
        assert json.loads(text)["query"] == "partNumber=3&versionId=v1"


def test_times_are_told_to_the_millisecond() -> None:
    made = request()
    moments = {1700000000.0: "22:13:20.000Z", 1700000000.9996: "22:13:20.999Z", 1700000001.25: "22:13:21.250Z", 0.5: "00:00:00.500Z"}
    for moment, text in moments.items():
        made.received_at = moment
        assert json.loads(text_of(line_of(made, 200, 0, 0, 0, 0)))["time"].endswith("T" + text)


def test_the_path_of_an_unknown_request_is_kept_but_never_a_token_in_it() -> None:
    for path in (b"/p/CANARY/n/x", b"//p/CANARY/n/x"):
        assert json.loads(text_of(line_of(request(path, operation=""), 404, 0, 0, 0, 0)))["path"] == "/p/..."
    assert json.loads(text_of(line_of(request(b"/some/%2fpath", operation=""), 404, 0, 0, 0, 0)))["path"] == "/some/%2fpath"


@given(st.text(), st.binary(max_size=300))
def test_whatever_a_client_names_a_line_is_one_line_of_printable_ascii(key: str, agent: bytes) -> None:
    text = text_of(line_of(request(agent=agent, key=key + "\ud800" if len(key) % 7 == 3 else key), 200, 0, 0, 0, 0))
    assert text.endswith(b"\n") and text.count(b"\n") == 1
    assert all(32 <= byte < 127 for byte in text[:-1])
    assert json.loads(text)["key"].startswith(key) if key else True


def test_what_is_pending_is_written_in_order_and_early_when_there_is_much(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    log = AccessLog(path)
    for number in range(2000):
        log.add(line_of(request(key=f"k{number}"), 200, 0, 0, 0.0, 0.0))
        assert log.written >= number - 600
    log.close()
    assert [json.loads(text)["key"] for text in path.read_bytes().splitlines()] == [f"k{number}" for number in range(2000)]


def test_lines_are_kept_until_flush_and_rotation_keeps_the_wanted_number(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    log = AccessLog(path, bytes_max=3000, files=2)
    for number in range(100):
        log.add(line_of(request(key=f"{number:0100d}"), 200, 0, 0, 0.0, 0.0))
        if number == 0:
            assert not path.exists()
        log.flush()
    log.close()
    names = sorted(name for name in os.listdir(tmp_path) if not name.endswith(".lock"))
    assert set(names) <= {"access.jsonl", "access.jsonl.1", "access.jsonl.2"} and len(names) >= 2
    assert all((tmp_path / name).stat().st_size <= 3400 for name in names)
    assert int(json.loads((tmp_path / "access.jsonl.1").read_text().splitlines()[-1])["key"]) > 80
    assert path.with_name("access.jsonl.1").stat().st_mode & 0o077 == 0


def test_several_writers_lose_nothing_while_the_file_is_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "access.jsonl"
    writers = [AccessLog(path), AccessLog(path)]
    for number in range(50):
        for place, writer in enumerate(writers):
            writer.add(line_of(request(key=f"{place}-{number}"), 200, 0, 0, 0.0, 0.0))
            writer.flush()
        if number == 20:
            path.rename(tmp_path / "moved")
    for writer in writers:
        writer.close()
    lines = (tmp_path / "moved").read_text().splitlines() + path.read_text().splitlines()
    assert sorted(json.loads(line)["key"] for line in lines) == sorted(f"{place}-{number}" for place in range(2) for number in range(50))


def test_a_log_that_cannot_be_written_is_counted_and_harms_nobody(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "nowhere" / "access.jsonl")
    log.add(line_of(request(), 200, 0, 0, 0.0, 0.0))
    log.flush()
    assert (log.dropped, log.written) == (1, 0)
