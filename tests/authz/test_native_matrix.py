"""Every operation of the native OCI door and of its identity service x callers who may not: refused, nothing changed, nothing told."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.authz.permissions import OF_OPERATION
from holdfast.model.identity import INACTIVE, User
from holdfast.oci import ops
from holdfast.oci.operation import OPERATIONS, Operation
from tests.authz.callers import BUCKET, KEY, People, state
from tests.authz.town import Town, now_ms
from tests.oci.people import Answer, Person, new_key, send

ops.load()
EVERYBODYS = {"GetNamespace", "ListRegions", "GenerateUserSecurityToken", "RefreshUserSecurityToken"}
"""What everybody may who proves himself: to know where he is, and to have a session of his own."""
SHOWS_ITSELF = {"ListUsers", "ListCompartments", "ListUserGroupMemberships"}
ANYTHING: tuple[Any, ...] = ("none-such", 1, True, [], {})


class Cast(NamedTuple):
    """Who asks, and the names that paths and bodies are filled with."""

    nobody: Person
    stranger: Person
    inactive: Person
    names: dict[str, str]
    upload_id: str


def someone(town: Town, at: int, **given: Any) -> Person:
    user, _ = town.user(**given)
    pem = new_key(at).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    added = town.run(town.directory.api_keys.add(user.id, pem, now_ms()))
    return Person(town.server, user, new_key(at), added.fingerprint)


@pytest.fixture(scope="module")
def cast(town: Town, people: People) -> Iterator[Cast]:
    run, directory = town.run, town.directory
    administrators = run(directory.groups.by_name(town.tenancy.id, "Administrators"))
    other = run(directory.tenancies.by_name("matrix-other"))
    assert administrators is not None and other is not None
    group = town.group("native-matrix")
    user, key = town.user(group)
    found = run(directory.users.user(user.id))
    assert found is not None
    inactive = someone(town, 0)
    run(directory.groups.add_user(administrators.id, inactive.user.id, now_ms()))
    run(directory.users.set_status(inactive.user.id, INACTIVE))
    names = {
        "namespaceName": "default", "bucketName": BUCKET, "objectName": KEY.replace("/", "%2F"),
        "compartmentId": town.compartment("native-matrix").id, "groupId": group.id, "userId": user.id,
        "userGroupMembershipId": found.memberships[0].id, "customerSecretKeyId": key.access_key,
        "policyId": town.policy("Allow group native-matrix to {OBJECT_RESTORE} in compartment native-matrix").id, "tenancyId": town.tenancy.id,
    }  # fmt: skip
    yield Cast(someone(town, 0), someone(town, 0, rights="all", tenancy=other.id), inactive, names, people.upload_id)


def fill(operation: Operation, cast: Cast, town: Town) -> tuple[str, Any, bytes | None]:
    """(target, document, bytes of an object) of a request that would do harm, were it let in."""
    target = operation.path
    for name, value in cast.names.items():
        target = target.replace("{" + name + "}", value)
    while "{" in target:
        before, _, rest = target.partition("{")
        target = before + "none-such" + rest.partition("}")[2]
    values = {"compartmentId": town.tenancy.id, "uploadId": cast.upload_id, "uploadPartNum": "1", "availabilityDomain": "none-such"}
    if operation.name == "ListUserGroupMemberships":
        target += f"?groupId={cast.names['groupId']}&compartmentId={town.tenancy.id}"
        return target, None, None
    required = [name[:-1] for name in operation.query if name.endswith("!")]
    target += "?" + "&".join(f"{name}={values[name]}" for name in required) if required else ""
    if operation.streams:
        return target, None, b"another"
    if operation.body is None:
        return target, None, None
    given: dict[str, Any] = {
        "name": f"n-{uuid.uuid4().hex[:12]}", "statements": ["Allow any-user to manage all-resources in tenancy"], "object": KEY,
        "objects": [{"objectName": KEY}], "partsToCommit": [{"partNum": 1, "etag": "x"}], "sourceObjectName": KEY, "sourceName": KEY,
        "newName": "moved",
        "destinationRegion": town.server.region, "destinationNamespace": "default", "destinationBucket": BUCKET, "destinationObjectName": "copied",
        "objectName": KEY, "storageTier": "InfrequentAccess", "compartmentId": town.tenancy.id, "targetCompartmentId": town.tenancy.id,
        "userId": cast.names["userId"], "groupId": cast.names["groupId"], "accessType": "AnyObjectReadWrite", "timeExpires": "2099-01-01T00:00:00Z",
    }  # fmt: skip
    document: dict[str, Any] = {}
    for field in msgspec.structs.fields(operation.body):
        if field.encode_name in given and (field.required or operation.name == "CreatePreauthenticatedRequest"):
            document[field.encode_name] = given[field.encode_name]
        elif field.required:
            document[field.encode_name] = next(each for each in ANYTHING if fits(each, field.type))
    if operation.name == "CreatePreauthenticatedRequest":
        document.pop("objectName", None)
    elif "description" not in document and any(field.encode_name == "description" for field in msgspec.structs.fields(operation.body)):
        document["description"] = "changed"
    return target, document, None


def fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def everything(town: Town, cast: Cast) -> Any:
    """All that a request could have changed."""
    directory = town.directory
    users = town.run(directory.users.all(town.tenancy.id))
    target = cast.names["userId"]
    keys = town.run(directory.keys.of_user(target)), town.run(directory.api_keys.of_user(target))
    bucket = town.run(town.engine.catalog.bucket("default", BUCKET))
    assert bucket is not None
    pars = town.run(town.engine.catalog.pars(bucket.id))
    return state(town), town.run(directory.world(town.tenancy.id)), users, keys, pars, town.run(directory.tenancies.all())


def harmless(answer: Answer, operation: Operation, who: User | None) -> bool:
    """Whether nothing of others was told or done."""
    if operation.name == "BatchDeleteObjects" and answer.status == 200:
        return not answer.json["deleted"]
    if operation.name in SHOWS_ITSELF and answer.status == 200 and who is not None:
        return all(who.id in json.dumps(row) for row in answer.json)
    if "DynamicGroup" in operation.name and answer.status == 501:  # who may in its own tenancy is told that there are none
        return True
    return answer.status in (401, 404, 409) and (answer.status != 409 or operation.method == "POST")


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_native_operation_declares_what_it_needs(name: str) -> None:
    assert OF_OPERATION[name.removeprefix("Identity")] or name in EVERYBODYS


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - EVERYBODYS))
def test_every_native_operation_refuses_who_may_not(town: Town, cast: Cast, name: str) -> None:
    operation = OPERATIONS[name]
    target, document, data = fill(operation, cast, town)
    before = everything(town, cast)
    for who in (cast.nobody, cast.stranger):
        answer = who.ask(operation.method, target, document=document, data=data)
        assert harmless(answer, operation, who.user), (who.user.name, target, answer)
    body = json.dumps(document).encode() if document is not None else data
    wrong = Person(town.server, cast.nobody.user, new_key(1), cast.nobody.fingerprint)
    for proven in (wrong, cast.inactive, Person(town.server, cast.nobody.user, new_key(0), "00:11:22")):
        assert proven.ask(operation.method, target, document=document, data=data).status == 401, (name, proven.fingerprint)
    unsigned = send(town.server, operation.method, target, {"content-type": "application/json"}, body)
    assert unsigned.status in (401, 403, 404, 405), unsigned  # what is not signed is a request to S3 in most places
    assert everything(town, cast) == before
