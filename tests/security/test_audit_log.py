"""The audit log of a running store: each refusal and each change, from outside, and `holdfast audit verify` over what it wrote."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_client
from tests.security.raw import Raw
from tests.serving import Server


def audit_lines(server: Server) -> list[dict[str, Any]]:
    path = server.data_dir / "logs" / "audit.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def line_of(server: Server, request_id: str, within_s: float = 5.0) -> dict[str, Any]:
    """The line of a request, as soon as it is there."""
    until = time.monotonic() + within_s
    while True:
        found = [line for line in audit_lines(server) if line.get("request_id") == request_id]
        if found or time.monotonic() > until:
            assert len(found) == 1, f"{len(found)} lines of {request_id}"
            return found[0]
        time.sleep(0.02)


def verify(server: Server, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "holdfast", "audit", "verify", "--data-dir", str(server.data_dir), *more]
    return subprocess.run(command, env=server.env, capture_output=True, text=True, timeout=60, check=False)


BOOTSTRAP = """
[[users]]
name = "ann"
[[users.keys]]
access_key = "ANNSKEYOFAUDIT"
secret_key = "anns secret of audit"
[[buckets]]
name = "anns"
owner = "ann"
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("audit")
    (home / "site.toml").write_text(BOOTSTRAP)
    server = Server(home, bootstrap=home / "site.toml").start()
    yield server
    server.finish()


@pytest.fixture(scope="module")
def ann(store: Server) -> Raw:
    raw = Raw(store)
    raw.access_key, raw.secret_key = "ANNSKEYOFAUDIT", "anns secret of audit"
    assert Raw(store).send("PUT", "/roots").status == 200
    return raw


def test_the_start_and_the_bootstrap_file_are_changes(store: Server) -> None:
    start, applied = audit_lines(store)[:2]
    assert (start["action"], start["door"]) == ("Start", "bootstrap")
    assert applied["action"] == "ApplyBootstrap" and "ann" in json.dumps(applied["details"]["changes"])


REFUSED: dict[str, tuple[Callable[[Raw], Any], dict[str, str]]] = {
    "no right": (
        lambda ann: ann.send("GET", "/roots/k"),
        {"who": "ann", "access_key": "ANNSKEYOFAUDIT", "action": "GetObject", "resource": "roots/k", "rule": "nothing allows it"},
    ),
    "no right to write": (
        lambda ann: ann.send("PUT", "/roots/k", {}, b"x"),
        {"who": "ann", "action": "PutObject", "resource": "roots/k"},
    ),
    "anonymous": (
        lambda ann: ann.exchange(b"GET /anns?list-type=2 HTTP/1.1\r\nhost: x\r\n\r\n"),
        {"who": "anonymous", "action": "ListObjectsV2", "resource": "anns", "rule": "anonymous, and nothing of the resource allows it"},
    ),
    "wrong secret": (
        lambda ann: ann.send("GET", "/anns/k", secret_key="not anns secret"),
        {"who": "anonymous", "access_key": "ANNSKEYOFAUDIT", "rule": "SignatureDoesNotMatch"},
    ),
    "unknown key": (lambda ann: ann.send("GET", "/anns/k", access_key="NOBODYSKEY"), {"rule": "InvalidAccessKeyId"}),
    "old date": (lambda ann: ann.send("GET", "/anns/k", at=time.time() - 3600), {"rule": "RequestTimeTooSkewed"}),
    "other region": (lambda ann: ann.send("GET", "/anns/k", region="mars-1"), {"rule": "AuthorizationHeaderMalformed"}),
    "session token": (lambda ann: ann.send("GET", "/anns/k", {"x-amz-security-token": "x"}), {"rule": "InvalidToken"}),
    "body that was not signed": (
        lambda ann: ann.send("PUT", "/anns/k", {}, b"x", payload_hash="0" * 64),
        {"who": "ann", "rule": "XAmzContentSHA256Mismatch"},
    ),
    "policy": (
        lambda ann: ann.send("GET", "/anns/denied"),
        {"who": "ann", "action": "GetObject", "resource": "anns/denied", "rule": "denied by bucket policy, statement #1"},
    ),
}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.replace(" ", "-"))
def test_each_refusal_is_a_line_with_who_from_where_what_and_why(store: Server, ann: Raw, case: str) -> None:
    if case == "policy":
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::anns/denied"}
        text = json.dumps({"Version": "2012-10-17", "Statement": [deny]}).encode()
        assert ann.send("PUT", "/anns?policy", {}, text).status == 204
        assert ann.send("PUT", "/anns/denied", {}, b"x").status == 200
    send, expected = REFUSED[case]
    reply = send(ann)
    assert 400 <= reply.status < 404
    line = line_of(store, reply.headers["x-amz-request-id"])
    assert {name: line.get(name) for name in expected} == expected
    assert (line["decision"], line["from"], line["door"]) == ("deny", "127.0.0.1", "s3")
    assert line["details"]["code"] == reply.code
    assert line["rule"] not in reply.body.decode() or line["rule"] == reply.code, "the rule is not for the client"


