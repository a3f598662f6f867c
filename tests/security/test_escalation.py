"""Published ways by which a user of other servers got more rights than he had, tried on each door: keys, children, tokens, own rights, headers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.oci.people import Person, person
from tests.oci.requests_made import Store
from tests.security.raw import Raw, Reply
from tests.serving import Server

BOOTSTRAP = """
[[users]]
name = "ann"
rights = "none"
[[users.keys]]
access_key = "ANNSKEY00001"
secret_key = "anns secret 00001"
[[users.tokens]]
token = "hft_ANNS-FIXED-TOKEN-OF-ESCALATION-0000000000001"

[[users]]
name = "bob"
[[users.keys]]
access_key = "BOBSKEY00001"
secret_key = "bobs secret 00001"

[[users]]
name = "bobby"
[[users.keys]]
access_key = "BOBBYSKEY001"
secret_key = "bobbys secret 001"

[[groups]]
name = "plain"
members = ["ann"]

[[policies]]
name = "plain"
statements = ["Allow group plain to read objects in tenancy"]

[[buckets]]
name = "bobs"
owner = "bob"
"""
ANN, BOB, BOBBY = ("ANNSKEY00001", "anns secret 00001"), ("BOBSKEY00001", "bobs secret 00001"), ("BOBBYSKEY001", "bobbys secret 001")
TOKEN = "hft_ANNS-FIXED-TOKEN-OF-ESCALATION-0000000000001"


class Place:
    """One server, asked by S3, by the administration API and by OCI's API as whoever is named."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.data = Raw(server)
        self.control = Raw(SimpleNamespace(endpoint=server.control, access_key="", secret_key="", region="any"))
        self.root = (server.access_key, server.secret_key)

    def s3(self, who: tuple[str, str], method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None, **more: Any) -> Reply:
        return self.data.send(method, target, headers, body, access_key=who[0], secret_key=who[1], **more)

    def admin(self, who: tuple[str, str], method: str, path: str, document: Any = None, **more: Any) -> tuple[int, Any]:
        body = b"" if document is None else json.dumps(document).encode()
        more = {"service": "holdfast", **more}
        reply = self.control.send(method, "/api/v1" + path, {"content-type": "application/json"}, body, access_key=who[0], secret_key=who[1], **more)
        return reply.status, json.loads(reply.body or b"{}")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("escalation")
    (home / "site.toml").write_text(BOOTSTRAP)
    server = Server(home, bootstrap=home / "site.toml").start()
    yield Place(server)
    server.finish()


def test_cve_2020_11012_a_known_key_with_a_wrong_secret_is_nobody_to_the_administration(place: Place) -> None:
    for method, path in (("GET", "/users"), ("POST", "/users"), ("GET", "/policies"), ("DELETE", "/users/bob"), ("GET", "/whoami")):
        document = {"name": "x"} if method == "POST" else None
        for secret in ("wrong", "", place.root[0]):
            assert place.admin((place.root[0], secret), method, path, document)[0] == 401
    assert place.admin(place.root, "GET", "/whoami")[0] == 200


def test_cve_2026_55873_a_signature_for_one_service_opens_no_other(place: Place) -> None:
    for service in ("s3", "iam", "sts", "s3tables", "", "Holdfast"):
        assert place.admin(place.root, "GET", "/users", service=service)[0] == 401
    assert place.s3(place.root, "GET", "/", service="holdfast").code == "AuthorizationHeaderMalformed"


ITSELF: tuple[tuple[str, str, Any], ...] = (
    ("PUT", "/users/ann", {"description": "mine"}),
    ("PUT", "/policies/plain", {"statements": ["Allow group plain to manage all-resources in tenancy"]}),
    ("POST", "/policies", {"name": "more", "statements": ["Allow any-user to manage all-resources in tenancy"]}),
    ("POST", "/groups/Administrators/members", {"user": "ann"}),
    ("DELETE", "/groups/plain/members/ann", None),
    ("POST", "/users", {"name": "another"}),
    ("POST", "/service-accounts", {"name": "robot"}),
    ("POST", "/compartments", {"name": "more"}),
    ("DELETE", "/policies/Administrators", None),
)


