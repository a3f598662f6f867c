"""`holdfast login` with a real issuer and a browser, and what people do about their own tokens and organisations from the command line."""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from holdfast.federation.pending import challenge_of
from tests.admin.people import send
from tests.administration import Ran, everywhere, refused, s3_client, unique
from tests.oidc.browser import Browser, sign_in
from tests.oidc.conftest import TITLE, Place, person
from tests.serving import ROOT


class Shell:
    """Somebody's shell: `holdfast` as a program, with a home of its own."""

    def __init__(self, place: Place, home: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HOLDFAST_", "XDG_"))}
        self.env = kept | {"HOME": str(home), "PYTHONPATH": str(ROOT / "src"), "HOLDFAST_CONTROL": place.server.control}
        self.file = home / ".config" / "holdfast" / "sessions.json"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-m", "holdfast", *arguments], env=self.env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def run(self, *arguments: str) -> Ran:
        process = self.start(*arguments)
        out, err = process.communicate("", timeout=60)
        return Ran(process.returncode, out, err)

    def login(self) -> tuple[subprocess.Popen[str], str]:
        """The program that waits, and the address that it prints."""
        process = self.start("login", "--no-browser", "--wait-s", "40")
        assert process.stderr is not None
        process.stderr.readline()
        return process, process.stderr.readline().strip()


@pytest.fixture
def shell(place: Place, tmp_path: Path) -> Iterator[Shell]:
    yield Shell(place, tmp_path)


def test_login_tokens_and_logout(place: Place, shell: Shell) -> None:
    name, organisation = person(), unique("team")
    place.organisation(organisation, display_name="Team", joining="request")
    place.issuer.person(name, "member@example.org")
    without = shell.run("token", "list")
    assert without.code == 1 and "holdfast login" in without.err
    process, url = shell.login()
    browser = Browser()
    sign_in(browser, place.server.control, TITLE, name, urlsplit(url).path + "?" + urlsplit(url).query)
    assert "asks to act as" in browser.text and name in browser.text
    port = url.partition("cli=")[2].partition(".")[0]
    assert f"form-action 'self' http://127.0.0.1:{port}" in browser.page.headers["content-security-policy"]
    assert "close this window" in browser.submit("Allow").text
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and out.startswith(f"Signed in as {name}"), err
    assert stat.S_IMODE(shell.file.stat().st_mode) == 0o600
    assert shell.run("session", "user", "get").data["name"] == name
    assert shell.run("token", "list").data == []
    made = shell.run("token", "generate", "--organisation", "physics")
    assert made.data["display-name"] == f"S3 Access key for Physics COU ({name}_physics)"
    old = s3_client(place.server, made.data["token"], secrets.token_hex(4))
    old.create_bucket(Bucket=unique("cli"))
    again = shell.run("token", "regenerate", "--organisation", "physics", "--query", "data.token", "--raw-output")
    assert set(everywhere(old.list_buckets)) == {"InvalidAccessKeyId"}
    assert everywhere(s3_client(place.server, again.out.strip(), "x").list_buckets) == [""] * 8
    assert again.out.strip() not in shell.run("token", "list").out
    assert shell.run("organisation", "join", "--organisation", organisation, "--message", "please").data["lifecycle-state"] == "PENDING"
    states = {each["name"]: each["state"] for each in shell.run("organisation", "list").data}
    assert states == {"physics": "MEMBER", organisation: "PENDING"} | {each: state for each, state in states.items() if state == "OPEN"}
    shell.run("organisation", "withdraw", "--organisation", organisation, "--force")
    assert shell.run("token", "generate", "--organisation", organisation).code == 1
    assert shell.run("token", "revoke", "--organisation", "physics", "--force").code == 0
    with refused("InvalidAccessKeyId"):
        s3_client(place.server, again.out.strip(), "x").list_buckets()
    session = next(iter(json.loads(shell.file.read_text()).values()))["token"]
    assert shell.run("logout").out == "Signed out.\n" and shell.run("logout").out == "There is no session.\n"
    assert send(place.server, "GET", "/whoami", authorization=f"Bearer {session}")[0] == 401


def test_a_program_that_waits_takes_only_its_own_answer(place: Place, shell: Shell) -> None:
    process, url = shell.login()
    port, challenge, state = url.partition("cli=")[2].split(".")
    for path in ("/", "/?code=x", f"/?code=x&state={'y' * len(state)}", f"/?state={state}", f"/favicon.ico?code=x&state={state}"):
        assert requests.get(f"http://127.0.0.1:{port}{path}", timeout=10).status_code == 404
    assert process.poll() is None and len(challenge) == 43
    requests.get(f"http://127.0.0.1:{port}/", params={"code": "c" * 43, "state": state}, timeout=10)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1 and "does not count" in err and not shell.file.exists()


def test_a_session_for_a_program_is_given_only_by_its_user_and_only_to_it(place: Place) -> None:
    control, verifier = place.server.control, secrets.token_urlsafe(48)
    waiting = f"8080.{challenge_of(verifier)}.{'s' * 20}"
    browser = place.browser(person(), "guest")
    anonymous = requests.get(control + "/account/cli", params={"cli": waiting}, allow_redirects=False, timeout=20)
    assert (anonymous.status_code, anonymous.headers["location"]) == (303, f"/sign-in?cli={waiting}")
    for wrong in ("", "x", f"80.{challenge_of(verifier)}.{'s' * 20}", f"8080@evil.example.{'c' * 43}.{'s' * 20}"):
        assert browser.http.get(control + "/account/cli", params={"cli": wrong}, allow_redirects=False, timeout=20).status_code == 400
    page = browser.get(control + f"/account/cli?cli={waiting}")
    assert page.status_code == 200
    forged = browser.http.post(control + "/account/cli", {"cli": waiting, "csrf": "0" * 64}, allow_redirects=False, timeout=20)
    assert forged.status_code == 403
    form = next(form for form in browser.seen.forms if form.button == "Allow")

    def allowed() -> str:
        answer = browser.http.post(control + form.action, form.fields, allow_redirects=False, timeout=20)
        found = re.fullmatch(r"http://127\.0\.0\.1:8080/\?code=([A-Za-z0-9_-]{43})&state=s{20}", answer.headers["location"])
        assert found is not None and answer.headers["referrer-policy"] == "no-referrer"
        return found[1]

    def exchange(code: str, with_: str) -> int:
        return send(place.server, "POST", "/sessions/exchange", json.dumps({"code": code, "verifier": with_}).encode())[0]

    stolen = allowed()
    assert exchange(stolen, "w" * 64) == 401 and exchange(stolen, verifier) == 401
    code = allowed()
    assert exchange(code, verifier) == 201 and exchange(code, verifier) == 401
    assert exchange("x", verifier) == 400


@pytest.mark.parametrize("control", ["http://store.example.org:9001", "ftp://127.0.0.1", "store"])
def test_a_session_never_goes_in_clear_to_another_machine(shell: Shell, control: str) -> None:
    ran = shell.run("login", "--no-browser", "--control", control)
    assert ran.code == 2 and "https://" in ran.err


def test_a_session_that_has_ended_says_so_and_a_key_goes_before_it(place: Place, shell: Shell) -> None:
    shell.file.parent.mkdir(parents=True)
    kept = {place.server.control: {"token": "hfs_x", "expires": "2020-01-01T00:00:00+00:00", "user": "ann"}}
    shell.file.write_text(json.dumps(kept))
    ended = shell.run("token", "list")
    assert ended.code == 1 and "has ended" in ended.err and "hfs_x" not in ended.err
    shell.env |= {"AWS_ACCESS_KEY_ID": place.server.access_key, "AWS_SECRET_ACCESS_KEY": place.server.secret_key}
    assert shell.run("session", "user", "get").data["name"] == "administrator"
    for text in ("", "[]", "{", json.dumps({place.server.control: 7})):
        shell.file.write_text(text)
        assert shell.run("session", "user", "get").code == 0
