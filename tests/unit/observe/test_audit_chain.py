"""The chain of the audit log: every way to change it is found, and what crashes do to it is told apart from that."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.identities import master
from holdfast.observe import audit_chain
from holdfast.observe.audit_chain import Chain, Files, Keys
from holdfast.observe.audit_verify import Found, report, verify

KEYS = Keys({"00000001": b"k" * 32})


def made(path: Path, lines: int = 10, **more: int) -> Chain:
    chain = Chain(path, KEYS, **more)
    for number in range(lines):
        chain.append([{"time": f"t{number}", "door": "test", "action": "Act", "decision": "allow", "details": {"n": number}}])
    return chain


@pytest.fixture
def log(tmp_path: Path) -> Path:
    made(tmp_path / "audit.jsonl")
    return tmp_path / "audit.jsonl"


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def changed(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"n":4', b'"n":5', 1))


def changed_mac(path: Path) -> None:
    lines = lines_of(path)
    lines[4] = lines[4].replace(b'"mac":"', b'"mac":"0')[:-4] + b'"}\n'
    path.write_bytes(b"".join(lines))


def removed(path: Path) -> None:
    lines = lines_of(path)
    path.write_bytes(b"".join(lines[:4] + lines[5:]))


def doubled(path: Path) -> None:
    lines = lines_of(path)
    path.write_bytes(b"".join([*lines[:4], lines[3], *lines[4:]]))


def inserted(path: Path) -> None:
    lines = lines_of(path)
    forged = json.loads(lines[4])
    forged["details"] = {"n": 99}
    path.write_bytes(b"".join([*lines[:4], json.dumps(forged, separators=(",", ":")).encode() + b"\n", *lines[4:]]))


def swapped(path: Path) -> None:
    lines = lines_of(path)
    path.write_bytes(b"".join([*lines[:4], lines[5], lines[4], *lines[6:]]))


def garbage(path: Path) -> None:
    lines = lines_of(path)
    path.write_bytes(b"".join([*lines[:4], b"\xff\x00 no line at all\n", *lines[5:]]))


def cut_off(path: Path) -> None:
    path.write_bytes(b"".join(lines_of(path)[:7]))


def cut_within(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def beheaded(path: Path) -> None:
    path.write_bytes(b"".join(lines_of(path)[3:]))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def gone(path: Path) -> None:
    path.unlink()


def anchor_gone(path: Path) -> None:
    Files(path).head.unlink()


def anchor_old(path: Path) -> None:
    """Cut off, with an anchor made by somebody who does not know the key."""
    cut_off(path)
    head = Files(path).head
    head.write_bytes(head.read_bytes().replace(b'"seq":10', b'"seq":7 '))


def own_chain(path: Path) -> None:
    """All of it written anew under another key."""
    for one in (path, Files(path).head):
        one.unlink()
    chain = Chain(path, Keys({"00000001": b"x" * 32}))
    chain.append([{"action": "Act"}])


TAMPERED: dict[Callable[[Path], None], str] = {
    changed: "line 5: it was changed",
    changed_mac: "line 5: it was changed",
    removed: "line 5: lines 5 to 5 were removed",
    doubled: "line 5: it was inserted",
    inserted: "line 5: it was inserted",
    swapped: "line 5: it was inserted or moved here",
    garbage: "line 5: it was changed: it is no line",
    cut_off: "cut off at its end: lines 8 to 10 are missing",
    cut_within: "cut off at its end: lines 10 to 10 are missing",
    beheaded: "line 1: lines 1 to 3 were removed",
    emptied: "lines 1 to 10 are missing",
    gone: "lines 1 to 10 are missing",
    anchor_gone: "audit.head is missing",
    anchor_old: "audit.head: the anchor is forged",
    own_chain: "audit.head: the anchor is forged",
}


def test_what_was_not_touched_is_ok(log: Path) -> None:
    found = verify(log, KEYS)
    assert found == Found(files=[("audit.jsonl", 10)], lines=10, first="t0", last="t9")
    assert list(report(found)) == ["audit.jsonl: 10 lines", "10 lines verified, t0 to t9", "OK"]


@pytest.mark.parametrize("tamper", TAMPERED, ids=lambda tamper: tamper.__name__)
def test_every_kind_of_tampering_is_found_and_named(log: Path, tamper: Callable[[Path], None]) -> None:
    tamper(log)
    found = verify(log, KEYS)
    assert TAMPERED[tamper] in found.broken
    assert list(report(found))[-1].startswith("BROKEN ")


@pytest.mark.parametrize("tamper", TAMPERED, ids=lambda tamper: tamper.__name__)
def test_going_on_after_tampering_does_not_hide_it(log: Path, tamper: Callable[[Path], None]) -> None:
    tamper(log)
    for number in range(5):
        Chain(log, KEYS).append([{"action": f"Later{number}", "time": ""}])
    assert verify(log, KEYS).broken, "what came later covers it up"


def test_any_flipped_bit_is_found(log: Path) -> None:
    whole = log.read_bytes()
    for at in range(0, len(whole), 7):
        log.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        assert verify(log, KEYS).broken, f"bit {at % 8} flipped in byte {at}"
    log.write_bytes(whole)
    assert not verify(log, KEYS).broken


@pytest.mark.parametrize("left", [1, 40, 150])
def test_a_line_torn_by_a_kill_is_taken_out_and_told_and_is_no_tampering(log: Path, left: int) -> None:
    """kill -9 between the bytes of one write: a piece of a line, and an anchor that does not know it yet."""
    torn = lines_of(log)[9][:left]
    with log.open("ab") as file:
        file.write(torn)
    found = verify(log, KEYS)
    assert not found.broken and f"{left} bytes of a line that a crash cut off" in found.notes[0]
    Chain(log, KEYS).append([{"action": "Start", "time": ""}])
    found = verify(log, KEYS)
    assert not found.broken and found.lines == 12
    assert found.notes == [f"audit.jsonl, line 11: a crash had torn a line of {left} bytes, which was taken out"]
    assert json.loads(lines_of(log)[10])["details"]["fragment"] == torn.decode()


def test_lines_written_without_the_anchor_are_taken_up(log: Path) -> None:
    """kill -9 between the write of the lines and that of the anchor."""
    before = Files(log).head.read_bytes()
    Chain(log, KEYS).append([{"action": "Act", "time": ""}])
    Files(log).head.write_bytes(before)
    assert not verify(log, KEYS).broken
    Chain(log, KEYS).append([{"action": "Act", "time": ""}])
    found = verify(log, KEYS)
    assert not found.broken and not found.notes and found.lines == 12


def test_full_files_keep_the_chain_and_only_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    made(path, 60, bytes_max=2000, files=3)
    files = Files(path)
    assert len(files.kept()) == 3
    found = verify(path, KEYS)
    assert not found.broken and found.last == "t59" and 20 < found.lines < 60
    whole = files.kept()[1].read_bytes()
    files.kept()[1].unlink()
    assert "were removed before it" in verify(path, KEYS).broken
    first = int(files.kept()[0].stem.rpartition("-")[2])
    files.full(first + 7).write_bytes(whole)
    assert not verify(path, KEYS).broken, "the order is that of the lines, whatever the files are called"
    files.kept()[0].unlink()
    assert "cut off at its beginning" in verify(path, KEYS).broken


def test_a_crash_in_the_middle_of_a_rotation_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    made(path, 5)
    path.rename(Files(path).full(1))
    assert not verify(path, KEYS).broken
    made(path, 5)
    found = verify(path, KEYS)
    assert not found.broken and found.lines == 10 and not found.notes


def test_an_error_of_the_disk_leaves_the_log_as_it_was(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) > 100:
            return real(fd, data[:100])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(audit_chain.os, "write", full)
        with pytest.raises(OSError, match="No space"):
            Chain(log, KEYS).append([{"action": "Act", "time": ""}])
    found = verify(log, KEYS)
    assert not found.broken and found.lines == 10 and not found.notes


def _write(path: Path, who: int) -> None:
    chain = Chain(path, KEYS, bytes_max=20_000)
    for number in range(50):
        chain.append([{"time": "", "action": "Act", "who": f"{who}", "details": {"n": number}}])


def test_several_processes_write_one_chain_and_each_keeps_its_order(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_write, args=(path, who)) for who in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert verify(path, KEYS).lines == 200 and not verify(path, KEYS).broken
    lines = [json.loads(raw) for one in (*Files(path).kept(), path) for raw in one.read_bytes().splitlines()]
    for who in range(4):
        assert [line["details"]["n"] for line in lines if line["who"] == str(who)] == list(range(50))


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", '"}\n{"seq":11', "\x1b[2J", "\u2028\u2029\x85\x7f", "\udc80", "a" * 100_000, "\x00"])
def test_no_text_can_forge_a_line(log: Path, text: str) -> None:
    Chain(log, KEYS).append([{"time": "", "action": text, "resource": text, "details": {text: [text]}}])
    lines = lines_of(log)
    assert len(lines) == 11 and all(len(line) < 20_000 for line in lines)
    assert all(32 <= byte < 127 for byte in lines[10][:-1])
    assert not verify(log, KEYS).broken


def test_a_rotated_master_key_signs_on_and_the_old_one_still_verifies(log: Path) -> None:
    both = Keys({"00000002": b"n" * 32, "00000001": b"k" * 32})
    Chain(log, both).append([{"time": "", "action": "Act"}])
    assert not verify(log, both).broken
    assert "line 1: it was changed" in verify(log, Keys({"00000002": b"n" * 32})).broken


def test_keys_of_two_purposes_or_two_master_keys_have_nothing_in_common() -> None:
    one, two = master.MasterKey({"0" * 8: b"a" * 32}), master.MasterKey({"0" * 8: b"b" * 32})
    keys = {one.derive("audit log")["0" * 8], one.derive("other")["0" * 8], two.derive("audit log")["0" * 8]}
    assert len(keys) == 3 and all(len(key) == 32 for key in keys) and b"a" * 32 not in keys