@pytest.mark.parametrize(("method", "path", "document"), ITSELF)
def test_cve_2021_43858_nobody_raises_his_own_rights(place: Place, method: str, path: str, document: Any) -> None:
    status, said = place.admin(ANN, method, path, document)
    assert (status, said.get("code")) == (403, "NotAuthorized"), said
    assert place.s3(ANN, "PUT", "/anns-own").code == "AccessDenied"


@pytest.mark.parametrize("parent", ["administrator", "bob"])
def test_cve_2022_24842_ghsa_566f_q62r_wcr8_nobody_makes_a_key_for_another(place: Place, parent: str) -> None:
    for document in ({}, {"id": "ANNSCHILD001", "key": "a-secret-of-anns"}):
        assert place.admin(ANN, "POST", f"/users/{parent}/keys", document)[0] == 403
    assert place.s3(("ANNSCHILD001", "a-secret-of-anns"), "GET", "/").code == "InvalidAccessKeyId"
    for extra in ("user", "parent", "policy", "rights", "groups", "claims", "tenancy"):
        status, said = place.admin(ANN, "POST", "/users/ann/keys", {extra: "administrator"})
        assert status == 400, f"{extra} was not refused: {said}"


def test_cve_2024_24747_cve_2025_62506_a_key_has_no_more_rights_than_its_user(place: Place) -> None:
    status, said = place.admin(ANN, "POST", "/users/ann/keys", {})
    assert status == 201
    child = (said["data"]["id"], said["data"]["key"])
    assert place.s3(child, "PUT", "/more-of-ann").code == "AccessDenied"
    assert place.s3(child, "PUT", "/bobs/k", b"x").code == "AccessDenied"
    assert place.admin(child, "GET", "/users")[0] == 403
    assert place.admin(child, "POST", "/users", {"name": "another"})[0] == 403
    assert place.admin(child, "DELETE", f"/keys/{child[0]}")[0] == 200
    assert place.s3(child, "GET", "/").code == "InvalidAccessKeyId"


def test_cve_2023_27589_no_second_key_of_the_roots_name(place: Place) -> None:
    root = place.root[0]
    assert place.admin(place.root, "POST", "/users/bob/keys", {"id": root, "key": "bobs-second-secret"})[0] == 409
    assert place.admin(ANN, "POST", "/users/ann/keys", {"id": root, "key": "anns-second-secret"})[0] == 409
    assert place.s3(place.root, "GET", "/").status == 200
    assert place.s3((root, "anns-second-secret"), "GET", "/").code == "SignatureDoesNotMatch"


def test_cve_2024_45106_nobody_reads_rotates_or_deletes_the_keys_of_others(place: Place) -> None:
    bobs = BOB[0]
    for who in (ANN, BOBBY):
        for method, path, document in (
            ("GET", "/users/bob/keys", None), ("GET", f"/keys/{bobs}", None), ("PUT", f"/keys/{bobs}", {"status": "INACTIVE"}),
            ("POST", f"/keys/{bobs}/rotate", {}), ("DELETE", f"/keys/{bobs}", None),
        ):  # fmt: skip
            assert place.admin(who, method, path, document)[0] == 403, (who, method, path)
    assert place.s3(BOB, "GET", "/bobs").status == 200


def test_ghsa_3495_h8r9_gfqg_no_answer_about_a_key_holds_its_secret(place: Place) -> None:
    for path in ("/users/bob/keys", f"/keys/{BOB[0]}", "/users/bob", "/users", "/whoami", "/users/ann/keys"):
        status, said = place.admin(place.root, "GET", path)
        assert status == 200 and BOB[1] not in json.dumps(said) and ANN[1] not in json.dumps(said)
        assert "sealed" not in json.dumps(said)


