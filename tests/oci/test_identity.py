"""OCI's identity API with signed requests: every operation, what is refused and in which words."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from holdfast.identities.directory import Directory
from holdfast.model.identity import User
from tests.identity.inside import inside
from tests.identity.people import client, refused
from tests.oci.identity_people import V, bad, good, make, pem_of, signer
from tests.oci.people import Person
from tests.serving import Server

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
OCID = re.compile(r"ocid1\.(\w+)\.oc1\.[a-z0-9-]*\.[a-z2-7]{60}")


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


def test_M7_M13_the_tenancy_is_there_and_is_the_root_compartment(root: Person) -> None:
    tenancy = good(root.ask("GET", f"{V}/tenancies/{root.user.tenancy}"))
    assert (tenancy["id"], tenancy["name"], tenancy["homeRegionKey"]) == (root.user.tenancy, "holdfast", "EAS")
    rootmost = good(root.ask("GET", f"{V}/compartments/{root.user.tenancy}"))
    assert (rootmost["id"], rootmost["name"], rootmost["lifecycleState"]) == (root.user.tenancy, "holdfast", "ACTIVE")
    assert good(root.ask("GET", f"{V}/regions")) == [{"key": "EAS", "name": "us-east-1"}]
    subscribed = good(root.ask("GET", f"{V}/tenancies/{root.user.tenancy}/regionSubscriptions"))
    assert subscribed == [{"regionKey": "EAS", "regionName": "us-east-1", "status": "READY", "isHomeRegion": True}]
    (domain,) = good(root.ask("GET", f"{V}/availabilityDomains?compartmentId={root.user.tenancy}"))
    assert domain["name"].endswith("US-EAST-1-AD-1") and domain["compartmentId"] == root.user.tenancy
    name = domain["name"].replace(":", "%3A")
    (fault,) = good(root.ask("GET", f"{V}/faultDomains?compartmentId={root.user.tenancy}&availabilityDomain={name}"))
    assert fault["availabilityDomain"] == domain["name"]


def test_users_live(root: Person) -> None:
    answer = root.ask("POST", f"{V}/users", document={"compartmentId": root.user.tenancy, "name": "Uma", "description": "d", "email": "u@x.org"})
    user = good(answer)
    assert OCID.fullmatch(user["id"]) and TIME.fullmatch(user["timeCreated"]) and answer.headers["etag"]
    assert (user["name"], user["compartmentId"], user["lifecycleState"], user["email"]) == ("Uma", root.user.tenancy, "ACTIVE", "u@x.org")
    assert user["capabilities"]["canUseApiKeys"] is True and user["inactiveStatus"] is None
    path = f"{V}/users/{user['id']}"
    got = root.ask("GET", path)
    assert good(got) == user and got.headers["etag"] == answer.headers["etag"]
    changed = root.ask("PUT", path, document={"description": "new"}, headers={"if-match": got.headers["etag"]})
    assert good(changed)["description"] == "new" and changed.headers["etag"] != got.headers["etag"]
    assert bad(root.ask("PUT", path, document={"description": "x"}, headers={"if-match": got.headers["etag"]})) == (412, "NoEtagMatch")
    assert bad(root.ask("DELETE", path, headers={"if-match": got.headers["etag"]})) == (412, "NoEtagMatch")
    assert [found["name"] for found in good(root.ask("GET", f"{V}/users?compartmentId={root.user.tenancy}&name=Uma"))] == ["Uma"]
    assert good(root.ask("GET", f"{V}/users?compartmentId={root.user.tenancy}&externalIdentifier=x")) == []
    taken = root.ask("POST", f"{V}/users", document={"compartmentId": root.user.tenancy, "name": "Uma", "description": "d"})
    assert bad(taken) == (409, "UserAlreadyExists")
    assert good(root.ask("PUT", path + "/state", document={"blocked": False}))["lifecycleState"] == "ACTIVE"
    assert bad(root.ask("PUT", path + "/state", document={"blocked": True})) == (400, "InvalidParameter")
    assert good(root.ask("PUT", path + "/capabilities", document={"canUseApiKeys": True}))["id"] == user["id"]
    assert root.ask("PUT", path + "/capabilities", document={"canUseApiKeys": False}).status == 501
    assert root.ask("DELETE", path).status == 204
    assert bad(root.ask("GET", path)) == (404, "NotAuthorizedOrNotFound")


@pytest.mark.parametrize(("change", "answer"), [
    ({"name": ""}, (400, "InvalidParameter")), ({"name": "a b"}, (400, "InvalidParameter")), ({"name": "n" * 101}, (400, "InvalidParameter")),
    ({"description": ""}, (400, "InvalidParameter")), ({"description": "d" * 401}, (400, "InvalidParameter")),
    ({"name": 7}, (400, "CannotParseRequest")), ({"surprise": 1}, (400, "CannotParseRequest")),
    ({"compartmentId": "ocid1.tenancy.oc1..nobody"}, (409, "NotAuthorizedOrResourceAlreadyExists")),
    ({"freeformTags": {"a": "b"}}, (501, "NotImplemented")),
])  # fmt: skip
@pytest.mark.parametrize("path", ["/users", "/groups"])
def test_what_cannot_be_made_is_refused(root: Person, path: str, change: dict[str, Any], answer: tuple[int, str]) -> None:
    document = {"compartmentId": root.user.tenancy, "name": "fine", "description": "d"} | change
    assert bad(root.ask("POST", V + path, document=document)) == answer
    assert good(root.ask("GET", f"{V}{path}?compartmentId={root.user.tenancy}&name=fine")) == []


def test_M192_a_user_may_have_the_name_of_a_principal(root: Person, store: Server) -> None:
    user = make(root, "/users", name="service/host@EXAMPLE.ORG")
    assert good(root.ask("GET", f"{V}/users?compartmentId={root.user.tenancy}&name=service%2Fhost%40EXAMPLE.ORG"))[0]["id"] == user["id"]


def test_M23_M24_groups_and_who_is_in_them(root: Person) -> None:
    user, group = make(root, "/users", name="gus"), make(root, "/groups", name="gs")
    assert group["id"] in [found["id"] for found in good(root.ask("GET", f"{V}/groups?compartmentId={root.user.tenancy}"))]
    wanted = {"userId": user["id"], "groupId": group["id"]}
    membership = good(root.ask("POST", f"{V}/userGroupMemberships", document=wanted))
    assert OCID.fullmatch(membership["id"]) and (membership["userId"], membership["groupId"]) == (user["id"], group["id"])
    assert bad(root.ask("POST", f"{V}/userGroupMemberships", document=wanted)) == (409, "UserGroupMembershipAlreadyExists")
    for by in (f"userId={user['id']}", f"groupId={group['id']}", f"userId={user['id']}&groupId={group['id']}"):
        assert good(root.ask("GET", f"{V}/userGroupMemberships?compartmentId={root.user.tenancy}&{by}")) == [membership]
    assert bad(root.ask("GET", f"{V}/userGroupMemberships?compartmentId={root.user.tenancy}")) == (400, "InvalidParameter")
    assert good(root.ask("GET", f"{V}/userGroupMemberships/{membership['id']}")) == membership
    assert good(root.ask("PUT", f"{V}/groups/{group['id']}", document={"description": "new"}))["description"] == "new"
    assert bad(root.ask("DELETE", f"{V}/groups/{group['id']}")) == (409, "GroupNotEmpty")
    assert root.ask("DELETE", f"{V}/userGroupMemberships/{membership['id']}").status == 204
    assert bad(root.ask("GET", f"{V}/userGroupMemberships/{membership['id']}")) == (404, "NotAuthorizedOrNotFound")
    assert root.ask("DELETE", f"{V}/groups/{group['id']}").status == 204
    assert bad(root.ask("GET", f"{V}/groups/{group['id']}")) == (404, "NotAuthorizedOrNotFound")


def test_M25_a_policy_says_where_it_goes_wrong(root: Person) -> None:
    make(root, "/groups", name="readers")
    for statement, says in (
        ("Allow group readers to dance objects in tenancy", "character 24"),
        ("Allow group readers to read objects", "character"),
        ("Allow group strangers to read objects in tenancy", "strangers"),
        ("Allow group readers to read objects in compartment nowhere", "nowhere"),
    ):
        document = {"compartmentId": root.user.tenancy, "name": "p", "description": "d", "statements": [statement]}
        answer = root.ask("POST", f"{V}/policies", document=document)
        assert bad(answer) == (400, "InvalidParameter") and says in answer.json["message"] and statement in answer.json["message"]
    assert bad(root.ask("POST", f"{V}/policies", document=document | {"statements": "no list"})) == (400, "CannotParseRequest")
    assert bad(root.ask("POST", f"{V}/policies", document=document | {"statements": []})) == (400, "InvalidParameter")
    statements = ["Allow group readers to read objects in tenancy", "Allow group readers to inspect buckets in tenancy"]
    policy = make(root, "/policies", name="p", statements=statements, versionDate="2024-01-01")
    assert (policy["statements"], policy["versionDate"]) == (statements, "2024-01-01")
    assert bad(root.ask("POST", f"{V}/policies", document=document | {"statements": statements})) == (409, "PolicyAlreadyExists")
    changed = good(root.ask("PUT", f"{V}/policies/{policy['id']}", document={"statements": statements[:1], "versionDate": ""}))
    assert (changed["statements"], changed["versionDate"]) == (statements[:1], None)
    assert bad(root.ask("PUT", f"{V}/policies/{policy['id']}", document={"statements": ["nonsense"]})) == (400, "InvalidParameter")
    assert bad(root.ask("PUT", f"{V}/policies/{policy['id']}", document={"versionDate": "soon"})) == (400, "InvalidParameter")
    names = [found["name"] for found in good(root.ask("GET", f"{V}/policies?compartmentId={root.user.tenancy}&sortBy=NAME"))]
    assert names == sorted(names, key=str.lower) and {"Administrators", "p"} <= set(names)
    assert root.ask("DELETE", f"{V}/policies/{policy['id']}").status == 204


def test_compartments_are_made_moved_and_deleted_when_empty(root: Person) -> None:
    a = make(root, "/compartments", name="a")
    b = make(root, "/compartments", name="b", compartmentId=a["id"])
    assert (b["compartmentId"], OCID.fullmatch(b["id"])[1]) == (a["id"], "compartment")  # type: ignore[index]

    def names(query: str) -> set[str]:
        return {found["name"] for found in good(root.ask("GET", f"{V}/compartments?{query}"))}

    tenancy = f"compartmentId={root.user.tenancy}"
    assert "a" in names(tenancy) and "b" not in names(tenancy) and names(f"compartmentId={a['id']}") == {"b"}
    assert {"a", "b"} <= names(tenancy + "&compartmentIdInSubtree=true&accessLevel=ACCESSIBLE")
    assert bad(root.ask("GET", f"{V}/compartments?compartmentId={a['id']}&compartmentIdInSubtree=true")) == (400, "InvalidParameter")
    document = {"compartmentId": root.user.tenancy, "name": "A", "description": "d"}
    assert bad(root.ask("POST", f"{V}/compartments", document=document)) == (409, "CompartmentAlreadyExists")
    assert bad(root.ask("DELETE", f"{V}/compartments/{a['id']}")) == (409, "CompartmentNotEmpty")
    assert good(root.ask("PUT", f"{V}/compartments/{b['id']}", document={"name": "b2"}))["name"] == "b2"
    moved = root.ask("POST", f"{V}/compartments/{b['id']}/actions/moveCompartment", document={"targetCompartmentId": root.user.tenancy})
    assert moved.status == 202 and good(root.ask("GET", f"{V}/compartments/{b['id']}"))["compartmentId"] == root.user.tenancy
    policy = make(root, "/policies", name="in-a", compartmentId=a["id"], statements=["Allow group Administrators to read objects in compartment a"])
    assert bad(root.ask("DELETE", f"{V}/compartments/{a['id']}")) == (409, "CompartmentNotEmpty")
    assert root.ask("DELETE", f"{V}/policies/{policy['id']}").status == 204
    for id in (a["id"], b["id"]):
        deleted = root.ask("DELETE", f"{V}/compartments/{id}")
        assert deleted.status == 202
        done = good(root.ask("GET", f"{V}/workRequests/{deleted.headers['opc-work-request-id']}"))
        assert (done["status"], done["operationType"], done["resources"][0]["identifier"]) == ("SUCCEEDED", "DELETE_COMPARTMENT", id)
        assert done in good(root.ask("GET", f"{V}/workRequests?compartmentId={root.user.tenancy}&resourceIdentifier={id}"))
        assert bad(root.ask("GET", f"{V}/compartments/{id}")) == (404, "NotAuthorizedOrNotFound")
    assert bad(root.ask("DELETE", f"{V}/compartments/{root.user.tenancy}")) == (400, "InvalidParameter")


def test_M15_M19_M242_a_customer_secret_key_is_shown_once(root: Person, store: Server) -> None:
    user = make(root, "/users", name="kay")
    path = f"{V}/users/{user['id']}/customerSecretKeys"
    made = good(root.ask("POST", path, document={"displayName": "laptop"}))
    assert re.fullmatch("[0-9a-f]{40}", made["id"]) and len(base64.b64decode(made["key"])) == 32 and TIME.fullmatch(made["timeCreated"])
    assert (made["displayName"], made["userId"], made["lifecycleState"], made["timeExpires"]) == ("laptop", user["id"], "ACTIVE", None)
    (listed,) = good(root.ask("GET", path))
    assert "key" not in listed and listed["id"] == made["id"]
    renamed = good(root.ask("PUT", f"{path}/{made['id']}", document={"displayName": "desk"}))
    assert renamed["displayName"] == "desk" and "key" not in renamed
    assert refused(client(store, made["id"], made["key"]).list_buckets)[1] == "AccessDenied"  # it is a user's who may do nothing
    assert refused(client(store, made["id"], "x" + made["key"][1:]).list_buckets)[1] == "SignatureDoesNotMatch"
    assert root.ask("DELETE", f"{path}/{made['id']}").status == 204
    assert refused(client(store, made["id"], made["key"]).list_buckets) == (403, "InvalidAccessKeyId")
    assert bad(root.ask("DELETE", f"{path}/{made['id']}")) == (404, "NotAuthorizedOrNotFound")
    other = make(root, "/users", name="kim")
    foreign = good(root.ask("POST", path, document={"displayName": "x"}))["id"]
    assert bad(root.ask("DELETE", f"{V}/users/{other['id']}/customerSecretKeys/{foreign}")) == (404, "NotAuthorizedOrNotFound")
    assert bad(root.ask("POST", path, document={"displayName": ""})) == (400, "InvalidParameter")


def test_M17_secrets_hold_what_base64_holds(root: Person, store: Server) -> None:
    user = make(root, "/users", name="mint")
    group = make(root, "/groups", name="mints")
    good(root.ask("POST", f"{V}/userGroupMemberships", document={"userId": user["id"], "groupId": group["id"]}))
    policy = make(root, "/policies", name="mint", statements=["Allow group mints to manage buckets in tenancy"])
    seen: set[str] = set()
    for _ in range(30):
        made = good(root.ask("POST", f"{V}/users/{user['id']}/customerSecretKeys", document={"displayName": "m"}))
        seen |= {character for character in "+/=" if character in made["key"]}
        assert refused(client(store, made["id"], made["key"]).list_buckets) == (200, "")
        if seen == set("+/="):
            break
    assert seen == set("+/=")
    assert root.ask("DELETE", f"{V}/policies/{policy['id']}").status == 204


def test_api_keys_sign_as_soon_as_they_are_uploaded_and_until_they_are_deleted(root: Person, store: Server) -> None:
    user = make(root, "/users", name="ray")
    key = rsa.generate_private_key(65537, 2048)
    path = f"{V}/users/{user['id']}/apiKeys"
    made = good(root.ask("POST", path, document={"key": pem_of(key)}))
    assert made["keyId"] == f"{root.user.tenancy}/{user['id']}/{made['fingerprint']}"
    assert re.fullmatch("([0-9a-f]{2}:){15}[0-9a-f]{2}", made["fingerprint"])
    assert good(root.ask("GET", path)) == [made] and bad(root.ask("POST", path, document={"key": pem_of(key)})) == (409, "ApiKeyAlreadyExists")
    for wrong in (pem_of(rsa.generate_private_key(65537, 1024)), pem_of(ec.generate_private_key(ec.SECP256R1())), "no key", ""):
        assert bad(root.ask("POST", path, document={"key": wrong})) == (400, "InvalidParameter")

    async def of_user(directory: Directory) -> User:
        found = await directory.users.user(user["id"])
        assert found is not None
        return found

    ray = Person(store, inside(store.data_dir, of_user), key, made["fingerprint"])
    assert good(ray.ask("GET", f"{V}/users/{user['id']}"))["name"] == "ray"
    assert ray.ask("DELETE", f"{path}/{made['fingerprint'].replace(':', '%3A')}").status == 204
    assert bad(ray.ask("GET", f"{V}/users/{user['id']}")) == (401, "NotAuthenticated")


def test_auth_tokens(root: Person) -> None:
    user = make(root, "/users", name="tom")
    path = f"{V}/users/{user['id']}/authTokens"
    made = good(root.ask("POST", path, document={"description": "swift"}))
    assert len(made["token"]) == 40 and OCID.fullmatch(made["id"])
    (listed,) = good(root.ask("GET", path))
    assert "token" not in listed and listed["description"] == "swift"
    assert good(root.ask("PUT", f"{path}/{made['id']}", document={"description": "new"}))["description"] == "new"
    assert root.ask("DELETE", f"{path}/{made['id']}").status == 204
    assert good(root.ask("GET", path)) == []


def test_dynamic_groups_are_none(root: Person, nobody: Person) -> None:
    assert good(root.ask("GET", f"{V}/dynamicGroups?compartmentId={root.user.tenancy}")) == []
    assert root.ask("POST", f"{V}/dynamicGroups", document={"name": "x"}).status == 501
    assert bad(nobody.ask("POST", f"{V}/dynamicGroups", document={"name": "x"})) == (409, "NotAuthorizedOrResourceAlreadyExists")
    assert bad(root.ask("GET", f"{V}/dynamicGroups/ocid1.dynamicgroup.oc1..x")) == (404, "NotAuthorizedOrNotFound")


def test_a_console_password_is_made_by_its_user_and_by_who_manages_users(root: Person, nobody: Person, store: Server) -> None:
    made = good(nobody.ask("POST", f"{V}/users/{nobody.user.id}/uiPassword"))

    async def verify(directory: Directory) -> bool:
        return await directory.passwords.verify(nobody.user.id, made["password"])

    assert inside(store.data_dir, verify) and made["userId"] == nobody.user.id
    assert good(root.ask("POST", f"{V}/users/{nobody.user.id}/uiPassword"))["password"] != made["password"] and not inside(store.data_dir, verify)
    assert bad(nobody.ask("POST", f"{V}/users/{root.user.id}/uiPassword"))[0] in (404, 409)


def test_a_request_with_a_retry_token_is_done_once(root: Person) -> None:
    document, headers = {"compartmentId": root.user.tenancy, "name": "once", "description": "d"}, {"opc-retry-token": "t" * 30}
    first = good(root.ask("POST", f"{V}/users", document=document, headers=headers))
    assert good(root.ask("POST", f"{V}/users", document=document, headers=headers)) == first
    assert bad(root.ask("POST", f"{V}/users", document=document | {"name": "other"}, headers=headers)) == (400, "InvalidParameter")
    assert bad(root.ask("POST", f"{V}/users", document=document)) == (409, "UserAlreadyExists")
    path = f"{V}/users/{first['id']}/customerSecretKeys"
    key = good(root.ask("POST", path, document={"displayName": "k"}, headers=headers))
    assert good(root.ask("POST", path, document={"displayName": "k"}, headers=headers)) == key and len(good(root.ask("GET", path))) == 1
    assert root.ask("DELETE", f"{V}/users/{first['id']}").status == 204
    assert bad(root.ask("POST", f"{V}/users", document=document, headers=headers)) == (409, "InvalidatedRetryToken")
    refused_first = {"opc-retry-token": "r" * 30}
    assert bad(root.ask("POST", f"{V}/users", document=document | {"name": "Administrator".lower()}, headers=refused_first))[0] == 409
    good(root.ask("POST", f"{V}/users", document=document, headers=refused_first))


def test_lists_come_in_pages(root: Person) -> None:
    for number in range(5):
        make(root, "/groups", name=f"page-{number}")
    found: list[str] = []
    page = ""
    while True:
        answer = root.ask("GET", f"{V}/groups?compartmentId={root.user.tenancy}&limit=2&sortBy=NAME&sortOrder=ASC{page}")
        rows = good(answer)
        found += [row["name"] for row in rows]
        assert len(rows) <= 2
        if "opc-next-page" not in answer.headers:
            break
        page = "&page=" + answer.headers["opc-next-page"].replace("=", "%3D")
    assert found == sorted(found, key=str.lower) and len(found) == len(set(found)) and {f"page-{number}" for number in range(5)} <= set(found)
    newest = good(root.ask("GET", f"{V}/groups?compartmentId={root.user.tenancy}&limit=1"))
    assert newest[0]["name"] == "page-4"
    for wrong in ("limit=0", "limit=x", "sortBy=SIZE", "sortOrder=UP", "page=%25%25", "colour=red"):
        assert bad(root.ask("GET", f"{V}/groups?compartmentId={root.user.tenancy}&{wrong}")) == (400, "InvalidParameter"), wrong
    assert bad(root.ask("GET", f"{V}/groups"))[0] == 400


def test_M16_M246_no_secret_is_kept_or_written(root: Person, store: Server) -> None:
    user = make(root, "/users", name="canary")
    key = good(root.ask("POST", f"{V}/users/{user['id']}/customerSecretKeys", document={"displayName": "c"}))["key"]
    token = good(root.ask("POST", f"{V}/users/{user['id']}/authTokens", document={"description": "c"}))["token"]
    time.sleep(0.3)
    written = b"".join(path.read_bytes() for path in store.data_dir.rglob("*") if path.is_file())
    for secret in (key, token):
        assert secret.encode() not in written + store.log.read_bytes() + store.out.read_bytes() + store.get("/metrics")[1].encode()
