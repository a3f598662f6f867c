"""Pre-authenticated requests without a server: what may be asked for, instants, URLs, and what their scope lets through."""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64decode
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.authz.decide import Evidence, Question, decide
from holdfast.authz.gather import AllResources
from holdfast.authz.limits import ParScope
from holdfast.model.buckets import Bucket
from holdfast.model.errors import InvalidArgument
from holdfast.model.identity import Caller, User
from holdfast.model.pars import ACCESS_TYPES, LISTABLE, READING, SINGLE, WRITING, Par
from holdfast.pars.creation import Asked, granted, new_par
from holdfast.pars.expiry import LATEST_MS, parse_expiry
from holdfast.pars.url import NOWHERE, Place, access_uri, digest_of, is_par_path, read_path, upload_uri

BUCKET = Bucket(id=7, namespace="ns", name="My.Bucket", region="r", owner="o")
NOW_MS = 1_700_000_000_000
LATER = "2030-01-01T00:00:00Z"


def make(access: str = "AnyObjectRead", target: str = "", listing: str = "", name: str = "n", expires: str = LATER) -> tuple[Par, str]:
    asked = Asked(name=name, access_type=access, time_expires=expires, object_name=target, listing=listing)
    return new_par(asked, BUCKET, "ocid1.user.oc1..u", NOW_MS)


# ---- what may be asked for ----


@pytest.mark.parametrize("access", ACCESS_TYPES)
def test_a_request_of_each_access_type_M55_M56_M68_M106_M112(access: str) -> None:
    target = "a b/é" if access in SINGLE else "pre/"
    par, token = make(access, target)
    assert (par.bucket_id, par.namespace, par.bucket, par.creator, par.created_ms) == (7, "ns", "My.Bucket", "ocid1.user.oc1..u", NOW_MS)
    assert (par.access, par.target, par.listing, par.digest) == (access, target, False, digest_of(token))
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", token) and len(urlsafe_b64decode(token)) == 48
    raw, colon, name = par.id.partition(":")
    assert len(b64decode(raw, validate=True)) == 48
    assert colon + name == (":" + target if access in SINGLE else "")
    assert token not in repr(par) and b64decode(raw) != urlsafe_b64decode(token)


def test_tokens_and_ids_do_not_repeat_M68() -> None:
    made = [make() for _ in range(1000)]
    assert len({token for _, token in made}) == len({par.id for par, _ in made}) == 1000
    ones = sum(bin(int.from_bytes(urlsafe_b64decode(token), "big")).count("1") for _, token in made)
    assert abs(ones - 192_000) < 1_600  # five standard deviations


