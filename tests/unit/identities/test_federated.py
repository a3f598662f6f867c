"""Who signs in by an issuer becomes one user, whatever else is there; enrolment requests and managers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from holdfast.engine.memory.engine import MemoryEngine
from holdfast.federation.pending import challenge_of
from holdfast.identities.directory import Directory
from holdfast.identities.documents import Taken, Unknown
from holdfast.identities.enrolment_requests import OF_USER_MAX
from holdfast.identities.federated import arrive
from holdfast.identities.first_start import ensure_first
from holdfast.identities.master import MasterKey
from holdfast.model.federation import Person, SignInRefused
from holdfast.model.identity import User


def person(name: str = "ann", **more: Any) -> Person:
    return Person(**{"subject": f"https://login.example.org {name}", "name": name, **more})


def scenario(steps: Callable[[Directory, str], Awaitable[None]]) -> None:
    async def run() -> None:
        engine: Any = MemoryEngine()
        directory = Directory(engine.registry, MasterKey({"00000001": b"k" * 32}))
        await ensure_first(directory, access_key="ADMIN", secret="secret-secret", now_ms=1)
        await steps(directory, await directory.tenancies.default_id())

    asyncio.run(run())


def test_first_sign_ins_at_once_make_one_user() -> None:
    async def steps(directory: Directory, tenancy: str) -> None:
        found = await asyncio.gather(*(arrive(directory, person(), tenancy, 1) for _ in range(8)))
        assert len({arrival.user.id for arrival in found}) == 1
        assert found[0].user.rights == "none" and found[0].user.canonical_id

    scenario(steps)


def test_a_name_and_an_address_are_never_taken_over() -> None:
    async def steps(directory: Directory, tenancy: str) -> None:
        there = await directory.users.create_user(
            User(id="", name="ann", canonical_id="", display_name="", email="ann@example.org", tenancy=tenancy)
        )
        with pytest.raises(SignInRefused):
            await arrive(directory, person("ann"), tenancy, 1)
        ben = (await arrive(directory, person("ben", email="ANN@example.org"), tenancy, 1)).user
        assert ben.email == "" and ben.id != there.id
        await directory.users.change_user(User(id=there.id, name="ann", canonical_id=there.canonical_id, display_name="", email=""))
        assert (await arrive(directory, person("ben", email="ann@example.org"), tenancy, 1)).user.email == "ann@example.org"
        # an administrator lets him sign in as a user who is there
        await directory.users.set_subject(there.id, person("ann").subject)
        assert (await arrive(directory, person("ann"), tenancy, 1)).user.id == there.id
        with pytest.raises(Taken):
            await directory.users.set_subject(ben.id, person("ann").subject)
        await directory.users.set_subject(there.id, "")
        with pytest.raises(SignInRefused):
            await arrive(directory, person("ann"), tenancy, 1)

    scenario(steps)


def test_a_new_name_at_the_issuer_is_the_same_user_and_a_deleted_user_comes_back_as_another() -> None:
    async def steps(directory: Directory, tenancy: str) -> None:
        first = (await arrive(directory, person(), tenancy, 1)).user
        renamed = person(subject=person().subject, display_name="Ann B")
        again = (await arrive(directory, Person(subject=renamed.subject, name="other", display_name="Ann B"), tenancy, 2)).user
        assert (again.id, again.name, again.display_name) == (first.id, "ann", "Ann B")
        await directory.users.delete_user(first.id)
        later = await arrive(directory, person(), tenancy, 3)
        assert later.user.id != first.id and later.changes == ["made"]

    scenario(steps)


def test_claims_open_organisations_and_groups_that_are_there() -> None:
    async def steps(directory: Directory, tenancy: str) -> None:
        physics = await directory.organisations.create(tenancy, "physics", "", "", 1, "request")
        group = await directory.groups.create(tenancy, "Ops", "", 1)
        plain = await arrive(directory, person(), tenancy, 1)
        await directory.enrolment_requests.ask(plain.user.id, physics.id, "", 1)
        opened = person(organisations=("physics", "nowhere"), groups=("ops", "none"), groups_mapped=("ops", "none"))
        came = await arrive(directory, opened, tenancy, 2)
        assert came.changes == ["enrolled in physics", "no organisation nowhere", "joined group ops", "no group none"]
        assert await directory.enrolment_requests.get(came.user.id, physics.id) is None
        assert (await arrive(directory, opened, tenancy, 3)).changes == ["no organisation nowhere", "no group none"]
        gone = await arrive(directory, person(groups_mapped=("ops",)), tenancy, 4)
        assert gone.changes == ["left group ops"] and gone.user.enrolments and group.id not in [each.group for each in gone.user.memberships]

    scenario(steps)


def test_a_token_of_an_ended_enrolment_does_not_come_back_with_a_new_one() -> None:
    async def steps(directory: Directory, tenancy: str) -> None:
        physics = await directory.organisations.create(tenancy, "physics", "", "", 1)
        user = (await arrive(directory, person(organisations=("physics",)), tenancy, 1)).user
        _, text = await directory.tokens.create(user.id, physics.id, 1)
        assert await directory.tokens.credential(text) is not None
        await directory.organisations.leave(user.id, physics.id)
        assert await directory.tokens.credential(text) is None
        await directory.organisations.enrol(user.id, physics.id, 2)
        assert await directory.tokens.credential(text) is None and await directory.tokens.of_user(user.id) == []

    scenario(steps)


def test_requests_have_a_life_and_bounds() -> None:
    async def steps(directory: Directory, tenancy: str) -> None:
        requests, organisations = directory.enrolment_requests, directory.organisations
        user = (await arrive(directory, person(), tenancy, 1)).user
        closed = await organisations.create(tenancy, "closed", "", "", 1)
        opened = [await organisations.create(tenancy, f"o{number}", "", "", 1, "request") for number in range(OF_USER_MAX + 1)]
        with pytest.raises(Unknown):
            await requests.ask(user.id, closed.id, "", 1)
        made = await asyncio.gather(*(requests.ask(user.id, opened[0].id, "", 1) for _ in range(4)), return_exceptions=True)
        assert [type(each) for each in made].count(Taken) == 3
        with pytest.raises(Unknown):
            await requests.approve(user.id, opened[1].id, 1)
        assert (await requests.refuse(user.id, opened[0].id)).status == "REFUSED"
        with pytest.raises(Taken, match="refused"):
            await requests.ask(user.id, opened[0].id, "", 1)
        assert (await requests.approve(user.id, opened[0].id, 1)).canonical_id == "ann_o0"
        with pytest.raises(Taken):
            await requests.ask(user.id, opened[0].id, "", 1)
        for organisation in opened[1:]:
            await requests.ask(user.id, organisation.id, "", 1)
        more = await organisations.create(tenancy, "more", "", "", 1, "request")
        with pytest.raises(Taken, match="undecided"):
            await requests.ask(user.id, more.id, "", 1)
        await organisations.delete(opened[1].id)
        assert len(await requests.of_user(user.id)) == OF_USER_MAX - 1
        await directory.users.delete_user(user.id)
        assert await requests.of_user(user.id) == [] and await requests.of_organisation(opened[2].id) == []

    scenario(steps)


def test_only_a_member_is_a_manager_and_only_as_long_as_he_is_one() -> None:
    async def steps(directory: Directory, tenancy: str) -> None:
        physics = await directory.organisations.create(tenancy, "physics", "", "", 1)
        user = (await arrive(directory, person(), tenancy, 1)).user
        with pytest.raises(Unknown):
            await directory.organisations.set_manager(user.id, physics.id, True)
        await directory.organisations.enrol(user.id, physics.id, 1)
        assert (await directory.organisations.set_manager(user.id, physics.id, True)).manager
        await directory.organisations.leave(user.id, physics.id)
        assert not (await directory.organisations.enrol(user.id, physics.id, 2)).manager

    scenario(steps)


def test_codes_count_once_with_their_verifier_until_they_end_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(directory: Directory, tenancy: str) -> None:
        codes, challenge = directory.sign_in_codes, challenge_of("v")
        code = await codes.make("user", challenge, 1)
        assert await codes.take(code, "w", 1) == "" and await codes.take(code, "v", 1) == ""  # a wrong verifier ends it
        code = await codes.make("user", challenge, 1)
        taken = await asyncio.gather(*(codes.take(code, "v", 1) for _ in range(5)))
        assert sorted(taken) == ["", "", "", "", "user"]
        late = await codes.make("user", challenge, 1)
        assert await codes.take(late, "v", 1 + 120_000) == "" and await codes.take("nobody's", "v", 1) == ""
        monkeypatch.setattr("holdfast.identities.sign_in_codes.CODES_MAX", 2)
        kept = [await codes.make("user", challenge, 1) for _ in range(2)]
        with pytest.raises(Taken):
            await codes.make("user", challenge, 1)
        await codes.make("user", challenge, 1 + 120_000)
        assert await codes.take(kept[0], "v", 1) == ""  # it had ended, and was taken out

    scenario(steps)
