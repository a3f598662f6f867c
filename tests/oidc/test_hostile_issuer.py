"""An issuer that lies gets nobody in: each lie is refused with a clear answer, within a bounded time, and stands in the audit log."""

from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.oidc.hostile import EC_KEY, Attempt, HostileIssuer, jwk, unsigned
from tests.serving import Server


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, HostileIssuer]]:
    issuer = HostileIssuer()
    server = Server(tmp_path_factory.mktemp("hostile"), workers=1, oidc_issuer=issuer.url, oidc_client_id="holdfast").start()
    yield server, issuer
    try:
        server.finish()
    finally:
        server.kill()
        issuer.stop()


@pytest.fixture
def attempt(bad: tuple[Server, HostileIssuer]) -> Attempt:
    server, issuer = bad
    issuer.reset()
    return Attempt(server.control)


def denials(server: Server) -> list[str]:
    """Why sign-ins were refused until now, as the audit log says."""
    lines = [json.loads(line) for line in (server.data_dir / "logs" / "audit.jsonl").read_text().splitlines()]
    return [str(line["rule"]) for line in lines if line["action"] == "HoldfastSignIn" and line["decision"] == "deny"]


def because(server: Server, before: int) -> str:
    """Why the sign-in after `before` others was refused; a refusal is written a moment later."""
    for _ in range(60):
        found = denials(server)
        if len(found) > before:
            return found[before]
        time.sleep(0.05)
    raise AssertionError("no refusal was recorded")


def test_a_token_without_a_lie_is_believed(bad: tuple[Server, HostileIssuer], attempt: Attempt) -> None:
    """The negative cases below differ from this one by their lie only."""
    bad[1].give(bad[1].claims(attempt.nonce))
    assert attempt.end().status_code == 200 and attempt.signed_in


