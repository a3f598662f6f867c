"""Cross-origin rules on a running server: preflights, what answers carry, buckets of another tenancy."""

from __future__ import annotations

import urllib.request
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.handlers import validate_bucket_name

from tests.acl.people import ANONYMOUS, refused
from tests.serving import Server

People = dict[str, Any]
RULES = {"CORSRules": [
    {"ID": "one", "AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["http://*.example.com"], "AllowedHeaders": ["x-amz-*"],
     "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 30},
    {"AllowedMethods": ["HEAD"], "AllowedOrigins": ["*"]},
]}  # fmt: skip


def ask(url: str, method: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    asked = urllib.request.Request(url, method=method, headers=sent, data=b"" if method in ("PUT", "POST") else None)
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


def test_m182_rules_are_kept_and_deleted(people: People, anns: str) -> None:
    ann = people["ann"]
    assert refused(ann.get_bucket_cors, Bucket=anns) == (404, "NoSuchCORSConfiguration")
    ann.put_bucket_cors(Bucket=anns, CORSConfiguration=RULES)
    assert ann.get_bucket_cors(Bucket=anns)["CORSRules"] == RULES["CORSRules"]
    wrong = {"CORSRules": [{"AllowedMethods": ["PATCH"], "AllowedOrigins": ["*"]}]}
    assert refused(ann.put_bucket_cors, Bucket=anns, CORSConfiguration=wrong) == (400, "InvalidRequest")
    assert refused(people["ben"].get_bucket_cors, Bucket=anns) == (403, "AccessDenied")
    assert refused(people[ANONYMOUS].delete_bucket_cors, Bucket=anns) == (403, "AccessDenied")
    assert ann.get_bucket_cors(Bucket=anns)["CORSRules"] == RULES["CORSRules"]
    ann.delete_bucket_cors(Bucket=anns)
    assert refused(ann.get_bucket_cors, Bucket=anns) == (404, "NoSuchCORSConfiguration")


def test_m182_a_preflight_needs_no_signature(people: People, anns: str, place: Server) -> None:
    url = f"{place.endpoint}/{anns}/k"
    given = {"Origin": "http://www.example.com", "Access_Control_Request_Method": "PUT"}
    assert ask(url, "OPTIONS", **given)[0] == 403
    people["ann"].put_bucket_cors(Bucket=anns, CORSConfiguration=RULES)
    presigned = people["ann"].generate_presigned_url("put_object", Params={"Bucket": anns, "Key": "k"})
    for target in (url, url + "?acl", presigned):
        status, head, body = ask(target, "OPTIONS", **given, Access_Control_Request_Headers="x-amz-meta-a")
        assert (status, body) == (200, b"")
        assert head["access-control-allow-origin"] == "http://www.example.com"
        assert head["access-control-allow-methods"] == "GET, PUT"
        assert head["access-control-allow-headers"] == "x-amz-meta-a"
        assert head["access-control-max-age"] == "30"
        assert "x-amz-request-id" in head
    status, head, body = ask(url, "OPTIONS", Origin="http://evil.example.org", Access_Control_Request_Method="PUT")
    assert status == 403 and b"<Code>AccessForbidden</Code>" in body and "access-control-allow-origin" not in head
    for bad in ({"Origin": "http://www.example.com"}, {"Access_Control_Request_Method": "PUT"}, {**given, "Access_Control_Request_Method": "PATCH"}):
        assert ask(url, "OPTIONS", **bad)[0] == 400


def test_m182_every_answer_to_an_origin_tells_it_whether_it_may_look(people: People, anns: str, place: Server) -> None:
    people["ann"].put_bucket_cors(Bucket=anns, CORSConfiguration=RULES)
    people["ann"].put_object(Bucket=anns, Key="k", Body=b"x", ACL="public-read")
    url, origin = f"{place.endpoint}/{anns}", "http://www.example.com"
    status, head, body = ask(url + "/k", "GET", Origin=origin)
    assert (status, body, head["access-control-allow-origin"], head["access-control-expose-headers"]) == (200, b"x", origin, "ETag")
    assert head["vary"].startswith("Origin")
    assert ask(url + "/k", "HEAD", Origin="http://anybody")[1]["access-control-allow-origin"] == "*"
    expected = ((url, "GET", 403), (url + "/new", "PUT", 403), (url + "/k?versionId=nothing", "GET", 403), (url + "x/k", "GET", 404))
    for target, method, status in expected:
        found, head, _ = ask(target, method, Origin=origin)
        assert found == status
        assert head.get("access-control-allow-origin") == (origin if status == 403 else None)
    bad = ask(url + "/k", "GET", Origin=origin, Authorization="AWS4-HMAC-SHA256 nonsense")
    assert (bad[0], bad[1]["access-control-allow-origin"]) == (400, origin)
    for origin in ("http://evil.example.org", "null", ""):
        assert "access-control-allow-origin" not in ask(url + "/k", "GET", Origin=origin)[1]
    assert "vary" not in ask(url + "/k", "GET")[1]


def test_a_bucket_by_namespace(people: People, anns: str, place: Server) -> None:
    people["ann"].put_object(Bucket=anns, Key="k", Body=b"x", ACL="public-read")
    for name in (f"default:{anns}", f":{anns}", f"default%3A{anns}"):
        assert ask(f"{place.endpoint}/{name}/k", "GET")[::2] == (200, b"x")
    for name in (f"elsewhere:{anns}", f"default:x:{anns}", "default:", ":", f"default/x:{anns}", f"default%2Fx:{anns}"):
        assert ask(f"{place.endpoint}/{name}/k", "GET")[0] in (400, 403, 404)
    assert ask(f"{place.endpoint}/default:{anns}/private", "PUT")[0] == 403


@pytest.mark.parametrize("name", ["default:new-bucket", ":new-bucket"])
def test_no_bucket_is_made_with_a_namespace_in_its_name(people: People, name: str) -> None:
    ann = people["ann"]
    ann.meta.events.unregister("before-parameter-build.s3", validate_bucket_name)
    assert refused(ann.create_bucket, Bucket=name) == (400, "InvalidBucketName")
