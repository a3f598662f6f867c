"""How lists are asked for and told: documents, canned names, headers, versions, copies, uploads, ownership, and the public access block."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest

from tests.acl.people import ALL_USERS, ANONYMOUS, DENIED, IDS, refused
from tests.conftest import empty_bucket
from tests.serving import Server

People = dict[str, Any]
BEN = {"Type": "CanonicalUser", "ID": IDS["ben"], "DisplayName": "Ben"}
ANN = {"Type": "CanonicalUser", "ID": IDS["ann"], "DisplayName": "Ann"}
OWNER = {"ID": IDS["ann"], "DisplayName": "Ann"}
EVERYBODY = {"Type": "Group", "URI": ALL_USERS}
FULL = {"Grantee": ANN, "Permission": "FULL_CONTROL"}


def test_m137_a_document_is_kept_groups_first_and_emails_become_ids(people: People, anns: str) -> None:
    by_email = {"Type": "AmazonCustomerByEmail", "EmailAddress": "BEN@example.com"}
    grants = [FULL, {"Grantee": by_email, "Permission": "READ"}, {"Grantee": EVERYBODY, "Permission": "READ_ACP"}]
    people["ann"].put_bucket_acl(Bucket=anns, AccessControlPolicy={"Owner": OWNER, "Grants": grants})
    found = people[ANONYMOUS].get_bucket_acl(Bucket=anns)
    assert found["Owner"] == OWNER
    assert found["Grants"] == [
        {"Grantee": EVERYBODY, "Permission": "READ_ACP"}, FULL, {"Grantee": BEN, "Permission": "READ"}
    ]  # fmt: skip
    people["ann"].put_bucket_acl(Bucket=anns, AccessControlPolicy={"Owner": OWNER, "Grants": []})
    assert people["ann"].get_bucket_acl(Bucket=anns)["Grants"] == []


@pytest.mark.parametrize(
    ("grantee", "code"),
    [
        ({"Type": "CanonicalUser", "ID": "nobody"}, "InvalidArgument"),
        ({"Type": "CanonicalUser", "DisplayName": "Ben"}, "MalformedACLError"),
        ({"Type": "AmazonCustomerByEmail", "EmailAddress": "nobody@example.com"}, "UnresolvableGrantByEmailAddress"),
        ({"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/Friends"}, "InvalidArgument"),
        ({"Type": "Group", "ID": IDS["ben"]}, "MalformedACLError"),
        ({"Type": "Robot", "ID": IDS["ben"]}, "MalformedACLError"),
    ],
)
def test_a_grant_to_nobody_is_refused_and_changes_nothing(people: People, anns: str, grantee: dict[str, str], code: str) -> None:
    ann = people["ann"]
    ann.put_object(Bucket=anns, Key="k")
    document = {"Owner": OWNER, "Grants": [FULL, {"Grantee": grantee, "Permission": "READ"}]}
    assert refused(ann.put_bucket_acl, Bucket=anns, AccessControlPolicy=document) == (400, code)
    assert refused(ann.put_object_acl, Bucket=anns, Key="k", AccessControlPolicy=document) == (400, code)
    assert ann.get_bucket_acl(Bucket=anns)["Grants"] == ann.get_object_acl(Bucket=anns, Key="k")["Grants"] == [FULL]


def test_documents_that_are_none(people: People, anns: str) -> None:
    ann = people["ann"]
    assert refused(ann.put_bucket_acl, Bucket=anns, AccessControlPolicy={"Grants": [FULL]}) == (400, "MalformedACLError")
    wrong = {"Owner": OWNER, "Grants": [{"Grantee": ANN, "Permission": "EVERYTHING"}]}
    assert refused(ann.put_bucket_acl, Bucket=anns, AccessControlPolicy=wrong) == (400, "MalformedACLError")
    assert refused(ann.put_bucket_acl, Bucket=anns, AccessControlPolicy={"Owner": {"ID": IDS["ben"]}, "Grants": []}) == DENIED
    both = {"Owner": OWNER, "Grants": [FULL]}
    assert refused(ann.put_bucket_acl, Bucket=anns, ACL="private", AccessControlPolicy=both) == (400, "UnexpectedContent")
    many = [{"Grantee": ANN, "Permission": "READ"}] * 101
    assert refused(ann.put_bucket_acl, Bucket=anns, AccessControlPolicy={"Owner": OWNER, "Grants": many}) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"ACL": "public-read", "GrantRead": f"id={IDS['ben']}"}, "InvalidRequest"),
        ({"ACL": "public"}, "InvalidArgument"),
        ({"GrantRead": ""}, "InvalidArgument"),
        ({"GrantRead": IDS["ben"]}, "InvalidArgument"),
        ({"GrantRead": f"id={IDS['ben']},"}, "InvalidArgument"),
        ({"GrantRead": f'id="{IDS["ben"]}'}, "InvalidArgument"),
        ({"GrantRead": "id=nobody"}, "InvalidArgument"),
        ({"GrantReadACP": "emailAddress=nobody@example.com"}, "UnresolvableGrantByEmailAddress"),
        ({"GrantFullControl": "uri=http://example.com/"}, "InvalidArgument"),
    ],
)
def test_m163_headers_that_are_wrong_are_refused_by_everything_that_takes_them(people: People, anns: str, given: dict[str, str], code: str) -> None:
    ann, key = people["ann"], {"Bucket": anns, "Key": "k"}
    ann.put_object(Bucket=anns, Key="source")
    assert refused(ann.put_object, **key, **given) == (400, code)
    assert refused(ann.copy_object, **key, CopySource=f"{anns}/source", **given) == (400, code)
    assert refused(ann.create_multipart_upload, **key, **given) == (400, code)
    assert refused(ann.put_object_acl, Bucket=anns, Key="source", **given) == (400, code)
    assert refused(ann.put_bucket_acl, Bucket=anns, **given) == (400, code)
    assert refused(ann.create_bucket, Bucket=anns + "-2", **given) == (400, code)
    assert refused(ann.head_object, **key) == (404, "404")


def test_grants_in_headers_of_all_three_kinds(people: People, anns: str) -> None:
    everyone = f'id="{IDS["ben"]}", emailAddress="eve@example.com",uri="{ALL_USERS}"'
    people["ann"].put_object(Bucket=anns, Key="k", GrantRead=everyone, GrantFullControl=f"id={IDS['ann']}")
    found = people["ann"].get_object_acl(Bucket=anns, Key="k")["Grants"]
    eve = {"Type": "CanonicalUser", "ID": IDS["eve"], "DisplayName": "Eve"}
    assert found == [{"Grantee": who, "Permission": "READ"} for who in (EVERYBODY, BEN, eve)] + [FULL]


def test_each_version_has_a_list_of_its_own_and_a_new_one_is_private(people: People, anns: str) -> None:
    ann, nobody = people["ann"], people[ANONYMOUS]
    ann.put_bucket_versioning(Bucket=anns, VersioningConfiguration={"Status": "Enabled"})
    versions = [ann.put_object(Bucket=anns, Key="k", Body=bytes([n]))["VersionId"] for n in range(3)]
    before = ann.head_object(Bucket=anns, Key="k", VersionId=versions[1])
    ann.put_object_acl(Bucket=anns, Key="k", VersionId=versions[1], ACL="public-read")
    after = ann.head_object(Bucket=anns, Key="k", VersionId=versions[1])
    assert (after["LastModified"], after["ETag"]) == (before["LastModified"], before["ETag"])
    assert nobody.get_object(Bucket=anns, Key="k", VersionId=versions[1])["Body"].read() == b"\1"
    for version in (versions[0], versions[2]):
        assert refused(nobody.get_object, Bucket=anns, Key="k", VersionId=version) == DENIED
    assert refused(nobody.get_object, Bucket=anns, Key="k") == DENIED
    ann.put_object_acl(Bucket=anns, Key="k", ACL="public-read")
    assert nobody.get_object(Bucket=anns, Key="k")["Body"].read() == b"\2"
    ann.put_object(Bucket=anns, Key="k", Body=b"new")
    assert refused(nobody.get_object, Bucket=anns, Key="k") == DENIED
    assert refused(ann.get_object_acl, Bucket=anns, Key="k", VersionId="absent") == (404, "NoSuchVersion")


def test_what_is_not_there_is_hidden_from_who_may_not_list(people: People, anns: str) -> None:
    ann = people["ann"]
    ann.put_bucket_versioning(Bucket=anns, VersioningConfiguration={"Status": "Enabled"})
    ann.put_object(Bucket=anns, Key="hidden", ACL="public-read")
    marker = ann.delete_object(Bucket=anns, Key="hidden")["VersionId"]
    for who in ("ben", ANONYMOUS):
        for given in ({"Key": "absent"}, {"Key": "hidden"}, {"Key": "hidden", "VersionId": marker}, {"Key": "absent", "VersionId": "x"}):
            assert refused(people[who].get_object, Bucket=anns, **given) == DENIED
            assert refused(people[who].get_object_acl, Bucket=anns, **given) == DENIED
            assert refused(people[who].head_object, Bucket=anns, **given)[0] == 403
    ann.put_bucket_acl(Bucket=anns, ACL="public-read")
    for who in ("ben", ANONYMOUS):
        assert refused(people[who].get_object, Bucket=anns, Key="absent") == (404, "NoSuchKey")
        assert refused(people[who].get_object, Bucket=anns, Key="hidden") == (404, "NoSuchKey")
        assert refused(people[who].head_object, Bucket=anns, Key="absent") == (404, "404")
    assert refused(people[ANONYMOUS].get_object, Bucket="no-such-bucket", Key="k") == (404, "NoSuchBucket")


def test_m136_the_writer_owns_an_object_and_shares_it(people: People, anns: str) -> None:
    ann, ben, eve = people["ann"], people["ben"], people["eve"]
    ann.put_bucket_acl(Bucket=anns, ACL="public-read-write")
    place = {"Bucket": anns, "Key": "bens"}
    ben.put_object(**place, Body=b"ben's")
    assert ben.get_object_acl(**place)["Owner"]["ID"] == IDS["ben"]
    assert [row["Owner"]["ID"] for row in ann.list_objects(Bucket=anns)["Contents"]] == [IDS["ben"]]
    assert ben.get_object(**place)["Body"].read() == b"ben's"
    assert refused(eve.get_object, **place) == DENIED
    ben.put_object_acl(**place, ACL="bucket-owner-read")
    assert [(row["Grantee"]["ID"], row["Permission"]) for row in ben.get_object_acl(**place)["Grants"]] == [
        (IDS["ben"], "FULL_CONTROL"), (IDS["ann"], "READ")
    ]  # fmt: skip
    ben.put_object_acl(**place, AccessControlPolicy={"Owner": {"ID": IDS["ben"]}, "Grants": []})
    assert refused(ben.get_object, **place) == DENIED  # he took it from himself
    ben.put_object_acl(**place, ACL="public-read")  # and may always give it back
    assert eve.get_object(**place)["Body"].read() == b"ben's"
    people[ANONYMOUS].put_object(Bucket=anns, Key="nobodys", Body=b"")
    assert ann.get_object_acl(Bucket=anns, Key="nobodys")["Owner"]["ID"] == IDS["ann"]


def test_who_has_no_rights_of_his_own_has_those_that_he_is_granted(people: People, anns: str) -> None:
    ann, zoe = people["ann"], people["zoe"]
    assert refused(zoe.create_bucket, Bucket=anns + "-z") == DENIED
    assert refused(zoe.list_objects_v2, Bucket=anns) == DENIED
    ann.put_bucket_acl(Bucket=anns, GrantRead=f"id={IDS['zoe']}")
    assert zoe.list_objects_v2(Bucket=anns)["KeyCount"] == 0
    assert refused(zoe.put_object, Bucket=anns, Key="k") == DENIED


def test_a_copy_is_private_whatever_its_source_was_unless_it_says_so(people: People, anns: str) -> None:
    ann, nobody = people["ann"], people[ANONYMOUS]
    ann.put_object(Bucket=anns, Key="a", Body=b"x", ACL="public-read")
    for more in ({}, {"MetadataDirective": "REPLACE"}):
        ann.copy_object(Bucket=anns, Key="b", CopySource=f"{anns}/a", **more)
        assert refused(nobody.get_object, Bucket=anns, Key="b") == DENIED
    ann.copy_object(Bucket=anns, Key="b", CopySource=f"{anns}/a", ACL="public-read")
    assert nobody.get_object(Bucket=anns, Key="b")["Body"].read() == b"x"
    assert refused(people["ben"].copy_object, Bucket=anns, Key="c", CopySource=f"{anns}/a") == DENIED


def test_an_upload_brings_its_list_and_belongs_to_who_began_it(people: People, anns: str) -> None:
    ann, ben, eve, nobody = (people[name] for name in ("ann", "ben", "eve", ANONYMOUS))
    ann.put_bucket_acl(Bucket=anns, ACL="public-read-write")
    place = {"Bucket": anns, "Key": "k"}
    upload = {**place, "UploadId": ben.create_multipart_upload(**place, ACL="public-read")["UploadId"]}
    part = ben.upload_part(**upload, PartNumber=1, Body=b"ben's")
    parts = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}}
    for other in (eve, nobody):
        assert refused(other.upload_part, **upload, PartNumber=1, Body=b"eve's") == DENIED
        assert refused(other.upload_part_copy, **upload, PartNumber=1, CopySource=f"{anns}/k") == DENIED
        assert refused(other.complete_multipart_upload, **upload, **parts) == DENIED
        assert refused(other.list_parts, **upload) == DENIED
        assert refused(other.abort_multipart_upload, **upload) == DENIED
    assert refused(nobody.create_multipart_upload, **place) == DENIED
    assert ben.list_parts(**upload)["Owner"]["ID"] == IDS["ben"] == ann.list_parts(**upload)["Initiator"]["ID"]
    ben.complete_multipart_upload(**upload, **parts)
    assert nobody.get_object(**place)["Body"].read() == b"ben's"
    assert ben.get_object_acl(**place)["Owner"]["ID"] == IDS["ben"]
    ben.abort_multipart_upload(**place, UploadId=ben.create_multipart_upload(**place)["UploadId"])


def controls(ownership: str) -> dict[str, Any]:
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": ownership}]}}


def test_ownership_controls_say_who_owns_and_whether_lists_count(people: People, anns: str) -> None:
    ann, ben, nobody = people["ann"], people["ben"], people[ANONYMOUS]
    ann.put_bucket_acl(Bucket=anns, ACL="public-read-write")
    ann.put_bucket_ownership_controls(Bucket=anns, **controls("BucketOwnerPreferred"))
    ben.put_object(Bucket=anns, Key="kept", ACL="public-read")
    ben.put_object(Bucket=anns, Key="given", ACL="bucket-owner-full-control")
    owners = {row["Key"]: row["Owner"]["ID"] for row in ann.list_objects(Bucket=anns)["Contents"]}
    assert owners == {"kept": IDS["ben"], "given": IDS["ann"]}
    refusal = refused(ann.put_bucket_ownership_controls, Bucket=anns, **controls("BucketOwnerEnforced"))
    assert refusal == (400, "InvalidBucketAclWithObjectOwnership")
    nobody.get_object(Bucket=anns, Key="kept")
    ann.put_bucket_acl(Bucket=anns, ACL="private")
    ann.put_bucket_ownership_controls(Bucket=anns, **controls("BucketOwnerEnforced"))
    assert refused(nobody.get_object, Bucket=anns, Key="kept") == refused(ben.get_object, Bucket=anns, Key="kept") == DENIED
    found = ann.get_object_acl(Bucket=anns, Key="kept")
    assert (found["Owner"], found["Grants"]) == (OWNER, [FULL])
    assert {row["Owner"]["ID"] for row in ann.list_objects(Bucket=anns)["Contents"]} == {IDS["ann"]}
    no_acls = (400, "AccessControlListNotSupported")
    for given in ({"ACL": "private"}, {"ACL": "public-read"}, {"GrantRead": f"id={IDS['ben']}"}):
        assert refused(ann.put_object, Bucket=anns, Key="k", **given) == no_acls
        assert refused(ann.put_object_acl, Bucket=anns, Key="kept", **given) == no_acls
        assert refused(ann.put_bucket_acl, Bucket=anns, **given) == no_acls
    ann.put_object(Bucket=anns, Key="k", ACL="bucket-owner-full-control")
    ann.put_object(Bucket=anns, Key="k", GrantFullControl=f"id={IDS['ann']}")
    ann.delete_bucket_ownership_controls(Bucket=anns)
    nobody.get_object(Bucket=anns, Key="kept")  # its list was not lost, only not asked


def block(**switches: bool) -> dict[str, Any]:
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return {name: switches.get(name, False) for name in names}


def test_the_public_access_block_refuses_new_public_lists(people: People, anns: str) -> None:
    ann = people["ann"]
    ann.put_object(Bucket=anns, Key="k")
    ann.put_public_access_block(Bucket=anns, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    assert ann.get_public_access_block(Bucket=anns)["PublicAccessBlockConfiguration"] == block(BlockPublicAcls=True)
    for given in ({"ACL": "public-read"}, {"ACL": "authenticated-read"}, {"GrantRead": f"uri={ALL_USERS}"}):
        assert refused(ann.put_bucket_acl, Bucket=anns, **given) == DENIED
        assert refused(ann.put_object_acl, Bucket=anns, Key="k", **given) == DENIED
        assert refused(ann.put_object, Bucket=anns, Key="k", **given) == DENIED
        assert refused(ann.copy_object, Bucket=anns, Key="c", CopySource=f"{anns}/k", **given) == DENIED
        assert refused(ann.create_multipart_upload, Bucket=anns, Key="k", **given) == DENIED
    ann.put_object(Bucket=anns, Key="k", GrantRead=f"id={IDS['ben']}")
    people["ben"].get_object(Bucket=anns, Key="k")


def test_the_public_access_block_makes_public_grants_count_for_nothing(people: People, anns: str) -> None:
    ann, ben, nobody = people["ann"], people["ben"], people[ANONYMOUS]
    ann.put_bucket_acl(Bucket=anns, GrantRead=f'uri="{ALL_USERS}", id="{IDS["ben"]}"')
    ann.put_object(Bucket=anns, Key="k", ACL="public-read")
    assert ann.get_bucket_policy_status(Bucket=anns)["PolicyStatus"]["IsPublic"]
    ann.put_public_access_block(Bucket=anns, PublicAccessBlockConfiguration=block(IgnorePublicAcls=True))
    assert not ann.get_bucket_policy_status(Bucket=anns)["PolicyStatus"]["IsPublic"]
    ben.list_objects_v2(Bucket=anns)
    assert refused(nobody.list_objects_v2, Bucket=anns) == refused(nobody.get_object, Bucket=anns, Key="k") == DENIED
    assert refused(ben.get_object, Bucket=anns, Key="k") == DENIED
    assert len(ann.get_bucket_acl(Bucket=anns)["Grants"]) == 2
    for _ in range(2):
        ann.delete_public_access_block(Bucket=anns)
    assert refused(ann.get_public_access_block, Bucket=anns) == (404, "NoSuchPublicAccessBlockConfiguration")
    nobody.get_object(Bucket=anns, Key="k")


def test_a_bucket_is_made_with_its_list_and_made_again_only_with_the_same(people: People, anns: str) -> None:
    ann, name = people["ann"], anns + "-public"
    ann.create_bucket(Bucket=name, ACL="public-read")
    try:
        people[ANONYMOUS].list_objects_v2(Bucket=name)
        ann.create_bucket(Bucket=name, ACL="public-read")
        assert refused(ann.create_bucket, Bucket=name) == (409, "BucketAlreadyExists")
        people[ANONYMOUS].list_objects_v2(Bucket=name)
    finally:
        empty_bucket(ann, name)
        ann.delete_bucket(Bucket=name)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_m38_m39_curl_reads_a_public_object_without_any_credentials(place: Server, people: People, anns: str) -> None:
    people["ann"].put_object(Bucket=anns, Key="dir/ü b.txt", Body=b"public", ACL="public-read")
    url = f"{place.endpoint}/{anns}/dir/%C3%BC%20b.txt"
    assert subprocess.run(["curl", "-s", "--fail", url], capture_output=True, timeout=20).stdout == b"public"
    people["ann"].put_object_acl(Bucket=anns, Key="dir/ü b.txt", ACL="private")
    done = subprocess.run(["curl", "-s", "-w", "%{http_code}", url], capture_output=True, timeout=20)
    assert done.stdout.endswith(b"403") and b"<Code>AccessDenied</Code>" in done.stdout
