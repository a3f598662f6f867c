"""OCI's API and pre-authenticated requests follow S3's rule: an object is its writer's, also in a bucket of somebody else's."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from holdfast.model.identity import Credential
from tests.authz.town import client
from tests.conftest import empty_bucket
from tests.oci.people import Answer, Person, person
from tests.oci.requests_made import Store
from tests.oci.test_par_use import ask, refused


class Owner(NamedTuple):
    """Somebody at both doors: who signs for OCI, and his boto3 client."""

    oci: Person
    s3: Any


def owner(store: Store, name: str, key: int) -> Owner:
    made = person(store, name, "own-buckets", key)

    async def with_key(engine: Any, directory: Any) -> Credential:
        found: Credential = await directory.keys.create(made.user.id, int(time.time() * 1000))
        return found

    return Owner(made, client(store.server, store.do(with_key)))


@pytest.fixture(scope="module")
def ann(store: Store) -> Owner:
    return owner(store, "owner-ann", 1)


@pytest.fixture(scope="module")
def ben(store: Store) -> Owner:
    return owner(store, "owner-ben", 2)


@pytest.fixture(params=["ObjectWriter", "BucketOwnerPreferred"])
def shared(request: pytest.FixtureRequest, ann: Owner, ben: Owner, store: Store) -> Iterator[str]:
    """A bucket of Ann's with one object of hers and one of Ben's."""
    name = f"owners-{uuid.uuid4().hex[:12]}"
    assert ann.oci.ask("POST", "/n/default/b", document={"name": name, "compartmentId": ann.oci.user.tenancy}).status == 200
    ann.s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": request.param}]})
    ann.s3.put_bucket_acl(Bucket=name, ACL="public-read-write")
    for who, key in ((ann, "anns"), (ben, "bens")):
        assert who.oci.ask("PUT", f"/n/default/b/{name}/o/{key}", data=key.encode()).status == 200
    yield name

    async def clean(engine: Any, directory: Any) -> None:
        found = await engine.catalog.bucket("default", name)
        for par in await engine.catalog.pars(found.id, limit=100):
            await engine.catalog.delete_par(found.id, par.id)

    store.do(clean)
    empty_bucket(ann.s3, name)
    ann.s3.delete_bucket(Bucket=name)


def reads(who: Person, bucket: str, key: str, region: str) -> dict[str, Answer]:
    """What each way to the bytes answers."""
    path = f"/n/default/b/{bucket}"
    copy = {
        "sourceObjectName": key, "destinationRegion": region, "destinationNamespace": "default", "destinationBucket": bucket,
        "destinationObjectName": "copy",
    }  # fmt: skip
    version = next(row["versionId"] for row in who.ask("GET", f"{path}/objectversions").json["items"] if row["name"] == key)
    return {
        "get": who.ask("GET", f"{path}/o/{key}"),
        "head": who.ask("HEAD", f"{path}/o/{key}"),
        "get version": who.ask("GET", f"{path}/o/{key}?versionId={version}"),
        "head version": who.ask("HEAD", f"{path}/o/{key}?versionId={version}"),
        "copy": who.ask("POST", f"{path}/actions/copyObject", document=copy),
        "copy version": who.ask("POST", f"{path}/actions/copyObject", document={**copy, "sourceVersionId": version}),
    }


def statuses(answers: dict[str, Answer]) -> set[int]:
    return {answer.status for answer in answers.values()}


def test_m136_what_is_anothers_is_closed_to_the_owner_of_the_bucket(ann: Owner, ben: Owner, shared: str, store: Store) -> None:
    region, path = store.server.region, f"/n/default/b/{shared}"
    rename = {"sourceName": "bens", "newName": "anns-now"}
    assert statuses(reads(ann.oci, shared, "bens", region)) == {404}
    assert ann.oci.ask("POST", f"{path}/actions/renameObject", document=rename).status == 404
    assert [row["name"] for row in ann.oci.ask("GET", f"{path}/o").json["objects"]] == ["anns", "bens"]
    assert statuses(reads(ann.oci, shared, "anns", region)) == {200, 202}
    assert ben.oci.ask("GET", f"{path}/o/bens").body == b"bens"
    administrator = person(store, "ada")
    assert administrator.ask("GET", f"{path}/o/bens").body == b"bens"


def test_m136_the_owner_of_the_bucket_moves_lists_and_deletes_what_is_anothers(ann: Owner, ben: Owner, shared: str) -> None:
    path = f"/n/default/b/{shared}"
    tier = {"objectName": "bens", "storageTier": "InfrequentAccess"}
    assert ann.oci.ask("POST", f"{path}/actions/updateObjectStorageTier", document=tier).status == 200
    assert ben.s3.head_object(Bucket=shared, Key="bens")["StorageClass"] != "STANDARD"
    assert ann.oci.ask("GET", f"{path}/o/bens").status == 404  # and it is still Ben's
    assert ann.oci.ask("DELETE", f"{path}/o/bens").status == 204
    assert ben.oci.ask("PUT", f"{path}/o/bens", data=b"again").status == 200
    batch = {"objects": [{"objectName": "bens"}]}
    assert ann.oci.ask("POST", f"{path}/actions/batchDeleteObjects", document=batch).json["failed"] == []
    assert ben.oci.ask("PUT", f"{path}/o/bens", data=b"again").status == 200
    assert ann.oci.ask("PUT", f"{path}/o/bens", data=b"ann's").status == 200
    assert ann.oci.ask("GET", f"{path}/o/bens").body == b"ann's"


def test_m136_his_list_and_the_settings_of_the_bucket_let_its_owner_in(ann: Owner, ben: Owner, shared: str, store: Store) -> None:
    region = store.server.region
    ben.s3.put_object_acl(Bucket=shared, Key="bens", ACL="bucket-owner-read")
    assert statuses(reads(ann.oci, shared, "bens", region)) == {200, 202}
    ben.s3.put_object_acl(Bucket=shared, Key="bens", ACL="private")
    assert statuses(reads(ann.oci, shared, "bens", region)) == {404}
    ann.s3.put_bucket_acl(Bucket=shared, ACL="private")
    ann.s3.put_bucket_ownership_controls(Bucket=shared, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    assert statuses(reads(ann.oci, shared, "bens", region)) == {200, 202}


def test_m136_a_pre_authenticated_request_reads_what_its_maker_may(ann: Owner, ben: Owner, shared: str, store: Store) -> None:
    _, everything = store.par(shared, "AnyObjectRead", creator=ann.oci.user.id, listing=True)
    _, one = store.par(shared, "ObjectRead", "bens", creator=ann.oci.user.id)
    for method in ("GET", "HEAD"):
        assert ask(method, everything + "anns")[0] == 200
        for url in (everything + "bens", one):
            answer = ask(method, url)
            assert refused(answer) if method == "GET" else answer[0] == 401
    assert b"bens" in ask("GET", everything)[2]
    ben.s3.put_object_acl(Bucket=shared, Key="bens", ACL="bucket-owner-read")
    assert ask("GET", one)[2] == ask("GET", everything + "bens")[2] == b"bens"
    ben.s3.put_object_acl(Bucket=shared, Key="bens", ACL="private")
    assert refused(ask("GET", one))


def test_a_public_bucket_is_public_whoever_wrote_into_it(ann: Owner, shared: str) -> None:
    """OCI knows no owners of objects: its public buckets are public altogether, and who makes one so changes a setting that shows."""
    assert ann.oci.ask("POST", f"/n/default/b/{shared}", document={"publicAccessType": "ObjectRead"}).status == 200
    for key in ("anns", "bens"):
        assert ask("GET", f"{ann.oci.server.endpoint}/n/default/b/{shared}/o/{key}")[2] == key.encode()
