"""Browser form uploads on a running server, as boto3 signs them and as attackers would bend them."""

from __future__ import annotations

import json
import urllib.request
import uuid
from typing import Any
from urllib.error import HTTPError
from xml.etree import ElementTree

import boto3
import pytest
from botocore.config import Config

from tests.acl.people import ANONYMOUS, access_key, refused, secret_key
from tests.serving import Server

People = dict[str, Any]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def encode(fields: dict[str, str], data: bytes | None, filename: str = "f.txt", after: dict[str, str] | None = None) -> tuple[bytes, str]:
    """(body, Content-Type) of a form."""
    boundary = uuid.uuid4().hex
    out = []
    for name, value in fields.items():
        out.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    if data is not None:
        out.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'.encode() + data + b"\r\n")
    for name, value in (after or {}).items():
        out.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    return b"".join(out) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def post(url: str, fields: dict[str, str], data: bytes | None = b"data", headers: dict[str, str] | None = None, **given: Any) -> Any:
    """(status, headers, body)"""
    body, kind = encode(fields, data, **given)
    return send(url, body, {"Content-Type": kind, **(headers or {})})


def send(url: str, body: bytes, headers: dict[str, str]) -> Any:
    try:
        with OPENER.open(urllib.request.Request(url, data=body, method="POST", headers=headers)) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as error:
        return error.code, error.headers, error.read()


def code(answer: Any) -> tuple[int, str]:
    return answer[0], ElementTree.fromstring(answer[2]).findtext("Code") or ""


def signed(people: People, bucket: str, key: str = "user/${filename}", who: str = "ann", **given: Any) -> tuple[str, dict[str, str]]:
    found = people[who].generate_presigned_post(bucket, key, **given)
    return found["url"], found["fields"]


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_m182_a_form_that_boto3_signed(people: People, anns: str, place: Server, version: str) -> None:
    config = Config(s3={"addressing_style": "path"}, signature_version=version)
    client = boto3.client("s3", endpoint_url=place.endpoint, region_name=place.region, config=config, aws_access_key_id=access_key("ann"),
                          aws_secret_access_key=secret_key("ann"))  # fmt: skip
    fields = {"Content-Type": "image/png", "x-amz-meta-colour": "blue", "success_action_status": "201", "acl": "private", "Cache-Control": "no-cache"}
    conditions: list[Any] = [[{name: value} for name, value in fields.items()], ["content-length-range", 1, 100]]
    form = client.generate_presigned_post(anns, "user/${filename}", Fields=fields, Conditions=[*conditions[0], conditions[1]])
    status, head, body = post(form["url"], form["fields"], b"a picture", filename="C:\\pictures\\a & b.png")
    assert status == 201, body
    told = ElementTree.fromstring(body)
    assert [told.findtext(name) for name in ("Bucket", "Key", "ETag")] == [anns, "user/a & b.png", head["ETag"]]
    assert told.findtext("Location") == head["Location"] == f"{place.endpoint}/{anns}/user/a%20%26%20b.png"
    found = client.get_object(Bucket=anns, Key="user/a & b.png")
    assert found["Body"].read() == b"a picture"
    assert (found["ContentType"], found["Metadata"], found["CacheControl"]) == ("image/png", {"colour": "blue"}, "no-cache")


def test_m182_how_success_is_told(people: People, anns: str) -> None:
    for asked, status in (("200", 200), ("204", 204), ("404", 204), ("", 204)):
        url, fields = signed(people, anns, Fields={"success_action_status": asked}, Conditions=[{"success_action_status": asked}])
        answer = post(url, fields)
        assert (answer[0], answer[2]) == (status, b"")
    for target, expected in (
        ("http://www.example.com/done", f"http://www.example.com/done?bucket={anns}&key=user%2Ff.txt&etag=%22"),
        ("https://a/b?x=1#top", f"https://a/b?x=1&bucket={anns}&key=user%2Ff.txt&etag=%22"),
    ):
        url, fields = signed(people, anns, Fields={"success_action_redirect": target}, Conditions=[{"success_action_redirect": target}])
        status, head, _ = post(url, fields)
        assert status == 303 and head["Location"].startswith(expected)
    for target in ("javascript:alert(1)", "http://a/\r\nSet-Cookie: x=y", "//evil", "ftp://a/", "http://"):
        url, fields = signed(people, anns, Conditions=[["starts-with", "$success_action_redirect", ""]])
        status, head, _ = post(url, {**fields, "success_action_redirect": target})
        assert status == 204 and "Set-Cookie" not in head and head["Location"].endswith("/user/f.txt")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"key": "other/k"}, 403), ({"acl": "public-read"}, 403), ({"x-amz-meta-a": "x"}, 403), ({"Content-Type": "text/html"}, 403),
        ({"success_action_redirect": "http://evil/"}, 403), ({"bucket": "other"}, 403), ({"note": "x"}, 403), ({"x-amz-tagging": "a=b"}, 403),
        ({"x-amz-signature": "0" * 64}, 403), ({"policy": "e30="}, 403), ({"policy": ""}, 403), ({"x-amz-credential": "x"}, 400),
        ({"x-amz-date": "20200101T000000Z"}, 400), ({"AWSAccessKeyId": "x", "signature": "y"}, 400), ({"policy": None}, 400), ({"key": None}, 400),
        ({"x-amz-algorithm": None}, 400), ({"x-ignore-note": "x"}, 204), ({"x-amz-server-side-encryption": "AES256"}, 403),
    ],
)  # fmt: skip
def test_cve_2026_27607_each_condition_and_each_field_counts(people: People, anns: str, change: dict[str, str | None], status: int) -> None:
    url, fields = signed(people, anns, Conditions=[["content-length-range", 0, 10]])
    bent = {name: value for name, value in {**fields, **change}.items() if value is not None}
    answer = post(url, bent)
    assert answer[0] == status, answer[2]
    assert ("Contents" in people["ann"].list_objects_v2(Bucket=anns)) is (status == 204)


