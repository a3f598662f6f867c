"""Policies and roles as boto3 meets them on a running server: what is written counts at the next request, on every worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from holdfast.authz.permissions import VERBS
from holdfast.model.identity import Credential
from tests.authz.town import Town, client, code, now_ms, root
from tests.conftest import empty_bucket

ON_EVERY_WORKER = 4


@pytest.mark.parametrize("again", range(2))
def test_m20_a_key_can_do_what_its_user_can_judged_at_use(town: Town, again: int) -> None:
    group = town.group(f"writers-{again}")
    user, key = town.user(group)
    bucket = town.bucket().name
    town.policy(f"Allow group writers-{again} to manage objects in tenancy")
    s3 = client(town.server, key)
    for _ in range(2):
        assert {code(s3.put_object, Bucket=bucket, Key="k", Body=b"x") for _ in range(ON_EVERY_WORKER)} == {""}
        town.run(town.directory.groups.remove_user(group.id, user.id))
        assert {code(s3.put_object, Bucket=bucket, Key="k", Body=b"x") for _ in range(ON_EVERY_WORKER)} == {"AccessDenied"}
        assert code(s3.head_bucket, Bucket=bucket) == "403"
        town.run(town.directory.groups.add_user(group.id, user.id, now_ms()))


def test_m20_a_policy_switches_rights_on_and_off(town: Town) -> None:
    group = town.group("switched")
    _, key = town.user(group)
    bucket = town.bucket().name
    s3 = client(town.server, key)
    policy = town.policy("Allow group switched to inspect buckets in tenancy")
    for statement, put, get in [
        ("Allow group switched to manage objects in tenancy", "", ""),
        ("Allow group switched to read objects in tenancy", "AccessDenied", ""),
        ("Allow group switched to read objects in tenancy where target.bucket.name = 'other'", "AccessDenied", "AccessDenied"),
        (f"Allow group switched to use objects in tenancy where target.bucket.name = '{bucket}'", "", ""),
        ("Allow group switched to inspect objects in tenancy", "AccessDenied", "AccessDenied"),
    ]:
        town.run(town.directory.policies.change(msgspec.structs.replace(policy, statements=(statement,))))
        assert {code(s3.put_object, Bucket=bucket, Key="k", Body=b"x") for _ in range(ON_EVERY_WORKER)} == {put}, statement
        assert {code(s3.get_object, Bucket=bucket, Key="k") for _ in range(ON_EVERY_WORKER)} == {get}, statement
    town.run(town.directory.policies.delete(policy.id))
    assert code(s3.list_objects_v2, Bucket=bucket) == "AccessDenied"


def test_m21_a_fresh_install_shows_and_obeys_the_administrators_policy(town: Town) -> None:
    policies = town.run(town.directory.policies.all(town.tenancy.id))
    assert [policy.statements for policy in policies if policy.name == "Administrators"] == [
        ("Allow group Administrators to manage all-resources in tenancy",)
    ]
    group = town.run(town.directory.groups.by_name(town.tenancy.id, "Administrators"))
    assert group is not None
    user, key = town.user(group)
    bucket = town.bucket().name
    s3 = client(town.server, key)
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"x") == "" and code(s3.put_bucket_acl, Bucket=bucket, ACL="private") == ""
    assert bucket in {row["Name"] for row in s3.list_buckets()["Buckets"]}
    town.run(town.directory.groups.remove_user(group.id, user.id))
    assert code(s3.get_object, Bucket=bucket, Key="k") == "AccessDenied" and code(s3.list_buckets) == "AccessDenied"


def test_m22_a_user_without_a_policy_is_denied_everything(town: Town) -> None:
    _, key = town.user()
    bucket = town.bucket().name
    town.bucket(name=f"{bucket}-empty")
    s3 = client(town.server, key)
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"x") == "AccessDenied"
    assert {name: code(call, **given) for name, (call, given) in calls(s3, bucket).items()} == {
        name: "403" if name == "head_bucket" else "AccessDenied" for name in calls(s3, bucket)
    }


NEEDS = {
    "list_buckets": {"BUCKET_INSPECT"},
    "head_bucket": {"BUCKET_INSPECT"},
    "get_bucket_versioning": {"BUCKET_READ"},
    "put_bucket_versioning": {"BUCKET_UPDATE"},
    "list_objects_v2": {"OBJECT_INSPECT"},
    "get_object": {"OBJECT_READ"},
    "overwrite": {"OBJECT_OVERWRITE"},
    "create": {"OBJECT_CREATE"},
    "delete_object": {"OBJECT_DELETE"},
    "create_bucket": {"BUCKET_CREATE"},
    "delete_bucket": {"BUCKET_DELETE"},
}


def calls(s3: Any, bucket: str) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """One call for each permission; the last ones empty the bucket and delete it."""
    place = {"Bucket": bucket}
    return {
        "list_buckets": (s3.list_buckets, {}),
        "head_bucket": (s3.head_bucket, place),
        "get_bucket_versioning": (s3.get_bucket_versioning, place),
        "put_bucket_versioning": (s3.put_bucket_versioning, place | {"VersioningConfiguration": {"Status": "Suspended"}}),
        "list_objects_v2": (s3.list_objects_v2, place),
        "get_object": (s3.get_object, place | {"Key": "k"}),
        "overwrite": (s3.put_object, place | {"Key": "k", "Body": b"y"}),
        "create": (s3.put_object, place | {"Key": "new", "Body": b"y"}),
        "delete_object": (s3.delete_object, place | {"Key": "k"}),
        "create_bucket": (s3.create_bucket, {"Bucket": f"{bucket}-made"}),
        "delete_bucket": (s3.delete_bucket, {"Bucket": f"{bucket}-empty"}),
    }


@pytest.fixture(scope="module")
def tried(town: Town) -> tuple[str, Credential]:
    """A group and the key of somebody in it."""
    return "tried", town.user(town.group("tried"))[1]


@pytest.mark.parametrize("place", ["tenancy", "compartment here", "compartment elsewhere"])
@pytest.mark.parametrize("resource", ["buckets", "objects", "object-family"])
def test_m26_m27_verbs_resource_types_and_calls(town: Town, tried: tuple[str, Credential], resource: str, place: str) -> None:
    group, key = tried
    known = {each.name: each for each in town.run(town.directory.compartments.all(town.tenancy.id))}
    here = known.get("here") or town.compartment("here")
    known.get("elsewhere") or town.compartment("elsewhere")
    s3 = client(town.server, key)
    admin = root(town.server)
    for verb in ("inspect", "read", "use", "manage"):
        bucket = town.bucket(here).name
        town.bucket(here, name=f"{bucket}-empty")
        admin.put_object(Bucket=bucket, Key="k", Body=b"x")
        policy = town.policy(f"Allow group {group} to {verb} {resource} in {place}")
        given = VERBS[resource][verb] if place != "compartment elsewhere" else frozenset()
        for name, (call, arguments) in calls(s3, bucket).items():
            allowed = NEEDS[name] <= given and (name != "create_bucket" or place == "tenancy")
            if name == "list_buckets" and place == "compartment elsewhere":
                allowed = "BUCKET_INSPECT" in VERBS[resource][verb]
            assert (code(call, **arguments) == "") is allowed, (verb, resource, place, name)
        town.run(town.directory.policies.delete(policy.id))


def test_a_compartment_is_no_prefix_of_another(town: Town) -> None:
    group = town.group("prefixes")
    _, key = town.user(group)
    short, long = town.compartment("dev"), town.compartment("develop")
    within = town.compartment("deep", short)
    buckets = [town.bucket(place).name for place in (short, long, within)]
    s3 = client(town.server, key)
    town.policy("Allow group prefixes to manage objects in compartment dev")
    assert [code(s3.put_object, Bucket=name, Key="k", Body=b"") for name in buckets] == ["", "AccessDenied", ""]


def test_cve_2026_72921_a_name_is_no_prefix_of_another(town: Town) -> None:
    group = town.group("tenant1")
    town.group("tenant12")
    _, key = town.user(group)
    name = town.bucket().name
    town.bucket(name=f"{name}b")
    admin = root(town.server)
    for key_name in ("tenant1/x", "tenant12/x", "tenant1"):
        admin.put_object(Bucket=name, Key=key_name, Body=b"")
        admin.put_object(Bucket=f"{name}b", Key=key_name, Body=b"")
    s3 = client(town.server, key)
    town.policy(
        f"Allow group tenant1 to read objects in tenancy where all {{target.bucket.name = '{name}', target.object.name = 'tenant1/*'}}",
        "Allow group tenant12 to read objects in tenancy",
    )
    asked = [(bucket, key_name) for bucket in (name, f"{name}b") for key_name in ("tenant1/x", "tenant12/x", "tenant1")]
    assert [code(s3.get_object, Bucket=bucket, Key=key_name) for bucket, key_name in asked] == ["", *["AccessDenied"] * 5]


def test_m212_m213_m214_m216_a_service_account_with_a_role_on_one_folder(town: Town) -> None:
    ours, theirs = town.compartment("ours"), town.compartment("theirs")
    account, key = town.service_account(ours)
    buckets = [town.bucket(place).name for place in (ours, ours, theirs)]
    s3 = client(town.server, key)
    assert code(s3.list_objects_v2, Bucket=buckets[0]) == "AccessDenied"
    town.bind(account, "storage.editor", "compartment", ours.id)
    assert [code(s3.put_object, Bucket=name, Key="k", Body=b"x") for name in buckets] == ["", "", "AccessDenied"]
    assert [code(s3.delete_object, Bucket=name, Key="k") for name in buckets] == ["", "", "AccessDenied"]
    assert {row["Name"] for row in s3.list_buckets()["Buckets"]} == set(buckets[:2])
    s3.create_bucket(Bucket=f"{buckets[0]}-own")
    made = town.run(town.engine.catalog.bucket("default", f"{buckets[0]}-own"))
    assert made is not None and made.compartment == ours.id and made.owner == account.canonical_id
    assert code(s3.put_bucket_acl, Bucket=buckets[0], ACL="public-read") == "AccessDenied"
    town.unbind(account, "storage.editor", "compartment", ours.id)
    for _ in range(ON_EVERY_WORKER):
        assert [code(s3.put_object, Bucket=name, Key="k", Body=b"x") for name in buckets] == ["AccessDenied"] * 3
        assert code(s3.put_object, Bucket=f"{buckets[0]}-own", Key="k", Body=b"x") == "AccessDenied"


def test_m215_what_a_service_account_does_is_its_own(town: Town) -> None:
    place = town.compartment("accounted")
    account, key = town.service_account(place)
    town.bind(account, "storage.admin", "compartment", place.id)
    bucket = town.bucket(place, owner=account.canonical_id).name
    s3 = client(town.server, key)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.list_buckets()["Owner"]["ID"] == account.canonical_id
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Owner"]["ID"] == account.canonical_id


_CONFIGURATION = {"get_bucket_versioning", "get_bucket_acl"}
_READS = _CONFIGURATION | {"list_objects_v2", "get_object"}
ROLES = {
    "storage.viewer": _READS,
    "storage.configViewer": _CONFIGURATION,
    "storage.configurer": _CONFIGURATION,
    "storage.uploader": _READS | {"put_object"},
    "storage.editor": _READS | {"put_object", "put_bucket_versioning", "delete_object"},
}
ROLES["storage.admin"] = ROLES["storage.editor"] | {"put_bucket_acl"}


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("role", ROLES)
def test_m213_roles_on_a_bucket(town: Town, role: str, short: bool) -> None:
    user, key = town.user()
    bucket, other = town.bucket(), town.bucket()
    s3 = client(town.server, key)
    town.bind(user, role.removeprefix("storage.") if short else role, "bucket", str(bucket.id))
    admin = root(town.server)
    for name in (bucket.name, other.name):
        admin.put_object(Bucket=name, Key="k", Body=b"x")
    operations: dict[str, dict[str, Any]] = {
        "list_objects_v2": {},
        "get_object": {"Key": "k"},
        "get_bucket_versioning": {},
        "get_bucket_acl": {},
        "put_object": {"Key": "k", "Body": b"y"},
        "put_bucket_versioning": {"VersioningConfiguration": {"Status": "Suspended"}},
        "put_bucket_acl": {"ACL": "private"},
        "delete_object": {"Key": "k"},
    }
    for operation, given in operations.items():
        assert code(getattr(s3, operation), Bucket=bucket.name, **given) == ("" if operation in ROLES[role] else "AccessDenied"), operation
        assert code(getattr(s3, operation), Bucket=other.name, **given) == "AccessDenied", operation
    empty_bucket(admin, bucket.name)
    admin.delete_bucket(Bucket=bucket.name)
    town.bucket(name=bucket.name)  # made anew under the old name, it is another one
    assert code(s3.list_objects_v2, Bucket=bucket.name) == "AccessDenied"


def test_a_role_of_a_group_counts_for_its_members(town: Town) -> None:
    group = town.group("holders")
    user, key = town.user(group)
    bucket = town.bucket()
    s3 = client(town.server, key)
    town.bind(group, "storage.uploader", "tenancy", town.tenancy.id)
    assert code(s3.put_object, Bucket=bucket.name, Key="k", Body=b"x") == ""
    town.run(town.directory.groups.remove_user(group.id, user.id))
    assert code(s3.put_object, Bucket=bucket.name, Key="k", Body=b"x") == "AccessDenied"


@pytest.mark.parametrize(("permissions", "fresh", "there"), [("OBJECT_CREATE", "", "AccessDenied"), ("OBJECT_OVERWRITE", "AccessDenied", "")])
def test_m48_m119_half_a_right_to_write(town: Town, permissions: str, fresh: str, there: str) -> None:
    group = town.group(permissions.lower())
    _, key = town.user(group)
    bucket = town.bucket().name
    admin = root(town.server)
    admin.put_object(Bucket=bucket, Key="there", Body=b"x")
    admin.put_object(Bucket=bucket, Key="there too", Body=b"x")
    town.policy(f"Allow group {permissions.lower()} to {{{permissions}, OBJECT_READ}} in tenancy")
    s3 = client(town.server, key)
    source = {"Bucket": bucket, "Key": "there"}
    assert (code(s3.put_object, Bucket=bucket, Key="a", Body=b"1"), code(s3.put_object, Bucket=bucket, Key="there", Body=b"1")) == (fresh, there)
    assert code(s3.copy_object, Bucket=bucket, Key="b", CopySource=source) == fresh
    assert code(s3.copy_object, Bucket=bucket, Key="there too", CopySource=source) == there
    for name, expected in (("c", fresh), ("there", there)):
        id = s3.create_multipart_upload(Bucket=bucket, Key=name)["UploadId"]
        etag = s3.upload_part(Bucket=bucket, Key=name, UploadId=id, PartNumber=1, Body=b"part")["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        assert code(s3.complete_multipart_upload, Bucket=bucket, Key=name, UploadId=id, MultipartUpload=parts) == expected
