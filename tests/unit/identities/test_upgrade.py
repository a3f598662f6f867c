"""A store made before there were tenancies opens: its users and keys work as before, also when the first try was cut off anywhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from holdfast.authz.gather import ask
from holdfast.authz.grants import compile_grants
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.engine.memory.registry import MemoryRegistry
from holdfast.identities.cache import Keys
from holdfast.identities.directory import Directory
from holdfast.identities.first_start import Administrator, ensure_first
from holdfast.identities.master import MasterKey
from holdfast.identities.names import canonical_id_of_email, display_name
from holdfast.model.buckets import Bucket
from holdfast.model.identity import Caller
from holdfast.model.ocids import type_of

T = TypeVar("T")
MASTER = MasterKey({"00000001": b"k" * 32})


def run(steps: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(steps)


def old_store() -> MemoryRegistry:
    """The documents as version 0.1 wrote them."""
    registry: MemoryRegistry = MemoryEngine().registry
    for id, name, canonical_id, email, rights in (
        ("administrator", "administrator", "c0", "", "all"),
        ("c1", "ann", "c1", "Ann@example.com", "own-buckets"),
        ("c2", "olga", "c2", "", "all"),
    ):
        user = {"id": id, "name": name, "canonical_id": canonical_id, "display_name": name.title(), "email": email, "rights": rights}
        run(registry.put("user", id, json.dumps(user | {"namespace": "default"}).encode()))
        for kind, lead in (("name", name), ("canonical", canonical_id), ("email", email.lower())):
            if lead:
                run(registry.put(kind, lead, id.encode()))
        key = {"access_key": f"K-{name}", "user_id": id, "status": "ACTIVE", "created_ms": 1, "expires_ms": 0}
        import base64

        sealed = base64.b64encode(MASTER.seal("key", f"K-{name}", f"secret of {name}".encode())).decode()
        run(registry.put("key", f"K-{name}", json.dumps(key | {"sealed_secret": sealed}).encode()))
    run(registry.put("administrator", "key", b"K-administrator"))
    return registry


def check(registry: MemoryRegistry) -> None:
    directory = Directory(registry, MASTER)
    assert run(ensure_first(directory, access_key="", secret="", now_ms=5)) == Administrator("K-administrator")
    keys = Keys(registry, directory, compile_grants)
    for name, canonical_id, rights in (("administrator", "c0", "all"), ("ann", "c1", "own-buckets"), ("olga", "c2", "all")):
        found = run(keys.find(f"K-{name}"))
        assert found is not None and found.secret == f"secret of {name}" and found.grants is not None
        user = run(directory.users.by_name(name))
        assert user is not None and found.user == user == run(directory.users.by_canonical_id(canonical_id))
        assert type_of(user.id) == "user" and user.tenancy == run(directory.tenancies.default_id()) and user.namespace == "default"
        somebodys = Bucket(namespace="default", name="b", region="r", owner="somebody")
        caller = Caller(how="v4-header", user=user, grants=found.grants)
        assert ask(caller, "s3:PutBucketAcl", somebodys).allowed is (rights == "all")
        assert ask(caller, "s3:CreateBucket", None).allowed and user.rights == ("none" if rights == "all" else rights)
        assert run(display_name(registry, canonical_id)) == name.title()
    assert run(canonical_id_of_email(registry, "ann@example.com")) == "c1"
    assert len(run(directory.users.all())) == 3 and len(run(directory.groups.all(run(directory.tenancies.default_id())))) == 1
    for user in run(directory.users.all()):
        for membership in user.memberships:
            assert run(directory.groups.membership(membership.id)) == (membership, user)
    before = registry.generation()
    run(ensure_first(directory, access_key="", secret="", now_ms=6))
    assert registry.generation() == before


def test_an_old_store_opens_and_everybody_is_who_he_was() -> None:
    check(old_store())


class Cut(Exception):
    """The power is cut."""


@pytest.mark.parametrize("steps", range(30))
def test_what_was_cut_off_is_done_again(steps: int) -> None:
    registry = old_store()
    put, put_all, delete, left = registry.put, registry.put_all, registry.delete, [steps]

    def counted(function: Any) -> Any:
        async def step(*args: Any, **given: Any) -> Any:
            if left[0] == 0:
                raise Cut
            left[0] -= 1
            return await function(*args, **given)

        return step

    registry.put, registry.put_all, registry.delete = counted(put), counted(put_all), counted(delete)  # type: ignore[method-assign]
    try:
        run(ensure_first(Directory(registry, MASTER), access_key="", secret="", now_ms=5))
    except Cut:
        pass
    else:
        assert steps >= 24, "all of it takes so many steps"
    registry.put, registry.put_all, registry.delete = put, put_all, delete  # type: ignore[method-assign]
    check(registry)