def test_a_token_opens_data_and_never_administration(place: Place) -> None:
    """Whoever knows an access token has it: it must not be able to make credentials, or to change who may what."""
    assert place.s3(BOB, "PUT", "/bobs/for-token", b"x").status == 200
    assert place.s3((TOKEN, "any"), "GET", "/bobs/for-token").status == 200
    for method, path, document in (("GET", "/whoami", None), ("POST", "/users/ann/keys", {}), ("GET", "/users/ann/keys", None)):
        assert place.admin((TOKEN, "any"), method, path, document)[0] == 401


def test_a_normal_key_never_falls_into_the_path_of_tokens(place: Place) -> None:
    for secret in ("", "any", "hft_"):
        assert place.s3((BOB[0], secret), "GET", "/bobs").code == "SignatureDoesNotMatch"
    for key in (f"hft_{BOB[0]}", "hft_", TOKEN[:-1], TOKEN + "A", TOKEN.lower(), TOKEN.upper(), " " + TOKEN):
        assert place.s3((key, ""), "GET", "/").status in (400, 403)


def test_cve_2020_25660_each_flipped_bit_of_a_token_is_another_token(place: Place) -> None:
    for at in range(4, len(TOKEN)):
        for bit in (1, 2, 4):
            other = chr(ord(TOKEN[at]) ^ bit)
            if other.isalnum():
                assert place.s3((TOKEN[:at] + other + TOKEN[at + 1 :], ""), "GET", "/").code == "InvalidAccessKeyId"


IDENTITY_HEADERS = (
    "userid", "groups", "aws:username", "x-amz-user", "x-amz-principal", "x-forwarded-user", "x-remote-user", "remote-user", "x-holdfast-user",
    "x-holdfast-principal", "x-minio-user", "x-amz-meta-user", "opc-principal", "x-webauth-user", "jwt:sub", "x-auth-token", "x-storage-user",
)  # fmt: skip


@pytest.mark.parametrize("name", IDENTITY_HEADERS)
def test_ghsa_6r96_hmgc_726c_pr_9120_headers_do_not_make_anybody_somebody(place: Place, name: str) -> None:
    for value in ("administrator", "root", place.root[0]):
        if ":" not in name:
            assert place.s3(ANN, "PUT", "/bobs/k", b"x", {name: value}).code == "AccessDenied"
        assert place.data.exchange(f"GET /bobs HTTP/1.1\r\nhost: {place.data.hostport}\r\n{name}: {value}\r\n\r\n".encode()).status in (400, 403)
        assert place.control.exchange(f"GET /api/v1/users HTTP/1.1\r\nhost: x\r\n{name}: {value}\r\n\r\n".encode()).status in (400, 401)


