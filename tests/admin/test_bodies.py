"""What may come in bodies, paths and queries: whatever it is, the answer is JSON and no 5xx, and nothing is done by halves."""

from __future__ import annotations

import hashlib
import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.admin.api import BODY_BYTES_MAX
from holdfast.admin.route import Route
from holdfast.admin.routes import ROUTES
from holdfast.cli.client import Client, Key
from tests.admin.people import body_of, path_of, send
from tests.administration import Somebody, unique
from tests.serving import Server

WRITING = [route for route in ROUTES if route.body is not None and not route.open]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)


def raw(root: Somebody, method: str, path: str, data: bytes, **more: str) -> tuple[int, Any]:
    """One signed request with any bytes as its body."""
    own = Key(root.access_key, root.secret)
    headers = Client(root.server.control, own)._signed(own, method, "/api/v1" + path, "", data) | {"content-type": "application/json"} | more
    at = urlsplit(root.server.control)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=20)
    connection.request(method, "/api/v1" + path, data, headers)
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    return answer.status, document


def members(route: Route) -> dict[str, Any]:
    """The members of a body, by their names on the wire."""
    assert route.body is not None
    return dict.fromkeys(route.body.__struct_encode_fields__)


@pytest.mark.parametrize("route", WRITING, ids=lambda route: f"{route.method} {route.path}")
def test_any_body_is_answered_without_a_5xx(root: Somebody, route: Route) -> None:
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def fuzz(data: st.DataObject) -> None:
        if data.draw(st.booleans()):
            content = data.draw(st.binary(max_size=40))
        else:
            body = {name: data.draw(JSON) for name in members(route) if data.draw(st.booleans())}
            body |= data.draw(st.sampled_from([{}, {"more": 1}]))
            content = json.dumps(body).encode()
        status, answer = raw(root, route.method, path_of(route), content)
        assert status < 500 and ("code" in answer or "data" in answer), answer

    fuzz()


@pytest.mark.parametrize("route", WRITING, ids=lambda route: f"{route.method} {route.path}")
def test_unknown_members_and_wrong_types_are_refused_by_name(root: Somebody, route: Route) -> None:
    status, answer = root.ask(route.method, path_of(route), {**body_of(route), "extra-member": 1})
    assert status in (400,) and "extra-member" in answer["message"], answer
    name = next(iter(members(route)), "")
    if not name:
        return
    status, answer = root.ask(route.method, path_of(route), {**body_of(route), name: {"a": 1}})
    assert status == 400 and name in answer["message"], answer


def test_bodies_are_bounded_and_must_be_what_was_signed(root: Somebody) -> None:
    assert raw(root, "POST", "/users", b" " * (BODY_BYTES_MAX + 1))[0] == 413
    assert raw(root, "POST", "/users", b"[" * 100_000)[0] == 400
    assert raw(root, "POST", "/users", b'{"name": "\xff"}')[0] == 400
    assert raw(root, "POST", "/users", b'{"name": "x"}', **{"x-amz-content-sha256": hashlib.sha256(b"{}").hexdigest()})[0] == 401
    assert raw(root, "POST", "/users", b'{"name": "x"}', **{"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})[0] == 400
    assert raw(root, "GET", "/users", b"{}")[0] == 413
    assert root.ask("GET", "/users/x")[0] == 404


def test_a_stranger_with_a_large_body_is_refused_by_the_head(server: Server) -> None:
    at = urlsplit(server.control)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=5)
    connection.putrequest("POST", "/api/v1/users")
    connection.putheader("Content-Length", str(1 << 40))
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


@pytest.mark.parametrize(
    "path", ["/", "//", "/users/", "/users//keys", "/users/%ff", "/users/%00", "/users/..%2f..", "/nothing", "/users/a/b/c/d", "/users/%2e%2e/keys"]
)
def test_odd_paths_are_refused_in_words(root: Somebody, path: str) -> None:
    status, answer = root.ask("GET", path)
    assert status in (400, 404) and answer["message"], answer


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "x"}, {"limit": "1001"}, {"page": "-1"}, {"page": "9" * 20}, {"unknown": "1"}, {"tenancy": "no-such"}]
)
def test_odd_queries_are_refused_in_words(root: Somebody, query: dict[str, str]) -> None:
    status, answer = root.ask("GET", "/users", **query)
    assert status in (400, 404) and answer["message"], answer


def test_methods_that_are_not_there_say_which_are(root: Somebody) -> None:
    status, answer = root.ask("PATCH", "/users/administrator")
    assert status == 405, answer
    assert send(root.server, "OPTIONS", "/users")[0] == 401


def test_pages_are_whole(root: Somebody) -> None:
    prefix = unique("page")
    for number in range(5):
        root.admin("group", "create", "--name", f"{prefix}-{number}")
    seen: list[str] = []
    page = "0"
    while page:
        status, answer = root.ask("GET", "/groups", limit="2", page=page)
        assert status == 200 and len(answer["data"]) <= 2
        seen += [group["name"] for group in answer["data"]]
        page = answer.get("next-page", "")
    assert [name for name in seen if name.startswith(prefix)] == [f"{prefix}-{number}" for number in range(5)]
    assert len(seen) == len(set(seen)) == len(root.admin("group", "list"))


@pytest.mark.parametrize("name", ["", "ocid1.user.oc1..x", "..", "a\nb", "a b", "ä", "a" * 101, "a:b", 'a"b'])
def test_names_that_could_be_mistaken_are_refused(root: Somebody, name: str) -> None:
    for path in ("/users", "/groups", "/compartments", "/service-accounts"):
        status, answer = root.ask("POST", path, {"name": name})
        assert status == 400, answer


def test_a_name_with_a_slash_and_an_at_sign_is_found(root: Somebody) -> None:
    name = unique("svc") + "/host@EXAMPLE.COM"
    made = root.admin("user", "create", "--name", name)
    assert root.admin("user", "get", "--name", name) == made
    root.admin("user", "delete", "--name", name, "--force")


def test_of_many_who_make_the_same_at_once_one_does(root: Somebody) -> None:
    for path in ("/users", "/groups", "/compartments", "/organisations"):
        name = unique("race")
        with ThreadPoolExecutor(8) as threads:
            statuses = list(threads.map(lambda _, path=path, name=name: root.ask("POST", path, {"name": name})[0], range(8)))  # type: ignore[misc]
        assert statuses.count(200) <= 1 and set(statuses) <= {200, 409}, statuses
        found = [each for each in root.ask("GET", path)[1]["data"] if each["name"] == name]
        assert len(found) == statuses.count(200)
