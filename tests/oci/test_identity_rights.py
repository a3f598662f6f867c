"""Who may do what by OCI's identity API: nothing without a policy but to oneself, and nobody gives more than he has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oci.identity_people import V, bad, good, make, pem_of, signer
from tests.oci.people import Person, new_key
from tests.serving import Server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("oci-identity"), log_level="debug").start()
    yield running
    running.finish()


@pytest.fixture(scope="module")
def root(store: Server) -> Person:
    return signer(store, "administrator", 0)


@pytest.fixture(scope="module")
def nobody(store: Server) -> Person:
    return signer(store, "nobody", 1)


READS = ("/users?compartmentId=T", "/users/U", "/groups?compartmentId=T", "/policies?compartmentId=T", "/compartments?compartmentId=T",
         "/compartments/T", "/tenancies/T", "/users/U/apiKeys", "/users/U/customerSecretKeys", "/users/U/authTokens",
         "/userGroupMemberships?compartmentId=T&userId=U",
         "/availabilityDomains?compartmentId=T", "/users?compartmentId=ocid1.tenancy.oc1..x", "/users/ocid1.user.oc1..x")  # fmt: skip


def test_M22_who_has_no_policy_sees_nothing_but_itself(root: Person, nobody: Person) -> None:
    for path in READS:
        path = V + path.replace("=T", "=" + root.user.tenancy).replace("/T", "/" + root.user.tenancy).replace("/U", "/" + root.user.id)
        path = path.replace("=U", "=" + root.user.id)
        assert bad(nobody.ask("GET", path)) == (404, "NotAuthorizedOrNotFound"), path
    for path, document in (
        ("/users", {"name": "x"}), ("/groups", {"name": "x"}), ("/policies", {"name": "x", "statements": ["x"]}), ("/compartments", {"name": "x"}),
    ):  # fmt: skip
        answer = nobody.ask("POST", V + path, document={"compartmentId": root.user.tenancy, "description": "d"} | document)
        assert bad(answer) == (409, "NotAuthorizedOrResourceAlreadyExists"), path
    own = f"{V}/users/{nobody.user.id}"
    assert good(nobody.ask("GET", own))["name"] == "nobody" and len(good(nobody.ask("GET", own + "/apiKeys"))) == 1
    made = good(nobody.ask("POST", own + "/customerSecretKeys", document={"displayName": "mine"}))
    assert nobody.ask("DELETE", f"{own}/customerSecretKeys/{made['id']}").status == 204
    assert bad(nobody.ask("DELETE", own)) == (404, "NotAuthorizedOrNotFound")
    assert good(nobody.ask("GET", f"{V}/userGroupMemberships?compartmentId={root.user.tenancy}&userId={nobody.user.id}")) == []
    assert good(nobody.ask("GET", f"{V}/regions"))
    assert good(nobody.ask("GET", f"{V}/compartments?compartmentId={root.user.tenancy}&accessLevel=ACCESSIBLE&compartmentIdInSubtree=true")) == []


def test_M20_a_policy_counts_for_the_next_request(root: Person, nobody: Person) -> None:
    group = make(root, "/groups", name="auditors")
    policy = make(root, "/policies", name="auditors", statements=["Allow group auditors to inspect users in tenancy"])
    users = f"{V}/users?compartmentId={root.user.tenancy}"
    assert nobody.ask("GET", users).status == 404
    membership = good(root.ask("POST", f"{V}/userGroupMemberships", document={"userId": nobody.user.id, "groupId": group["id"]}))
    assert nobody.ask("GET", users).status == 200
    assert nobody.ask("GET", users.replace("users", "groups")).status == 404
    assert root.ask("DELETE", f"{V}/userGroupMemberships/{membership['id']}").status == 204
    assert nobody.ask("GET", users).status == 404
    assert root.ask("DELETE", f"{V}/policies/{policy['id']}").status == 204


def test_nobody_gives_more_than_he_has(root: Person, store: Server) -> None:
    chief, group = signer(store, "chief", 2), make(root, "/groups", name="chiefs")
    rights = [f"Allow group chiefs to manage {what} in tenancy" for what in ("users", "groups", "policies", "compartments")]
    make(root, "/policies", name="chiefs", statements=[*rights, "Allow group chiefs to read buckets in tenancy"])
    good(root.ask("POST", f"{V}/userGroupMemberships", document={"userId": chief.user.id, "groupId": group["id"]}))
    document = {"compartmentId": root.user.tenancy, "name": "more", "description": "d"}
    for statement, status in (
        ("Allow group chiefs to manage all-resources in tenancy", 409), ("Allow group chiefs to read objects in tenancy", 409),
        ("Allow group chiefs to inspect buckets in tenancy", 200),
    ):  # fmt: skip
        assert chief.ask("POST", f"{V}/policies", document=document | {"statements": [statement]}).status == status, statement
    policy = good(chief.ask("GET", f"{V}/policies?compartmentId={root.user.tenancy}&name=more"))[0]
    assert chief.ask("PUT", f"{V}/policies/{policy['id']}", document={"statements": ["Allow group chiefs to read objects in tenancy"]}).status == 404
    administrators = good(root.ask("GET", f"{V}/groups?compartmentId={root.user.tenancy}&name=Administrators"))[0]["id"]
    wanted = {"userId": chief.user.id, "groupId": administrators}
    assert bad(chief.ask("POST", f"{V}/userGroupMemberships", document=wanted)) == (409, "NotAuthorizedOrResourceAlreadyExists")
    credentials = {"apiKeys": {"key": pem_of(new_key(3))}, "customerSecretKeys": {"displayName": "x"}, "authTokens": {"description": "x"}}
    for path, document in credentials.items():
        assert chief.ask("POST", f"{V}/users/{root.user.id}/{path}", document=document).status in (404, 409), path
        ordinary = make(root, "/users", name=f"ordinary-{path}")
        good(chief.ask("POST", f"{V}/users/{ordinary['id']}/{path}", document=document))
    assert chief.ask("POST", f"{V}/users/{root.user.id}/uiPassword").status in (404, 409)
    place = good(chief.ask("POST", f"{V}/compartments", document={"compartmentId": root.user.tenancy, "name": "chiefs-own", "description": "d"}))
    assert chief.ask("PUT", f"{V}/compartments/{place['id']}", document={"name": "renamed"}).status == 404
    assert good(chief.ask("PUT", f"{V}/compartments/{place['id']}", document={"description": "new"}))["description"] == "new"
