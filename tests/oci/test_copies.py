"""Copies that write their bytes again: they go on after the answer, and their work request says how they ended."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import empty_bucket
from tests.oci.people import Answer, Person, person
from tests.oci.requests_made import Store

BIG = os.urandom(1 << 20) * 10


@pytest.fixture(scope="module")
def ada(store: Store) -> Person:
    return person(store, "ada")


@pytest.fixture
def bucket(ada: Person, s3: Any) -> Iterator[str]:
    """A bucket that encrypts, with one object of 10 MiB."""
    name = f"copies-{uuid.uuid4().hex[:12]}"
    assert ada.ask("POST", "/n/default/b", document={"name": name, "compartmentId": ada.user.tenancy}).status == 200
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert ada.ask("PUT", f"/n/default/b/{name}/o/k", data=BIG).status == 200
    yield name
    empty_bucket(s3, name)
    s3.delete_bucket(Bucket=name)


def copy(ada: Person, bucket: str, **more: str) -> Answer:
    details = {
        "sourceObjectName": "k", "destinationRegion": ada.server.region, "destinationNamespace": "default", "destinationBucket": bucket,
        "destinationObjectName": "copy", **more,
    }  # fmt: skip
    return ada.ask("POST", f"/n/default/b/{bucket}/actions/copyObject", document=details)


def ended(ada: Person, answer: Answer) -> dict[str, Any]:
    assert answer.status == 202, answer
    until = time.monotonic() + 30
    while True:
        found: dict[str, Any] = ada.ask("GET", f"/workRequests/{answer.headers['opc-work-request-id']}").json
        if found["status"] in ("COMPLETED", "FAILED", "CANCELED"):
            return found
        assert found["status"] == "IN_PROGRESS" and time.monotonic() < until
        time.sleep(0.05)


def test_an_encrypted_object_is_copied_beside_other_requests(ada: Person, bucket: str) -> None:
    answer = copy(ada, bucket)
    found = ended(ada, answer)
    assert (found["status"], found["percentComplete"], found["operationType"]) == ("COMPLETED", 100.0, "COPY_OBJECT")
    assert ada.ask("GET", f"/n/default/b/{bucket}/o/copy").body == BIG


def test_why_a_copy_failed_stands_in_its_work_request(ada: Person, bucket: str) -> None:
    answer = copy(ada, bucket, destinationObjectIfNoneMatchETag="*")
    raced = ada.ask("PUT", f"/n/default/b/{bucket}/o/copy", data=b"first")
    assert raced.status == 200
    found = ended(ada, answer)
    errors = ada.ask("GET", f"/workRequests/{found['id']}/errors").json
    if found["status"] == "FAILED":
        assert errors[0]["code"] == "IfNoneMatchFailed"
        assert ada.ask("GET", f"/n/default/b/{bucket}/o/copy").body == b"first"
    else:  # it was faster than the other writer
        assert errors == []


def test_a_work_request_is_for_those_who_may_see_what_it_is_about(store: Store, ada: Person, bucket: str) -> None:
    answer = copy(ada, bucket)
    id = ended(ada, answer)["id"]
    nobody = person(store, "nobody", "none", key=1)
    for method, target in (("GET", ""), ("GET", "/logs"), ("GET", "/errors"), ("DELETE", "")):
        refused = nobody.ask(method, f"/workRequests/{id}{target}")
        assert (refused.status, refused.json["code"]) == (404, "NotFound")
    listed = nobody.ask("GET", f"/workRequests?compartmentId={nobody.user.tenancy}")
    assert listed.status == 404 or id not in listed.body.decode()