def test_cve_2026_27607_size_and_time(people: People, anns: str) -> None:
    url, fields = signed(people, anns, Conditions=[["content-length-range", 5, 1_000_000]])
    assert code(post(url, fields, b"1234")) == (400, "EntityTooSmall")
    assert code(post(url, fields, b"x" * 1_000_001)) == (400, "EntityTooLarge")
    assert post(url, fields, b"x" * 1_000_000)[0] == 204
    late = signed(people, anns, ExpiresIn=-1)
    assert code(post(*late)) == (403, "AccessDenied")
    assert people["ann"].list_objects_v2(Bucket=anns)["Contents"][0]["Size"] == 1_000_000


def test_cve_2023_43040_a_policy_is_for_one_bucket(people: People, anns: str) -> None:
    ann, other = people["ann"], f"acl-{uuid.uuid4().hex[:16]}"
    ann.create_bucket(Bucket=other)
    url, fields = signed(people, anns)
    there = url.replace(anns, other)
    assert code(post(there, fields)) == (403, "AccessDenied")
    assert code(post(there, {"bucket": anns, **fields})) == (403, "AccessDenied")
    assert code(post(url, {"bucket": other, **fields})) == (403, "AccessDenied")
    assert ann.list_objects_v2(Bucket=other)["KeyCount"] == 0
    ann.delete_bucket(Bucket=other)


