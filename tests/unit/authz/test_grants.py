"""What statements give: who, where in the tree, under which conditions, and nothing beyond."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.authz.actions import KNOWN
from holdfast.authz.decide import Question, decide
from holdfast.authz.gather import authorize, authorize_operation, gather, permits_operation
from holdfast.authz.grants import check_statement, home_of
from holdfast.authz.permissions import OF_ACTION, VERBS
from holdfast.authz.statements import StatementError
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied
from holdfast.model.identity import Caller, Group, PolicyDocument, Tenancy
from holdfast.model.messages import Request
from tests.unit.authz.worlds import DEV, OPS, ROOT, A, B, C, bucket, caller, caller_of, user, world


def may(who: Caller, action: str, place: Bucket | None = None, key: str = "k", operation: str = "", request: Request | None = None) -> bool:
    question = Question(who, "s3:" + action, place, key, None, request, operation)
    return decide(question, gather(question)).allowed


@pytest.mark.parametrize("verb", ["inspect", "read", "use", "manage"])
@pytest.mark.parametrize("resource", ["buckets", "objects", "object-family", "all-resources", "objectstorage-namespaces", "users"])
def test_M26_M27_a_verb_gives_what_its_permissions_give(verb: str, resource: str) -> None:
    who = caller(f"Allow group Ops to {verb} {resource} in tenancy")
    given = VERBS[resource][verb]
    for action in sorted(KNOWN):
        place = None if action in ("s3:CreateBucket", "s3:ListAllMyBuckets") else bucket()
        expected = all(not given.isdisjoint(entry.split("|")) for entry in OF_ACTION[action])
        assert may(who, action.removeprefix("s3:"), place) is expected, action


def test_M27_manage_objects_makes_no_bucket() -> None:
    who = caller("Allow group Ops to manage objects in tenancy")
    assert may(who, "PutObject", bucket()) and may(who, "DeleteObject", bucket())
    assert not may(who, "CreateBucket") and not may(who, "DeleteBucket", bucket())
    assert may(caller("Allow group Ops to manage object-family in tenancy"), "CreateBucket")


def test_an_operation_may_take_its_permissions_from_several_statements() -> None:
    who = caller("Allow group Ops to {OBJECT_CREATE} in tenancy", "Allow group Ops to {OBJECT_OVERWRITE} in compartment a")
    assert may(who, "PutObject", bucket(compartment=A))
    assert not may(who, "PutObject", bucket(compartment=C))
    question = Question(who, "s3:PutObject", bucket(compartment=A), "k")
    because = decide(question, gather(question)).because
    assert "{OBJECT_CREATE} in tenancy" in because and "{OBJECT_OVERWRITE} in compartment a" in because


@pytest.mark.parametrize(
    ("words", "groups", "allowed"),
    [
        ("group Ops", (OPS,), True),
        ("group ops", (OPS,), True),
        ("group Ops", (DEV,), False),
        ("group Op", (OPS,), False),
        ("group Opsx", (OPS,), False),
        ("group Dev, Ops", (OPS,), True),
        (f"group id {OPS}", (OPS,), True),
        (f"group id {OPS}", (DEV,), False),
        ("group id Ops", (OPS,), False),
        ("any-user", (), True),
        ("any-group", (), False),
        ("any-group", (DEV,), True),
        ("service Ops", (OPS,), False),
    ],
)
def test_M20_who_a_statement_speaks_for(words: str, groups: tuple[str, ...], allowed: bool) -> None:
    assert may(caller(f"Allow {words} to read objects in tenancy", groups=groups), "GetObject", bucket()) is allowed


@pytest.mark.parametrize(
    ("words", "attached", "reached"),
    [
        ("tenancy", ROOT, ("", A, B, C)),
        ("tenancy", A, ()),
        ("compartment a", ROOT, (A, B)),
        ("compartment A", ROOT, (A, B)),
        ("compartment a:b", ROOT, (B,)),
        ("compartment b", A, (B,)),
        ("compartment a", A, (A, B)),
        ("compartment a:b", A, (B,)),
        ("compartment b", ROOT, ()),
        ("compartment c", A, ()),
        ("compartment gone", ROOT, ()),
        (f"compartment id {A}", ROOT, (A, B)),
        (f"compartment id {C}", A, ()),
        (f"compartment id {ROOT}", ROOT, ("", A, B, C)),
        (f"compartment id {ROOT}", B, ()),
    ],
)
def test_a_statement_reaches_its_compartment_and_what_is_below(words: str, attached: str, reached: tuple[str, ...]) -> None:
    who = caller(f"Allow group Ops to read objects in {words}", at=attached)
    assert tuple(place for place in ("", A, B, C) if may(who, "GetObject", bucket(compartment=place))) == reached


def test_a_statement_reaches_no_other_tenancy() -> None:
    who = caller("Allow any-user to manage all-resources in tenancy")
    assert may(who, "GetObject", bucket()) and may(who, "GetObject", bucket(namespace="default/volume"))
    assert not may(who, "GetObject", bucket(namespace="default2"))
    assert not may(who, "GetObject", bucket(namespace="other"))


@pytest.mark.parametrize(
    ("condition", "name", "key", "allowed"),
    [
        ("target.bucket.name = 'a'", "a", "k", True),
        ("target.bucket.name = 'a'", "ab", "k", False),
        ("target.bucket.name = 'A'", "a", "k", True),
        ("target.bucket.name != 'a'", "ab", "k", True),
        ("target.bucket.name != 'a'", "a", "k", False),
        ("target.bucket.name = /a*/", "ab", "k", True),
        ("target.bucket.name = /*b/", "ab", "k", True),
        ("target.bucket.name = 'a*'", "ab", "k", True),
        ("target.bucket.name = 'a?'", "ab", "k", False),
        ("target.bucket.name = 'a.'", "ab", "k", False),
        ("target.bucket.name in ('x', 'ab')", "ab", "k", True),
        ("target.bucket.name in ('x', 'a')", "ab", "k", False),
        ("target.object.name = /tenant1/*/", "ab", "tenant1/x", False),  # a pattern ends at the next slash
        ("target.object.name = 'tenant1/*'", "ab", "tenant1/x", True),
        ("target.object.name = 'tenant1/*'", "ab", "tenant12/x", False),
        ("target.object.name = 'tenant1/*'", "ab", "tenant1", False),
        ("target.object.name = 'a*b*c'", "ab", "a-b-b-c", True),
        ("any {target.bucket.name='x', target.object.name='k'}", "ab", "k", True),
        ("all {target.bucket.name='x', target.object.name='k'}", "ab", "k", False),
        ("all {target.bucket.name='ab', any {target.object.name='z', request.user.name='una'}}", "ab", "k", True),
        ("request.permission = 'OBJECT_READ'", "ab", "k", True),
        ("request.permission = 'OBJECT_DELETE'", "ab", "k", False),
        ("request.operation = 'GetObject'", "ab", "k", True),
        ("request.operation != 'GetObject'", "ab", "k", False),
        ("request.region = 'EU-1'", "ab", "k", True),
        ("request.principal.type = 'user'", "ab", "k", True),
        ("request.groups.id = '" + OPS + "'", "ab", "k", True),
        ("request.groups.id = '" + DEV + "'", "ab", "k", False),
        ("target.compartment.name = 'holdfast'", "ab", "k", True),
        ("target.user.name = 'x'", "ab", "k", False),
        ("target.user.name != 'x'", "ab", "k", False),
        ("target.bucket.tag.ops.team = 'x'", "ab", "k", False),
        ("target.bucket.tag.ops.team != 'x'", "ab", "k", False),
    ],
)
def test_conditions(condition: str, name: str, key: str, allowed: bool) -> None:
    try:
        who = caller(f"Allow group Ops to read objects in tenancy where {condition}")
    except StatementError:
        who = caller()
    assert may(who, "GetObject", bucket(name), key, "GetObject") is allowed


def test_a_condition_is_asked_once_for_each_permission() -> None:
    who = caller("Allow group Ops to manage objects in tenancy where request.permission != 'OBJECT_OVERWRITE'")
    assert may(who, "DeleteObject", bucket()) and not may(who, "PutObject", bucket())


def test_a_variable_that_does_not_apply_makes_its_comparison_false_even_with_unequal() -> None:
    who = caller("Allow group Ops to manage object-family in tenancy where target.bucket.name != 'secret'")
    assert may(who, "GetObject", bucket()) and not may(who, "CreateBucket")
    assert not permits_operation(who, "ListBuckets").allowed


def request_at(received_at: float) -> Request:
    return Request("GET", b"/", {}, None, received_at=received_at)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ("request.utc-timestamp after '2026-03-01T00:00:00Z'", True),
        ("request.utc-timestamp before '2026-03-01T00:00:00Z'", False),
        ("request.utc-timestamp after '2026-03-04'", True),
        ("request.utc-timestamp before '2026-03-04'", False),
        ("request.utc-timestamp.month-of-year = '3'", True),
        ("request.utc-timestamp.day-of-month in ('3', '4')", True),
        ("request.utc-timestamp.day-of-week = 'Wednesday'", True),
        ("request.utc-timestamp.day-of-week != 'wednesday'", False),
        ("request.utc-timestamp.time-of-day between '12:00:00Z' and '13:00:00Z'", True),
        ("request.utc-timestamp.time-of-day between '22:00' and '06:00'", False),
        ("request.utc-timestamp.time-of-day between '11:00' and '06:00'", True),
    ],
)
def test_conditions_on_time(condition: str, allowed: bool) -> None:
    who = caller(f"Allow group Ops to read objects in tenancy where {condition}")
    assert may(who, "GetObject", bucket(), request=request_at(1772627400.0)) is allowed  # Wednesday, 2026-03-04 12:30:00
    assert not may(who, "GetObject", bucket())  # without a request there is no time


@pytest.mark.parametrize(
    ("tags", "allowed"), [('{"Ops":{"Team":"X"}}', True), ('{"Ops":{"Team":"y"}}', False), ('{"Dev":{"Team":"x"}}', False), ("", False)]
)
def test_conditions_on_defined_tags(tags: str, allowed: bool) -> None:
    who = caller("Allow group Ops to read objects in tenancy where target.bucket.tag.ops.team = 'x'")
    assert may(who, "GetObject", bucket(settings={"definedTags": tags} if tags else {})) is allowed


def test_HeadBucket_and_HeadObject_ask_for_what_oci_asks() -> None:
    inspects = caller("Allow group Ops to inspect buckets in tenancy")
    assert may(inspects, "ListBucket", bucket(), operation="HeadBucket") and not may(inspects, "ListBucket", bucket(), operation="ListObjectsV2")
    looks = caller("Allow group Ops to inspect objects in tenancy")
    assert may(looks, "GetObject", bucket(), operation="HeadObject") and not may(looks, "GetObject", bucket(), operation="GetObject")
    assert not may(looks, "ListBucket", bucket(), operation="HeadBucket")


def test_buckets_are_made_in_the_compartment_that_s3_makes_them_in() -> None:
    who = user(OPS)
    place = world("Allow group Ops to manage buckets in compartment a", tenancy=Tenancy(id=ROOT, name="t", namespace="default", s3_compartment=B))
    assert may(caller_of(who, place), "CreateBucket") and home_of(caller_of(who, place)) == B
    assert not may(caller("Allow group Ops to manage buckets in compartment a"), "CreateBucket")
    account = user(OPS, kind="service-account", compartment=A)
    assert home_of(caller_of(account, world())) == A
    assert may(caller_of(account, world("Allow group Ops to manage buckets in compartment a")), "CreateBucket")
    assert not may(caller_of(account, world("Allow group Ops to manage buckets in compartment b", at=A)), "CreateBucket")


def test_an_inactive_user_has_nothing() -> None:
    assert caller_of(user(OPS, rights="all", status="INACTIVE"), world("Allow any-user to manage all-resources in tenancy")).grants == ()


def test_M21_administrators_may_everything_of_identity_and_others_only_what_is_their_own() -> None:
    admin = caller("Allow group Ops to manage all-resources in tenancy")
    plain = caller()
    myself, other = plain.user, user(id="ocid1.user.oc1..v", name="Vic")
    assert myself is not None
    for operation in ("CreateUser", "UpdateUser", "DeletePolicy", "AddUserToGroup", "HoldfastBindRole", "HoldfastCreateTenancy"):
        assert permits_operation(admin, operation, target=other).allowed, operation
        assert not permits_operation(plain, operation, target=myself).allowed, operation
    for operation in ("CreateCustomerSecretKey", "ListApiKeys", "GetUser"):
        assert permits_operation(plain, operation, target=myself).allowed
        assert not permits_operation(plain, operation, target=other).allowed
        assert not permits_operation(plain, operation).allowed
        account = user(kind="service-account")
        assert not permits_operation(caller_of(account, world()), operation, target=account).allowed
        assert not permits_operation(Caller(), operation, target=other).allowed
    for how in ("token", "par"):
        bearer = caller_of(user(OPS), world("Allow group Ops to manage all-resources in tenancy"), how)
        assert may(bearer, "GetObject", bucket())
        assert not permits_operation(bearer, "CreateUser").allowed and not permits_operation(bearer, "GetUser", target=myself).allowed


def test_another_tenancys_administrators_run_neither_the_store_nor_other_tenancies() -> None:
    theirs = Tenancy(id="ocid1.tenancy.oc1..other", name="other", namespace="other")
    place = world("Allow group Ops to manage all-resources in tenancy", at=theirs.id, tenancy=theirs)
    who = caller_of(user(OPS, namespace="other"), place)
    assert permits_operation(who, "CreateUser").allowed
    assert not permits_operation(who, "CreateUser", compartment=ROOT).allowed
    assert not permits_operation(who, "HoldfastCreateTenancy").allowed and not permits_operation(who, "HoldfastManageStore").allowed
    operator = caller("Allow group Ops to manage all-resources in tenancy")
    assert permits_operation(operator, "CreateUser", compartment=theirs.id).allowed
    assert not permits_operation(operator, "CreateBucket", compartment=theirs.id).allowed
    helpdesk = caller("Allow group Ops to manage users in tenancy")
    assert permits_operation(helpdesk, "CreateUser").allowed and not permits_operation(helpdesk, "CreateUser", compartment=theirs.id).allowed


def test_conditions_on_what_an_identity_operation_is_about() -> None:
    who = caller(
        "Allow group Ops to use users in tenancy where target.user.name = 'vic'",
        "Allow group Ops to use groups in tenancy where all {target.group.name != 'Administrators', target.group.member = 'true'}",
        "Allow group Ops to manage policies in compartment a where target.policy.name = /dev-*/",
    )
    assert permits_operation(who, "UpdateUser", target=user(name="Vic")).allowed
    assert not permits_operation(who, "UpdateUser", target=user(name="Zoe")).allowed
    assert permits_operation(who, "UpdateGroup", target=Group(id=OPS, tenancy=ROOT, name="Ops")).allowed
    assert not permits_operation(who, "UpdateGroup", target=Group(id=DEV, tenancy=ROOT, name="Dev")).allowed
    assert not permits_operation(who, "UpdateGroup", target=Group(id=OPS, tenancy=ROOT, name="administrators")).allowed
    policy = PolicyDocument(id="p", tenancy=ROOT, compartment=A, name="dev-1", statements=())
    assert permits_operation(who, "DeletePolicy", target=policy, compartment=A).allowed
    assert not permits_operation(who, "DeletePolicy", target=policy, compartment=C).allowed


def test_oci_operations_ask_for_all_their_permissions_and_s3_rights_count_for_them() -> None:
    who = caller("Allow group Ops to {OBJECT_CREATE} in tenancy")
    assert not permits_operation(who, "PutObject", bucket=bucket(), key="k").allowed
    assert permits_operation(who, "PutObject", bucket=bucket(), key="k", permissions=("OBJECT_CREATE",)).allowed
    assert permits_operation(who, "GetNamespace").allowed and not permits_operation(Caller(), "GetNamespace").allowed
    owner = Caller(how="oci-key", user=user(rights="own-buckets"))
    assert permits_operation(owner, "UpdateBucket", bucket=bucket(owner="una")).allowed
    assert not permits_operation(owner, "UpdateBucket", bucket=bucket()).allowed
    with pytest.raises(ValueError, match="declares no permissions"):
        permits_operation(who, "DoWhatever")


def test_a_refusal_carries_its_reason_for_the_audit_log_only() -> None:
    with pytest.raises(AccessDenied) as denied:
        asyncio.run(authorize(caller(), ("s3:GetObject",), bucket()))
    assert denied.value.because == "nothing allows it" and denied.value.fields == {} and denied.value.message == "Access Denied"
    with pytest.raises(AccessDenied) as denied:
        asyncio.run(authorize_operation(caller(), "CreateUser"))
    assert denied.value.because


@pytest.mark.parametrize(
    ("text", "attached", "says"),
    [
        ("Allow group Ops to read objects in tenancy", ROOT, ""),
        ("Allow group Ops to read objects in tenancy", A, "attached to the tenancy"),
        ("Allow group Nobody to read objects in tenancy", ROOT, 'no group "Nobody"'),
        ("Allow group id ocid1.group.oc1..x to read objects in tenancy", ROOT, "no group"),
        ("Allow group Ops to read objects in compartment a:c", ROOT, 'no compartment "a:c"'),
        (f"Allow group Ops to read objects in compartment id {C}", A, "no such compartment"),
        ("Allow any-user to read objects in compartment a:b", ROOT, ""),
    ],
)
def test_a_statement_is_checked_against_what_is_there(text: str, attached: str, says: str) -> None:
    if not says:
        assert check_statement(text, attached, world()).text == text
        return
    with pytest.raises(StatementError, match=says) as error:
        check_statement(text, attached, world())
    assert 0 < error.value.position < len(text)


def test_built_in_rights_end_at_the_border_of_the_tenancy_too() -> None:
    theirs = Tenancy(id="ocid1.tenancy.oc1..other", name="other", namespace="other")
    who = caller_of(user(rights="all", namespace="other"), world(tenancy=theirs))
    assert may(who, "GetObject", bucket(namespace="other")) and permits_operation(who, "CreateUser").allowed
    assert not may(who, "GetObject", bucket())
    for operation in ("HoldfastCreateTenancy", "HoldfastManageStore"):
        assert not permits_operation(who, operation).allowed
    for operation in ("CreateUser", "HoldfastGetTenancy", "HoldfastUpdateTenancy"):
        assert not permits_operation(who, operation, compartment=ROOT).allowed
    operator = caller_of(user(rights="all"), world())
    assert permits_operation(operator, "HoldfastCreateTenancy").allowed and permits_operation(operator, "CreateUser", compartment=theirs.id).allowed