NOW = int(time.time())
LIES: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://login.example.org"}, "issuer"),
    "no issuer": ({"iss": None}, "iss"),
    "another audience": ({"aud": "another-client"}, "udience"),
    "another party": ({"aud": ["holdfast", "another-client"], "azp": "another-client"}, "azp"),
    "two audiences and no party": ({"aud": ["holdfast", "another-client"]}, "azp"),
    "expired": ({"exp": NOW - 3600, "iat": NOW - 7200}, "Expired"),
    "no expiry": ({"exp": None}, "exp"),
    "an expiry that is no number": ({"exp": "tomorrow"}, "ID token"),
    "not yet": ({"nbf": NOW + 3600}, "ImmatureSignature"),
    "issued in the future": ({"iat": NOW + 3600, "exp": NOW + 7200}, "ImmatureSignature"),
    "another nonce": ({"nonce": "another"}, "nonce"),
    "no nonce": ({"nonce": None}, "nonce"),
    "a nonce that is no text": ({"nonce": 1}, "nonce"),
    "no subject": ({"sub": None}, "sub"),
    "an empty subject": ({"sub": ""}, "subject"),
    "a subject with a line end": ({"sub": "a\nb"}, "subject"),
    "a subject too long": ({"sub": "a" * 300}, "subject"),
    "no name": ({"preferred_username": None}, "claim preferred_username"),
    "a name that is no name": ({"preferred_username": "../../etc"}, "no user name"),
    "a name that is an id": ({"preferred_username": "ocid1.user.oc1..x"}, "no user name"),
    "a name that is somebody else's": ({"preferred_username": "administrator", "sub": "x"}, "in use"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_lies_is_refused(bad: tuple[Server, HostileIssuer], attempt: Attempt, lie: str) -> None:
    server, issuer = bad
    change, said = LIES[lie]
    before = len(denials(server))
    issuer.give({name: value for name, value in issuer.claims(attempt.nonce, **change).items() if value is not None})
    answer = attempt.end()
    assert answer.status_code == 403 and not attempt.signed_in, answer.text
    assert said in because(server, before)


def public_pem(issuer: HostileIssuer) -> bytes:
    return issuer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def mac_with_public_key(issuer: HostileIssuer, claims: dict[str, Any]) -> None:
    signed = unsigned(claims, alg="HS256", kid="one").rstrip(".")
    mac = urlsafe_b64encode(hmac.digest(public_pem(issuer), signed.encode(), "sha256")).rstrip(b"=").decode()
    issuer.give_text(f"{signed}.{mac}")


FORGERIES: dict[str, Callable[[HostileIssuer, dict[str, Any]], None]] = {
    "none": lambda issuer, claims: issuer.give_text(unsigned(claims, alg="none", kid="one")),
    "None": lambda issuer, claims: issuer.give_text(unsigned(claims, alg="None", kid="one")),
    "no signature": lambda issuer, claims: issuer.give_text(unsigned(claims, alg="RS256", kid="one")),
    "no algorithm": lambda issuer, claims: issuer.give_text(unsigned(claims, kid="one")),
    "HS256 with the public key": mac_with_public_key,
    "another key under the same id": lambda issuer, claims: issuer.give(claims, key=issuer.other_key),
    "an unknown key": lambda issuer, claims: issuer.give(claims, key=issuer.other_key, kid="two"),
    "a key in the header": lambda issuer, claims: issuer.give(claims, key=issuer.other_key, kid="two", jwk=jwk(issuer.other_key, "two")),
    "an algorithm of another kind": lambda issuer, claims: issuer.give(claims, key=EC_KEY, algorithm="ES256"),
    "critical headers": lambda issuer, claims: issuer.give(claims, crit=["b64"], b64=True),
    "five parts": lambda issuer, claims: issuer.give_text("a.b.c.d.e"),
    "nothing": lambda issuer, claims: issuer.give_text(""),
    "too long": lambda issuer, claims: issuer.give({**claims, "x": "y" * 20_000}),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_token_that_the_issuer_did_not_sign_is_refused(bad: tuple[Server, HostileIssuer], attempt: Attempt, forgery: str) -> None:
    server, issuer = bad
    before = len(denials(server))
    FORGERIES[forgery](issuer, issuer.claims(attempt.nonce))
    answer = attempt.end()
    assert answer.status_code == 403 and not attempt.signed_in, answer.text
    assert "ID token" in because(server, before)


def test_keys_that_the_issuer_changes_are_found(bad: tuple[Server, HostileIssuer], attempt: Attempt) -> None:
    server, issuer = bad
    issuer.give(issuer.claims(attempt.nonce))
    attempt.end()
    issuer.keys = [jwk(issuer.other_key, "new")]
    later = [Attempt(server.control) for _ in range(2)]
    time.sleep(5.2)  # REFETCH_S
    issuer.give(issuer.claims(later[0].nonce), key=issuer.other_key, kid="new")
    assert later[0].end().status_code == 200 and later[0].signed_in
    issuer.give(issuer.claims(later[1].nonce))  # by the key that was taken back
    assert later[1].end().status_code == 403 and not later[1].signed_in


def test_unknown_keys_do_not_make_the_store_hammer_the_issuer(bad: tuple[Server, HostileIssuer]) -> None:
    server, issuer = bad
    issuer.reset()
    issuer.asked.clear()
    for number in range(8):
        attempt = Attempt(server.control)
        issuer.give(issuer.claims(attempt.nonce), key=issuer.other_key, kid=f"unknown-{number}")
        assert attempt.end().status_code == 403
    assert issuer.asked.count("/jwks") <= 2 and issuer.asked.count("/.well-known/openid-configuration") <= 1


@pytest.mark.parametrize(("tokens", "status"), [
    ({"error": "invalid_grant"}, 400), ({"error": "invalid_client"}, 401), ({}, 200), ({"id_token": 7}, 200), ([], 200), ({"access_token": "a"}, 500),
])  # fmt: skip
def test_a_token_endpoint_that_gives_no_token_is_refused(bad: tuple[Server, HostileIssuer], attempt: Attempt, tokens: Any, status: int) -> None:
    _, issuer = bad
    issuer.tokens, issuer.status = tokens, status
    answer = attempt.end()
    assert answer.status_code == (403 if status in (400, 401) else 502) and not attempt.signed_in
    assert "administrator" in answer.text or "begin again" in answer.text


def test_an_answer_of_another_issuer_is_refused(bad: tuple[Server, HostileIssuer], attempt: Attempt) -> None:
    _, issuer = bad
    issuer.give(issuer.claims(attempt.nonce))
    assert attempt.end(iss="https://login.example.org").status_code == 400 and not attempt.signed_in


@pytest.fixture
def fresh(tmp_path: Any) -> Iterator[Callable[[HostileIssuer], Server]]:
    """A store that has not yet asked its issuer."""
    servers: list[Server] = []

    def start(issuer: HostileIssuer) -> Server:
        servers.append(Server(tmp_path / "server", workers=1, oidc_issuer=issuer.url, oidc_client_id="holdfast").start())
        return servers[0]

    yield start
    for server in servers:
        try:
            server.finish()
        finally:
            server.kill()


def test_a_slow_issuer_costs_a_bounded_time_and_the_store_goes_on(fresh: Callable[[HostileIssuer], Server]) -> None:
    issuer = HostileIssuer()
    server = fresh(issuer)
    issuer.delay_s = {"/token": 120.0}
    attempts = [Attempt(server.control) for _ in range(24)]
    began = time.monotonic()
    with ThreadPoolExecutor(24) as threads:
        ends = [threads.submit(attempt.end) for attempt in attempts]
        time.sleep(0.5)
        assert requests.get(server.control + "/health/live", timeout=10).status_code == 200
        assert requests.get(server.control + "/sign-in", timeout=10).status_code == 200
        statuses = sorted(end.result().status_code for end in ends)
    assert time.monotonic() - began < 60 and set(statuses) == {502, 503} and statuses.count(503) == 8, statuses
    issuer.stop()


def test_beginnings_from_one_address_are_bounded(fresh: Callable[[HostileIssuer], Server]) -> None:
    issuer = HostileIssuer()
    server = fresh(issuer)
    with requests.Session() as http:
        statuses = [http.get(server.control + "/sign-in/oidc", allow_redirects=False, timeout=10).status_code for _ in range(200)]
    assert statuses[0] == 303 and 429 in statuses and statuses.count(303) < 150
    assert issuer.asked.count("/.well-known/openid-configuration") == 1
    issuer.stop()


def test_an_issuer_that_is_not_there_stops_neither_the_start_nor_the_store(serve: Callable[..., Server]) -> None:
    server = serve(workers=1, oidc_issuer="http://127.0.0.1:1", oidc_client_id="holdfast")
    answer = requests.get(server.control + "/sign-in/oidc", allow_redirects=False, timeout=20)
    assert answer.status_code == 502 and "127.0.0.1:1" not in answer.text