def test_cve_2021_21362_who_may_only_read_uploads_by_no_form(people: People, anns: str) -> None:
    zoe = {"AWS": "arn:aws:iam:::user/zoe"}
    row = {"Effect": "Allow", "Principal": zoe, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{anns}/*"}
    document = {"Version": "2012-10-17", "Statement": [row]}
    people["ann"].put_bucket_policy(Bucket=anns, Policy=json.dumps(document))
    url, fields = signed(people, anns, who="zoe")
    assert code(post(url, fields)) == (403, "AccessDenied")
    assert refused(people["zoe"].put_object, Bucket=anns, Key="k") == (403, "AccessDenied")


def test_m182_anonymous_forms_where_the_bucket_lets_anybody_write(people: People, anns: str, place: Server) -> None:
    url = f"{place.endpoint}/{anns}"
    assert code(post(url, {"key": "k"})) == (403, "AccessDenied")
    people["ann"].put_bucket_acl(Bucket=anns, ACL="public-read-write")
    tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    fields = {"key": "k", "acl": "public-read", "Content-Type": "text/plain", "tagging": tags, "submit": "Send"}
    assert post(url, fields, after={"key": "other", "acl": "private"})[0] == 204
    assert people[ANONYMOUS].get_object(Bucket=anns, Key="k")["Body"].read() == b"data"
    assert people["ann"].get_object_tagging(Bucket=anns, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}]
    people["ann"].put_bucket_acl(Bucket=anns, ACL="private")


def test_m182_a_bucket_policy_sees_a_form_as_it_is(people: People, anns: str) -> None:
    def deny(condition: dict[str, Any]) -> None:
        row = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{anns}/*", "Condition": condition}
        people["ann"].put_bucket_policy(Bucket=anns, Policy=json.dumps({"Version": "2012-10-17", "Statement": [row]}))

    url, fields = signed(people, anns, Fields={"acl": "public-read"}, Conditions=[{"acl": "public-read"}])
    for condition in ({"StringEquals": {"s3:x-amz-acl": "public-read"}}, {"StringEquals": {"s3:authType": "POST"}},
                      {"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}):  # fmt: skip
        deny(condition)
        assert code(post(url, fields)) == (403, "AccessDenied")
    deny({"StringEquals": {"s3:x-amz-acl": "private"}})
    assert post(url, fields)[0] == 204
    people["ann"].delete_bucket_policy(Bucket=anns)


@pytest.mark.parametrize("key", ["../../x", "..", ".", "/x", "//x", "a/../b", "%2e%2e/x", "x" * 1024, "ü/日本"])
def test_form_keys_are_literal(people: People, anns: str, key: str) -> None:
    """CVE-2023-28434 and traversal by the key or the name of the file."""
    url, fields = signed(people, anns, key="${filename}", Conditions=[["starts-with", "$key", ""]])
    assert post(url, {**fields, "key": key})[0] == 204
    assert people["ann"].list_objects_v2(Bucket=anns)["Contents"][0]["Key"] == key
    assert people["ann"].get_object(Bucket=anns, Key=key)["Body"].read() == b"data"


@pytest.mark.parametrize(
    ("key", "status"), [("", 400), ("x" * 1025, 400), ("a\0b", 400), ("ü" * 513, 400)]
)  # fmt: skip
def test_form_keys_that_are_none(people: People, anns: str, key: str, status: int) -> None:
    url, fields = signed(people, anns, key="${filename}", Conditions=[["starts-with", "$key", ""]])
    assert post(url, {**fields, "key": key})[0] == status
    assert people["ann"].list_objects_v2(Bucket=anns)["KeyCount"] == 0


def test_cve_2016_8626_forms_without_what_they_need(people: People, anns: str, place: Server) -> None:
    url, fields = signed(people, anns)
    before = place.worker_pids()
    body, kind = encode(fields, b"data")
    for wrong, headers in (
        (body, {"Content-Type": "multipart/form-data"}), (body, {"Content-Type": "multipart/form-data; boundary="}),
        (body, {"Content-Type": "multipart/form-data; boundary=other"}), (b"", {"Content-Type": kind}), (body[:-10], {"Content-Type": kind}),
        (body.replace(b"form-data", b"attachment"), {"Content-Type": kind}), (encode(fields, None)[0], {"Content-Type": kind}),
        (body.replace(b"filename", b"filename*"), {"Content-Type": kind}), (b"x" * 100_000, {"Content-Type": kind}),
    ):  # fmt: skip
        assert send(url, wrong, headers)[0] == 400, wrong[:200]
    assert code(send(url, body, {"Content-Type": "text/plain"})) == (400, "MalformedPOSTRequest")
    assert code(post(url, {**fields, "x-amz-meta-long": "x" * 30_000})) == (400, "MaxPostPreDataLengthExceededError")
    assert code(post(url, fields, after={"file": "second"})) == (400, "IncorrectNumberOfFilesInPostRequest")
    for name in fields:
        assert post(url, {each: value for each, value in fields.items() if each != name})[0] in (400, 403)
    assert people["ann"].list_objects_v2(Bucket=anns)["KeyCount"] == 0
    assert place.worker_pids() == before


@pytest.mark.parametrize(
    "name", ["x-amz-acl", "x-amz-tagging", "x-amz-copy-source", "if-none-match", "if-match", "content-range", "x-amz-content-sha256"]
)
def test_what_a_form_says_outside_of_its_fields_is_not_passed_over(people: People, anns: str, name: str) -> None:
    url, fields = signed(people, anns)
    value = "UNSIGNED-PAYLOAD" if name.endswith("sha256") else "private"
    assert code(post(url, fields, headers={name: value}))[0] == 501
    assert post(url + "?x-amz-acl=public-read", fields)[0] == 400
    assert post(url, fields, headers={"Authorization": "AWS a:b"})[0] in (400, 403)
    assert code(post(url, fields, headers={"x-amz-expected-bucket-owner": "somebody"})) == (403, "AccessDenied")
    assert people["ann"].list_objects_v2(Bucket=anns)["KeyCount"] == 0


def test_fields_that_no_header_can_carry(people: People, anns: str) -> None:
    for fields in ({"Content-Type": "a\r\nSet-Cookie: b"}, {"x-amz-meta-a": "a\nb"}, {"x-amz-meta-a b": "c"}, {"x-amz-copy-source": "a/b"},
                   {"if-none-match": "*"}, {"x-amz-trailer": "x-amz-checksum-crc32"}):  # fmt: skip
        url, all_fields = signed(people, anns, Fields=fields, Conditions=[{name: value} for name, value in fields.items()])
        assert code(post(url, all_fields)) == (400, "InvalidArgument")
    assert people["ann"].list_objects_v2(Bucket=anns)["KeyCount"] == 0


def test_checksums_of_a_form(people: People, anns: str) -> None:
    url, fields = signed(people, anns)
    assert post(url, {**fields, "x-amz-checksum-crc32": "rfPzYw=="})[0] == 204
    for wrong in ({"x-amz-checksum-crc32": "AAAAAA=="}, {"x-amz-checksum-crc32": "sailor"}):
        assert code(post(url, {**fields, **wrong}, b"other")) == (400, "BadDigest")
    assert people["ann"].get_object(Bucket=anns, Key="user/f.txt")["Body"].read() == b"data"


def test_a_large_file_streams_and_a_form_cut_off_stores_nothing(people: People, anns: str) -> None:
    data = b"\r\n--" + b"0123456789abcdef" * (1 << 18) + b"\r\n"
    url, fields = signed(people, anns)
    assert post(url, fields, data)[0] == 204
    assert people["ann"].get_object(Bucket=anns, Key="user/f.txt")["Body"].read() == data
    body, kind = encode({**fields, "key": "user/cut"}, data)
    assert send(url, body[:-20], {"Content-Type": kind})[0] == 400
    assert people["ann"].list_objects_v2(Bucket=anns)["KeyCount"] == 1
