"""Passwords and sessions of the console: what they open, what they do not, and what guessing costs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.admin.people import send
from tests.administration import Somebody, new_user
from tests.serving import Server

PASSWORD = "correct horse battery"


@pytest.fixture
def ann(root: Somebody) -> Somebody:
    somebody = new_user(root)
    assert root.run("admin", "password", "set", "--user", somebody.name, "--password-file", "-", stdin=PASSWORD + "\n").code == 0
    return somebody


def sign_in(server: Server, user: str, password: str = PASSWORD, **more: Any) -> tuple[int, Any, dict[str, str]]:
    return send(server, "POST", "/sessions", json.dumps({"user": user, "password": password, **more}).encode())


def whoami(server: Server, **headers: str) -> tuple[int, Any]:
    status, answer, _ = send(server, "GET", "/whoami", **headers)
    return status, answer


def test_a_session_is_its_user_until_it_ends(server: Server, ann: Somebody) -> None:
    status, answer, _ = sign_in(server, ann.name)
    assert status == 201
    bearer = {"authorization": f"Bearer {answer['data']['token']}"}
    assert whoami(server, **bearer) == (200, {"data": {**ann.ask("GET", "/whoami")[1]["data"], "how": "session"}})
    assert send(server, "GET", "/users", **bearer)[0] == 403
    assert send(server, "DELETE", "/sessions/current", **bearer)[0] == 200
    assert whoami(server, **bearer)[0] == 401


def test_a_cookie_is_out_of_reach_of_scripts_and_other_sites(server: Server, ann: Somebody) -> None:
    status, answer, headers = sign_in(server, ann.name, cookie=True)
    assert status == 201 and answer["data"]["token"] is None
    cookie, *attributes = headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
    assert whoami(server, cookie=cookie)[0] == 401  # a form or an image of another site cannot send the header
    assert whoami(server, cookie=cookie, x_holdfast_request="1")[0] == 200
    assert send(server, "POST", "/users", b'{"name": "x"}', cookie=cookie, x_holdfast_request="1", content_type="text/plain")[0] in (403, 415)
    assert send(server, "POST", "/sessions", json.dumps({"user": ann.name, "password": PASSWORD}).encode(), content_type="text/plain")[0] == 415


def test_a_new_password_an_inactive_user_and_a_deleted_one_end_the_sessions(server: Server, root: Somebody, ann: Somebody) -> None:
    def bearer(password: str = PASSWORD) -> dict[str, str]:
        return {"authorization": f"Bearer {sign_in(server, ann.name, password)[1]['data']['token']}"}

    first = bearer()
    status, answer, _ = send(server, "PUT", "/users/~/password", b'{"password": "another password"}', **first)
    assert status == 403, answer  # in a session the current one is needed
    body = json.dumps({"password": "another password", "current": PASSWORD}).encode()
    assert send(server, "PUT", "/users/~/password", body, **first)[0] == 200
    assert whoami(server, **first)[0] == 401 and sign_in(server, ann.name)[0] == 401
    second = bearer("another password")
    root.admin("user", "update", "--name", ann.name, "--status", "INACTIVE")
    assert whoami(server, **second)[0] == 401 and sign_in(server, ann.name, "another password")[0] == 401
    root.admin("user", "update", "--name", ann.name, "--status", "ACTIVE")
    third = bearer("another password")
    root.admin("user", "delete", "--name", ann.name, "--force")
    assert whoami(server, **third)[0] == 401


def test_m212_a_service_account_cannot_sign_in(server: Server, root: Somebody) -> None:
    robot = root.admin("service-account", "create", "--name", "robot-without-a-console")["name"]
    assert root.run("admin", "password", "set", "--user", robot, "--password-file", "-", stdin=PASSWORD).code == 1
    assert sign_in(server, robot)[0] == 401


def test_wrong_passwords_are_alike_and_cost_more_and_more(server: Server, ann: Somebody) -> None:
    missing, wrong = sign_in(server, "nobody-at-all", "wrong password"), sign_in(server, ann.name, "wrong password")
    assert missing[0] == wrong[0] == 401 and missing[1]["message"] == wrong[1]["message"]
    statuses = [sign_in(server, ann.name, "wrong password")[0] for _ in range(8)]
    assert 429 in statuses
    status, _, headers = sign_in(server, ann.name)
    assert status == 429 and int(headers["retry-after"]) >= 1  # the right one has to wait too


def test_passwords_and_sessions_are_nowhere_in_the_clear(server: Server, ann: Somebody) -> None:
    files = [path for path in server.data_dir.rglob("*") if path.is_file()] + [server.log]
    assert files and not [path for path in files if PASSWORD.encode() in path.read_bytes()]
