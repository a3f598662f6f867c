"""What a fresh installation must not have: known credentials, shared keys, open ports, secrets in its files, weak randomness, old libraries."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from holdfast.identities.keys import new_access_key, new_secret
from holdfast.identities.tokens import new_token
from tests.architecture.source import modules, tracked
from tests.security.raw import Raw
from tests.serving import Server

KNOWN = (
    ("minioadmin", "minioadmin"), ("rustfsadmin", "rustfsadmin"), ("admin", "admin"), ("admin", "password"), ("root", "root"), ("test", "test"),
    ("administrator", "administrator"), ("holdfast", "holdfast"), ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("HOLDFASTTESTROOT0001", "test-root-secret/with+signs=01"), ("accessKey1", "verySecretKey1"),
    ("0555b35654ad1656d804", "h7GhxuBLTrlhVUyxSPUKUV8r"),
)  # fmt: skip


def test_cve_2025_68926_ghsa_j59h_h7q5_q348_two_installations_share_no_secret_and_know_no_default(serve: Callable[..., Server]) -> None:
    fresh = [serve(env={"HOLDFAST_ROOT_ACCESS_KEY": "", "HOLDFAST_ROOT_SECRET_KEY": ""}, workers=1) for _ in range(2)]
    shown = [re.findall(r"[A-Za-z0-9+/]{40}", server.out.read_text())[0] for server in fresh]
    assert shown[0] != shown[1]
    master = [(server.data_dir / "master.key").read_text().split() for server in fresh]
    assert master[0][1] != master[1][1] and all(len(bytes.fromhex(key)) == 32 for _, key in master), "CVE-2021-3979: 256 bits"
    for server in fresh:
        control = Raw(SimpleNamespace(endpoint=server.control, access_key="", secret_key="", region="any"))
        for access_key, secret in KNOWN:
            assert Raw(server).send("GET", "/", access_key=access_key, secret_key=secret).code == "InvalidAccessKeyId"
            answer = control.send("GET", "/api/v1/whoami", access_key=access_key, secret_key=secret, service="holdfast")
            assert answer.status == 401


def test_cve_2026_72920_only_the_two_listeners_are_open(server: Server) -> None:
    """Sockets of the server's processes that listen, and what the control listener tells strangers."""
    pids = [*server.facts()["processes"].values(), server.facts()["pid"]]
    inodes = {os.readlink(link) for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir() if "socket" in _target(link)}
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                listening.add(int(fields[1].rpartition(":")[2], 16))
    assert listening == {int(url.rpartition(":")[2]) for url in (server.endpoint, server.control)}


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


UNKNOWN = ("/debug/pprof/", "/debug", "/profile", "/license", "/env", "/api/v1/config", "/api", "/api/v1", "/api/v2/users", "/console")


@pytest.mark.parametrize("path", UNKNOWN)
def test_ghsa_jqmc_mg33_v45g_strangers_learn_nothing_from_the_control_listener(server: Server, path: str) -> None:
    control = Raw(SimpleNamespace(endpoint=server.control, access_key="", secret_key="", region="any"))
    for method in ("GET", "POST", "PUT", "DELETE"):
        reply = control.exchange(control.head(method, path, {"host": "x", "content-length": "0"}), method)
        assert reply.status in (401, 403, 404, 405), (method, path)
        assert not re.search(rb"secret|HOLDFAST_|/home/|/usr/|Traceback", reply.body)


UNPROVEN: tuple[dict[str, str], ...] = (
    {}, {"authorization": "Bearer "}, {"authorization": "Bearer hfs_x"}, {"cookie": "holdfast_session=hfs_x"}, {"x-holdfast-request": "1"},
    {"cookie": "holdfast_session=hfs_x", "x-holdfast-request": "1"}, {"authorization": "Basic YWRtaW46YWRtaW4="},
)  # fmt: skip


def test_ghsa_9pjf_w3c2_m32r_no_answer_repeats_the_host_that_a_request_names(server: Server) -> None:
    for endpoint in (server.control, server.endpoint):
        raw = Raw(SimpleNamespace(endpoint=endpoint, access_key="", secret_key="", region="any"))
        for path in ("/", "/api/v1", "/health/live/", "/metrics/", "/bucket", "/n/default/b/x/o", "/p/x", "/20160918/users/"):
            more = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "gopher"}
            reply = raw.exchange(raw.head("GET", path, {"host": "evil.example", "content-length": "0", **more}))
            assert reply.status // 100 != 3 and b"evil.example" not in reply.raw, reply.raw


def test_cve_2021_41266_the_administration_answers_only_who_is_proven(server: Server) -> None:
    from holdfast.admin.routes import ROUTES

    control = Raw(SimpleNamespace(endpoint=server.control, access_key="", secret_key="", region="any"))
    closed = [route for route in ROUTES if not getattr(route, "open", False)]
    assert len(closed) > 30
    for route in closed:
        path = "/api/v1" + re.sub(r"\{[^}]*\}", "x", route.path)
        for headers in UNPROVEN:
            reply = control.exchange(control.head(route.method, path, {"host": "x", "content-length": "2", **headers}) + b"{}", route.method)
            assert reply.status == 401, (route.method, path, reply.raw)
            assert json.loads(reply.body)["code"] == "NotAuthenticated" if route.method != "HEAD" else True


def test_cubefs_cve_2023_46740_keys_and_tokens_are_random_enough() -> None:
    count = 10_000
    for make, bits in ((new_access_key, 100), (new_secret, 240), (new_token, 256)):
        made = [str(make()) for _ in range(count)]
        assert len(set(made)) == count
        body = [text.removeprefix("hft_") for text in made]
        assert len(body[0]) * 6 >= bits
        starts = {text[:4] for text in body}
        assert len(starts) > count * 0.98, "they begin alike"
        assert len({text[-4:] for text in body}) > count * 0.9, "they end alike"


EXECUTES = ("eval", "exec", "os.system", "os.popen", "os.execv", "os.execvp", "os.spawnv", "os.posix_spawn")


def test_cve_2012_4406_cve_2021_32090_nothing_stored_is_executed_and_no_shell_is_used() -> None:
    forbidden = {"pickle", "marshal", "shelve", "subprocess", "yaml", "commands", "pty"}
    for module in modules():
        assert not forbidden & {name.split(".")[0] for name in module.imports()}, module.name
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                annotation = module.name == "holdfast.s3.operation" and ast.unparse(node) == "eval(first, run.__globals__)"
                assert annotation or called not in EXECUTES, f"{module.name}: {called}"


def test_ghsa_923g_jp7v_f97f_no_private_key_is_in_the_tree() -> None:
    for path in tracked():
        if path.is_file() and path.stat().st_size < 5_000_000:
            data = path.read_bytes()
            assert not re.search(rb"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----\\?n?\s*[A-Za-z0-9+/]{40}", data), path


def test_the_sqlite_in_use_has_the_fix_of_the_wal_reset_bug() -> None:
    assert tuple(int(part) for part in apsw.sqlite_lib_version().split(".")) >= (3, 51, 3)
