"""Public buckets and hosts: what everybody may read, by which URL, through which door."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import empty_bucket, make_client
from tests.oci.people import Answer, Person, person, send
from tests.oci.requests_made import Store
from tests.serving import Server

NAME = "a b/ü.txt"


@pytest.fixture(scope="module")
def ada(store: Store) -> Person:
    return person(store, "ada")


@pytest.fixture
def bucket(ada: Person, s3: Any) -> Iterator[str]:
    name = f"public-{uuid.uuid4().hex[:12]}"
    assert ada.ask("POST", "/n/default/b", document={"name": name, "compartmentId": ada.user.tenancy}).status == 200
    assert ada.ask("PUT", f"/n/default/b/{name}/o/{quote(NAME, safe='')}", data=b"seen").status == 200
    yield name
    empty_bucket(s3, name)
    assert ada.ask("DELETE", f"/n/default/b/{name}").status == 204


def anonymous(server: Server, target: str, method: str = "GET", **headers: str) -> Answer:
    return send(server, method, target, headers)


@pytest.mark.parametrize(("access", "reads", "lists"), [("NoPublicAccess", 0, 0), ("ObjectRead", 1, 1), ("ObjectReadWithoutList", 1, 0)])
def test_m38_m39_m40_everybody_reads_what_the_bucket_says(ada: Person, bucket: str, access: str, reads: int, lists: int) -> None:
    server, path = ada.server, f"/n/default/b/{bucket}"
    assert ada.ask("POST", path, document={"publicAccessType": access}).json["publicAccessType"] == access
    url = f"{path}/o/{quote(NAME, safe='')}"
    absent = anonymous(server, "/n/default/b/none/o/x").json
    for target, allowed in ((url, reads), (path + "/o", lists)):
        answer = anonymous(server, target)
        assert answer.status == (200 if allowed else 404), (target, answer)
        if not allowed:  # M39: nothing tells a private bucket from one that is not there
            assert {name: text.replace(bucket, "none") for name, text in answer.json.items()} == absent
    assert anonymous(server, url, "HEAD").status == (200 if reads else 404)
    through_s3 = anonymous(server, f"/{bucket}/{quote(NAME)}")
    assert (through_s3.status, anonymous(server, f"/{bucket}").status) == (200 if reads else 403, 200 if lists else 403)
    if reads:
        assert anonymous(server, url).body == through_s3.body == b"seen"
        assert anonymous(server, url, Range="bytes=1-2").body == b"ee"


def test_m39_what_is_public_is_so_for_reading_only(ada: Person, bucket: str) -> None:
    path = f"/n/default/b/{bucket}"
    ada.ask("POST", path, document={"publicAccessType": "ObjectRead"})
    for method, target in (("PUT", path + "/o/x"), ("DELETE", path + "/o/x"), ("POST", path + "/u"), ("POST", path + "/actions/renameObject")):
        answer = send(ada.server, method, target, {}, b"")
        assert (answer.status, answer.json["code"]) == (401, "NotAuthenticated"), (method, target)
    for target in (path, "/n", "/n/default/b", path + "/objectversions"):
        assert anonymous(ada.server, target).status in (401, 403, 404), target
    assert anonymous(ada.server, path + "/o/none").json["code"] == "ObjectNotFound"


def test_a_block_of_public_access_overrides_the_type(ada: Person, bucket: str, s3: Any) -> None:
    ada.ask("POST", f"/n/default/b/{bucket}", document={"publicAccessType": "ObjectRead"})
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    assert anonymous(ada.server, f"/n/default/b/{bucket}/o").status == 404
    s3.delete_public_access_block(Bucket=bucket)
    assert anonymous(ada.server, f"/n/default/b/{bucket}/o").status == 200


def test_what_s3_forbids_a_bucket_is_not_undone_natively(ada: Person, bucket: str, s3: Any) -> None:
    path = f"/n/default/b/{bucket}"
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    refused = ada.ask("POST", path, document={"publicAccessType": "ObjectRead"})
    assert (refused.status, refused.json["code"]) == (404, "BucketNotFound")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    assert ada.ask("POST", path, document={"versioning": "Suspended"}).status == 400
    assert ada.ask("GET", path).json["versioning"] == "Enabled"


def test_a_version_under_legal_hold_is_not_deleted_natively(ada: Person, bucket: str, s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    path = f"/n/default/b/{bucket}/o/held"
    version = ada.ask("PUT", path, data=b"held").headers["version-id"]
    s3.put_object_legal_hold(Bucket=bucket, Key="held", LegalHold={"Status": "ON"})
    refused = ada.ask("DELETE", f"{path}?versionId={version}")
    assert (refused.status, refused.json["code"]) == (409, "RetentionRuleViolation")
    assert ada.ask("GET", path).body == b"held"
    s3.put_object_legal_hold(Bucket=bucket, Key="held", LegalHold={"Status": "OFF"})
    assert ada.ask("DELETE", f"{path}?versionId={version}").status == 204


def test_pages_of_other_origins_may_ask(ada: Person, bucket: str) -> None:
    answer = anonymous(ada.server, f"/n/default/b/{bucket}/o/x", "OPTIONS", Origin="http://x.test")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")


def test_m4_m38_m244_the_hosts_of_the_documents(serve: Callable[..., Server]) -> None:
    server = serve(workers=1, oci_domain="holdfast.test", region="us-phoenix-1")
    store = Store(server)
    ada = person(store, "ada")
    host = {"native": "objectstorage.us-phoenix-1.holdfast.test", "s3": "default.compat.objectstorage.us-phoenix-1.holdfast.test"}
    assert ada.ask("POST", "/n/default/b", document={
        "name": "hosted", "compartmentId": ada.user.tenancy, "publicAccessType": "ObjectRead",
    }).status == 200  # fmt: skip
    url = f"/n/default/b/hosted/o/{quote(NAME, safe='')}"
    assert ada.ask("PUT", url, data=b"seen").status == 200
    assert anonymous(server, url, host=host["native"]).body == b"seen"
    assert anonymous(server, f"/hosted/{quote(NAME)}", host=host["s3"] + ":443").body == b"seen"
    assert anonymous(server, "/n", host=host["native"]).json["code"] == "NotAuthenticated"
    other = anonymous(server, f"/hosted/{quote(NAME)}", host=host["s3"].replace("default", "other"))
    assert other.status == 404 and b"NoSuchBucket" in other.body
    signed = ada.signed("GET", "/n", host["native"])
    assert send(server, "GET", "/n", signed).json == "default"
    mine = make_client(server)
    assert [row["Name"] for row in mine.list_buckets()["Buckets"]] == ["hosted"]


def test_m240_one_fault_in_the_words_of_each_door(ada: Person, bucket: str, s3: Any) -> None:
    native = ada.ask("GET", f"/n/default/b/{bucket}/o/none")
    assert (native.status, native.headers["content-type"], native.json["code"]) == (404, "application/json", "ObjectNotFound")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="none")
