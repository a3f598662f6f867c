"""Every S3 route x every way to sign x every kind of caller: who may not is refused, changes nothing, and learns nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.auth import HmacV1Auth

from tests.authz.callers import BUCKET, KEY, NOT_PROVEN, SERVED, SERVICE, WITHOUT_BUCKET, People, request_of, state
from tests.authz.signing import MODES, Answer, Wire
from tests.authz.town import Town


@pytest.fixture(scope="module")
def wire(town: Town) -> Iterator[Wire]:
    made = Wire(town.server.endpoint, town.server.region)
    yield made
    made.close()


def refused(answer: Answer, operation: str) -> bool:
    """Whether nothing was let in; the bulk deletion answers key by key."""
    if operation == "DeleteObjects" and answer.status == 200:
        return b"<Deleted>" not in answer.body and answer.code == "AccessDenied"
    return answer.status == 403 and (answer.code in NOT_PROVEN or SERVICE.operation_model(operation).http["method"] == "HEAD")


def beyond(mode: str, target: str) -> bool:
    """Whether a signature of Version 2 does not cover what the request asks: such a request is refused, whoever sends it."""
    word = target.partition("?")[2].partition("&")[0].partition("=")[0]
    if mode == "v2-query" and target.endswith("&id=x"):  # whoever got the URL could ask for another id
        return True
    return mode.startswith("v2") and word not in ("", "list-type", *HmacV1Auth.QSAOfInterest)


STATES = ("wrong secret", "expired", "revoked", "inactive", "inactive user", "late", "nobody")


@pytest.mark.parametrize("operation", SERVED)
def test_every_route_refuses_every_caller_who_may_not(town: Town, people: People, wire: Wire, operation: str) -> None:
    before = state(town)
    method, target, headers, body = request_of(operation, people)
    for kind in STATES:
        for mode in MODES:
            late_s = 7200 if kind == "late" else 0
            answer = wire.send(mode, method, target, people.keys[kind], headers, body, late_s=late_s)
            assert refused(answer, operation), (mode, kind, answer)
        if kind in people.tokens and not (kind == "nobody" and operation in WITHOUT_BUCKET):  # a token's identity has buckets of its own
            answer = wire.send("v4-header", method, target, people.tokens[kind], headers, body)
            assert refused(answer, operation), ("token", kind, answer)
    answer = wire.send("", method, target, ("", ""), headers, body)
    assert refused(answer, operation), ("anonymous", answer)
    for mode, key in [*((mode, people.keys["other tenancy"]) for mode in MODES), ("v4-header", people.tokens["other tenancy"])]:
        if operation in WITHOUT_BUCKET:  # in its own tenancy it may
            answer = wire.send(mode, *request_of(operation, people, "of-the-others")[:2], key, headers, body)
            assert answer.status in (200, 409) and BUCKET.encode() not in answer.body
            continue
        answer = wire.send(mode, method, target, key, headers, body)
        if beyond(mode, target):
            assert refused(answer, operation), (mode, "other tenancy", answer)
            continue
        assert answer.status == 404 and answer.code in ("NoSuchBucket", ""), (mode, "other tenancy", answer)
        missing = wire.send(mode, *request_of(operation, people, "never-there")[:2], key, headers, body)
        assert (missing.status, missing.code, missing.headers) == (answer.status, answer.code, answer.headers)
    assert state(town) == before


@pytest.mark.parametrize("operation", [name for name in SERVED if "{Key+}" in SERVICE.operation_model(name).http["requestUri"]])
def test_who_may_not_learns_nothing_of_a_key(people: People, wire: Wire, operation: str) -> None:
    """CVE-2024-36107 too: conditions of the request tell nothing either."""
    for mode, key in (("v4-header", people.keys["nobody"]), ("", ("", ""))):
        for more in ({}, {"If-Match": '"x"'}, {"If-None-Match": "*"}, {"If-Modified-Since": "Thu, 01 Jan 2015 12:00:00 GMT"}):
            seen = set()
            for name in (KEY, "there/no-key", "there"):
                method, target, headers, body = request_of(operation, people, key=name)
                answer = wire.send(mode, method, target, key, headers | more, body)
                seen.add((answer.status, answer.code, answer.headers))
            assert len(seen) == 1 and next(iter(seen))[0] in ((403, 501) if more else (403,)), (mode, more, seen)


@pytest.mark.parametrize("mode", [*MODES, "token"])
def test_the_same_requests_are_let_in_for_who_may(town: Town, people: People, wire: Wire, mode: str) -> None:
    """The control of the tests above: it is the caller that they refuse. Nothing here is meant to change a thing for good."""
    harmless = [name for name in SERVED if name.startswith(("Get", "List", "Head"))]
    key = people.tokens["valid"] if mode == "token" else people.keys["valid"]
    for operation in [*harmless, "DeleteBucket", "PutBucketPolicy", "PutObjectRetention"]:
        method, target, headers, body = request_of(operation, people)
        answer = wire.send("v4-header" if mode == "token" else mode, method, target, key, headers, body)
        assert (answer.status in (401, 403)) is beyond(mode, target) and answer.status < 500, (operation, answer)
    copy = request_of("PutObject", people, key=f"by-{mode}")
    assert wire.send("v4-header" if mode == "token" else mode, *copy[:2], key, {}, b"mine").status == 200


def test_m130_m132_a_secret_is_ignored_for_tokens_only(people: People, wire: Wire) -> None:
    method, target, headers, body = request_of("GetObject", people)
    text, secret = people.tokens["valid"]
    for any_secret in (secret, "", "x" * 40):
        assert wire.send("v4-header", method, target, (text, any_secret or " "), headers, body).status == 200
    access_key, _ = people.keys["valid"]
    for mode in MODES:
        assert wire.send(mode, method, target, (access_key, "x" * 40), headers, body).code == "SignatureDoesNotMatch"
