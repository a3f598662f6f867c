"""Cross-origin rules without a server: what is refused, and which rule answers."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.http.body import EMPTY
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessForbidden, InvalidRequest, MalformedXML
from holdfast.model.messages import Request
from holdfast.s3.cors import RULES_MAX, preflight, rules_of, share, stored


def rule(**given: Any) -> dict[str, Any]:
    return {"allowed_methods": ["GET"], "allowed_origins": ["*"], **given}


def bucket(*rules: dict[str, Any]) -> Bucket:
    return Bucket(id=1, namespace="default", name="b", region="r", owner="o", settings={"cors": stored({"cors_rules": list(rules)})})


def asked(origin: str, method: str = "", headers: str = "", actual: str = "OPTIONS") -> Request:
    sent = {b"origin": origin.encode()}
    if method:
        sent[b"access-control-request-method"] = method.encode()
    if headers:
        sent[b"access-control-request-headers"] = headers.encode()
    return Request(actual, b"/b/k", sent, EMPTY)


@pytest.mark.parametrize(
    ("row", "refusal"),
    [
        ({}, MalformedXML),
        (rule(allowed_methods=[]), MalformedXML),
        (rule(allowed_origins=[]), MalformedXML),
        (rule(allowed_origins=[""]), MalformedXML),
        (rule(id="x" * 256), MalformedXML),
        (rule(allowed_methods=["PATCH"]), InvalidRequest),
        (rule(allowed_methods=["get"]), InvalidRequest),
        (rule(allowed_methods=["*"]), InvalidRequest),
        (rule(allowed_origins=["http://*.*"]), InvalidRequest),
        (rule(allowed_headers=["x-*-*"]), InvalidRequest),
        (rule(expose_headers=["x-*"]), InvalidRequest),
        (rule(expose_headers=["x\r\nset-cookie: a=b"]), InvalidRequest),
        (rule(expose_headers=[""]), InvalidRequest),
        (rule(max_age_seconds=-1), InvalidRequest),
    ],
)
def test_m182_rules_that_are_none(row: dict[str, Any], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        stored({"cors_rules": [rule(), row]})


def test_how_many_rules() -> None:
    assert len(rules_of(bucket(*[rule()] * RULES_MAX))) == RULES_MAX
    for rows in ([], [rule()] * (RULES_MAX + 1)):
        with pytest.raises(MalformedXML):
            stored({"cors_rules": rows})


@pytest.mark.parametrize(
    ("origins", "origin", "fits"),
    [
        (["*"], "http://a", True), (["http://a"], "http://a", True), (["http://a"], "http://A", False), (["http://a"], "http://ab", False),
        (["http://*.a"], "http://b.a", True), (["http://*.a"], "http://a", False), (["http://*.a"], "http://.a", True), (["*a"], "a", True),
        (["ab*ba"], "aba", False), (["ab*ba"], "abba", True), (["a.c"], "abc", False), (["http://a", "http://b"], "http://b", True),
        (["*"], "null", True), (["http://*"], "null", False),
    ],
)  # fmt: skip
def test_m182_origins(origins: list[str], origin: str, fits: bool) -> None:
    head = dict(share(asked(origin, actual="GET"), bucket(rule(allowed_origins=origins))))
    assert (b"Access-Control-Allow-Origin" in head) is fits
    if fits:
        assert head[b"Access-Control-Allow-Origin"] == (b"*" if origins == ["*"] else origin.encode())
        assert (b"Access-Control-Allow-Credentials" in head) is (origins != ["*"])


def test_m182_a_preflight_names_what_was_asked_and_what_is_allowed() -> None:
    made = bucket(
        rule(allowed_methods=["PUT"], allowed_origins=["http://other"]),
        rule(allowed_methods=["GET", "PUT"], allowed_origins=["http://a"], allowed_headers=["X-Amz-*", "content-type"],
             expose_headers=["ETag", "x-amz-request-id"], max_age_seconds=60),
    )  # fmt: skip
    answer = preflight(asked("http://a", "PUT", "x-amz-meta-colour, Content-Type"), made)
    assert answer.status == 200
    assert answer.headers == [
        (b"Access-Control-Allow-Origin", b"http://a"),
        (b"Access-Control-Allow-Headers", b"x-amz-meta-colour, content-type"),
        (b"Access-Control-Allow-Credentials", b"true"),
        (b"Access-Control-Allow-Methods", b"GET, PUT"),
        (b"Access-Control-Expose-Headers", b"ETag, x-amz-request-id"),
        (b"Access-Control-Max-Age", b"60"),
        (b"Vary", b"Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
    ]


@pytest.mark.parametrize(
    "request_",
    [
        asked("http://b", "GET"), asked("http://a", "DELETE"), asked("http://a", "GET", "authorization"),
        asked("http://a", "GET", "x-a, authorization"),
        asked("http://a", "GET", "x-a\x7f"), asked("http://a", "GET", ",".join(["x-a"] * 65)),
    ],
)  # fmt: skip
def test_m182_what_no_rule_allows_is_forbidden(request_: Request) -> None:
    with pytest.raises(AccessForbidden, match="not allowed"):
        preflight(request_, bucket(rule(allowed_origins=["http://a"], allowed_headers=["x-*"])))


def test_a_bucket_without_rules_and_no_bucket_say_the_same() -> None:
    plain = Bucket(id=2, namespace="default", name="p", region="r", owner="o")
    for where in (plain, None):
        with pytest.raises(AccessForbidden, match="CORS is not enabled for this bucket"):
            preflight(asked("http://a", "GET"), where)
        assert share(asked("http://a", actual="GET"), where) == []


def test_other_rules_of_the_same_bucket_count_at_once() -> None:
    assert share(asked("http://a", actual="GET"), bucket(rule()))
    assert not share(asked("http://a", actual="GET"), bucket(rule(allowed_methods=["PUT"])))
