"""GHSA-pfcq-4gjr-6gjm and its kin: every route of the administration API x callers with exactly its right, with every right but that, with none.

CVE-2020-11012, CVE-2021-43858, CVE-2024-55949: who is not proven, and who may not, changes nothing.
"""

from __future__ import annotations

import http.client
import json
import re
import uuid
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.admin.route import Route
from holdfast.admin.routes import ROUTES
from holdfast.authz.permissions import OF_OPERATION, PERMISSIONS, SELF_SERVICE
from holdfast.authz.roles import ROLES
from holdfast.buckets.volumes import Volumes
from holdfast.cli.client import Client, Key, ServiceError
from holdfast.identities.keys import new_secret
from holdfast.model.identity import SERVICE_ACCOUNT, Credential, PolicyDocument, User
from tests.authz.town import Town, now_ms

EVERYBODYS = {"HoldfastWhoAmI", "HoldfastEndSession"}
"""What needs no permission: to say who one is, and the session of one's own."""
NAMED = [pytest.param(route, id=f"{route.method} {route.path}") for route in ROUTES if not route.open]
GIVES = {"HoldfastBindRole": ROLES["storage.viewer"].permissions}
"""What a route gives away, and its caller must have besides."""


QUERIES = {
    "HoldfastExplain": {"as": "administrator", "action": "s3:GetObject", "resource": "bucket"},
    "HoldfastUnbindRole": {"role": "storage.viewer", "user": "administrator", "tenancy-wide": "true"},
}
PEM = rsa.generate_private_key(65537, 2048).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class Target:
    """Somebody and something new for one route to act on."""

    def __init__(self, town: Town) -> None:
        run, directory = town.run, town.directory
        self.user, self.key = town.user()
        self.robot, self.robot_key = town.user(kind=SERVICE_ACCOUNT)
        self.group = town.group(f"g-{uuid.uuid4().hex[:12]}")
        self.members = town.group(f"m-{uuid.uuid4().hex[:12]}")
        run(directory.groups.add_user(self.members.id, self.user.id, now_ms()))
        self.compartment = town.compartment(f"c-{uuid.uuid4().hex[:12]}")
        run(directory.api_keys.add(self.robot.id, PEM, now_ms()))
        self.fingerprint = run(directory.api_keys.add(self.user.id, PEM, now_ms())).fingerprint
        self.volume = run(Volumes(town.engine, "default").create(f"v-{uuid.uuid4().hex[:12]}", "somebody", now_ms())).name
        self.bucket = town.bucket().name
        self.policy = town.policy("Allow group nobody-is-in-it to inspect buckets in tenancy")

    def fill(self, route: Route, robot: bool = False) -> str:
        path = route.path
        group = self.members if route.operation in ("RemoveUserFromGroup", "ListUserGroupMemberships") else self.group
        for name, value in {
            "user": self.robot.id if robot else self.user.id, "service-account": self.robot.id, "group": group.id, "policy": self.policy.id,
            "compartment": self.compartment.id, "key": self.robot_key.access_key if robot else self.key.access_key,
            "bucket": self.bucket, "tenancy": self.user.tenancy, "request": "0123456789ABCDEF", "volume": self.volume,
            "fingerprint": self.fingerprint,
        }.items():  # fmt: skip
            path = path.replace("{" + name + "}", value)
        return re.sub(r"\{[a-z-]+\}", "none-such", path)  # who may not is not told that there is none


