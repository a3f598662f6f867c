"""Objects by the native API: names, metadata, conditions, ranges, lists; the same object through S3."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import empty_bucket
from tests.oci.people import Person, person
from tests.oci.requests_made import Store


@pytest.fixture(scope="module")
def ada(store: Store) -> Person:
    return person(store, "ada")


@pytest.fixture
def bucket(ada: Person, s3: Any) -> Iterator[str]:
    name = f"native-{uuid.uuid4().hex[:12]}"
    assert ada.ask("POST", "/n/default/b", document={"name": name, "compartmentId": ada.user.tenancy}).status == 200
    yield name
    empty_bucket(s3, name)
    assert ada.ask("DELETE", f"/n/default/b/{name}").status == 204


def at(bucket: str, name: str = "") -> str:
    return f"/n/default/b/{bucket}/o" + (f"/{quote(name, safe='')}" if name else "")


@pytest.mark.parametrize("name", ["a b+c", "é", ".", "..", "./x", "a//b", "/lead", "trail/", "%2F", "a/../b", "ü/ ~*'()"])
def test_m239_names_arrive_as_they_are_and_s3_sees_the_same(ada: Person, bucket: str, s3: Any, name: str) -> None:
    data = name.encode() * 3
    put = ada.ask("PUT", at(bucket, name), data=data, headers={"content-type": "text/x", "opc-meta-colour": "blue"})
    assert put.status == 200
    got = ada.ask("GET", at(bucket, name))
    assert (got.body, got.headers["content-type"], got.headers["opc-meta-colour"]) == (data, "text/x", "blue")
    digest = hashlib.md5(data)
    assert got.headers["content-md5"] == put.headers["opc-content-md5"] == base64.b64encode(digest.digest()).decode()
    assert got.headers["etag"] == put.headers["etag"] and uuid.UUID(got.headers["etag"])
    assert ada.ask("GET", at(bucket)).json == {"objects": [{"name": name}]}
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [(row["Key"], row["ETag"]) for row in listed] == [(name, f'"{digest.hexdigest()}"')]
    if name not in (".", "..", "./x", "a/../b"):  # botocore resolves these before it sends them
        seen = s3.get_object(Bucket=bucket, Key=name)
        assert (seen["Body"].read(), seen["Metadata"], seen["ETag"]) == (data, {"colour": "blue"}, f'"{digest.hexdigest()}"')


def test_m239_what_s3_wrote_is_read_natively(ada: Person, bucket: str, s3: Any) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345", ContentType="text/y", Metadata={"a": "b"}, CacheControl="no-store")
    head = ada.ask("HEAD", at(bucket, "k"))
    assert head.status == 200 and head.body == b""
    assert [head.headers[name] for name in ("content-length", "content-type", "opc-meta-a", "cache-control")] == ["5", "text/y", "b", "no-store"]
    part = ada.ask("GET", at(bucket, "k"), headers={"range": "bytes=1-2"})
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"23", "bytes 1-2/5")
    beyond = ada.ask("GET", at(bucket, "k"), headers={"range": "bytes=9-"})
    assert (beyond.status, beyond.json["code"]) == (416, "InvalidRange")


def test_conditions_are_held_by_the_native_etag(ada: Person, bucket: str) -> None:
    first = ada.ask("PUT", at(bucket, "k"), data=b"1", headers={"if-none-match": "*"})
    again = ada.ask("PUT", at(bucket, "k"), data=b"2", headers={"if-none-match": "*"})
    assert (first.status, again.status, again.json["code"]) == (200, 412, "IfNoneMatchFailed")
    etag = first.headers["etag"]
    assert ada.ask("GET", at(bucket, "k"), headers={"if-none-match": etag}).status == 304
    missed = ada.ask("GET", at(bucket, "k"), headers={"if-match": "other"})
    assert (missed.status, missed.json["code"]) == (412, "IfMatchFailed")
    assert ada.ask("PUT", at(bucket, "k"), data=b"1", headers={"if-match": etag}).status == 200
    stale = ada.ask("PUT", at(bucket, "k"), data=b"3", headers={"if-match": etag})
    assert (stale.status, stale.json["code"]) == (412, "IfMatchFailed")
    assert ada.ask("DELETE", at(bucket, "k"), headers={"if-match": etag}).status == 412
    assert ada.ask("GET", at(bucket, "k")).body == b"1"


def test_a_body_that_is_not_what_its_digest_says_is_not_stored(ada: Person, bucket: str) -> None:
    wrong = ada.ask("PUT", at(bucket, "k"), data=b"1", headers={"content-md5": base64.b64encode(bytes(16)).decode()})
    assert (wrong.status, wrong.json["code"]) == (400, "UnmatchedContentMD5")
    assert ada.ask("GET", at(bucket, "k")).json["code"] == "ObjectNotFound"


def test_lists_page_by_name_with_start_end_and_delimiter(ada: Person, bucket: str) -> None:
    for name in ("a", "b/1", "b/2", "c", "d/1"):
        ada.ask("PUT", at(bucket, name), data=b"x")
    ask = lambda query: ada.ask("GET", at(bucket) + query).json  # noqa: E731
    assert ask("?delimiter=/") == {"objects": [{"name": "a"}, {"name": "c"}], "prefixes": ["b/", "d/"]}
    page = ask("?limit=2")
    assert page == {"objects": [{"name": "a"}, {"name": "b/1"}], "nextStartWith": "b/2"}
    assert [row["name"] for row in ask("?start=b/2")["objects"]] == ["b/2", "c", "d/1"]
    assert [row["name"] for row in ask("?startAfter=b/2&end=d")["objects"]] == ["c"]
    assert set(ask("?fields=name,size,etag,md5,timeCreated,timeModified,storageTier,archivalState&limit=1")["objects"][0]) >= {"size", "etag", "md5"}


def test_deleting_what_is_not_there_is_an_error(ada: Person, bucket: str) -> None:
    gone = ada.ask("DELETE", at(bucket, "nothing"))
    assert (gone.status, gone.json["code"]) == (404, "ObjectNotFound")
    assert gone.json["message"] == f"The object 'nothing' does not exist in bucket '{bucket}' with namespace 'default'"


def test_what_a_request_asks_and_an_operation_does_not_take_is_refused(ada: Person, bucket: str) -> None:
    for target, headers, status in (
        (at(bucket) + "?unknown=1", {}, 400),
        (at(bucket) + "?limit=0", {}, 400),
        (at(bucket) + "?delimiter=x", {}, 400),
        (at(bucket), {"if-match": "x"}, 400),
        (at(bucket, "k"), {"opc-sse-customer-algorithm": "DES"}, 404),
        (at(bucket), {"opc-sse-customer-algorithm": "AES256"}, 400),
    ):
        assert ada.ask("GET", target, headers=headers).status == status, target


def test_a_missing_permission_looks_like_absence(store: Store, bucket: str) -> None:
    nobody = person(store, "nobody", "none", key=1)
    for method, target in (("GET", at(bucket)), ("GET", at(bucket, "k")), ("GET", f"/n/default/b/{bucket}"), ("DELETE", f"/n/default/b/{bucket}")):
        refused = nobody.ask(method, target)
        there_is_none = nobody.ask(method, target.replace(bucket, "none"))
        assert (refused.status, refused.json["code"]) == (there_is_none.status, there_is_none.json["code"]) == (404, "BucketNotFound")
        assert refused.json["message"].replace(bucket, "none") == there_is_none.json["message"]
    listed = nobody.ask("GET", f"/n/default/b?compartmentId={nobody.user.tenancy}")
    assert (listed.status, listed.json["code"]) == (404, "NamespaceNotFound")
    made = nobody.ask("POST", "/n/default/b", document={"name": "mine", "compartmentId": nobody.user.tenancy})
    assert (made.status, made.json["code"]) == (409, "BucketAlreadyExists")
    assert nobody.ask("GET", "/n").json == "default"
