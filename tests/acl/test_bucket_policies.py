"""Bucket policies as clients meet them: documents kept and refused, who gets in, tags that are looked up, copies, public access."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.handlers import validate_bucket_name

from tests.acl.people import ABROAD, ANONYMOUS, DENIED, IDS, client, refused
from tests.serving import Server

People = dict[str, Any]
BEN = {"AWS": "arn:aws:iam:::user/ben"}


def allow(bucket: str, action: Any = "s3:GetObject", **given: Any) -> dict[str, Any]:
    both = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    return {"Effect": "Allow", "Principal": BEN, "Action": action, "Resource": both, **given}


def deny(bucket: str, action: Any = "s3:GetObject", **given: Any) -> dict[str, Any]:
    return allow(bucket, action, Effect="Deny", **{"Principal": "*", **given})


def put(people: People, bucket: str, *statements: dict[str, Any]) -> None:
    people["ann"].put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def test_m182_a_policy_is_kept_as_written_and_deleted(people: People, anns: str) -> None:
    ann = people["ann"]
    assert refused(ann.get_bucket_policy, Bucket=anns) == (404, "NoSuchBucketPolicy")
    text = json.dumps({"Id": "x", "Version": "2012-10-17", "Statement": [allow(anns, Sid="Ben reads ü")]}, indent=3)
    assert ann.put_bucket_policy(Bucket=anns, Policy=text)["ResponseMetadata"]["HTTPStatusCode"] == 204
    found = ann.get_bucket_policy(Bucket=anns)
    assert found["Policy"] == text
    assert found["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/json"
    assert ann.delete_bucket_policy(Bucket=anns)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(ann.get_bucket_policy, Bucket=anns) == (404, "NoSuchBucketPolicy")
    ann.delete_bucket_policy(Bucket=anns)


def test_a_refused_document_changes_nothing(people: People, anns: str) -> None:
    ann = people["ann"]
    put(people, anns, allow(anns))
    before = ann.get_bucket_policy(Bucket=anns)["Policy"]
    for statement in (allow("other"), allow(anns, "s3:Frobnicate"), allow(anns, Condition={"StringEquals": {"aws:SourceVpc": "x"}})):
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        assert refused(ann.put_bucket_policy, Bucket=anns, Policy=document) == (400, "MalformedPolicy")
    for text in ("x", "{", "{}", "\ud7ff"):
        assert refused(ann.put_bucket_policy, Bucket=anns, Policy=text) == (400, "MalformedPolicy")
    long = json.dumps({"Version": "2012-10-17", "Statement": [allow(anns, Sid="x" * 20_480)]})
    assert refused(ann.put_bucket_policy, Bucket=anns, Policy=long) == (400, "PolicyTooLarge")
    service = json.dumps({"Version": "2012-10-17", "Statement": [allow(anns, Principal={"Service": "logging.s3.amazonaws.com"})]})
    assert refused(ann.put_bucket_policy, Bucket=anns, Policy=service) == (501, "NotImplemented")
    assert ann.get_bucket_policy(Bucket=anns)["Policy"] == before


def test_m182_who_is_allowed_gets_in_and_nobody_else(people: People, anns: str) -> None:
    people["ann"].put_object(Bucket=anns, Key="public/k", Body=b"x")
    people["ann"].put_object(Bucket=anns, Key="private/k", Body=b"x")
    put(people, anns, allow(anns, Resource=f"arn:aws:s3:::{anns}/public/*"), allow(anns, "s3:ListBucket", Principal={"CanonicalUser": IDS["eve"]}))
    assert people["ben"].get_object(Bucket=anns, Key="public/k")["Body"].read() == b"x"
    assert refused(people["ben"].get_object, Bucket=anns, Key="private/k") == DENIED
    assert refused(people["ben"].list_objects_v2, Bucket=anns) == DENIED
    assert refused(people["ben"].put_object, Bucket=anns, Key="public/new") == DENIED
    assert people["eve"].list_objects_v2(Bucket=anns)["KeyCount"] == 2
    for name in ("eve", "zoe", ANONYMOUS):
        assert refused(people[name].get_object, Bucket=anns, Key="public/k") == DENIED
    people["ann"].delete_bucket_policy(Bucket=anns)
    assert refused(people["ben"].get_object, Bucket=anns, Key="public/k") == DENIED


def test_m182_a_deny_holds_against_lists_owner_and_versions_and_the_owner_can_still_mend_it(people: People, anns: str) -> None:
    ann = people["ann"]
    ann.put_object(Bucket=anns, Key="k", Body=b"x", ACL="public-read")
    everything = deny(anns, "s3:*")
    put(people, anns, everything)
    for name in ("ann", "ben", ANONYMOUS):
        assert refused(people[name].get_object, Bucket=anns, Key="k") == DENIED
    assert refused(ann.list_objects_v2, Bucket=anns) == refused(ann.delete_bucket, Bucket=anns) == DENIED
    assert refused(ann.delete_objects, Bucket=anns, Delete={"Objects": []})[0] in (400, 403)
    assert "s3:*" in ann.get_bucket_policy(Bucket=anns)["Policy"]
    assert refused(people["ben"].delete_bucket_policy, Bucket=anns) == DENIED
    put(people, anns, everything)
    ann.delete_bucket_policy(Bucket=anns)
    assert people[ANONYMOUS].get_object(Bucket=anns, Key="k")["Body"].read() == b"x"


def test_who_is_not_the_owner_confirms_to_lock_himself_out(people: People, anns: str) -> None:
    put(people, anns, allow(anns, ["s3:PutBucketPolicy", "s3:GetBucketPolicy"]))
    text = json.dumps({"Version": "2012-10-17", "Statement": [deny(anns, "s3:PutBucketPolicy")]})
    assert refused(people["ben"].put_bucket_policy, Bucket=anns, Policy=text) == DENIED
    people["ben"].put_bucket_policy(Bucket=anns, Policy=text, ConfirmRemoveSelfBucketAccess=True)
    assert refused(people["ben"].put_bucket_policy, Bucket=anns, Policy=text) == DENIED


def tag(people: People, bucket: str, key: str, value: str) -> None:
    people["ann"].put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": "security", "Value": value}]})


def test_m182_tags_of_the_object_allow_and_deny(people: People, anns: str) -> None:
    ann, ben = people["ann"], people["ben"]
    for value in ("public", "secret"):
        ann.put_object(Bucket=anns, Key=value, Body=value.encode())
        tag(people, anns, value, value)
    ann.put_object(Bucket=anns, Key="none", Body=b"none")
    reads = ["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectAcl", "s3:GetObjectAttributes", "s3:DeleteObjectTagging"]
    put(people, anns, allow(anns, reads, Condition={"StringEquals": {"s3:ExistingObjectTag/security": "public"}}))
    assert ben.get_object(Bucket=anns, Key="public")["Body"].read() == b"public"
    ben.head_object(Bucket=anns, Key="public")
    ben.get_object_acl(Bucket=anns, Key="public")
    ben.get_object_tagging(Bucket=anns, Key="public")
    ben.get_object_attributes(Bucket=anns, Key="public", ObjectAttributes=["ETag"])
    for key in ("secret", "none", "missing"):
        assert refused(ben.get_object, Bucket=anns, Key=key) == DENIED
        assert refused(ben.get_object_tagging, Bucket=anns, Key=key) == DENIED
        assert refused(ben.get_object_attributes, Bucket=anns, Key=key, ObjectAttributes=["ETag"]) == DENIED
        assert refused(ben.delete_object_tagging, Bucket=anns, Key=key) == DENIED
    ben.delete_object_tagging(Bucket=anns, Key="public")
    assert refused(ben.get_object, Bucket=anns, Key="public") == DENIED


def test_m182_a_deny_by_tag_holds_for_everybody_on_every_door_to_the_bytes(people: People, anns: str) -> None:
    ann = people["ann"]
    ann.put_object(Bucket=anns, Key="secret", Body=b"s", ACL="public-read", Tagging="security=secret")
    ann.put_object(Bucket=anns, Key="plain", Body=b"p", ACL="public-read")
    put(people, anns, deny(anns, "s3:*", Condition={"StringEquals": {"s3:ExistingObjectTag/security": "secret"}}))
    for name in ("ann", "ben", ANONYMOUS):
        assert refused(people[name].get_object, Bucket=anns, Key="secret") == DENIED
        assert refused(people[name].head_object, Bucket=anns, Key="secret") == (403, "403")
        assert people[name].get_object(Bucket=anns, Key="plain")["Body"].read() == b"p"
    source = {"Bucket": anns, "Key": "secret"}
    assert refused(ann.copy_object, Bucket=anns, Key="copy", CopySource=source) == DENIED
    upload = ann.create_multipart_upload(Bucket=anns, Key="copy")["UploadId"]
    assert refused(ann.upload_part_copy, Bucket=anns, Key="copy", UploadId=upload, PartNumber=1, CopySource=source) == DENIED
    ann.abort_multipart_upload(Bucket=anns, Key="copy", UploadId=upload)
    assert refused(ann.get_object_attributes, Bucket=anns, Key="secret", ObjectAttributes=["ETag"]) == DENIED
    assert refused(ann.put_object_tagging, Bucket=anns, Key="secret", Tagging={"TagSet": []}) == DENIED
    assert refused(ann.delete_object_tagging, Bucket=anns, Key="secret") == DENIED
    assert refused(ann.get_object, Bucket=anns, Key="missing") == (404, "NoSuchKey")
    ann.copy_object(Bucket=anns, Key="copy", CopySource={"Bucket": anns, "Key": "plain"})


def test_m182_tags_that_a_request_gives(people: People, anns: str) -> None:
    ben = people["ben"]
    put(people, anns, allow(anns, ["s3:PutObject", "s3:PutObjectTagging", "s3:GetObjectTagging"]), deny(anns, "s3:PutObjectTagging",
        Condition={"ForAnyValue:StringNotEquals": {"s3:RequestObjectTagKeys": ["colour"]}}))  # fmt: skip
    ben.put_object(Bucket=anns, Key="k", Tagging="colour=red")
    assert refused(ben.put_object, Bucket=anns, Key="k", Tagging="colour=red&owner=ben") == DENIED
    ben.put_object_tagging(Bucket=anns, Key="k", Tagging={"TagSet": [{"Key": "colour", "Value": "blue"}]})
    wrong = {"TagSet": [{"Key": "owner", "Value": "ben"}]}
    assert refused(ben.put_object_tagging, Bucket=anns, Key="k", Tagging=wrong) == DENIED
    assert ben.get_object_tagging(Bucket=anns, Key="k")["TagSet"] == [{"Key": "colour", "Value": "blue"}]


def test_m182_what_a_header_asks_for_besides_is_asked(people: People, anns: str) -> None:
    ben = people["ben"]
    put(people, anns, allow(anns, "s3:PutObject"))
    ben.put_object(Bucket=anns, Key="k")
    for given in ({"ACL": "public-read"}, {"Tagging": "a=b"}):
        assert refused(ben.put_object, Bucket=anns, Key="k", **given) == DENIED
        assert refused(ben.create_multipart_upload, Bucket=anns, Key="k", **given) == DENIED
    ben.put_object(Bucket=anns, Key="k", GrantFullControl=f"id={IDS['ann']}")
    put(people, anns, allow(anns, ["s3:PutObject", "s3:PutObjectAcl", "s3:DeleteObject"]), deny(anns, "s3:PutObject", Condition={
        "StringLike": {"s3:x-amz-acl": "public*"}}))  # fmt: skip
    ben.put_object(Bucket=anns, Key="k", ACL="private")
    assert refused(ben.put_object, Bucket=anns, Key="k", ACL="public-read") == DENIED
    ben.delete_object(Bucket=anns, Key="k")
    assert refused(ben.delete_object, Bucket=anns, Key="k", BypassGovernanceRetention=True) == DENIED
    answer = ben.delete_objects(Bucket=anns, Delete={"Objects": [{"Key": "k"}]}, BypassGovernanceRetention=True)
    assert answer["Errors"][0]["Code"] == "AccessDenied"


def test_the_query_is_no_way_around_a_condition(people: People, anns: str, place: Server) -> None:
    """An x-amz-acl in the query of an unsigned request is read by the operation, so the policy reads it there too."""
    put(people, anns, allow(anns, ["s3:PutObject", "s3:PutObjectAcl"], Principal="*"), deny(anns, "s3:PutObject", Condition={
        "StringLike": {"s3:x-amz-acl": "public*"}}))  # fmt: skip
    for query in ("x-amz-acl=public-read", "X-Amz-Acl=public-read"):
        asked = urllib.request.Request(f"{place.endpoint}/{anns}/k?{query}", method="PUT", data=b"x", headers={"x-amz-acl": "private"})
        with pytest.raises(HTTPError) as error:
            urllib.request.urlopen(asked)
        assert error.value.code == 403
    urllib.request.urlopen(urllib.request.Request(f"{place.endpoint}/{anns}/k", method="PUT", data=b"x")).close()


def test_both_copies_ask_for_the_source_and_its_condition(people: People, anns: str) -> None:
    """GHSA-mx42-j6wv-px98, GHSA-wfxj-ph3v-7mjf."""
    ann, ben = people["ann"], people["ben"]
    for key in ("public/k", "private/k"):
        ann.put_object(Bucket=anns, Key=key, Body=b"x")
    source = {"StringLikeIfExists": {"s3:x-amz-copy-source": f"{anns}/public/*"}}
    put(people, anns, allow(anns, "s3:PutObject", Condition=source), allow(anns, "s3:GetObject"))
    ben.copy_object(Bucket=anns, Key="a", CopySource={"Bucket": anns, "Key": "public/k"})
    assert refused(ben.copy_object, Bucket=anns, Key="a", CopySource={"Bucket": anns, "Key": "private/k"}) == DENIED
    upload = ben.create_multipart_upload(Bucket=anns, Key="b")["UploadId"]
    part: dict[str, Any] = {"Bucket": anns, "Key": "b", "UploadId": upload, "PartNumber": 1}
    ben.upload_part_copy(**part, CopySource={"Bucket": anns, "Key": "public/k"})
    assert refused(ben.upload_part_copy, **part, CopySource={"Bucket": anns, "Key": "private/k"}) == DENIED
    put(people, anns, allow(anns, "s3:PutObject"))
    assert refused(ben.copy_object, Bucket=anns, Key="a", CopySource={"Bucket": anns, "Key": "public/k"}) == DENIED
    assert refused(ben.upload_part_copy, **part, CopySource={"Bucket": anns, "Key": "public/k"}) == DENIED
    ben.abort_multipart_upload(Bucket=anns, Key="b", UploadId=upload)


def test_who_may_list_a_prefix_learns_what_is_not_there_only_under_it(people: People, anns: str) -> None:
    put(people, anns, allow(anns, "s3:ListBucket", Condition={"StringLike": {"s3:prefix": "public/*"}}), allow(anns, "s3:GetObject"))
    assert refused(people["eve"].head_object, Bucket=anns, Key="public/missing")[0] == 403
    people["ann"].delete_bucket_policy(Bucket=anns)
    put(people, anns, allow(anns, "s3:ListBucket", Condition={"StringLike": {"s3:prefix": "public/*"}}))
    assert refused(people["ben"].head_object, Bucket=anns, Key="public/missing")[0] == 404
    assert refused(people["ben"].head_object, Bucket=anns, Key="private/missing")[0] == 403
    assert people["ben"].list_objects_v2(Bucket=anns, Prefix="public/")["KeyCount"] == 0
    assert refused(people["ben"].list_objects_v2, Bucket=anns) == DENIED
    assert refused(people["ben"].list_objects_v2, Bucket=anns, Prefix="private/") == DENIED


def public_access(people: People, bucket: str, **on: bool) -> None:
    people["ann"].put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=on)


def test_m182_public_policies_are_told_blocked_and_restricted(people: People, anns: str) -> None:
    ann = people["ann"]
    ann.put_object(Bucket=anns, Key="k", Body=b"x")

    def is_public() -> bool:
        return bool(ann.get_bucket_policy_status(Bucket=anns)["PolicyStatus"]["IsPublic"])

    everybody = allow(anns, ["s3:GetObject", "s3:ListBucketVersions"], Principal="*")
    put(people, anns, allow(anns))
    assert not is_public()
    put(people, anns, everybody)
    assert is_public()
    assert people[ANONYMOUS].get_object(Bucket=anns, Key="k")["Body"].read() == b"x"
    public_access(people, anns, RestrictPublicBuckets=True)
    assert refused(people[ANONYMOUS].get_object, Bucket=anns, Key="k") == DENIED
    assert refused(people[ANONYMOUS].list_object_versions, Bucket=anns) == DENIED
    assert people["ben"].get_object(Bucket=anns, Key="k")["Body"].read() == b"x"
    ann.delete_bucket_policy(Bucket=anns)
    public_access(people, anns, BlockPublicPolicy=True)
    document = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    assert refused(ann.put_bucket_policy, Bucket=anns, Policy=document) == DENIED
    put(people, anns, allow(anns))
    assert not is_public()
    ann.delete_public_access_block(Bucket=anns)


def test_m182_where_from_and_how(people: People, anns: str) -> None:
    people["ann"].put_object(Bucket=anns, Key="k", Body=b"x")
    for condition, let_in in (
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"StringEquals": {"aws:username": "ben"}}, True),
        ({"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, False),
    ):
        put(people, anns, allow(anns, Principal="*", Condition=condition))
        if let_in:
            people["ben"].get_object(Bucket=anns, Key="k")
        else:
            assert refused(people["ben"].get_object, Bucket=anns, Key="k") == DENIED, condition
    put(people, anns, allow(anns, Principal=BEN, Condition={"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}))
    url = people["ben"].generate_presigned_url("get_object", Params={"Bucket": anns, "Key": "k"})
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"x"


def test_m182_another_tenancy_by_its_namespace_needs_the_bucket_to_allow_it(people: People, anns: str, place: Server) -> None:
    """`namespace:bucket`, and without a namespace the default one, as Ceph writes it; names of one's own tenancy come first."""
    tom = client(place, ABROAD)
    tom.meta.events.unregister("before-parameter-build.s3", validate_bucket_name)
    people["ann"].put_object(Bucket=anns, Key="k", Body=b"x", ACL="public-read")
    there = f"default:{anns}"
    assert refused(tom.get_object, Bucket=anns, Key="k") == (404, "NoSuchBucket")
    assert refused(tom.put_object, Bucket=there, Key="new") == refused(tom.list_objects_v2, Bucket=there) == DENIED
    for principal in ("arn:aws:iam::elsewhere:user/tom", "arn:aws:iam::elsewhere:root"):
        put(people, anns, allow(anns, ["s3:GetObject", "s3:PutObject"], Principal={"AWS": principal}))
        assert tom.get_object(Bucket=there, Key="k")["Body"].read() == b"x"
        tom.put_object(Bucket=f":{anns}", Key="new")
        assert refused(people["ben"].put_object, Bucket=anns, Key="new") == DENIED
        assert refused(tom.list_objects_v2, Bucket=there) == DENIED
    tom.create_bucket(Bucket=anns)
    tom.copy_object(Bucket=anns, Key="copy", CopySource={"Bucket": there, "Key": "k"})
    assert tom.get_object(Bucket=anns, Key="copy")["Body"].read() == b"x"
    assert refused(tom.copy_object, Bucket=anns, Key="copy", CopySource={"Bucket": anns, "Key": "k"}) == (404, "NoSuchKey")
    tom.copy_object(Bucket=there, Key="back", CopySource={"Bucket": anns, "Key": "copy"})
    assert {row["Key"]: row["Size"] for row in people["ann"].list_objects_v2(Bucket=anns)["Contents"]}["back"] == 1
    assert refused(people["ann"].get_object, Bucket=anns, Key="back") == DENIED  # it is Tom's, and he did not share it
    tom.delete_object(Bucket=anns, Key="copy")
    tom.delete_bucket(Bucket=anns)
