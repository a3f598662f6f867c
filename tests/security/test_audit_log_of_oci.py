"""The audit log of OCI's door: refusals of signatures and rights, changes of buckets and identities, and no secret among them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.oci.people import Answer, Person, person
from tests.oci.requests_made import Store
from tests.security.test_audit_log import line_of
from tests.serving import Server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    server = Server(tmp_path_factory.mktemp("audit-oci")).start()
    yield Store(server)
    server.finish()


@pytest.fixture(scope="module")
def boss(store: Store) -> Person:
    return person(store, "boss")


def line(store: Store, answer: Answer, within_s: float = 5.0) -> dict[str, Any]:
    return line_of(store.server, answer.headers["opc-request-id"].rpartition(":")[2], within_s)


def test_changes_of_buckets_and_identities_are_lines_before_they_are_answered(store: Store, boss: Person) -> None:
    tenancy = boss.user.tenancy
    made = boss.ask("POST", "/n/default/b", document={"name": "oci-bucket", "compartmentId": tenancy})
    said = line(store, made, 0)
    assert (said["door"], said["action"], said["resource"], said["who"]) == ("oci", "CreateBucket", "default", "boss")
    assert said["details"] == {"name": "oci-bucket", "compartment_id": tenancy}
    user = boss.ask("POST", "/20160918/users", document={"compartmentId": tenancy, "name": "zoe", "description": "d"})
    assert user.status == 200 and line(store, user, 0)["resource"] == "zoe"
    id = user.json["id"]
    key = boss.ask("POST", f"/20160918/users/{id}/customerSecretKeys", document={"displayName": "k"})
    said = line(store, key, 0)
    assert (said["action"], said["resource"], said["decision"]) == ("CreateCustomerSecretKey", id, "allow")
    assert key.json["key"] not in (store.server.data_dir / "logs" / "audit.jsonl").read_text()
    token = boss.ask("POST", f"/20160918/users/{id}/authTokens", document={"description": "t"})
    assert line(store, token, 0)["action"] == "CreateAuthToken"
    assert token.json["token"] not in (store.server.data_dir / "logs" / "audit.jsonl").read_text()


def test_refusals_are_lines_and_reads_are_none(store: Store, boss: Person) -> None:
    assert boss.ask("POST", "/n/default/b", document={"name": "oci-refused", "compartmentId": boss.user.tenancy}).status == 200
    other = person(store, "other", rights="none", key=1)
    denied = other.ask("GET", "/n/default/b/oci-refused/o")
    assert denied.status == 404
    said = line(store, denied)
    assert (said["who"], said["principal"], said["action"], said["rule"]) == ("other", other.user.id, "ListObjects", "nothing allows it")
    assert "nothing allows it" not in denied.body.decode()
    forged = Person(store.server, boss.user, other.key, boss.fingerprint).ask("DELETE", "/n/default/b/oci-refused")
    said = line(store, forged)
    assert forged.status == 401
    assert (said["who"], said["action"], said["resource"], said["rule"]) == ("anonymous", "DeleteBucket", "oci-refused", "NotAuthenticated")
    fine = boss.ask("GET", "/n/default/b/oci-refused")
    missing = boss.ask("GET", "/n/default/b/oci-refused/o/nothing")
    assert (fine.status, missing.status) == (200, 404)
    text = json.dumps(lines(store))
    for answer in (fine, missing):
        assert answer.headers["opc-request-id"].rpartition(":")[2] not in text


def lines(store: Store) -> list[dict[str, Any]]:
    return [json.loads(raw) for raw in (store.server.data_dir / "logs" / "audit.jsonl").read_text().splitlines()]
