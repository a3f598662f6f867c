"""getsecret by Kerberos against a real KDC: the steps of Ozone's document as its readers take them (M189-M199)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.administration import Somebody, s3_client, unique
from tests.kerberos.kdc import Kdc, why_not
from tests.serving import ROOT, Server

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
PRINCIPAL = "testuser/scm@EXAMPLE.COM"


class Place:
    """A KDC and a server that trusts it."""

    def __init__(self, kdc: Kdc, server: Server) -> None:
        self.kdc, self.server = kdc, server
        self.keytab = kdc.principal(PRINCIPAL)

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HOLDFAST_", "KRB5"))}
        env = kept | self.kdc.env | {
            "PYTHONPATH": f"{ROOT / 'src'}:{self.kdc.packages}", "HOLDFAST_CONTROL": self.server.control.replace("127.0.0.1", "localhost"),
            "HOME": str(self.kdc.home),
        }  # fmt: skip
        return subprocess.run([sys.executable, "-m", "holdfast", *arguments], env=env, input=stdin, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("kerberos")
    kdc = Kdc(home / "kdc")
    service = kdc.principal("HTTP/localhost@EXAMPLE.COM")
    env = {**kdc.env, "PYTHONPATH": f"{ROOT / 'src'}:{kdc.packages}"}
    server = Server(home / "server", workers=1, kerberos_keytab=service, env=env).start()
    yield Place(kdc, server)
    server.stop()
    kdc.stop()


def test_M189_M190_M191_M192_M193_kinit_getsecret_and_a_bucket(place: Place) -> None:
    place.kdc.kdestroy()
    without = place.run("s3", "getsecret")
    assert without.returncode == 1 and "kinit" in without.stderr and not without.stdout
    place.kdc.kinit(place.keytab, PRINCIPAL)
    first = place.run("s3", "getsecret")
    found = re.fullmatch(r"awsAccessKey=testuser/scm@EXAMPLE\.COM\nawsSecret=([0-9a-f]{64})\n", first.stdout)
    assert found is not None, first
    again = place.run("s3", "getsecret")
    assert again.returncode == 1 and "S3_SECRET_ALREADY_EXISTS" in again.stderr
    s3 = s3_client(place.server, PRINCIPAL, found[1])
    bucket = unique("kerberos")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.list_buckets()["Owner"]["DisplayName"] == PRINCIPAL

    asked = place.run("s3", "revokesecret", stdin="n\n")
    assert asked.stdout.startswith(f"Enter 'y' to confirm S3 secret revocation for '{PRINCIPAL}':"), asked
    s3.head_bucket(Bucket=bucket)
    assert place.run("s3", "revokesecret", "-y").stdout == "S3 secret revoked.\n"
    with pytest.raises(Exception, match="InvalidAccessKeyId"):
        s3.list_objects_v2(Bucket=bucket)


def test_M198_a_ticket_gives_no_right_to_the_secret_of_another(place: Place) -> None:
    place.kdc.principal("om/om@EXAMPLE.COM")
    place.kdc.kinit(place.keytab, PRINCIPAL)
    for arguments in (("getsecret", "-u", "administrator"), ("revokesecret", "-u", "administrator", "-y")):
        refused = place.run("s3", *arguments)
        assert refused.returncode == 1 and refused.stderr.startswith("PERMISSION_DENIED"), refused


def test_M197_an_administrator_has_the_secret_of_a_principal_that_was_never_here(place: Place) -> None:
    root = Somebody(place.server, place.server.access_key, place.server.secret_key)
    for _ in range(6):  # principals are of the tenancy of the first start, however many there are
        root.admin("tenancy", "create", "--name", unique("t"), "--namespace", unique("t"))
    other, administrator = unique("om"), unique("boss")
    place.kdc.kinit(place.kdc.principal(f"{administrator}@EXAMPLE.COM"), f"{administrator}@EXAMPLE.COM")
    name = f"{other}/om@EXAMPLE.COM"
    refused = place.run("s3", "getsecret", "-u", name)
    assert refused.returncode == 1 and refused.stderr.startswith("PERMISSION_DENIED"), refused
    assert name not in root.run("admin", "user", "list").out
    root.admin("group", "add-user", "--group", "Administrators", "--user", f"{administrator}@EXAMPLE.COM")
    made = place.run("s3", "getsecret", "-u", name)
    found = re.fullmatch(rf"awsAccessKey={name}\nawsSecret=([0-9a-f]{{64}})\n", made.stdout)
    assert found is not None, made
    s3_client(place.server, name, found[1]).create_bucket(Bucket=unique("om"))
    assert root.admin("user", "get", "--name", name)["rights"] == "own-buckets"
    revoked = place.run("s3", "revokesecret", "-u", name, "-y")
    assert revoked.stdout == "S3 secret revoked.\n", revoked
    with pytest.raises(Exception, match="InvalidAccessKeyId"):
        s3_client(place.server, name, found[1]).list_buckets()
    for nobody in ("nobody", "a b@EXAMPLE.COM", "a/b/c@EXAMPLE.COM"):
        assert place.run("s3", "getsecret", "-u", nobody).stderr.startswith("NotFound")


@pytest.mark.parametrize("token", ["", "AAAA", "!!!", "YII" + "A" * 100])
def test_what_is_no_ticket_is_refused(place: Place, token: str) -> None:
    for headers in ({"Authorization": "Negotiate " + token, "x-holdfast-request": "test"}, {"Authorization": "Negotiate " + token}):
        request = urllib.request.Request(place.server.control + "/api/v1/whoami", headers=headers)
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request, timeout=10)
        assert error.value.code == 401


def test_a_ticket_does_not_count_twice_and_not_without_its_header(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replayed ticket is refused by Kerberos's replay cache; a browser that sends one by itself lacks the header."""
    place.kdc.kinit(place.keytab, PRINCIPAL)
    program = "from holdfast.cli.client import Ticket; print(Ticket().header('localhost'))"
    env = {**os.environ, **place.kdc.env, "PYTHONPATH": f"{ROOT / 'src'}:{place.kdc.packages}"}
    header = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=30).stdout.strip()
    assert header.startswith("Negotiate ")

    def ask(**more: str) -> Any:
        request = urllib.request.Request(place.server.control + "/api/v1/whoami", headers={"Authorization": header, **more})
        return urllib.request.urlopen(request, timeout=10).status

    with pytest.raises(urllib.error.HTTPError):
        ask()
    assert ask(**{"x-holdfast-request": "test"}) == 200
    with pytest.raises(urllib.error.HTTPError) as error:
        ask(**{"x-holdfast-request": "test"})
    assert error.value.code == 401


def test_a_server_that_cannot_use_kerberos_does_not_start(tmp_path: Any) -> None:
    keytab = tmp_path / "empty.keytab"
    keytab.write_bytes(b"no keytab")
    server = Server(tmp_path / "server", workers=1, kerberos_keytab=keytab)
    process = server.launch()
    assert process.wait(30) == 1
    assert "keytab" in server.log.read_text() or "gssapi" in server.log.read_text()