def test_pr_7791_a_variable_stands_for_the_whole_name_and_never_for_a_pattern(place: Place) -> None:
    """`rooms/${aws:username}/*` of bob opens nothing of bobby, and a name with a star is only that name."""
    statement = {
        "Effect": "Allow", "Principal": "*", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::homes/rooms/${aws:username}/*",
    }  # fmt: skip
    assert place.s3(place.root, "PUT", "/homes").status == 200
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()
    assert place.s3(place.root, "PUT", "/homes?policy", document).status == 204
    assert place.s3(BOB, "PUT", "/homes/rooms/bob/x", b"x").status == 200
    assert place.s3(BOBBY, "PUT", "/homes/rooms/bobby/x", b"x").status == 200
    for key in ("rooms/bobby/x", "rooms/bo/x", "rooms/x", "rooms/*/x", "rooms/bob", "rooms/bob%2f..%2fbobby/x", "rooms/$%7Baws:username%7D/x"):
        reply = place.s3(BOB, "GET", f"/homes/{key}")
        assert reply.code in ("AccessDenied", "NoSuchKey") and (reply.code == "AccessDenied" or key.startswith("rooms/bob%2f"))


def test_versitygw_cd0b4e6d_the_policy_sees_the_key_that_is_stored(place: Place) -> None:
    assert place.s3(place.root, "PUT", "/parted").status == 200
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::parted/public/*"}
    assert place.s3(place.root, "PUT", "/parted?policy", json.dumps({"Version": "2012-10-17", "Statement": [allow]}).encode()).status == 204
    for key in ("private.txt", "public/a"):
        assert place.s3(place.root, "PUT", f"/parted/{key}", b"x").status == 200
    assert place.s3(ANN, "GET", "/parted/public/a").status == 200
    for way in ("/../", "/%2e%2e/", "%2f..%2f", "/./../", "//../"):
        key = f"public{way}private.txt"
        anonymous = place.data.exchange(f"GET /parted/{key} HTTP/1.1\r\nhost: {place.data.hostport}\r\n\r\n".encode())
        assert anonymous.status in (403, 404) and b"<Error>" in anonymous.body


def test_cve_2021_39231_ghsa_3g29_xff2_92vp_every_door_decides_alike(place: Place) -> None:
    """What S3 refuses to somebody, OCI's door and the administration refuse him as well."""
    store = Store(place.server)
    carl: Person = person(store, "carl", rights="none", key=1)
    for method, path in (
        ("GET", "/n/default/b/bobs"), ("GET", "/n/default/b/bobs/o"), ("GET", "/n/default/b/bobs/o/k"), ("PUT", "/n/default/b/bobs/o/k"),
        ("DELETE", "/n/default/b/bobs"), ("POST", "/n/default/b/bobs"), ("GET", "/20160918/users?compartmentId=" + carl.user.tenancy),
        ("DELETE", "/20160918/users/" + carl.user.id),
    ):  # fmt: skip
        document = {"name": "bobs"} if method == "POST" else None
        answer = carl.ask(method, path, document=document) if document else carl.ask(method, path)
        assert answer.status in (403, 404), (method, path, answer.body)
    key = (store.new_key(carl.user.id), "")
    assert place.s3((key[0], "no secret"), "GET", "/bobs").code == "SignatureDoesNotMatch"

def test_cve_2026_33419_whether_a_user_exists_is_not_told_and_guessing_is_slowed_down(place: Place) -> None:
    """The same answer for a wrong password of somebody, of somebody without one, and of nobody; after some of them, none is looked at."""
    said = []
    for name in ("administrator", "bob", "nobody-of-that-name"):
        reply = place.control.exchange(_sign_in(name, "a wrong password"), "POST")
        said.append((reply.status, json.loads(reply.body)["code"], json.loads(reply.body)["message"]))
    assert set(said) == {(401, "NotAuthenticated", "The name or the password is wrong.")}
    statuses = [place.control.exchange(_sign_in("administrator", f"wrong {number}"), "POST").status for number in range(12)]
    assert 429 in statuses and statuses[-1] == 429
    assert place.admin(place.root, "GET", "/whoami")[0] == 200, "whoever signs is not locked out"


def _sign_in(name: str, password: str) -> bytes:
    body = json.dumps({"user": name, "password": password}).encode()
    head = f"POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_ghsa_pfcq_4gjr_6gjm_a_role_is_given_only_with_all_that_its_actions_stand_for(place: Place) -> None:
    """Who writes the policies of buckets can give himself all that is in them: a role to do so is not for who may only read settings."""
    root = place.root
    assert place.admin(root, "POST", "/users", {"name": "giver"})[0] == 201
    assert place.admin(root, "POST", "/groups", {"name": "givers"})[0] == 201
    assert place.admin(root, "POST", "/groups/givers/members", {"user": "giver"})[0] == 201
    statements = ["Allow group givers to manage roles in tenancy", "Allow group givers to read buckets in tenancy"]
    assert place.admin(root, "POST", "/policies", {"name": "givers", "statements": statements})[0] == 201
    _, made = place.admin(root, "POST", "/users/giver/keys", {})
    giver = (made["data"]["id"], made["data"]["key"])
    for role in ("storage.configurer", "storage.configViewer", "storage.viewer", "storage.editor", "storage.admin"):
        status, said = place.admin(giver, "POST", "/role-bindings", {"role": role, "user": "giver", "tenancy-wide": True})
        assert (status, said["code"]) == (403, "NotAuthorized"), (role, said)
    document = json.dumps({"Version": "2012-10-17", "Statement": []}).encode()
    assert place.s3(giver, "PUT", "/bobs?policy", document).code == "AccessDenied"
