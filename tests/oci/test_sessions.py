"""Session tokens: a key of minutes for a user, refreshed for a day, refused when anything of it is changed or its user sleeps."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.authn.session_tokens import SESSION_S_MAX, SessionTokens
from tests.oci.people import Person, new_key, oci, person, require_client
from tests.oci.requests_made import Store

GENERATE, REFRESH = "/v1/token/upst/actions/GenerateUpst", "/v1/authentication/refresh"


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(scope="module")
def ada(store: Store) -> Person:
    return person(store, "ada")


@pytest.fixture(scope="module")
def session(ada: Person) -> Person:
    """Ada, who signs with the key of a session."""
    answer = ada.ask("POST", GENERATE, document={"publicKey": pem(new_key(5)), "sessionExpirationInMinutes": 5})
    assert answer.status == 200, answer
    made = Person(ada.server, ada.user, new_key(5), "")
    made.key_id = "ST$" + answer.json["token"]
    return made


def claims(person: Person) -> dict[str, Any]:
    part = person.key_id.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_m243_a_session_does_what_its_user_may(session: Person) -> None:
    assert session.ask("GET", "/n").json == "default"
    said = claims(session)
    assert (said["sub"], said["tenant"], said["exp"] - said["iat"]) == (session.user.id, session.user.tenancy, 300)


def test_m243_another_key_or_a_changed_token_is_refused(ada: Person, session: Person) -> None:
    stolen = Person(ada.server, ada.user, ada.key, "")
    stolen.key_id = session.key_id
    assert stolen.ask("GET", "/n").status == 401
    head, payload, mac = session.key_id.split(".")
    forged = claims(session) | {"sub": "ocid1.user.oc1..other"}
    other = base64.urlsafe_b64encode(json.dumps(forged).encode()).rstrip(b"=").decode()
    for token in (f"{head}.{other}.{mac}", f"{head}.{payload}.{mac[:-2]}AA", f"{head}.{payload}.", "ST$a.b.c", f"{head}.{payload}"):
        changed = Person(ada.server, ada.user, session.key, "")
        changed.key_id = token
        assert changed.ask("GET", "/n").status == 401, token


def test_a_session_is_refreshed_and_begins_no_other(ada: Person, session: Person) -> None:
    token = session.key_id.removeprefix("ST$")
    younger = session.ask("POST", REFRESH, document={"currentToken": token})
    assert younger.status == 200
    renewed = Person(ada.server, ada.user, session.key, "")
    renewed.key_id = "ST$" + younger.json["token"]
    assert renewed.ask("GET", "/n").status == 200 and claims(renewed)["sess_exp"] == claims(session)["sess_exp"]
    assert session.ask("POST", GENERATE, document={"publicKey": pem(new_key(6))}).status == 401
    assert ada.ask("POST", REFRESH, document={"currentToken": token}).status == 401
    assert session.ask("POST", REFRESH, document={"currentToken": "x"}).status == 401
    for wrong in ({"publicKey": "x"}, {"publicKey": pem(new_key(6)), "sessionExpirationInMinutes": 61}):
        assert ada.ask("POST", GENERATE, document=wrong).status == 400


def test_a_session_ends_with_its_user(store: Store) -> None:
    eve = person(store, "session-eve", key=2)
    made = eve.ask("POST", GENERATE, document={"publicKey": pem(new_key(5))}).json["token"]
    session = Person(eve.server, eve.user, new_key(5), "")
    session.key_id = "ST$" + made
    assert session.ask("GET", "/n").status == 200

    async def sleep(engine: Any, directory: Any) -> None:
        await directory.users.set_status(eve.user.id, "INACTIVE")

    store.do(sleep)
    assert session.ask("GET", "/n").status == 401


def test_tokens_expire_and_a_session_lasts_a_day() -> None:
    tokens, now = SessionTokens(bytes(32)), time.time()
    token = tokens.issue("u", "t", new_key(5).public_key(), now, 300)
    assert tokens.read(token, now + 299) is not None and tokens.read(token, now + 301) is None
    assert SessionTokens(bytes(31) + b"1").read(token, now) is None
    at, last = now, token
    while (younger := tokens.refresh(last, at)) is not None:
        last, at = younger.token, at + 250
    assert abs(at - now - SESSION_S_MAX) <= 600
    assert tokens.read(last, now + SESSION_S_MAX + 1) is None


@pytest.mark.client
def test_the_real_client_signs_with_a_session(session: Person, tmp_path: Path) -> None:
    require_client()
    config = session.profile(tmp_path)
    (tmp_path / "token").write_text(session.key_id.removeprefix("ST$"))
    lines = [line for line in config.read_text().splitlines() if not line.startswith(("user=", "fingerprint="))]
    config.write_text("\n".join([*lines, f"security_token_file={tmp_path / 'token'}", "fingerprint=" + ":".join(["00"] * 16), ""]))
    got = oci(config, session.server.endpoint, "--auth", "security_token", "os", "ns", "get", "--query", "data", "--raw-output")
    assert (got.returncode, got.stdout) == (0, b"default\n"), got.stderr
