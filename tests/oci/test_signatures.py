"""Request signatures: what the real client signs is accepted, and the change of any one thing that was signed is refused in the same words."""

from __future__ import annotations

import base64
import email.utils
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.oci.people import Answer, Person, person, send
from tests.oci.requests_made import Store
from tests.serving import Server

REFUSED = {"code": "NotAuthenticated", "message": "The required information to complete authentication was not provided or was incorrect."}


@pytest.fixture(scope="module")
def ada(store: Store) -> Person:
    return person(store, "ada")


@pytest.fixture(scope="module")
def place(ada: Person) -> Iterator[str]:
    """The path of a bucket with one object."""
    path = "/n/default/b/Signed_Bucket"
    assert ada.ask("POST", "/n/default/b", document={"name": "Signed_Bucket", "compartmentId": ada.user.tenancy}).status == 200
    assert ada.ask("PUT", path + "/o/a%2Fb", data=b"bytes").status == 200
    yield path
    assert ada.ask("DELETE", path + "/o/a%2Fb").status == 204
    assert ada.ask("DELETE", path).status == 204


def refused(answer: Answer) -> None:
    assert (answer.status, answer.json) == (401, REFUSED)
    assert answer.headers["opc-request-id"]


@pytest.mark.parametrize("target", ["/n", "//n", "///n/", "/n/"])
def test_m243_a_signature_covers_the_target_as_it_was_sent(ada: Person, target: str) -> None:
    assert ada.ask("GET", target).json == "default"


@pytest.mark.parametrize("name", ["a%2Fb", "a/b", "%61/b", "a%2fb"])
def test_a_name_is_decoded_once_whatever_the_client_escapes(ada: Person, place: str, name: str) -> None:
    assert ada.ask("GET", f"{place}/o/{name}").body == b"bytes"


@pytest.mark.parametrize("change", ["method", "target", "query", "host", "date", "signature", "key", "header", "scheme", "algorithm", "version"])
def test_m243_any_change_of_a_signed_request_without_a_body_is_refused(ada: Person, place: str, change: str) -> None:
    host, target, method = ada.server.endpoint.partition("//")[2], place + "/o?limit=1", "GET"
    headers = ada.signed("GET", target, host)
    if change == "method":
        method = "HEAD"
    elif change == "target":
        target = place + "/o/?limit=1"
    elif change == "query":
        target = place + "/o?limit=2"
    elif change == "host":
        headers["host"] = host.replace("127.0.0.1", "localhost")
    elif change == "date":
        headers["date"] = email.utils.formatdate(time.time() + 1, usegmt=True)
    else:
        old, new = {
            "signature": (',signature="', ',signature="A'), "key": (ada.fingerprint, ada.fingerprint[::-1]), "header": (" host", ""),
            "scheme": ("Signature ", "Signature2 "), "algorithm": ("rsa-sha256", "hmac-sha256"), "version": ('version="1"', 'version="2"'),
        }[change]  # fmt: skip
        headers["authorization"] = headers["authorization"].replace(old, new)
    answer = send(ada.server, method, target, headers)
    if method == "HEAD":
        assert answer.status == 401
    else:
        refused(answer)


@pytest.mark.parametrize("at", [0, 100, 200, 255])
def test_m243_every_byte_of_a_signature_counts(ada: Person, at: int) -> None:
    host = ada.server.endpoint.partition("//")[2]
    headers = ada.signed("GET", "/n", host)
    before, label, rest = headers["authorization"].partition('signature="')
    signature, quote, after = rest.partition('"')
    raw = bytearray(base64.b64decode(signature))
    raw[at] ^= 1
    headers["authorization"] = before + label + base64.b64encode(raw).decode() + quote + after
    refused(send(ada.server, "GET", "/n", headers))


@pytest.mark.parametrize(("seconds", "status"), [(-305, 401), (305, 401), (-290, 200), (290, 200)])
def test_m243_a_signature_is_good_for_five_minutes_around_its_date(ada: Person, seconds: int, status: int) -> None:
    headers = {"date": email.utils.formatdate(time.time() + seconds, usegmt=True)}
    assert ada.ask("GET", "/n", headers=headers).status == status


