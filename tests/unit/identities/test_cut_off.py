"""Every change of identities, cut off after each of its steps: what is left reads right, and the change can be made again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from holdfast.engine.memory.engine import MemoryEngine
from holdfast.identities.directory import Directory
from holdfast.identities.documents import Taken, Unknown
from holdfast.identities.first_start import ensure_first
from holdfast.identities.master import MasterKey
from holdfast.model.identity import User

STEPS_MAX = 16
Change = Callable[[Directory, str], Awaitable[Any]]


class Cut(Exception):
    """The power is cut."""


async def ann_of(directory: Directory) -> User:
    found = await directory.users.by_name("ann")
    assert found is not None
    return found


async def group_of(directory: Directory, tenancy: str) -> str:
    found = await directory.groups.by_name(tenancy, "devs")
    assert found is not None
    return found.id


async def organisation_of(directory: Directory, tenancy: str) -> str:
    found = await directory.organisations.by_name(tenancy, "chem")
    assert found is not None
    return found.id


async def rename(directory: Directory, tenancy: str) -> None:
    user = await directory.users.by_name("ann") or await directory.users.by_name("ann2")
    assert user is not None
    await directory.users.change_user(msgspec.structs.replace(user, name="ann2", email="new@example.org"))


async def leave(directory: Directory, tenancy: str) -> None:
    group = await group_of(directory, tenancy)
    for member in await directory.groups.members(group):
        await directory.groups.remove_user(group, member.id)
    await directory.groups.delete(group)


CHANGES: dict[str, Change] = {
    "make a user": lambda d, t: d.users.create_user(User(id="", name="bob", canonical_id="", display_name="", email="b@example.org")),
    "make a group": lambda d, t: d.groups.create(t, "more", "", 2),
    "make a compartment": lambda d, t: d.compartments.create(t, t, "place", "", 2),
    "make a policy": lambda d, t: d.policies.create(t, t, "p", ("s",), "", 2),
    "rename a user": rename,
    "join a group": lambda d, t: _then(group_of(d, t), ann_of(d), lambda group, ann: d.groups.add_user(group, ann.id, 2)),
    "empty and delete a group": leave,
    "join an organisation": lambda d, t: _then(organisation_of(d, t), ann_of(d), lambda chem, ann: d.organisations.enrol(ann.id, chem, 2)),
    "make a key": lambda d, t: _then(ann_of(d), ann_of(d), lambda ann, _: d.keys.create(ann.id, 2, "NEWKEY")),
    "rotate a key": lambda d, t: d.keys.rotate("ANNSKEY", 0, 2),
    "make a token": lambda d, t: _then(ann_of(d), ann_of(d), lambda ann, _: d.tokens.create(ann.id, "", 2, text="hft_" + "n" * 43)),
    "delete a user": lambda d, t: _then(ann_of(d), ann_of(d), lambda ann, _: d.users.delete_user(ann.id)),
}


async def _then(first: Awaitable[Any], second: Awaitable[Any], change: Callable[[Any, Any], Awaitable[Any]]) -> Any:
    return await change(*await asyncio.gather(first, second))


async def store() -> tuple[Directory, str]:
    directory = Directory(MemoryEngine().registry, MasterKey({"00000001": b"k" * 32}))
    await ensure_first(directory, access_key="ROOT", secret="root-secret", now_ms=1)
    tenancy = await directory.tenancies.default_id()
    ann = await directory.users.create_user(User(id="", name="ann", canonical_id="", display_name="", email="ann@example.org"))
    group = await directory.groups.create(tenancy, "devs", "", 1)
    await directory.groups.create(tenancy, "others", "", 1)
    chem = await directory.organisations.create(tenancy, "chem", "", "", 1)
    ben = await directory.users.create_user(User(id="", name="ben", canonical_id="", display_name=""))
    await directory.groups.add_user(group.id, ben.id, 1)
    await directory.organisations.enrol(ben.id, chem.id, 1)
    await directory.keys.create(ann.id, 1, "ANNSKEY")
    await directory.tokens.create(ann.id, "", 1, text="hft_" + "a" * 43)
    return directory, tenancy


async def check(directory: Directory, tenancy: str) -> None:
    """Names lead to what has them, each to one only; credentials to users that are there; memberships to groups that are there."""
    users = await directory.users.all()
    for user in users:
        assert await directory.users.by_name(user.name) == user == await directory.users.by_canonical_id(user.canonical_id)
        assert not user.email or await directory.users.by_email(user.email) == user
        for membership in user.memberships:
            assert await directory.groups.get(membership.group) is not None
            assert await directory.groups.membership(membership.id) == (membership, user)
        for enrolment in user.enrolments:
            assert await directory.users.by_canonical_id(enrolment.canonical_id) == user
    for service in (directory.groups, directory.policies, directory.organisations):
        found: list[Any] = await service.all(tenancy)
        for each in found:
            assert await service.by_name(tenancy, each.name) == each
    for compartment in await directory.compartments.all(tenancy):
        assert await directory.compartments.by_path(tenancy, compartment.name) == compartment
    there = {user.id for user in users}
    for access_key in ("ROOT", "ANNSKEY", "NEWKEY", "hft_" + "a" * 43, "hft_" + "n" * 43):
        credential = await (directory.tokens if access_key.startswith("hft_") else directory.keys).credential(access_key)
        assert credential is None or credential.user.id in there


async def cut_off(change: Change, steps: int) -> bool:
    """Whether the change was cut off; it is made again afterwards."""
    directory, tenancy = await store()
    registry: Any = directory.registry
    put, put_all, delete, left = registry.put, registry.put_all, registry.delete, [steps]

    def counted(function: Any) -> Any:
        async def step(*args: Any, **given: Any) -> Any:
            if left[0] == 0:
                raise Cut
            left[0] -= 1
            return await function(*args, **given)

        return step

    registry.put, registry.put_all, registry.delete = counted(put), counted(put_all), counted(delete)
    try:
        await change(directory, tenancy)
        whole = True
    except Cut:
        whole = False
    registry.put, registry.put_all, registry.delete = put, put_all, delete
    await check(directory, tenancy)
    with contextlib.suppress(Taken, Unknown, AssertionError):  # where it was made: its last step was the one that counted
        await change(directory, tenancy)
    await check(directory, tenancy)
    return not whole


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_is_cut_off_leaves_what_reads_right(name: str) -> None:
    cuts = [asyncio.run(cut_off(CHANGES[name], steps)) for steps in range(STEPS_MAX)]
    assert cuts[0] and not cuts[-1], "the first step must be among those that were cut, and the last one too"
