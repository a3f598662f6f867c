"""The audit log of one process: refusals never wait and are counted when there are too many, changes wait for the disk."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.http.body import EMPTY
from holdfast.model.errors import AccessDenied, InvalidAccessKeyId, NoSuchKey, SignatureDoesNotMatch
from holdfast.model.messages import Request
from holdfast.observe import audit_chain
from holdfast.observe.access import Seen
from holdfast.observe.audit import PENDING_MAX, REFUSALS_PER_S, Audit, Event, Unavailable
from holdfast.observe.audit_chain import Chain, Keys
from holdfast.observe.audit_verify import verify
from holdfast.observe.records import find
from holdfast.observe.refused import tell

KEYS = Keys({"00000001": b"k" * 32})


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[Audit]:
    made = Audit(Chain(tmp_path / "logs" / "audit.jsonl", KEYS))
    yield made
    made.close()


def lines(tmp_path: Path) -> list[dict]:  # type: ignore[type-arg]
    path = tmp_path / "logs" / "audit.jsonl"
    assert not verify(path, KEYS).broken
    return [json.loads(line) for line in path.read_text().splitlines()]


def denied(**more: str) -> Event:
    return Event(door="s3", action="GetObject", decision="deny", address="192.0.2.1", details={"code": "AccessDenied"}, **more)  # type: ignore[arg-type]


def test_a_refusal_is_in_the_file_soon_whether_another_comes_or_not(audit: Audit, tmp_path: Path) -> None:
    audit.refusal(denied(request_id="first"))
    time.sleep(0.1)
    audit.refusal(denied(request_id="second"))
    begun = time.monotonic()
    while len(lines(tmp_path)) < 2:
        assert time.monotonic() - begun < 5
        time.sleep(0.005)
    assert [line["request_id"] for line in lines(tmp_path)] == ["first", "second"]


def test_a_change_is_synced_before_it_returns(audit: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = audit_chain.os.fdatasync

    def sync(fd: int) -> None:
        real(fd)
        synced.append(len(lines_so_far()))

    def lines_so_far() -> list[str]:
        return (tmp_path / "logs" / "audit.jsonl").read_text().splitlines()

    monkeypatch.setattr(audit_chain.os, "fdatasync", sync)
    asyncio.run(audit.change(Event(door="admin", action="CreateUser", who="ann", resource="bob")))
    assert synced == [1]
    (line,) = lines(tmp_path)
    assert (line["who"], line["action"], line["resource"], line["decision"]) == ("ann", "CreateUser", "bob", "allow")


def test_many_changes_at_once_share_a_sync(audit: Audit, tmp_path: Path) -> None:
    async def many() -> None:
        await asyncio.gather(*(audit.change(Event(door="admin", action=f"Act{number}")) for number in range(200)))

    asyncio.run(many())
    assert [line["action"] for line in lines(tmp_path)] == [f"Act{number}" for number in range(200)]


def test_an_attack_fills_neither_memory_nor_disk_and_nothing_is_dropped_in_silence(audit: Audit, tmp_path: Path) -> None:
    count = 20_000
    begun = time.perf_counter()
    for number in range(count):
        audit.refusal(Event(door="s3", action="GetObject", decision="deny", address=f"192.0.2.{number % 200}", details={"code": "AccessDenied"}))
    each_us = (time.perf_counter() - begun) / count * 1e6
    assert each_us < 100, f"{each_us:.0f} µs a refusal"
    assert len(audit._waiting) <= PENDING_MAX
    audit.close()
    found = lines(tmp_path)
    listed = [line for line in found if line["door"] == "s3"]
    counted = [line["details"] for line in found if line["action"] == "AuditDropped"]
    assert len(listed) <= REFUSALS_PER_S * (3 + each_us * count / 1e6)
    assert len(listed) + sum(one["count"] for one in counted) == count == audit.dropped + len(listed)
    assert all(len(one["addresses"]) <= 33 and sum(one["addresses"].values()) == one["count"] for one in counted)


def test_a_full_disk_refuses_changes_counts_refusals_and_loses_no_change(
    audit: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    async def story() -> None:
        audit.check()
        with monkeypatch.context() as patch:
            patch.setattr(audit_chain.os, "write", full)
            with pytest.raises(Unavailable):
                await audit.change(Event(door="admin", action="CreateUser"))
            audit.refusal(denied())
            with pytest.raises(Unavailable):
                audit.check()
        for _ in range(40):
            await asyncio.sleep(0.1)
            if not audit.failing:
                break
        audit.check()
        await audit.change(Event(door="admin", action="DeleteUser"))

    asyncio.run(story())
    audit.close()
    found = [line["action"] for line in lines(tmp_path)]
    assert found.count("CreateUser") == 1 and found.count("DeleteUser") == 1
    assert sum(line["details"]["count"] for line in lines(tmp_path) if line["action"] == "AuditDropped") == found.count("GetObject") ^ 1
    assert any("audit log cannot be written" in record.getMessage() for record in caplog.records)


def refused_request(**seen: str) -> Request:
    request = Request("GET", b"/b/k", {}, EMPTY, peer="192.0.2.7", received_at=1.0, id="0123456789ABCDEF")
    request.seen = Seen(**seen)  # type: ignore[arg-type]
    return request


def test_a_refused_request_says_who_where_what_and_why(audit: Audit, tmp_path: Path) -> None:
    refusal = AccessDenied()
    refusal.because = "denied by the bucket's policy"
    request = refused_request(operation="GetObject", bucket="b", key="k", access_key="AK", user="ann", principal="ocid1.user.oc1..a")
    tell(audit, "s3", request, refusal)
    tell(audit, "s3", request, NoSuchKey())
    audit.close()
    (line,) = lines(tmp_path)
    said = {name: line[name] for name in ("time", "request_id", "who", "principal", "access_key", "from", "action", "resource", "decision", "rule")}
    assert said == {
        "time": "1970-01-01T00:00:01.000Z", "request_id": "0123456789ABCDEF", "who": "ann", "principal": "ocid1.user.oc1..a", "access_key": "AK",
        "from": "192.0.2.7", "action": "GetObject", "resource": "b/k", "decision": "deny", "rule": "denied by the bucket's policy",
    }  # fmt: skip


def test_a_key_that_nobody_has_stands_there_by_its_hash_and_a_token_not_at_all(audit: Audit, tmp_path: Path) -> None:
    for refusal in (
        InvalidAccessKeyId(AWSAccessKeyId="a-secret-in-the-wrong-place"),
        InvalidAccessKeyId(AWSAccessKeyId="hft_" + "x" * 43),
        SignatureDoesNotMatch(AWSAccessKeyId="AK"),
    ):
        tell(audit, "s3", refused_request(), refusal)
    audit.close()
    keys = [line.get("access_key", "") for line in lines(tmp_path)]
    assert keys[0].startswith("unknown:sha256:") and keys[1:] == ["", "AK"]
    text = (tmp_path / "logs" / "audit.jsonl").read_text()
    assert "wrong-place" not in text and "hft_" not in text


def test_a_request_is_found_in_both_logs(audit: Audit, tmp_path: Path) -> None:
    audit.refusal(denied(request_id="0123456789ABCDEF"))
    audit.refusal(denied(request_id="0123456789ABCDE0", resource="0123456789ABCDEF"))
    audit.close()
    old = tmp_path / "logs" / "access.jsonl.2"
    old.write_text('{"request_id":"0123456789ABCDE1","key":"0123456789ABCDEF"}\n{"request_id":"0123456789ABCDEF","status":403}\n')
    record = find(tmp_path, "0123456789ABCDEF")
    assert record is not None and record.access == {"request_id": "0123456789ABCDEF", "status": 403}
    assert [line["seq"] for line in record.audit] == [1]
    assert find(tmp_path, "FFFFFFFFFFFFFFFF") is None
    for bad in ("", "0123456789abcdef", "../../etc/passwd", "0123456789ABCDEF\n"):
        with pytest.raises(ValueError, match="is no request id"):
            find(tmp_path, bad)
