"""Claims to a person, and what a browser keeps between the two redirects."""

from __future__ import annotations

import time
from typing import Any

import pytest

from holdfast.admin.pages.sign_in import Rate
from holdfast.admin.waiting import waiting_of
from holdfast.federation.pending import Seal, challenge_of, new_pending
from holdfast.federation.person import person_of, values_of
from holdfast.model.federation import Person, Provider, SignInRefused

ISSUER = "https://login.example.org"


def person(claims: dict[str, Any], **settings: Any) -> Person:
    provider = Provider(issuer=ISSUER, client_id="c", **settings)
    return person_of({"sub": "1", "preferred_username": "Ann", **claims}, provider)


def test_a_name_is_lower_case_with_the_suffix_of_its_issuer() -> None:
    assert person({}).name == "ann" and person({}).subject == f"{ISSUER} 1"
    assert person({}, name_suffix="-msu").name == "ann-msu"
    assert person({"eppn": "Ann@Example.org"}, name_claim="eppn").name == "ann@example.org"
    assert person({"name": "Ann\x00 \u202eB"}).display_name == "Ann B"


@pytest.mark.parametrize("name", ["", None, 7, ["ann"], "..", ".", "a b", "a\n", "é", "a" * 101, "ocid1.user.x", "a:b", "a'b", "<b>"])
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(SignInRefused):
        person({"preferred_username": name})


@pytest.mark.parametrize(("claim", "values"), [
    (["A", "b ", ""], ("a", "b")), ("member@x;STAFF@x", ("member@x", "staff@x")), (None, ()), (7, ()), ({"a": 1}, ()),
    ([1, None, ["x"], "y"], ("y",)),
])  # fmt: skip
def test_values_of_a_claim(claim: Any, values: tuple[str, ...]) -> None:
    assert values_of(claim) == values


def test_what_claims_open() -> None:
    found = person(
        {"groups": ["Member@example.org", "/ops", "x[a]"]},
        organisations=(("member@example.org", "physics"), ("*@example.org", "physics"), ("*@elsewhere", "no"), ("x?a?", "no"), ("x[a]", "yes")),
        groups=(("/ops", "Ops"), ("/admins", "Admins")),
    )  # fmt: skip
    assert found.organisations == ("physics", "yes") and found.groups == ("Ops",) and found.groups_mapped == ("Ops", "Admins")


def test_only_a_verified_address_counts() -> None:
    assert person({"email": "a@x.org", "email_verified": True}).email == "a@x.org"
    for claims in ({"email": "a@x.org"}, {"email": "a@x.org", "email_verified": False}, {"email": "a@x.org", "email_verified": 1.5},
                   {"email": "a b@x", "email_verified": True}, {"email": ["a@x"], "email_verified": True}):  # fmt: skip
        assert person(claims).email == ""


def test_who_has_none_of_the_allowed_values_is_refused() -> None:
    assert person({"groups": "staff@example.org"}, allow=("*@example.org",))
    for groups in (None, "staff@example.org.evil", ["x"]):
        with pytest.raises(SignInRefused):
            person({"groups": groups}, allow=("*@example.org",))


def test_a_sign_in_under_way_is_sealed_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    seal, pending = Seal(b"s" * 32), new_pending("oidc", "1")
    text = seal.close(pending)
    assert seal.open(text) == pending and len(pending.verifier) >= 43 and pending.challenge == challenge_of(pending.verifier)
    assert pending.verifier not in repr(pending) and pending.verifier not in text
    for other in ("", "x", text[:-4] + "AAAA", text[:50], "é", "x" * 5000, Seal(b"t" * 32).close(pending)):
        assert seal.open(other) is None
    assert Seal(b"t" * 32).open(text) is None
    now = time.time()
    monkeypatch.setattr("cryptography.fernet.time.time", lambda: now + 601)
    assert seal.open(text) is None


CHALLENGE, STATE = "a" * 43, "b" * 16
NOBODY_WAITS = [
    "", "x", f"80.{CHALLENGE}.{STATE}", f"70000.{CHALLENGE}.{STATE}", f"8080.{CHALLENGE[1:]}.{STATE}", f"8080.{CHALLENGE}.{STATE}\n",
    f"8080.{CHALLENGE}.{'&' * 16}",
]  # fmt: skip


@pytest.mark.parametrize("text", NOBODY_WAITS)
def test_what_no_program_waits_with(text: str) -> None:
    assert waiting_of(text) is None
    assert waiting_of(f"8080.{CHALLENGE}.{STATE}") is not None


def test_beginnings_are_bounded_for_each_address() -> None:
    rate = Rate()
    assert [rate.take("a") for _ in range(Rate.PER_MINUTE + 5)].count(True) == Rate.PER_MINUTE
    assert rate.take("b")
    for number in range(Rate.ADDRESSES_MAX + 10):
        rate.take(str(number))
    assert len(rate._seen) <= Rate.ADDRESSES_MAX