class Probe:
    """A caller whose one policy the tests change."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.group = town.group("admin-probe")
        self.user, self.key = town.user(self.group)
        self.policy: PolicyDocument = town.policy("Allow group admin-probe to {BUCKET_INSPECT} in tenancy")

    def may(self, permissions: set[str] | frozenset[str]) -> None:
        statements = (f"Allow group admin-probe to {{{', '.join(sorted(permissions))}}} in tenancy",)
        self.town.run(self.town.directory.policies.change(msgspec.structs.replace(self.policy, statements=statements)))


@pytest.fixture(scope="module")
def probe(town: Town) -> Probe:
    return Probe(town)


def body_of(route: Route, target: Target, needs: tuple[str, ...]) -> Any:
    """A document that the route takes, and that gives nothing which the caller does not have."""
    if route.body is None:
        return None
    values: dict[str, Any] = {
        "name": f"n-{uuid.uuid4().hex[:12]}",
        "statements": [f"Allow group nobody-is-in-it to {{{needs[0]}}} in tenancy"],
        "user": target.user.id,
        "description": "d",
        "password": "a long enough password",
        "source": "/s3v/none-such",
        "namespace": f"n-{uuid.uuid4().hex[:12]}",
        "role": "storage.viewer",
        "key": PEM,
        "access-type": "ObjectRead",
        "time-expires": "2099-01-01T00:00:00Z",
    }
    required = [field.encode_name for field in msgspec.structs.fields(route.body) if field.required]
    for field in msgspec.structs.fields(route.body):
        if field.required and field.encode_name not in values:
            values[field.encode_name] = next(each for each in ANYTHING if fits(each, field.type))
    more = {"user": target.user.id, "tenancy-wide": True} if route.operation == "HoldfastBindRole" else {}
    return {name: values[name] for name in required} | more


ANYTHING: tuple[Any, ...] = ("none-such", "/s3v/none-such", "ACTIVE", "ENABLED", "enabled", 1, True, [], {})


def fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def ask(town: Town, key: Key, route: Route, path: str, body: Any) -> tuple[int, Any]:
    query = QUERIES.get(route.operation, {})
    try:
        return 200, Client(town.server.control, key).ask(route.method, path, query, body)
    except ServiceError as error:
        return error.status, error.answer


def state(town: Town, target: Target) -> Any:
    """Everything that a route could have changed."""
    directory = town.directory
    users = town.run(directory.users.all(town.tenancy.id))
    organisations = town.run(directory.organisations.all(town.tenancy.id))
    keys = [town.run(directory.keys.of_user(user.id)) for user in (target.user, target.robot)]
    return town.run(directory.world(town.tenancy.id)), users, organisations, keys, town.run(directory.tenancies.all())


def of(credential: Credential) -> Key:
    return Key(credential.access_key, credential.secret)


@pytest.mark.parametrize("route", NAMED)
def test_every_route_declares_what_it_needs(route: Route) -> None:
    for operation in filter(None, (route.operation, route.of_robot)):
        assert OF_OPERATION[operation] or operation in EVERYBODYS


ASKING = [(route, False) for route in ROUTES if not route.open and route.operation not in EVERYBODYS]
ASKING += [(route, True) for route in ROUTES if route.of_robot]


@pytest.mark.parametrize(("route", "robot"), [pytest.param(*each, id=f"{each[0].method} {each[0].path} {each[1]}") for each in ASKING])
def test_only_who_has_every_right_that_a_route_needs_passes(town: Town, probe: Probe, route: Route, robot: bool) -> None:
    town.run(ensure_group(town))
    needs = OF_OPERATION[route.of_robot if robot else route.operation]
    target = Target(town)
    path, body, key = target.fill(route, robot), body_of(route, target, needs), of(probe.key)
    before = state(town, target)
    without: list[frozenset[str]] = [PERMISSIONS - set(entry.split("|")) for entry in needs]
    for permissions in without:
        probe.may(permissions)
        status, answer = ask(town, key, route, path, body)
        assert status == 403, (sorted(PERMISSIONS - permissions), status, answer)
    probe.may({"OBJECT_RESTORE"})
    assert ask(town, key, route, path, body)[0] == 403
    after = state(town, target)
    assert (unprobed(after[0], probe), *after[1:]) == (unprobed(before[0], probe), *before[1:])
    probe.may({entry.partition("|")[0] for entry in needs} | GIVES.get(route.operation, frozenset()))
    status, answer = ask(town, key, route, path, body)
    assert status != 403 and status < 500, (needs, status, answer)


def unprobed(world: Any, probe: Probe) -> Any:
    return msgspec.structs.replace(world, policies=tuple(policy for policy in world.policies if policy.id != probe.policy.id))


async def ensure_group(town: Town) -> None:
    if await town.directory.groups.by_name(town.tenancy.id, "nobody-is-in-it") is None:
        await town.directory.groups.create(town.tenancy.id, "nobody-is-in-it", "", now_ms())


@pytest.mark.parametrize("route", NAMED)
def test_cve_2020_11012_nobody_passes_who_is_not_proven(town: Town, route: Route) -> None:
    town.run(ensure_group(town))
    administrators = town.run(town.directory.groups.by_name(town.tenancy.id, "Administrators"))
    assert administrators is not None
    target = Target(town)
    path, body = target.fill(route), body_of(route, target, ("BUCKET_INSPECT",))
    _, good = town.user(administrators)
    _, revoked = town.user(administrators)
    town.run(town.directory.keys.delete(revoked.access_key))
    _, inactive = town.user(administrators)
    town.run(town.directory.keys.set_status(inactive.access_key, "INACTIVE"))
    stranger, of_others = town.user(rights="all", tenancy=other_tenancy(town))
    before = state(town, target)
    for key in (Key(good.access_key, new_secret()), Key("NOBODYATALL000000000", new_secret()), of(revoked), of(inactive)):
        status, answer = ask(town, key, route, path, body)
        assert status in (401, 403), (status, answer)
    parts = urlsplit(town.server.control)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request(route.method, "/api/v1" + path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
    assert connection.getresponse().status in (401, 403)
    connection.close()
    if route.operation not in EVERYBODYS and "{" in route.path:
        status, answer = ask(town, of(of_others), route, path, body)
        assert status in (403, 404), (stranger, status, answer)
    assert state(town, target) == before


def other_tenancy(town: Town) -> str:
    found = town.run(town.directory.tenancies.by_name("matrix-admin-other"))
    made = found or town.run(town.directory.tenancies.create("matrix-admin-other", "matrix-admin-other", now_ms()))
    return made.id


def test_cve_2021_43858_a_user_without_rights_changes_nothing_of_its_own_but_its_keys(town: Town) -> None:
    user, key = town.user()
    found = []
    for route in ROUTES:
        if "{user}" in route.path and route.method != "GET":
            path = route.path.replace("{user}", user.id).replace("{group}", town_group(town))
            body = {"rights": "all"} if route.operation == "UpdateUser" else {"user": user.id} if route.operation == "AddUserToGroup" else {}
            status, _ = ask(town, of(key), route, path, body if route.body is not None else None)
            if status == 200:
                found.append(route.operation)
    assert set(found) <= SELF_SERVICE
    after = town.run(town.directory.users.user(user.id))
    assert isinstance(after, User) and (after.rights, after.memberships, after.roles, after.status) == (user.rights, (), (), user.status)


def town_group(town: Town) -> str:
    found = town.run(town.directory.groups.by_name(town.tenancy.id, "Administrators"))
    assert found is not None
    return found.id