def test_a_pre_authenticated_request_that_is_refused_is_a_line_without_its_token(store: Server, ann: Raw) -> None:
    reply = ann.exchange(b"GET /p/TokenOfNobodyTokenOfNobodyTokenOfNobody12345/n/default/b/anns/o/k HTTP/1.1\r\nhost: x\r\n\r\n")
    assert reply.status == 401
    line = line_of(store, reply.headers["opc-request-id"].rpartition("/")[2].rpartition(":")[2])
    assert (line["door"], line["decision"], line["rule"]) == ("par", "deny", "the token is not known")
    assert "TokenOfNobody" not in json.dumps(line)


def test_what_is_allowed_or_only_wrong_is_no_line(store: Server, ann: Raw) -> None:
    before = len(audit_lines(store))
    assert ann.send("PUT", "/anns/k", {}, b"x").status == 200
    assert ann.send("GET", "/anns/k").status == 200
    assert ann.send("GET", "/anns/nothing").status == 404
    assert ann.send("GET", "/anns?max-keys=x").status == 400
    time.sleep(0.2)
    assert len(audit_lines(store)) == before


def test_lakefs_ghsa_28q9_9c3g_v3f9_keys_of_a_bulk_delete_are_refused_one_by_one_and_recorded(store: Server, ann: Raw) -> None:
    ours = {"Effect": "Allow", "Principal": "*", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::roots/free/*"}
    assert Raw(store).send("PUT", "/roots?policy", {}, json.dumps({"Version": "2012-10-17", "Statement": [ours]}).encode()).status == 204
    for key in ("free/a", "kept/b"):
        assert Raw(store).send("PUT", f"/roots/{key}", {}, b"x").status == 200
    body = b"<Delete><Object><Key>free/a</Key></Object><Object><Key>kept/b</Key></Object></Delete>"
    reply = ann.send("POST", "/roots?delete", {}, body)
    assert reply.status == 200 and reply.body.count(b"<Deleted>") == 1 and reply.code == "AccessDenied"
    line = line_of(store, reply.headers["x-amz-request-id"])
    assert line["details"]["keys"] == ["kept/b"] and line["details"]["count"] == 1 and line["who"] == "ann"
    assert Raw(store).send("GET", "/roots/kept/b").status == 200
    assert Raw(store).send("GET", "/roots/free/a").status == 404


CHANGES = (
    ("PUT", "/fresh", b"", "CreateBucket"),
    ("PUT", "/fresh?versioning", b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", "PutBucketVersioning"),
    ("PUT", "/fresh?tagging", b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>", "PutBucketTagging"),
    ("DELETE", "/fresh?policy", b"", "DeleteBucketPolicy"),
    ("DELETE", "/fresh?publicAccessBlock", b"", "DeletePublicAccessBlock"),
    ("DELETE", "/fresh", b"", "DeleteBucket"),
)


def test_each_change_of_a_bucket_is_a_line_before_it_is_answered(store: Server, ann: Raw) -> None:
    for method, target, body, action in CHANGES:
        reply = ann.send(method, target, {}, body)
        assert reply.status in (200, 204), reply.body
        line = line_of(store, reply.headers["x-amz-request-id"], within_s=0)
        assert (line["action"], line["who"], line["resource"], line["decision"]) == (action, "ann", "fresh", "allow")


def test_keys_with_control_characters_forge_nothing(store: Server, ann: Raw) -> None:
    for key in ("%0A%7B%22seq%22:1%7D", "%0D%0A", "%1B%5B2J", "%E2%80%AE", "%7F"):
        reply = ann.send("GET", f"/roots/{key}", {"user-agent": "a\tb"})
        assert reply.status == 403
        assert line_of(store, reply.headers["x-amz-request-id"])["seq"] > 1
    for raw in (store.data_dir / "logs" / "audit.jsonl").read_bytes().splitlines():
        assert all(32 <= byte < 127 for byte in raw) and json.loads(raw)["mac"]
    assert verify(store).returncode == 0


def test_a_storm_of_refusals_is_bounded_and_counted(store: Server, ann: Raw) -> None:
    head = ann.head("GET", "/anns/k", ann.sign("GET", "/anns/k", secret_key="wrong secret"))
    with ann.connect() as sock:
        for _ in range(30):
            sock.sendall(head * 50)
            left = 50
            while left:
                left -= sock.recv(1 << 20).count(b"HTTP/1.1 403")
    until = time.monotonic() + 5
    while time.monotonic() < until and not any(line["action"] == "AuditDropped" for line in audit_lines(store)):
        time.sleep(0.1)
    time.sleep(1.2)
    counted = [line["details"] for line in audit_lines(store) if line["action"] == "AuditDropped"]
    assert counted and all(set(one["codes"]) == {"SignatureDoesNotMatch"} and set(one["addresses"]) == {"127.0.0.1"} for one in counted)
    printed = verify(store)
    assert printed.returncode == 0 and "events were counted, not listed" in printed.stdout
    assert "holdfast_audit_dropped" in store.get("/metrics")[1]


def test_verify_prints_what_it_read_and_ends_with_one_when_a_line_was_changed(serve: Callable[..., Server]) -> None:
    server = serve()
    assert Raw(server).send("PUT", "/bucket").status == 200
    assert Raw(server).send("GET", "/bucket/k", secret_key="wrong").status == 403
    server.finish()
    printed = verify(server)
    assert (printed.returncode, printed.stderr) == (0, "")
    first, second, last = printed.stdout.splitlines()
    assert first == "audit.jsonl: 3 lines" and second.startswith("3 lines verified, 20") and last == "OK"
    path = server.data_dir / "logs" / "audit.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"who":"administrator"', b'"who":"somebody_else"', 1))
    printed = verify(server)
    assert printed.returncode == 1
    assert printed.stdout.splitlines()[-1] == "BROKEN audit.jsonl, line 2: it was changed: number 2 is not as it was written"


def test_kill_minus_nine_tears_at_most_a_line_which_the_next_start_mends(serve: Callable[..., Server]) -> None:
    server = serve()
    raw = Raw(server)
    for number in range(30):
        raw.send("GET", f"/bucket{number}", secret_key="wrong")
    server.kill()
    path = server.data_dir / "logs" / "audit.jsonl"
    assert verify(server).returncode == 0
    with path.open("ab") as file:
        file.write(b'{"seq":')  # what a write that was killed between two bytes leaves
    assert "that a crash cut off" in verify(server).stdout
    again = serve(data_dir=server.data_dir)
    assert Raw(again).send("PUT", "/bucket").status == 200
    again.finish()
    printed = verify(again)
    assert printed.returncode == 0 and "a crash had torn a line of 7 bytes" in printed.stdout


def test_the_log_can_lie_elsewhere_or_be_off(serve: Callable[..., Server], tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "trail.jsonl"
    server = serve(audit_log=elsewhere)
    assert Raw(server).send("PUT", "/bucket").status == 200
    server.finish()
    assert elsewhere.exists() and not (server.data_dir / "logs" / "audit.jsonl").exists()
    assert verify(server, "--audit-log", str(elsewhere)).returncode == 0
    assert "there is no audit log" in verify(server).stdout and verify(server).returncode == 1
    off = serve(audit_log="off")
    assert Raw(off).send("PUT", "/bucket").status == 200
    off.finish()
    assert not (off.data_dir / "logs" / "audit.jsonl").exists()


def test_cve_2025_31489_and_its_kind_are_recorded_too(store: Server, ann: Raw) -> None:
    """Refusals that come only while the body is read stand in the log as well."""
    s3 = make_client(store)
    assert s3.head_bucket(Bucket="roots")
    headers = {"x-amz-decoded-content-length": "5", "content-length": "90", "content-encoding": "aws-chunked"}
    body = b"5;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n"
    headers["content-length"] = str(len(body))
    reply = ann.send("PUT", "/anns/k", headers, body, payload_hash="STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    assert reply.code == "SignatureDoesNotMatch"
    line = line_of(store, reply.headers["x-amz-request-id"])
    assert line["rule"] == "SignatureDoesNotMatch" and line["who"] == "ann" and "0000" not in line["rule"]
