"""Tenancies are closed to one another at OCI's door: every operation, asked by another tenancy's administrator and by nobody, about what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from holdfast.identities.first_start import ensure_administrators
from holdfast.model.identity import User
from holdfast.oci import ops
from holdfast.oci.operation import OPERATIONS, Operation
from tests.oci.people import Answer, Person, new_key, person
from tests.oci.requests_made import Store
from tests.security.raw import Raw
from tests.serving import Server

ops.load()
FOR_EVERYBODY = {"GetNamespace", "ListRegions"}
"""What says the same to every user, or only what is his own."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    server = Server(tmp_path_factory.mktemp("tenancies")).start()
    yield Store(server)
    server.finish()


@pytest.fixture(scope="module")
def stranger(store: Store) -> Person:
    """The administrator of another tenancy."""

    async def make(engine: Any, directory: Any) -> User:
        tenancy = await directory.tenancies.create("acme", "acme", 1)
        group = await ensure_administrators(directory, tenancy, 1)
        made = User(id="", name="stranger", canonical_id="", display_name="", namespace="acme", rights="none", tenancy=tenancy.id)
        user = await directory.users.create_user(made)
        await directory.groups.add_user(group.id, user.id, 1)
        return await directory.users.user(user.id)  # type: ignore[no-any-return]

    user: User = store.do(make)
    host = person(store, "host-of-stranger", key=1)
    key = new_key(2)

    async def add(engine: Any, directory: Any) -> str:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return (await directory.api_keys.add(user.id, pem, 1)).fingerprint  # type: ignore[no-any-return]

    return Person(host.server, user, key, store.do(add))


@pytest.fixture(scope="module")
def things(store: Store) -> dict[str, str]:
    """One of each in the first tenancy, by the names that paths have for them."""
    boss = person(store, "boss")
    tenancy = boss.user.tenancy

    def made(path: str, **document: Any) -> str:
        answer = boss.ask("POST", path, document=document)
        assert answer.status in (200, 201), answer.body
        return str(answer.json["id"])

    user = made("/20160918/users", compartmentId=tenancy, name="victim", description="d")
    group = made("/20160918/groups", compartmentId=tenancy, name="victims", description="d")
    statements = ["Allow group victims to inspect buckets in tenancy"]
    policy = made("/20160918/policies", compartmentId=tenancy, name="victims", description="d", statements=statements)
    compartment = made("/20160918/compartments", compartmentId=tenancy, name="victims", description="d")
    membership = made("/20160918/userGroupMemberships", userId=user, groupId=group)
    key = made(f"/20160918/users/{user}/customerSecretKeys", displayName="k")
    token = made(f"/20160918/users/{user}/authTokens", description="k")
    assert boss.ask("POST", "/n/default/b", document={"name": "victims-bucket", "compartmentId": tenancy}).status == 200
    assert boss.ask("PUT", "/n/default/b/victims-bucket/o/k", data=b"what is hidden").status == 200
    return {
        "userId": user, "groupId": group, "policyId": policy, "compartmentId": compartment, "userGroupMembershipId": membership,
        "customerSecretKeyId": key, "authTokenId": token, "tenancyId": tenancy, "namespaceName": "default", "bucketName": "victims-bucket",
        "objectName": "k", "fingerprint": boss.fingerprint, "parId": "x", "workRequestId": "x",
    }  # fmt: skip


def path_of(operation: Operation, things: dict[str, str]) -> str:
    path = re.sub(r"\{(\w+)\}", lambda found: quote(things.get(found[1], "x"), safe=""), operation.path)
    query = {name: things["tenancyId"] if name == "compartmentId" else things.get(name, "1") for name in operation.required}
    return path + ("?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items()) if query else "")


def document_of(operation: Operation, things: dict[str, str]) -> Any:
    """A document that says what must be said, about what is there."""
    if operation.body is None:
        return None
    known = {"compartment_id": "tenancyId", "user_id": "userId", "group_id": "groupId", "target_compartment_id": "compartmentId"}
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(operation.body):
        if field.required:
            said: Any = things.get(known.get(field.name, ""), "said-of-it")
            found[field.encode_name] = [said] if "list" in str(field.type) else said
    return found


def ask(who: Person, operation: Operation, things: dict[str, str]) -> Answer:
    given = document_of(operation, things)
    more: dict[str, Any] = {"document": given} if given is not None else {"data": b"x"} if operation.streams and operation.method == "PUT" else {}
    return who.ask(operation.method, path_of(operation, things), **more)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_another_tenancys_administrator_gets_nowhere(stranger: Person, things: dict[str, str], operation: Operation) -> None:
    answer = ask(stranger, operation, things)
    if operation.name in FOR_EVERYBODY:
        assert answer.status == 200
        return
    assert answer.status in (400, 401, 403, 404, 409, 501), (answer.status, answer.body)
    told = answer.body.decode("utf-8", "replace")
    assert "hidden" not in told and "Allow group" not in told


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_nobody_gets_nowhere(store: Store, things: dict[str, str], operation: Operation) -> None:
    raw = Raw(store.server)
    head = raw.head(operation.method, path_of(operation, things), {"host": raw.hostport, "content-length": "2", "content-type": "application/json"})
    reply = raw.exchange(head + b"{}", operation.method)
    assert reply.status in (400, 401, 403, 404, 405, 411, 501), reply.raw


def test_the_same_requests_are_answered_to_who_may(store: Store, things: dict[str, str]) -> None:
    """Else the tests above would be refused for their form only."""
    boss = person(store, "boss")
    reads = [operation for operation in OPERATIONS.values() if operation.method in ("GET", "HEAD")]
    answered = [operation.name for operation in reads if ask(boss, operation, things).status == 200]
    assert len(answered) >= 30, answered
    assert {"GetUser", "ListUsers", "GetPolicy", "ListApiKeys", "GetObject", "ListObjects", "GetBucket", "GetCompartment"} <= set(answered)


def test_everything_is_still_there(store: Store, stranger: Person, things: dict[str, str]) -> None:
    boss = person(store, "boss")
    for path in (
        "/20160918/users/{userId}", "/20160918/groups/{groupId}", "/20160918/policies/{policyId}", "/20160918/compartments/{compartmentId}",
        "/20160918/userGroupMemberships/{userGroupMembershipId}", "/n/{namespaceName}/b/{bucketName}", "/n/{namespaceName}/b/{bucketName}/o/k",
    ):  # fmt: skip
        assert boss.ask("GET", re.sub(r"\{(\w+)\}", lambda found: things[found[1]], path)).status == 200, path
    assert stranger.ask("GET", "/n").json == "acme"
