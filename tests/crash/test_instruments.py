"""The judges judged: a ledger that notices what it must, and a rule on traces that cannot be passed by a server that skips a sync."""

from __future__ import annotations

import pytest

from tests.crash.ledger import ABSENT, Ledger, state_of
from tests.crash.order import broken_order, calls_of

PUT_LARGE = """\
7 openat(AT_FDCWD</>, "/d/blobs/ab/abcd", O_WRONLY|O_CREAT|O_EXCL) = 9</d/blobs/ab/abcd>
7 write(9</d/blobs/ab/abcd>, "xxx"..., 4096) = 4096
8 write(4<anon_inode:[eventfd]>, "1", 8 <unfinished ...>
7 fsync(9</d/blobs/ab/abcd> <unfinished ...>
8 <... write resumed>) = 8
7 <... fsync resumed>) = 0
7 fsync(10</d/blobs/ab>) = 0
8 pwrite64(5</d/catalog.db-wal>, "yyy"..., 4120, 32) = 4120
8 fdatasync(5</d/catalog.db-wal>) = 0
6 write(12<TCP:[127.0.0.1:9000->127.0.0.1:5000]>, "HTTP/1.1 200 OK\\r\\n"..., 200) = 200
"""


def verdict(text: str, large: bool = True) -> list[str]:
    return broken_order(calls_of(text.splitlines()), "/d", large)


def test_the_right_order_passes() -> None:
    assert verdict(PUT_LARGE) == []
    assert verdict(PUT_LARGE * 3) == []


@pytest.mark.parametrize(
    ("gone", "fault"),
    [
        ("7 fsync(10</d/blobs/ab>) = 0\n", "directory was not synced"),
        ("7 <... fsync resumed>) = 0\n", "body not synced"),
        ("8 fdatasync(5</d/catalog.db-wal>) = 0\n", "without a sync of the log"),
        ('8 pwrite64(5</d/catalog.db-wal>, "yyy"..., 4120, 32) = 4120\n', "nothing was written"),
        ('7 write(9</d/blobs/ab/abcd>, "xxx"..., 4096) = 4096\n', "wrote no body file"),
    ],
)
def test_a_call_left_out_is_noticed(gone: str, fault: str) -> None:
    assert gone in PUT_LARGE
    assert any(fault in line for line in verdict(PUT_LARGE.replace(gone, ""))), verdict(PUT_LARGE.replace(gone, ""))


def test_a_sync_that_comes_too_late_or_fails_is_noticed() -> None:
    lines = PUT_LARGE.splitlines()
    late = [*lines[:6], *lines[7:9], lines[6], lines[9]]                     # the directory after the log
    assert any("directory was not synced" in line for line in verdict("\n".join(late)))
    after = [*lines[:8], lines[9], lines[8]]                                 # the answer before the log's sync
    assert any("without a sync of the log" in line for line in verdict("\n".join(after)))
    failed = PUT_LARGE.replace("8 fdatasync(5</d/catalog.db-wal>) = 0", "8 fdatasync(5</d/catalog.db-wal>) = -1 EIO (Input/output error)")
    assert any("without a sync of the log" in line for line in verdict(failed))
    assert verdict("") == ["no answer in the trace"]


def test_the_ledger_allows_the_last_answer_and_what_was_left_open_and_nothing_else() -> None:
    ledger, old, new, newer = Ledger(), state_of(b"old"), state_of(b"new"), state_of(b"newer")
    ledger.attempt("k", old)
    ledger.acknowledged("k", old, "put")
    assert ledger.allowed() == {"k": [old]}
    ledger.attempt("k", new)
    assert ledger.allowed() == {"k": [old, new]} and ledger.present("") == []
    ledger.refused("k", "SlowDown")
    assert ledger.allowed() == {"k": [old]}
    ledger.attempt("k", newer)
    ledger.acknowledged("k", newer, "put")
    assert ledger.allowed() == {"k": [newer]} and ledger.present("k") == ["k"]
    ledger.attempt("k", ABSENT)
    ledger.settle({"k": newer})
    assert ledger.allowed() == {"k": [newer]}, "what recovery did not show must not appear later"
    assert not newer.allows(state_of(b"newer", "etag2")._replace(sha256="other"))
    assert not state_of(b"a", "e1").allows(state_of(b"a", "e2"))
