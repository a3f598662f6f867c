"""The JSON of pre-authenticated requests, member by member."""

from __future__ import annotations

import json

import msgspec
import pytest

from holdfast.model.errors import InvalidArgument
from holdfast.model.pars import Par
from holdfast.oci.par_documents import Details, asked_of, created, instant, page_place, page_token, summary
from holdfast.pars.creation import Asked

PAR = Par(number=7, id="a+/b:k ü", bucket_id=1, namespace="ns", bucket="b", name="n", access="ObjectRead", target="k ü", creator="u",
          created_ms=1_617_287_846_869, expires_ms=1_669_071_600_000, digest=b"d" * 32)  # fmt: skip


def test_members_of_an_answer_M67_M110_M111() -> None:
    shown = summary(PAR)
    assert shown == {
        "id": "a+/b:k ü", "name": "n", "objectName": "k ü", "bucketListingAction": None, "accessType": "ObjectRead",
        "timeExpires": "2022-11-21T23:00:00.000Z", "timeCreated": "2021-04-01T14:37:26.869Z",
    }  # fmt: skip
    told = created(PAR, "TOKEN", "https://host:1")
    assert told == {**shown, "accessUri": "/p/TOKEN/n/ns/b/b/o/k%20%C3%BC", "fullPath": "https://host:1/p/TOKEN/n/ns/b/b/o/k%20%C3%BC"}
    whole = msgspec.structs.replace(PAR, access="AnyObjectRead", target="")
    assert (summary(whole)["objectName"], summary(whole)["bucketListingAction"]) == (None, "Deny")
    assert summary(msgspec.structs.replace(whole, listing=True))["bucketListingAction"] == "ListObjects"


def test_instants_to_the_end_of_the_calendar_M61() -> None:
    assert instant(253_402_300_799_999) == "9999-12-31T23:59:59.999Z"
    assert instant(0) == "1970-01-01T00:00:00.000Z"


def read_details(body: bytes) -> Asked:
    return asked_of(msgspec.json.decode(body, type=Details))


def test_what_the_command_line_and_the_sdk_send() -> None:
    body = json.dumps({"name": "n", "accessType": "AnyObjectRead", "timeExpires": "2030-01-01T00:00:00.000000Z"}).encode()
    assert read_details(body) == Asked(name="n", access_type="AnyObjectRead", time_expires="2030-01-01T00:00:00.000000Z")
    full = json.dumps({"name": "n", "accessType": "a", "timeExpires": "t", "objectName": "ü", "bucketListingAction": "Deny"}).encode()
    assert read_details(full) == Asked(name="n", access_type="a", time_expires="t", object_name="ü", listing="Deny")
    assert read_details(b'{"name":"n","accessType":"a","timeExpires":"t","objectName":null,"bucketListingAction":null}').object_name == ""


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"name":"n","accessType":"a"}', b'{"name":"n","timeExpires":"t"}', b'{"accessType":"a","timeExpires":"t"}',
     b'{"name":"n","accessType":"a","timeExpires":""}'],
)  # fmt: skip
def test_what_is_no_request_M60_M94(body: bytes) -> None:
    with pytest.raises(InvalidArgument):
        read_details(body)


@pytest.mark.parametrize("body", [b"[]", b'{"name":1}', b'{"name":"n","accessType":"a","timeExpires":"t","object":"x"}'])
def test_what_is_no_document(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        read_details(body)


def test_pages_go_on_where_they_say() -> None:
    for target in ("", "a:b/ü"):
        assert page_place(page_token(msgspec.structs.replace(PAR, target=target))) == (target, 7)
    for token in ("", "x", "ü", "OjE6", "NzA", "-" * 9, page_token(PAR)[:-3]):
        with pytest.raises(InvalidArgument):
            page_place(token)
