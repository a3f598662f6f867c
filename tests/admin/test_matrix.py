"""Every route of the administration API, asked by strangers, by people without rights, and by the administrator of another tenancy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.admin.openapi import document
from holdfast.admin.route import Route
from holdfast.admin.routes import ROUTES
from holdfast.authz.permissions import OF_OPERATION, OPERATOR
from holdfast.cli.client import Client, Key, ServiceError
from tests.admin.people import QUERIES, body_of, path_of, send
from tests.administration import Somebody, new_user, unique

CLOSED = [route for route in ROUTES if not route.open]
OF_THE_STORE = [route for route in CLOSED if not OPERATOR.isdisjoint(OF_OPERATION[route.operation])]
"""What only the tenancy that runs the store may do."""
FOR_EVERYBODY = {"/whoami", "/sessions/current", "/endpoints", "/endpoints/{endpoint}/snippets/{client}"}


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.fixture(scope="module")
def nobody(root: Somebody) -> Somebody:
    """A user without any right."""
    return new_user(root)


@pytest.fixture(scope="module")
def things(root: Somebody) -> dict[str, str]:
    """One of everything, in the first tenancy, by its OCID."""
    name = unique("thing")
    user = root.admin("user", "create", "--name", name)["id"]
    organisation = root.admin("organisation", "create", "--name", name)["id"]
    made = {
        "tenancy": root.admin("tenancy", "get")["id"],
        "compartment": root.admin("compartment", "create", "--name", name)["id"],
        "user": user,
        "service_account": root.admin("service-account", "create", "--name", name + "-robot")["id"],
        "group": root.admin("group", "create", "--name", name)["id"],
        "policy": root.admin("policy", "create", "--name", name, "--statements", json.dumps(["Allow any-user to inspect buckets in tenancy"]))["id"],
        "organisation": organisation,
        "key": root.admin("key", "create", "--user", user)["id"],
        "token": root.admin("token", "create", "--user", user, "--organisation", organisation)["id"],
    }
    root.admin("policy", "update", "--name", name, "--statements", json.dumps([f"Allow group {name} to inspect buckets in tenancy"]))
    return made


@pytest.fixture(scope="module")
def stranger(root: Somebody) -> Somebody:
    """The administrator of another tenancy."""
    name = unique("acme")
    made = root.admin("tenancy", "create", "--name", name, "--namespace", name, "--administrator", "boss")["administrator"]
    return Somebody(root.server, made["id"], made["key"], made["user-id"], "boss")


def test_every_route_declares_an_operation_that_has_permissions() -> None:
    for route in CLOSED:
        assert route.operation in OF_OPERATION, named(route)
        assert bool(OF_OPERATION[route.operation]) or route.path in FOR_EVERYBODY, named(route)
        assert not route.of_robot or OF_OPERATION[route.of_robot], named(route)
    assert [named(route) for route in ROUTES if route.open] == ["POST /sessions", "POST /sessions/exchange"]


@pytest.mark.parametrize("route", CLOSED, ids=named)
def test_strangers_get_nowhere_whatever_they_name(root: Somebody, things: dict[str, str], route: Route) -> None:
    for path in (path_of(route), path_of(route, **things)):
        status, answer, headers = send(root.server, route.method, path, json.dumps(body_of(route)).encode())
        assert (status, answer["code"]) == (401, "NotAuthenticated"), answer
        assert "www-authenticate" in headers
    for key in (Key(root.access_key, "wrong secret"), Key("NOSUCHKEY", root.secret)):
        with pytest.raises(ServiceError) as refused:
            Client(root.server.control, key).ask(route.method, path_of(route, **things), QUERIES.get((route.method, route.path)), body_of(route))
        assert refused.value.status == 401


@pytest.mark.parametrize("route", [route for route in CLOSED if route.path not in FOR_EVERYBODY], ids=named)
def test_who_has_no_rights_is_refused_alike_whether_or_not_there_is_what_he_names(nobody: Somebody, things: dict[str, str], route: Route) -> None:
    query = QUERIES.get((route.method, route.path), {})
    answers = [nobody.ask(route.method, path_of(route, **names), body_of(route), **query) for names in (things, {})]
    assert [status for status, _ in answers] == [403, 403], answers
    assert answers[0][1]["message"] == answers[1][1]["message"]


@pytest.mark.parametrize("route", [route for route in CLOSED if "{" in route.path and route.path != "/requests/{request}"], ids=named)
def test_another_tenancys_administrator_finds_nothing(stranger: Somebody, things: dict[str, str], route: Route) -> None:
    """What he names is not there for him; and he may not ask about another tenancy by name."""
    query = QUERIES.get((route.method, route.path), {})
    status, answer = stranger.ask(route.method, path_of(route, **things), body_of(route), **query)
    assert status == 403 if route in OF_THE_STORE else status in (403, 404) if "{tenancy}" in route.path else status == 404, answer
    for tenancy in ("holdfast", things["tenancy"], "no-such-tenancy"):
        status, answer = stranger.ask(route.method, path_of(route, **things), body_of(route), **query, tenancy=tenancy)
        assert (status, answer["code"]) == (403, "NotAuthorized"), answer


@pytest.mark.parametrize("route", [route for route in CLOSED if route.lists and "{" not in route.path], ids=named)
def test_lists_show_the_own_tenancy_only(stranger: Somebody, things: dict[str, str], route: Route) -> None:
    status, answer = stranger.ask("GET", route.path)
    assert status == (403 if route in OF_THE_STORE else 200)
    text = json.dumps(answer)
    assert not [id for id in things.values() if id in text]


def test_who_runs_the_store_looks_after_other_tenancies(root: Somebody, stranger: Somebody) -> None:
    tenancy = stranger.admin("tenancy", "get")["name"]
    assert [user["name"] for user in root.admin("user", "list", "--in-tenancy", tenancy)] == ["boss"]
    made = root.admin("user", "create", "--name", "helper", "--in-tenancy", tenancy)
    assert {user["id"] for user in stranger.admin("user", "list")} >= {made["id"]}
    assert root.run("admin", "user", "get", "--name", made["id"]).code == 1


def test_a_tenancy_that_makes_tenancies_is_only_the_first(stranger: Somebody) -> None:
    ran = stranger.run("admin", "tenancy", "create", "--name", "more", "--namespace", "more-of-it")
    assert ran.code == 1 and '"status": 403' in ran.err


def test_m128_self_service_own_keys_and_tokens_without_a_policy_and_nobody_elses(root: Somebody, nobody: Somebody) -> None:
    made = nobody.admin("key", "create")
    assert {key["id"] for key in nobody.admin("key", "list")} == {made["id"], nobody.access_key}
    nobody.admin("key", "update", "--id", made["id"], "--status", "INACTIVE")
    nobody.admin("key", "delete", "--id", made["id"], "--force")
    assert nobody.admin("token", "create")["user-id"] == nobody.id
    assert nobody.run("admin", "key", "create", "--user", "administrator").code == 1
    assert nobody.run("admin", "key", "delete", "--id", root.access_key, "--force").code == 1
    assert nobody.run("session", "user", "get", "--query", "data.id", "--raw-output").out == nobody.id + "\n"


def test_the_openapi_document_names_every_route_and_resolves(root: Somebody) -> None:
    status, found, _ = send(root.server, "GET", "/openapi.json")
    assert status == 200 and found == document(ROUTES, "/api/v1")
    assert found["openapi"] == "3.1.0" and len({each["operationId"] for path in found["paths"].values() for each in path.values()}) == len(ROUTES)
    schemas = found["components"]["schemas"]

    def walk(each: Any) -> None:
        if isinstance(each, dict):
            if "$ref" in each:
                assert each["$ref"].removeprefix("#/components/schemas/") in schemas
            for value in each.values():
                walk(value)
        elif isinstance(each, list):
            for value in each:
                walk(value)

    walk(found)
    for route in ROUTES:
        parameters = found["paths"]["/api/v1" + route.path][route.method.lower()]["parameters"]
        assert {each["name"] for each in parameters if each["in"] == "path"} == set(path_names(route))


def path_names(route: Route) -> list[str]:
    return [segment[1:-1] for segment in route.segments if segment.startswith("{")]
