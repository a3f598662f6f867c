"""The services of identity: what they make, refuse, change and delete, alone, at once and after a crash."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
import pytest

from holdfast.engine.memory.engine import MemoryEngine
from holdfast.identities.directory import Directory
from holdfast.identities.documents import Taken, Unknown
from holdfast.identities.first_start import ADMINISTRATORS, STATEMENT, ensure_first
from holdfast.identities.master import MasterKey
from holdfast.identities.names import canonical_id_of_email, display_name
from holdfast.model.identity import SERVICE_ACCOUNT, Binding, Tenancy, User
from holdfast.model.ocids import TYPES, bucket_ocid, derived_ocid, new_ocid, type_of

T = TypeVar("T")
OCID = re.compile(r"ocid1\.[a-z]+\.oc1\.([a-z0-9-]*)\.[a-z2-7]{60}")


def run(steps: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(steps)


@pytest.fixture
def directory() -> Directory:
    made = Directory(MemoryEngine().registry, MasterKey({"00000001": b"k" * 32}))
    run(ensure_first(made, access_key="ROOT", secret="root-secret", now_ms=1))
    return made


@pytest.fixture
def home(directory: Directory) -> Tenancy:
    found = run(directory.tenancies.by_name("holdfast"))
    assert found is not None
    return found


def person(directory: Directory, name: str, **given: Any) -> User:
    return run(directory.users.create_user(User(**({"id": "", "name": name, "canonical_id": "", "display_name": "", "rights": "none"} | given))))


def test_M7_ids_are_ocids(directory: Directory, home: Tenancy) -> None:
    user = person(directory, "ann")
    group = run(directory.groups.create(home.id, "g", "", 1))
    made = [
        home.id, user.id, group.id, run(directory.compartments.create(home.id, home.id, "c", "", 1)).id,
        run(directory.policies.create(home.id, home.id, "p", ("x",), "", 1)).id, run(directory.organisations.create(home.id, "o", "", "", 1)).id,
        run(directory.groups.add_user(group.id, user.id, 1)).id, run(directory.tokens.create(user.id, "", 1))[0].id,
        person(directory, "robot", kind=SERVICE_ACCOUNT).id, bucket_ocid("eu-1", "default", 7),
    ]  # fmt: skip
    made.append(run(directory.work_requests.record("DELETE_COMPARTMENT", "c", home.id, 1)).id)
    assert {type_of(id) for id in made} == TYPES and all(OCID.fullmatch(id) for id in made)
    assert bucket_ocid("eu-1", "default", 7) == made[-2] != bucket_ocid("eu-1", "default", 8)
    assert len({new_ocid("user") for _ in range(50)} | {derived_ocid("user", "a"), derived_ocid("user", "b")}) == 52
    assert [type_of(text) for text in ("", "ocid1.user.oc1..x", made[1] + "a", made[1].upper(), "ocid1.cat.oc1.." + "a" * 60)] == [""] * 5


def test_M21_the_first_start_makes_the_administrators_and_their_policy(directory: Directory, home: Tenancy) -> None:
    assert (home.namespace, STATEMENT) == ("default", "Allow group Administrators to manage all-resources in tenancy")
    group, policy = run(directory.groups.by_name(home.id, ADMINISTRATORS)), run(directory.policies.by_name(home.id, ADMINISTRATORS))
    assert group is not None and policy is not None
    assert (policy.statements, policy.compartment) == ((STATEMENT,), home.id)
    assert [(user.name, user.rights) for user in run(directory.groups.members(group.id))] == [("administrator", "none")]


def test_a_second_start_changes_nothing_and_a_key_given_lets_in_who_is_locked_out(directory: Directory, home: Tenancy) -> None:
    before = directory.registry.generation()
    run(ensure_first(directory, access_key="ROOT", secret="root-secret", now_ms=2))
    assert directory.registry.generation() == before
    group = run(directory.groups.by_name(home.id, ADMINISTRATORS))
    policy = run(directory.policies.by_name(home.id, ADMINISTRATORS))
    admin = run(directory.users.by_name("administrator"))
    assert group is not None and policy is not None and admin is not None
    run(directory.policies.delete(policy.id))
    run(directory.groups.remove_user(group.id, admin.id))
    run(ensure_first(directory, access_key="", secret="", now_ms=3))
    assert run(directory.policies.by_name(home.id, ADMINISTRATORS)) is None and run(directory.groups.members(group.id)) == []
    run(ensure_first(directory, access_key="ROOT", secret="root-secret", now_ms=4))
    assert run(directory.policies.by_name(home.id, ADMINISTRATORS)) is not None
    assert [user.name for user in run(directory.groups.members(group.id))] == ["administrator"]


def test_M3_names_and_namespaces_of_tenancies_are_unique(directory: Directory) -> None:
    acme = run(directory.tenancies.create("Acme", "acme-ns", 1))
    for name, namespace in (("acme", "other"), ("other", "acme-ns"), ("other", "default")):
        with pytest.raises(Taken):
            run(directory.tenancies.create(name, namespace, 1))
    for found in (directory.tenancies.by_namespace("acme-ns"), directory.tenancies.by_name("ACME"), directory.tenancies.get(acme.id)):
        assert run(found) == acme
    changed = run(directory.tenancies.change(msgspec.structs.replace(acme, name="Acme2", namespace="ignored", description="d")))
    assert (changed.name, changed.namespace, run(directory.tenancies.by_name("acme"))) == ("Acme2", "acme-ns", None)
    assert {tenancy.name for tenancy in run(directory.tenancies.all())} == {"holdfast", "Acme2"}
    assert person(directory, "ann", tenancy=acme.id).namespace == "acme-ns"
    with pytest.raises(Unknown):
        person(directory, "bob", tenancy="ocid1.tenancy.oc1..nobody")


def test_M13_compartments_are_a_tree_below_the_tenancy(directory: Directory, home: Tenancy) -> None:
    service = directory.compartments
    a = run(service.create(home.id, home.id, "A", "", 1))
    b = run(service.create(home.id, a.id, "b", "", 1))
    root = run(service.get(home.id))
    assert root is not None
    assert (root.id, root.name, root.parent, run(service.by_path(home.id, ""))) == (home.id, "holdfast", "", root)
    assert (run(service.by_path(home.id, "a:B")), run(service.by_path(home.id, "b")), run(service.by_path(home.id, "a:"))) == (b, None, None)
    with pytest.raises(Taken):
        run(service.create(home.id, home.id, "a", "", 1))
    assert run(service.create(home.id, a.id, "a", "", 1)).name == "a"
    for parent in ("ocid1.compartment.oc1..nobody", run(directory.tenancies.create("t", "t", 1)).id):
        with pytest.raises(Unknown):
            run(service.create(home.id, parent, "x", "", 1))
    with pytest.raises(Taken):
        run(service.delete(a.id))
    for parent in (a.id, b.id):
        with pytest.raises(Taken):
            run(service.change(msgspec.structs.replace(a, parent=parent)))
    moved = run(service.change(msgspec.structs.replace(b, parent=home.id, name="B2")))
    assert (run(service.by_path(home.id, "b2")), run(service.by_path(home.id, "a:b"))) == (moved, None)
    run(service.delete(b.id))
    assert run(service.get(b.id)) is None and run(service.by_path(home.id, "b2")) is None
    with pytest.raises(Unknown):
        run(service.delete(b.id))


def test_M24_a_user_is_in_a_group_once(directory: Directory, home: Tenancy) -> None:
    groups, ann = directory.groups, person(directory, "ann")
    group = run(groups.create(home.id, "Devs", "", 1))
    made = run(groups.add_user(group.id, ann.id, 5))
    with pytest.raises(Taken):
        run(groups.add_user(group.id, ann.id, 6))
    found = run(groups.membership(made.id))
    assert found is not None and (found[0], found[1].name) == (made, "ann")
    assert [user.name for user in run(groups.members(group.id))] == ["ann"]
    with pytest.raises(Taken, match="ann"):
        run(groups.delete(group.id))
    run(directory.users.change_user(msgspec.structs.replace(ann, description="stale: read before it joined")))
    assert [user.description for user in run(groups.members(group.id))] == ["stale: read before it joined"]
    run(groups.remove_user(group.id, ann.id))
    with pytest.raises(Unknown):
        run(groups.remove_user(group.id, ann.id))
    assert run(groups.membership(made.id)) is None
    run(groups.delete(group.id))
    assert run(groups.by_name(home.id, "devs")) is None
    stranger = person(directory, "eve", tenancy=run(directory.tenancies.create("t", "t", 1)).id)
    other = run(groups.create(home.id, "Devs", "", 1))
    for group_id, user_id in ((other.id, stranger.id), (group.id, ann.id), (other.id, "nobody")):
        with pytest.raises(Unknown):
            run(groups.add_user(group_id, user_id, 1))
    assert not [document for document in run(directory.registry.all("membership")) if document.name == made.id]


def test_policies_are_found_changed_and_deleted(directory: Directory, home: Tenancy) -> None:
    policies = directory.policies
    made = run(policies.create(home.id, home.id, "P", ("one", "two"), "d", 1, "2024-01-01"))
    with pytest.raises(Taken):
        run(policies.create(home.id, home.id, "p", ("x",), "", 1))
    with pytest.raises(Unknown):
        run(policies.create(home.id, "ocid1.compartment.oc1..no", "q", ("x",), "", 1))
    changed = run(policies.change(msgspec.structs.replace(made, statements=("three",), name="Q", version_date="")))
    assert (run(policies.by_name(home.id, "q")), run(policies.by_name(home.id, "p")), changed.statements) == (changed, None, ("three",))
    assert {policy.name for policy in run(policies.all(home.id))} == {ADMINISTRATORS, "Q"}
    assert {policy.name for policy in run(directory.world(home.id)).policies} == {ADMINISTRATORS, "Q"}
    run(policies.delete(made.id))
    assert run(policies.get(made.id)) is None


def test_roles_are_bound_to_users_service_accounts_and_groups(directory: Directory, home: Tenancy) -> None:
    robot = person(directory, "robot", kind=SERVICE_ACCOUNT)
    group = run(directory.groups.create(home.id, "g", "", 1))
    binding = Binding(role="storage.editor", scope="compartment", target="c", created_ms=1)
    for id in (robot.id, group.id):
        assert run(directory.roles.bind(id, binding)).roles == (binding,)
        with pytest.raises(Taken):
            run(directory.roles.bind(id, msgspec.structs.replace(binding, created_ms=2)))
        with pytest.raises(Unknown):
            run(directory.roles.unbind(id, "storage.editor", "compartment", "d"))
        assert run(directory.roles.unbind(id, "storage.editor", "compartment", "c")).roles == ()
    for nobody in (new_ocid("group"), new_ocid("user")):
        with pytest.raises(Unknown):
            run(directory.roles.bind(nobody, binding))


def test_M134_M135_an_enrolment_is_an_identity_of_its_own(directory: Directory, home: Tenancy) -> None:
    ann, registry = person(directory, "Ann", email="ann@example.com"), directory.registry
    chem = run(directory.organisations.create(home.id, "YourOrg", "Your Org", "", 1))
    assert run(directory.organisations.enrol(ann.id, chem.id, 2)).canonical_id == "ann_yourorg"
    assert run(display_name(registry, "ann_yourorg")) == "ann_yourorg" and run(display_name(registry, ann.canonical_id)) == "Ann"
    found = run(directory.users.by_canonical_id("ann_yourorg"))
    assert found is not None and found.id == ann.id and run(canonical_id_of_email(registry, "ann@example.com")) == ann.canonical_id
    for wrong in (lambda: directory.organisations.enrol(ann.id, chem.id, 2), lambda: directory.organisations.delete(chem.id)):
        with pytest.raises(Taken):
            run(wrong())
    other = person(directory, "other", canonical_id="ben_yourorg")
    ben = person(directory, "ben")
    with pytest.raises(Taken):
        run(directory.organisations.enrol(ben.id, chem.id, 2))
    assert run(display_name(registry, other.canonical_id)) == "other"
    run(directory.organisations.leave(ann.id, chem.id))
    assert run(display_name(registry, "ann_yourorg")) is None
    run(directory.organisations.delete(chem.id))
    with pytest.raises(Unknown):
        run(directory.organisations.enrol(ann.id, chem.id, 2))


def test_a_deleted_user_leaves_nothing_that_resolves(directory: Directory, home: Tenancy) -> None:
    ann = person(directory, "ann", email="ann@example.com")
    group = run(directory.groups.create(home.id, "g", "", 1))
    membership = run(directory.groups.add_user(group.id, ann.id, 1))
    key = run(directory.keys.create(ann.id, 1))
    _, text = run(directory.tokens.create(ann.id, "", 1))
    run(directory.passwords.set(ann.id, "pass"))
    session = run(directory.sessions.create(ann.id, 1, 60))
    run(directory.users.delete_user(ann.id))
    assert run(directory.users.by_name("ann")) is None and run(directory.users.by_email("ann@example.com")) is None
    assert run(directory.keys.get(key.access_key)) is None and run(directory.tokens.credential(text)) is None
    assert run(directory.groups.membership(membership.id)) is None and run(directory.sessions.find(session, 2)) is None
    assert not run(directory.passwords.has(ann.id))
    for kind in ("user", "key", "token", "token-id", "token-slot", "password", "session", "membership", "api-key"):
        for document in run(directory.registry.all(kind)):
            assert ann.id.encode() not in document.value and ann.id not in document.name, kind
    run(directory.groups.delete(group.id))
    assert person(directory, "ann", email="ann@example.com").id != ann.id
    with pytest.raises(Unknown):
        run(directory.users.delete_user(ann.id))


def test_names_are_taken_once_by_whoever_comes_at_once() -> None:
    """Every order of the steps of two who make the same name: never both, and never a name that leads to nobody who has it."""

    class Switching(type(MemoryEngine().registry)):  # type: ignore[misc]
        """Lets the other one run before each step, as `order` says."""

        order: list[int]

        async def get(self, kind: str, name: str) -> Any:
            await asyncio.sleep(0)
            for _ in range(self.order.pop() if self.order else 0):
                await asyncio.sleep(0)
            return await super().get(kind, name)

        async def put(self, kind: str, name: str, value: bytes, expect_revision: int | None = None) -> Any:
            await asyncio.sleep(0)
            for _ in range(self.order.pop() if self.order else 0):
                await asyncio.sleep(0)
            return await super().put(kind, name, value, expect_revision)

    async def race(order: list[int]) -> None:
        registry = Switching()
        registry.order = []
        directory = Directory(registry, MasterKey({"00000001": b"k" * 32}))
        tenancy = await directory.tenancies.create("t", "t", 1)
        registry.order = order
        results = await asyncio.gather(*(directory.groups.create(tenancy.id, "same", "", 1) for _ in range(2)), return_exceptions=True)
        stored = await directory.groups.all(tenancy.id)
        assert all(isinstance(result, Taken) or result in stored for result in results)
        assert len(stored) <= 1
        found = await directory.groups.by_name(tenancy.id, "same")
        assert found == (stored[0] if stored else None)

    import random

    dice = random.Random(7)
    for _ in range(400):
        run(race([dice.randrange(4) for _ in range(24)]))


def test_nobodys_change_is_lost(directory: Directory, home: Tenancy) -> None:
    ann = person(directory, "ann")
    groups = [run(directory.groups.create(home.id, f"g{number}", "", 1)) for number in range(6)]

    async def together() -> None:
        await asyncio.gather(*(directory.groups.add_user(group.id, ann.id, 1) for group in groups))

    run(together())
    found = run(directory.users.user(ann.id))
    assert found is not None and {membership.group for membership in found.memberships} == {group.id for group in groups}
