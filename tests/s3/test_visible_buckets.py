"""M136, M155: who sees which buckets in ListBuckets."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from holdfast.authz.gather import authorize
from holdfast.config.settings import Settings
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.model import acl
from holdfast.model.identity import Binding, Caller, Tenancy
from holdfast.model.messages import Request
from holdfast.s3.handle import S3
from tests.unit.authz.worlds import DEV, OPS, ROOT, A, B, C, bucket, caller_of, user, world
from tests.unit.s3.calls import GivenBody

PUBLIC = {acl.SETTING: acl.stored((acl.Grant(acl.ALL_USERS, acl.FULL_CONTROL),), "somebody")}


def listed(who: Caller) -> list[str] | int:
    """The names that ListBuckets answers, or the status that refuses it."""

    async def run() -> list[str] | int:
        engine = MemoryEngine()
        for name, place in (("in-a", A), ("in-b", B), ("in-c", C), ("root", "")):
            await engine.catalog.create_bucket(bucket(name, place))
        await engine.catalog.create_bucket(bucket("mine", C, owner="una"))
        await engine.catalog.create_bucket(bucket("public", "", owner="somebody", settings=PUBLIC))
        await engine.catalog.create_bucket(bucket("abroad", "", namespace="other"))

        async def authenticate(request: Request, host_bucket: str) -> Caller:
            return who

        answer = await S3(engine, Settings(), authenticate, authorize)(Request("GET", b"/", {}, GivenBody(), received_at=1e9))
        assert answer.status != 200 or isinstance(answer.body, bytes)
        return re.findall("<Name>(.*?)</Name>", answer.body.decode()) if answer.status == 200 else answer.status  # type: ignore[union-attr]

    return asyncio.run(run())


def member(*statements: str, rights: str = "none", roles: tuple[Binding, ...] = ()) -> Caller:
    return caller_of(user(OPS, rights=rights, roles=roles), world(*statements))


EVERYTHING = ["in-a", "in-b", "in-c", "mine", "public", "root"]


@pytest.mark.parametrize(
    ("who", "names"),
    [
        (member(), 403),
        (member("Allow group Ops to manage objects in tenancy"), 403),
        (member(rights="own-buckets"), ["mine"]),
        (member("Allow group Ops to inspect buckets in tenancy"), EVERYTHING),
        (member("Allow group Ops to inspect buckets in compartment a"), ["in-a", "in-b"]),
        (member("Allow group Ops to inspect buckets in compartment a", rights="own-buckets"), ["in-a", "in-b", "mine"]),
        (member("Allow group Ops to inspect buckets in tenancy where target.bucket.name = 'in-a'"), 403),  # it does not apply to lists
        (member("Allow group Ops to inspect buckets in tenancy where target.compartment.name = 'c'"), ["in-c", "mine"]),
        (member(roles=(Binding(role="storage.viewer", scope="tenancy", target=ROOT),)), EVERYTHING),
        (member(roles=(Binding(role="storage.viewer", scope="compartment", target=B),)), ["in-b"]),
        (Caller(how="v4-header", user=user(rights="own-buckets")), ["mine"]),
        (Caller(how="v4-header", user=user(rights="all")), EVERYTHING),
        (Caller(), 403),
    ],
)
def test_m136_m155_others_buckets_stay_unseen_without_the_right(who: Caller, names: Any) -> None:
    assert listed(who) == names


def test_m136_a_tenancy_sees_its_own() -> None:
    theirs = Tenancy(id="ocid1.tenancy.oc1..other", name="other", namespace="other")
    place = world("Allow group Dev to manage all-resources in tenancy", at=theirs.id, tenancy=theirs)
    assert listed(caller_of(user(DEV, namespace="other"), place)) == ["abroad"]