@pytest.mark.parametrize(
    ("wrong", "member"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "ä"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"access": "AnyObject"}, "accessType"),
        ({"access": "anyobjectread"}, "accessType"),
        ({"access": "ObjectRead"}, "objectName"),
        ({"access": "ObjectRead", "target": "x" * 1025}, "objectName"),
        ({"target": "a\0b"}, "objectName"),
        ({"listing": "List"}, "bucketListingAction"),
        ({"access": "AnyObjectWrite", "listing": "ListObjects"}, "bucketListingAction"),
        ({"access": "ObjectRead", "target": "k", "listing": "ListObjects"}, "bucketListingAction"),
        ({"access": "ObjectReadWrite", "target": "k", "listing": "ListObjects"}, "bucketListingAction"),
        ({"expires": ""}, "timeExpires"),
        ({"expires": "tomorrow"}, "timeExpires"),
        ({"expires": "2023-11-14T22:13:20Z"}, "timeExpires"),
    ],
)
def test_what_cannot_be_asked_for_M60_M94_M107_M108(wrong: dict[str, Any], member: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        make(**wrong)
    assert caught.value.fields["ArgumentName"] == member
    assert caught.value.oci == (400, "InvalidParameter")


def test_what_is_just_possible_M61_M107() -> None:
    assert make(name="A-z_0.9")[0].name == "A-z_0.9"
    assert make(expires="9999-12-31T23:59:59.999Z")[0].expires_ms == LATEST_MS
    assert make(expires="2023-11-14T22:13:20.001Z")[0].expires_ms == NOW_MS + 1
    assert make("AnyObjectReadWrite", listing="ListObjects")[0].listing
    assert not make("ObjectRead", "k", "Deny")[0].listing


def test_what_is_granted_must_be_had_M48() -> None:
    assert {access: granted(access) for access in ACCESS_TYPES} == {
        "ObjectRead": ("OBJECT_READ",),
        "ObjectWrite": ("OBJECT_CREATE", "OBJECT_OVERWRITE"),
        "ObjectReadWrite": ("OBJECT_READ", "OBJECT_CREATE", "OBJECT_OVERWRITE"),
        "AnyObjectRead": ("OBJECT_READ",),
        "AnyObjectWrite": ("OBJECT_CREATE", "OBJECT_OVERWRITE"),
        "AnyObjectReadWrite": ("OBJECT_READ", "OBJECT_CREATE", "OBJECT_OVERWRITE"),
    }
    assert granted("AnyObjectRead", listing=True) == ("OBJECT_READ", "OBJECT_INSPECT")


# ---- instants ----


@pytest.mark.parametrize(
    "text",
    [
        "2017-09-01T00:09:51.000+02:00",
        "2022-11-21T23:00:00+00:00",
        "2022-11-21T23:00:00Z",
        "2022-11-21T23:00:00.123456Z",
        "2022-11-21t23:00:00.9z",
        "2024-02-29T00:00:00.5-11:30",
        "1969-12-31T23:59:59.999Z",
        "9999-12-31T00:00:00+00:00",
    ],
)
def test_instants_are_those_that_the_library_reads_M109(text: str) -> None:
    moment = datetime.fromisoformat(text.upper())
    assert parse_expiry(text) == (moment - datetime.fromisoformat("1970-01-01T00:00:00Z")).total_seconds() * 1000 // 1


@pytest.mark.parametrize(
    "text",
    ["", "2022-11-21", "2022-11-21T23:00:00", "2022-11-21T23:00Z", "2022-13-21T23:00:00Z", "2022-02-30T23:00:00Z", "2022-11-21T24:00:00Z",
     "2022-11-21T23:00:00.Z", "2022-11-21T23:00:00+2:00", "2022-11-21T23:00:00+24:00", "22022-11-21T23:00:00Z", "٢022-11-21T23:00:00Z", "1e9",
     "2022-11-21T23:00:00Z\n", "0000-01-01T00:00:00Z"],
)  # fmt: skip
def test_what_is_no_timestamp_M109(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_expiry(text)


def test_instants_at_the_edges() -> None:
    assert parse_expiry("9999-12-31T23:59:59-12:00") == LATEST_MS
    assert parse_expiry("2016-12-31T23:59:60Z") == parse_expiry("2017-01-01T00:00:00Z")
    assert parse_expiry("2017-09-01T00:09:51.000+02:00") == parse_expiry("2017-08-31T22:09:51Z")


# ---- URLs ----

NAMES = ["k", "a b+c", "é/ü", "..", "a//b", "%2F", "/lead", "trail/", "x/id/1/2", "\U0001f600?#", "n", "o/o"]


@pytest.mark.parametrize("name", NAMES)
def test_a_url_names_what_it_was_made_for_M68_M111_M118(name: str) -> None:
    par, token = make("ObjectRead", name)
    uri = access_uri(par, token)
    assert re.fullmatch(r"/p/[A-Za-z0-9_-]{64}/n/ns/b/My\.Bucket/o/[A-Za-z0-9._~%-]+", uri)
    assert read_path(uri.encode()) == Place(token.encode(), "ns", "My.Bucket", "o", name)
    whole, token = make("AnyObjectRead", name)
    assert access_uri(whole, token).endswith("/n/ns/b/My.Bucket/o/")
    up = upload_uri(whole, token, name, "u-1")
    assert up.endswith("/id/u-1/")
    assert read_path(up.encode()) == Place(token.encode(), "ns", "My.Bucket", "u", name, "u-1", "")
    assert read_path((up + "17").encode()) == Place(token.encode(), "ns", "My.Bucket", "u", name, "u-1", "17")


def test_names_may_be_sent_raw_and_are_decoded_once_M118() -> None:
    assert read_path("/p/t/n/ns/b/b/o/é/%2520+a".encode()).key == "é/%20+a"
    assert read_path(b"//p/t/n/n%73/b/%62/o").key == ""
    assert read_path(b"//p/t/n/n%73/b/%62/o") == read_path(b"/p/t/n/ns/b/b/o/")
    assert read_path(b"/p/t/n/ns/b/b/u/x/id/1/id/2/3") == Place(b"t", "ns", "b", "u", "x/id/1", "2", "3")


@pytest.mark.parametrize("path", [b"/p/t/n/ns/b/b", b"/p//n/ns/b/b/o/k", b"/p/t/x/ns/b/b/o/k", b"/q/t/n/ns/b/b/o/k",
                           b"/p/t/n/ns/b/b/o/\xff", b"/p/t/n/ns/b/b/o/%ff", b"/p/" + b"t" * 257 + b"/n/ns/b/b/o/k", b"/", b"", b"/p"])  # fmt: skip
def test_what_is_no_url_of_a_request(path: bytes) -> None:
    assert read_path(path) is NOWHERE


def test_other_places_below_a_token_are_of_no_kind_M64() -> None:
    for rest in (b"p", b"p/", b"actions/renameObject", b"l", b"u", b"u/k", b"u/k/id/", b"u//id/1", b"u/k/id/1/2/3", b"O/k"):
        assert read_path(b"/p/t/n/ns/b/b/" + rest).kind == ""


PIECES = st.sampled_from([b"/", b"p", b"n", b"b", b"o", b"u", b"id", b"%2F", b"%", b"\xff", b"..", b"t" * 64, b"1"])


@given(st.lists(PIECES, max_size=24).map(b"".join))
def test_any_path_is_read(path: bytes) -> None:
    """Into a place whose token is a piece of it as it was sent, or none."""
    for given_path in (path, b"/p/t/n/" + path, b"/p/t/n/ns/b/b/" + path):
        place = read_path(given_path)
        assert place.kind in ("", "o", "u") and (place.token == b"" or b"/" + place.token + b"/" in given_path)
        if place.kind == "u":
            assert place.key and place.upload_id


def test_which_paths_are_for_this_door() -> None:
    assert is_par_path(b"/p/t/n/ns/b/b/o/k") and is_par_path(b"//p/t/x") and is_par_path(b"/p/")
    for path in (b"/p", b"/q/t/n", b"/photos/p/n", b"/pp/t", b"/", b""):
        assert not is_par_path(path)
    token = b"t" * 43
    whole = (b"/p/" + token + b"/n/ns/b/b/o/k", b"//p/" + token + b"/n/ns/b/b/o", b"/p/" + token + b"/n/ns/b/b/u/k/id/1/2")
    assert all(is_par_path(path, signed=True) for path in whole)
    for path in (b"/p/t/n/ns/b/b/o/k", b"/p/" + token + b"/n/ns/b/b/p", b"/p/" + token + b"/n/ns/b/b/oo", b"/p/a.b" + token + b"/n/ns/b/b/o/k"):
        assert not is_par_path(path, signed=True)


# ---- scope ----

EVERYTHING = [
    "GetObject", "HeadObject", "PutObject", "CreateMultipartUpload", "UploadPart", "CommitMultipartUpload", "AbortMultipartUpload", "ListObjects",
    "DeleteObject", "DeleteObjectVersion", "ListObjectVersions", "CopyObject", "RenameObject", "GetBucket", "UpdateBucket", "DeleteBucket",
    "CreatePreauthenticatedRequest", "ListPreauthenticatedRequests", "ListMultipartUploads", "ListMultipartUploadParts", "RestoreObjects", "",
]  # fmt: skip
ADMINISTRATOR = Evidence(identity=(AllResources(),))


@pytest.mark.parametrize("access", ACCESS_TYPES)
@pytest.mark.parametrize("listing", [False, True])
def test_a_scope_lets_through_its_operations_on_its_names_M56_M57_M63_M64(access: str, listing: bool) -> None:
    """Whatever its creator may do, and an administrator may do everything."""
    par, _ = make(access, "pre", "ListObjects" if listing and access in LISTABLE else "")
    user = User(id="u", name="u", canonical_id="u", display_name="u", namespace="ns", rights="all")
    caller = Caller(how="par", user=user, limits=(ParScope(par, 7),))
    evidence = Evidence(identity=ADMINISTRATOR.identity, limits=caller.limits)
    reads, writes = {"GetObject", "HeadObject"}, set(EVERYTHING[2:7])
    for operation in EVERYTHING:
        for key in ("pre", "prefix", "pr", "other", ""):
            for bucket in (BUCKET, Bucket(id=8, namespace="ns", name="My.Bucket", region="r", owner="u"), None):
                found = decide(Question(caller, "s3:GetObject", bucket, key, None, None, operation), evidence)
                named = key == "pre" if access in SINGLE else key.startswith("pre")
                expected = bucket is BUCKET and (
                    (operation in reads and access in READING and named)
                    or (operation in writes and access in WRITING and named)
                    or (operation == "ListObjects" and par.listing)
                )
                assert found.allowed is expected, (operation, key, bucket)
                if not expected:
                    assert found.because == "outside the scope of the pre-authenticated request"