@pytest.mark.parametrize("change", ["body", "length", "type", "digest", "unsigned"])
def test_m243_any_change_of_a_signed_body_is_refused_and_nothing_is_made(ada: Person, change: str) -> None:
    host, target = ada.server.endpoint.partition("//")[2], "/n/default/b"
    body = b'{"name":"never-made","compartmentId":"%b"}' % ada.user.tenancy.encode()
    headers = ada.signed("POST", target, host, body=body)
    if change == "body":
        body = body.replace(b"never-made", b"never-mode")
    elif change == "length":
        body = body[:-1] + b" }"
        headers["content-length"] = str(len(body))
    elif change == "type":
        headers["content-type"] = "text/plain"
    elif change == "digest":
        headers["x-content-sha256"] = base64.b64encode(bytes(32)).decode()
    else:  # a signature that does not cover the body is none
        headers = ada.signed("POST", target, host, headers={"content-type": "application/json", "content-length": str(len(body))})
    refused(send(ada.server, "POST", target, headers, body))
    for name in ("never-made", "never-mode"):
        assert ada.ask("GET", f"/n/default/b/{name}").status == 404


def test_an_object_body_need_not_be_signed_and_what_is_signed_of_it_counts(ada: Person, place: str) -> None:
    host, target = ada.server.endpoint.partition("//")[2], place + "/o/signed"
    headers = ada.signed("PUT", target, host, body=b"right")
    refused(send(ada.server, "PUT", target, headers, b"wrong"))
    assert ada.ask("GET", target).status == 404
    assert send(ada.server, "PUT", target, headers, b"right").status == 200
    assert ada.ask("DELETE", target).status == 204


def test_keys_tenancies_and_users_belong_together(store: Store, ada: Person) -> None:
    other = person(store, "bob", key=1)
    for key_id in (
        f"{ada.user.tenancy}/{other.user.id}/{ada.fingerprint}",
        f"ocid1.tenancy.oc1..{'a' * 60}/{ada.user.id}/{ada.fingerprint}",
        f"{ada.user.tenancy}/{ada.user.id}/{other.fingerprint}",
        "ST$nothing",
        "",
    ):
        mixed = Person(ada.server, ada.user, ada.key, ada.fingerprint)
        mixed.key_id = key_id
        refused(mixed.ask("GET", "/n"))
    mixed = Person(ada.server, ada.user, other.key, ada.fingerprint)
    refused(mixed.ask("GET", "/n"))


def test_a_key_or_user_that_is_deleted_or_asleep_stops_at_once(store: Store) -> None:
    eve = person(store, "eve", key=2)
    assert eve.ask("GET", "/n").status == 200

    async def sleep(engine: Any, directory: Any) -> None:
        await directory.users.set_status(eve.user.id, "INACTIVE")

    async def wake(engine: Any, directory: Any) -> None:
        await directory.users.set_status(eve.user.id, "ACTIVE")

    async def delete(engine: Any, directory: Any) -> None:
        await directory.api_keys.delete(eve.user.id, eve.fingerprint)

    for what, status in ((sleep, 401), (wake, 200), (delete, 401)):
        store.do(what)
        assert eve.ask("GET", "/n").status == status


def test_nothing_is_told_to_strangers(server: Server, ada: Person, place: str) -> None:
    """Whether a path is one, a bucket is there or a method is right is said only to who proved who it is."""
    host = server.endpoint.partition("//")[2]
    for method, target in (("GET", "/n/default/nothing"), ("GET", place), ("PATCH", place), ("GET", "/n/other/b/none")):
        headers = ada.signed(method, target, host)
        headers["date"] = email.utils.formatdate(time.time() - 1, usegmt=True)
        refused(send(server, method, target, headers))
    assert ada.ask("PATCH", place, document={}).status == 405
