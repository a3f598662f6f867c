"""The first hour: a key printed once, commands that work as printed, a bootstrap file, and what a server says about itself."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import certificates
from tests.clients.place import PYTHON_CLIENTS
from tests.conftest import make_client
from tests.serving import ROOT, Server

NO_KEY = {"HOLDFAST_ROOT_ACCESS_KEY": "", "HOLDFAST_ROOT_SECRET_KEY": ""}


CLIENTS = f"{PYTHON_CLIENTS / 'bin'}:/usr/local/bin:/usr/bin:/bin"


def shell(script: str, home: Path) -> str:
    env = {"PATH": CLIENTS, "HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def printed(text: str, heading: str) -> str:
    """The block below a heading of the banner, to the letter: what a person copies."""
    return text.split(heading + "\n", 1)[1].lstrip("\n").split("\n\n", 1)[0]


def test_the_first_start_prints_a_key_once_and_keeps_no_secret_in_the_clear(serve: Callable[..., Server]) -> None:
    server = serve(workers=1, env=NO_KEY)
    text = server.out.read_text()
    assert text.count("shown only this once") == 1
    server.access_key, server.secret_key = re.findall(r"(?:access|secret) key  (\S+)", text)
    make_client(server).create_bucket(Bucket="kept")
    server.finish()
    assert server.secret_key.encode() not in b"".join(path.read_bytes() for path in server.data_dir.rglob("*") if path.is_file())
    again = serve(workers=1, env=NO_KEY, data_dir=server.data_dir)
    assert "shown only this once" not in again.out.read_text() and server.secret_key not in again.out.read_text()
    assert "shown at the first start. If it is lost" in again.out.read_text()
    again.access_key, again.secret_key = server.access_key, server.secret_key
    assert [found["Name"] for found in make_client(again).list_buckets()["Buckets"]] == ["kept"]


@pytest.mark.parametrize(("name", "heading", "said"), [
    ("aws", "With aws:", "hello.txt"),
    ("python3", "With boto3 (in python3):", "b'hello'"),
    ("curl", "With curl:", Path("/etc/hostname").read_text() if Path("/etc/hostname").exists() else ""),
])  # fmt: skip
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_the_printed_commands_work_as_printed(
    serve: Callable[..., Server], tmp_path: Path, name: str, heading: str, said: str, tls: bool
) -> None:
    if not shutil.which(name, path=CLIENTS):
        pytest.skip(f"{name} is not installed here")
    settings: dict[str, Any] = {}
    if tls:  # the certificate that the README makes
        if not shutil.which("openssl", path=CLIENTS):
            pytest.skip("openssl is not installed here")
        made = re.findall(r"^openssl req (?:.*\\\n)*.*$", (ROOT / "README.md").read_text(), re.MULTILINE)[0]
        shell(f"cd '{tmp_path}'\n{made}", tmp_path)
        settings = {"tls_cert": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"}
    text = serve(workers=1, env=NO_KEY, **settings).out.read_text()
    commands = printed(text, heading)
    if name == "python3":
        (tmp_path / "printed.py").write_text(commands)
        commands = f"'{sys.executable}' '{tmp_path / 'printed.py'}'"
    assert said in shell(printed(text, "Paste into a shell:") + "\n" + commands, tmp_path)


def test_commands_for_a_certificate_of_an_authority_leave_trust_to_the_system(serve: Callable[..., Server], tmp_path: Path) -> None:
    made = certificates.make(tmp_path / "certs")
    text = serve(workers=1, tls_cert=made.cert, tls_key=made.key, ca=str(made.ca)).out.read_text()
    assert "https://" in text and "--cacert" not in text and "--ca-bundle" not in text and "verify=" not in text


def test_a_bootstrap_file_makes_users_and_buckets_and_a_second_start_changes_nothing(serve: Callable[..., Server], tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(
        '[[users]]\nname = "ann"\ndisplay_name = "Ann"\nemail = "ann@example.org"\n'
        '[[users.keys]]\naccess_key = "ANNSKEY"\nsecret_key = "ann-secret-1"\n'
        '[[buckets]]\nname = "anns"\nowner = "ann"\n'
    )
    for changes in (True, False):
        server = serve(workers=1, bootstrap=file, data_dir=tmp_path / "data")
        server.access_key, server.secret_key = "ANNSKEY", "ann-secret-1"
        client = make_client(server)
        assert [found["Name"] for found in client.list_buckets()["Buckets"]] == ["anns"]
        client.put_object(Bucket="anns", Key="k", Body=b"x")
        assert ("made user ann" in server.log.read_text()) is changes
        server.finish()


def test_a_broken_bootstrap_file_is_refused_in_words(serve: Callable[..., Server], tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('[[users]]\nnam = "ann"\n')
    server = serve(start=False, bootstrap=tmp_path / "site.toml")
    assert server.launch().wait(30) == 1
    assert "site.toml" in server.log.read_text() and "Traceback" not in server.log.read_text()


def test_sigterm_lets_a_request_finish(serve: Callable[..., Server]) -> None:
    server = serve(workers=1, drain_timeout_s=20)
    client = make_client(server)
    client.create_bucket(Bucket="slow")
    url = client.generate_presigned_url("put_object", Params={"Bucket": "slow", "Key": "k"})
    host, _, target = url.removeprefix("http://").partition("/")
    link = http.client.HTTPConnection(host, timeout=20)
    link.putrequest("PUT", "/" + target)
    link.putheader("Content-Length", "10")
    link.endheaders(b"01234")
    time.sleep(0.3)
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert server.process.poll() is None, "it did not wait for the request"
    link.send(b"56789")
    assert link.getresponse().status == 200
    link.close()
    assert server.process.wait(20) == 0
    again = serve(workers=1, data_dir=server.data_dir)
    assert make_client(again).get_object(Bucket="slow", Key="k")["Body"].read() == b"0123456789"


def test_a_second_signal_ends_at_once(serve: Callable[..., Server]) -> None:
    server = serve(workers=1, drain_timeout_s=60)
    client = make_client(server)
    client.create_bucket(Bucket="slow")
    host, _, target = client.generate_presigned_url("put_object", Params={"Bucket": "slow", "Key": "k"}).removeprefix("http://").partition("/")
    link = http.client.HTTPConnection(host, timeout=20)
    link.putrequest("PUT", "/" + target)
    link.putheader("Content-Length", "10")
    link.endheaders(b"01234")
    time.sleep(0.3)
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(5) == 1
    link.close()


def test_sighup_serves_a_renewed_certificate_without_dropping_anybody(serve: Callable[..., Server], tmp_path: Path) -> None:
    certs = certificates.make(tmp_path / "certs")
    server = serve(workers=1, ca=str(certs.ca), tls_cert=certs.cert, tls_key=certs.key)
    client = make_client(server)
    client.create_bucket(Bucket="kept")
    old = certificate_of(server)
    failures: list[Exception] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            try:
                client.head_bucket(Bucket="kept")  # on the connection that it has
            except Exception as error:
                failures.append(error)

    worker = threading.Thread(target=load)
    worker.start()
    renewed = certificates.make(tmp_path / "new")
    certs.cert.write_bytes(renewed.cert.read_bytes())
    certs.key.write_bytes(renewed.key.read_bytes())
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 5
    while certificate_of(server) == old and time.monotonic() < end:
        time.sleep(0.05)
    stop.set()
    worker.join()
    assert certificate_of(server) == renewed.cert.read_text()
    assert not failures
    certs.key.write_text("not a key")
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert certificate_of(server) == renewed.cert.read_text(), "a bad pair must leave the old one in use"
    client.head_bucket(Bucket="kept")


def certificate_of(server: Server) -> str:
    import ssl

    host, port = server.endpoint.removeprefix("https://").split(":")
    return ssl.get_server_certificate((host, int(port)))


def test_m235_m246_a_request_is_found_in_log_and_metrics_and_no_secret_is(server: Server, s3: Any, bucket: str) -> None:
    answer = s3.put_object(Bucket=bucket, Key="a\nb/ü", Body=b"x" * 1000)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a\nb/ü"})
    assert urllib.request.urlopen(url, timeout=10).read() == b"x" * 1000
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="missing")
    time.sleep(1.2)
    lines = {line["request_id"]: line for line in server.access_log() if line.get("bucket") == bucket}
    put = lines[answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]]
    assert re.fullmatch(r"[0-9A-F]{16}", put["request_id"])
    assert (put["operation"], put["key"], put["status"], put["user"]) == ("PutObject", "a\nb/ü", 200, "administrator")
    assert put["access_key"] == server.access_key and put["bytes_in"] == 1000 and put["total_us"] > 0
    assert any(line["operation"] == "GetObject" and line.get("error") == "NoSuchKey" and line["status"] == 404 for line in lines.values())
    assert any(line["operation"] == "GetObject" and line["bytes_out"] == 1000 for line in lines.values())
    assert all(0 < line["first_us"] <= line["total_us"] for line in lines.values())
    said = server.log.read_text() + (server.data_dir / "logs" / "access.jsonl").read_text() + server.get("/metrics")[1]
    assert server.secret_key not in said
    assert not re.search(r"signature=", said, re.IGNORECASE)
    metrics = server.get("/metrics")[1]
    assert re.search(r'holdfast_requests_total\{class="2xx",operation="PutObject"\} [1-9]', metrics)
    assert re.search(r'holdfast_errors_total\{code="NoSuchKey"\} [1-9]', metrics)
    assert re.search(r"holdfast_commit_writes_sum [1-9]", metrics)


def test_a_reader_that_goes_away_ends_no_server_and_is_told_on_stderr(tmp_path: Path) -> None:
    """`holdfast serve | head -1`"""
    reading, writing = os.pipe()
    os.close(reading)
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")} | {"PYTHONPATH": str(ROOT / "src")}
    listen = ["--data-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0", "--workers", "1"]
    command = [sys.executable, "-m", "holdfast", "serve", "--data-dir", str(tmp_path / "data"), *listen]
    process = subprocess.Popen(command, env=env, stdout=writing, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    os.close(writing)
    try:
        for _ in range(400):
            facts = tmp_path / "data" / "run.json"
            if facts.exists() and "data_url" in facts.read_text():
                break
            time.sleep(0.05)
        time.sleep(0.5)
        assert process.poll() is None
    finally:
        process.terminate()
        _, said = process.communicate(timeout=40)
    assert b"Traceback" not in said and b"could not be shown" in said
