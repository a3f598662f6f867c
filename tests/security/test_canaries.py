"""A secret of every kind, made and used at debug level through good and bad requests of every kind, is found nowhere afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.security.canaries import BUCKET, DOORS, Canary, Home, leaks, settle, start, written
from tests.security.canary_lives import LIVES


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    made = start(tmp_path_factory.mktemp("canaries"))
    yield made
    made.server.finish()


@pytest.fixture(scope="module")
def canaries(home: Home) -> list[Canary]:
    found = [canary for live in LIVES for canary in live(home)]
    settle(home)
    return found


def test_M246_no_secret_of_any_kind_is_found_anywhere(home: Home, canaries: list[Canary]) -> None:
    assert len({canary.kind for canary in canaries}) >= 40 and len(home.answers) >= 500
    assert all(len(canary.text) >= 20 for canary in canaries), "too short to be found by chance only"
    found = leaks(canaries, list(written(home)))
    assert not found, f"{len(found)} leaks:\n" + "\n".join(found[:40])


def test_the_requests_reached_what_they_were_for(home: Home, canaries: list[Canary]) -> None:
    """Else the test above would look for what nobody ever had."""
    statuses = {int(answer[9:12]) for _, answer in home.answers if answer.startswith(b"HTTP/1.1 ")}
    assert {200, 400, 403, 404} <= statuses and not {status for status in statuses if status >= 500 and status != 501}
    operations = {line.get("operation") for line in home.server.access_log()}
    assert {"GetObject", "PutObject", "ListBuckets"} <= operations
    answered = [answer for _, answer in home.answers if answer]
    assert len(answered) >= len(home.answers) * 0.98


@pytest.mark.parametrize("where", ["key", "agent", "answer", "stderr", "name of a user"])
def test_the_search_finds_what_does_leak(home: Home, canaries: list[Canary], where: str) -> None:
    """The negative control: a secret is put where the store does write it down, and must be found there."""
    leak = Canary("leak", secrets.token_urlsafe(30))
    log = "file logs/access.jsonl"
    expected = {"key": log, "agent": log, "answer": "answer to leak", "stderr": "stderr"}.get(where, "file ")
    everything: list[tuple[str, bytes]] = []
    if where == "key":
        home.send("leak", "PUT", f"/{BUCKET}/{leak.text}", {}, b"x")
    elif where == "agent":
        home.send("leak", "GET", "/", {"user-agent": leak.text})
    elif where == "answer":
        home.send("leak", "GET", f"/{BUCKET}?list-type=2&prefix={leak.text}")
    elif where == "stderr":
        with home.server.log.open("a") as file:
            file.write(leak.text + "\n")
    else:

        async def name(engine: Any, directory: Any) -> None:
            user = await directory.users.by_name("bird")
            await directory.keys.create(user.id, 1, access_key=leak.text)

        home.store.do(name)
    settle(home)
    everything = list(written(home))
    found = leaks([leak], everything)
    assert any(f"leak in {expected}" in line for line in found), found
    if where in ("key", "answer"):
        home.answers.pop()


def test_every_door_is_listed_that_the_listeners_have() -> None:
    assert {listener for listener, _, _ in DOORS} == {"data", "control"}
