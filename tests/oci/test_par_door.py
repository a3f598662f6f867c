"""The door of pre-authenticated requests without a server: who comes in with what, and that refusals are all one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from holdfast.authz.gather import permits_operation
from holdfast.buckets.links import source_of
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.engine.wrap import timed
from holdfast.http.body import EMPTY
from holdfast.model.buckets import LINK, Bucket
from holdfast.model.identity import ACTIVE, INACTIVE, Caller, User
from holdfast.model.messages import Request
from holdfast.model.pars import ACCESS_TYPES, LISTABLE, READING, SINGLE, WRITING, Par, ParUpload
from holdfast.oci.par_door import NoSuchPar, ParDoor, Use
from holdfast.pars.creation import Asked, new_par
from holdfast.pars.url import digest_of

NOW_S = 1_800_000_000.0
LATER = "2030-01-01T00:00:00Z"


class Room:
    """A store in memory with one bucket, a door, and the people who made requests."""

    def __init__(self) -> None:
        self.memory = MemoryEngine()
        self.calls: list[str] = []
        self.because = ""
        self.engine = timed(self.memory, lambda name, _seconds, _error: self.calls.append(name))
        self.people: dict[str, Caller] = {}
        self.door = ParDoor(self.engine, self.caller_of, permits_operation, source_of)
        self.bucket = self.run(self.memory.catalog.create_bucket(Bucket(namespace="ns", name="bucket", region="r", owner="someone")))
        self.person("creator")

    def run(self, what: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            return await what

        return asyncio.run(wait())

    def person(self, id: str, rights: str = "all", status: str = ACTIVE) -> None:
        user = User(id=id, name=id, canonical_id=id, display_name=id, namespace="ns", rights=rights, status=status)
        self.people[id] = Caller(how="par", user=user)
        self.run(self.memory.registry.put("user", id, rights.encode()))

    def remove(self, id: str) -> None:
        del self.people[id]
        self.run(self.memory.registry.delete("user", id))

    async def caller_of(self, user_id: str) -> Caller | None:
        await self.engine.registry.get("user", user_id)
        found = self.people.get(user_id)
        return found if found is not None and found.user is not None and found.user.status == ACTIVE else None

    def par(self, access: str, target: str = "", *, listing: bool = False, bucket: Bucket | None = None, creator: str = "creator") -> tuple[Par, str]:
        asked = Asked(name="n", access_type=access, time_expires=LATER, object_name=target, listing="ListObjects" if listing else "")
        new, token = new_par(asked, bucket or self.bucket, creator, 0)
        return self.run(self.memory.catalog.create_par(new)), token

    def use(self, method: str, token: str, rest: str, *, at_s: float = NOW_S, place: str = "/n/ns/b/bucket/", **headers: str) -> Use | None:
        named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        request = Request(method, f"/p/{token}{place}{rest}".encode(), named, EMPTY, received_at=at_s, id="ID")
        try:
            return self.run(self.door.enter(request))  # type: ignore[no-any-return]
        except NoSuchPar as refused:
            self.because = refused.because
            return None


@pytest.fixture
def room() -> Room:
    return Room()


# ---- the truth table ----

METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "COPY"]


CAN_BE_MADE = [
    (access, target, listing)
    for access in ACCESS_TYPES
    for target in ("", "pre/", "pre")
    for listing in (False, True)
    if (target or access not in SINGLE) and (not listing or access in LISTABLE)
]


@pytest.mark.parametrize(("access", "target", "listing"), CAN_BE_MADE)
def test_truth_table_of_access_types_methods_and_scopes_M55_M56_M57_M63_M64(room: Room, access: str, target: str, listing: bool) -> None:
    _, token = room.par(access, target, listing=listing)
    seen = {}
    for method in METHODS:
        for key in ("", "pre", "pre/", "pre/x", "prefix", "pr", "other", "Pre"):
            for multipart in (False, True):
                found = room.use(method, token, f"o/{key}", **({"opc_multipart": "true"} if multipart else {}))
                seen[method, key, multipart] = found.operation if found else ""
                inside = key == target if access in SINGLE else key.startswith(target)
                if not key:
                    expected = "ListObjects" if method == "GET" and listing else ""
                elif not inside:
                    expected = ""
                elif access in READING and method in ("GET", "HEAD"):
                    expected = "GetObject" if method == "GET" else "HeadObject"
                elif access in WRITING and method == "PUT":
                    expected = "CreateMultipartUpload" if multipart else "PutObject"
                else:
                    expected = ""
                assert seen[method, key, multipart] == expected, (method, key, multipart)
    assert any(seen.values())


def test_nothing_but_objects_can_be_reached_M64(room: Room) -> None:
    _, token = room.par("AnyObjectReadWrite", listing=True)
    for method in METHODS:
        for rest in ("", "o", "p", "p/", "actions/renameObject", "actions/batchDeleteObjects", "l", "u", "u/k", "objectversions", "u?uploadId=1"):
            found = room.use(method, token, rest)
            assert (found.operation if found else "") == ("ListObjects" if (method, rest) == ("GET", "o") else "")
        for place in ("/n/ns/b/bucket", "/n/ns/b", "/n/ns", "", "/b/bucket/o/k"):
            assert room.use(method, token, "", place=place) is None


def test_uploads_are_bound_to_their_token_M74_M81(room: Room) -> None:
    par, token = room.par("AnyObjectWrite", "a/")
    up = "t" * 64
    key = "a/x/id/1"
    stored = ParUpload(digest=digest_of(up), par=par.number, bucket_id=room.bucket.id, key=key, upload_id="u-1", created_ms=1)
    room.run(room.memory.catalog.create_par_upload(stored))

    def operation(method: str, token: str, rest: str, at_s: float = NOW_S) -> str:
        found = room.use(method, token, rest, at_s=at_s)
        return found.operation if found else ""

    mine = f"u/{key}/id/u-1/"
    assert operation("PUT", up, mine + "1") == "UploadPart"
    assert operation("PUT", up, mine.replace("/x/id/1/", "%2Fx%2Fid%2F1/") + "10000") == "UploadPart"
    assert operation("POST", up, mine) == operation("POST", up, mine[:-1]) == "CommitMultipartUpload"
    assert operation("DELETE", up, mine) == "AbortMultipartUpload"
    for method, with_token, rest in (
        ("GET", up, mine), ("PUT", up, mine), ("POST", up, mine + "1"), ("DELETE", up, mine + "1"), ("PUT", token, mine + "1"), ("POST", token, mine),
        ("PUT", up, f"u/{key}/id/u-2/1"), ("PUT", up, "u/a/y/id/u-1/1"), ("PUT", up, "o/a/x"), ("GET", up, "o/"),
    ):  # fmt: skip
        assert operation(method, with_token, rest) == "", (method, rest)
    assert operation("PUT", up, mine + "1", at_s=par.expires_ms / 1000) == ""
    room.person("creator", "none")
    assert operation("PUT", up, mine + "1") == ""
    room.person("creator")
    assert operation("PUT", up, mine + "1") == "UploadPart"
    room.run(room.memory.catalog.delete_par(room.bucket.id, par.id))
    assert operation("PUT", up, mine + "1") == ""


# ---- the creator ----


def test_a_request_can_do_what_its_creator_can_do_now_M49_M50_M53_M54(room: Room) -> None:
    par, token = room.par("AnyObjectReadWrite", listing=True)
    uses = (("GET", "o/k"), ("HEAD", "o/k"), ("PUT", "o/k"), ("GET", "o/"))

    def works() -> list[bool]:
        return [room.use(method, token, rest) is not None for method, rest in uses]

    assert works() == [True] * 4
    room.person("creator", "none")
    assert works() == [False] * 4
    room.person("creator", "own-buckets")
    assert works() == [False] * 4
    room.person("creator")
    assert works() == [True] * 4
    room.person("creator", status=INACTIVE)
    assert works() == [False] * 4
    room.person("creator")
    assert works() == [True] * 4
    room.remove("creator")
    assert works() == [False] * 4
    room.person("creator")
    room.run(room.memory.registry.put("key", "of the creator", b"rotated"))
    assert works() == [True] * 4
    room.run(room.memory.catalog.delete_par(room.bucket.id, par.id))
    assert works() == [False] * 4


def test_it_ends_when_it_expires_M52(room: Room) -> None:
    par, token = room.par("AnyObjectRead")
    assert room.use("GET", token, "o/k", at_s=par.expires_ms / 1000 - 0.001) is not None
    assert room.use("GET", token, "o/k", at_s=par.expires_ms / 1000) is None
    assert room.use("GET", token, "o/k", at_s=par.expires_ms / 1000 + 1e6) is None


class Only:
    """A creator's policy that allows some permissions."""

    def __init__(self, *permissions: str) -> None:
        self.name = "only " + ", ".join(permissions)
        self.permissions = set(permissions)

    def says(self, question: Any) -> str:
        return "allow" if question.permissions and set(question.permissions) <= self.permissions else ""


def test_a_put_may_create_or_overwrite_as_its_creator_may_M119(room: Room) -> None:
    _, token = room.par("AnyObjectWrite")
    user = room.people["creator"].user
    assert user is not None
    for permissions, expected in (
        (("OBJECT_CREATE",), (True, False)),
        (("OBJECT_OVERWRITE",), (False, True)),
        (("OBJECT_CREATE", "OBJECT_OVERWRITE"), (True, True)),
        (("OBJECT_READ",), None),
    ):
        room.people["creator"] = Caller(how="par", user=msgspec.structs.replace(user, rights="none"), grants=(Only(*permissions),))
        room.run(room.memory.registry.put("user", "creator", b"changed"))
        found = room.use("PUT", token, "o/k")
        assert (found and (found.creates, found.overwrites)) == expected
        whole = room.use("PUT", token, "o/k", opc_multipart="true")
        assert (whole is not None) == (expected == (True, True))


# ---- the bucket ----


def test_a_request_leads_to_its_bucket_and_no_other_M65(room: Room) -> None:
    other = room.run(room.memory.catalog.create_bucket(Bucket(namespace="ns", name="other", region="r", owner="someone")))
    par, token = room.par("AnyObjectRead")
    for place in ("/n/ns/b/other/", "/n/other/b/bucket/", "/n/ns/b/Bucket/", "/n/ns/b/missing/"):
        assert room.use("GET", token, "o/k", place=place) is None
    assert room.use("GET", token, "o/k", place="/n/ns/b/b%75cket/") is not None
    forged = msgspec.structs.replace(par, id="forged", bucket_id=other.id, digest=digest_of("forged"))
    room.run(room.memory.catalog.create_par(forged))  # as if the name had been given to another bucket since
    assert room.use("GET", "forged", "o/k") is None
    assert room.use("GET", "forged", "o/k", place="/n/ns/b/other/") is None


def test_a_request_on_a_link_leads_to_the_source(room: Room) -> None:
    def link(name: str, source: str) -> Bucket:
        made = Bucket(namespace="ns", name=name, region="r", owner="someone", settings={LINK: source})
        return room.run(room.memory.catalog.create_bucket(made))  # type: ignore[no-any-return]

    _, token = room.par("AnyObjectRead", bucket=link("link", "s3v/bucket"))
    found = room.use("GET", token, "o/k", place="/n/ns/b/link/")
    assert found is not None and found.bucket.id == room.bucket.id
    assert room.use("GET", token, "o/k") is None
    _, token = room.par("AnyObjectRead", bucket=link("lost", "s3v/gone"))
    assert room.use("GET", token, "o/k", place="/n/ns/b/lost/") is None


# ---- no oracle ----


def test_every_refusal_takes_the_same_steps_M117(room: Room) -> None:
    """By the calls of the store that are made, once what is known is remembered: the same for every cause, and for a use that succeeds."""
    par, token = room.par("AnyObjectRead", "a/")
    deleted, gone = room.par("AnyObjectRead")
    room.run(room.memory.catalog.delete_par(room.bucket.id, deleted.id))
    _, orphan = room.par("AnyObjectRead", creator="nobody")
    room.person("weak", "none")
    _, weak = room.par("AnyObjectRead", creator="weak")
    causes: dict[str, Callable[[], Use | None]] = {
        "works": lambda: room.use("GET", token, "o/a/k"),
        "unknown": lambda: room.use("GET", "u" * 64, "o/a/k"),
        "deleted": lambda: room.use("GET", gone, "o/a/k"),
        "expired": lambda: room.use("GET", token, "o/a/k", at_s=par.expires_ms / 1000),
        "outside": lambda: room.use("GET", token, "o/b/k"),
        "verb": lambda: room.use("DELETE", token, "o/a/k"),
        "post": lambda: room.use("POST", token, "o/a/k"),
        "list": lambda: room.use("GET", token, "o/"),
        "bucket": lambda: room.use("GET", token, "o/a/k", place="/n/ns/b/missing/"),
        "namespace": lambda: room.use("GET", token, "o/a/k", place="/n/x/b/bucket/"),
        "no place": lambda: room.use("GET", token, "a/k"),
        "not a token": lambda: room.use("GET", "x", "o/a/k"),
        "creator deleted": lambda: room.use("GET", orphan, "o/a/k"),
        "creator lost it": lambda: room.use("GET", weak, "o/a/k"),
    }
    steps, reasons = {}, {}
    for _ in range(2):
        for cause, ask in causes.items():
            room.calls.clear()
            room.because = ""
            found = ask()
            assert (found is not None) == (cause == "works"), cause
            steps[cause], reasons[cause] = tuple(room.calls), room.because
    assert set(steps.values()) == {("catalog.par_of_token", "catalog.bucket")}, steps
    assert set(steps) == set(causes)
    assert reasons == {
        "works": "", "unknown": "the token is not known", "deleted": "the token is not known", "expired": "it has expired",
        "outside": "outside the scope of the pre-authenticated request", "verb": "it is good for objects only", "post": "it is good for objects only",
        "list": "outside the scope of the pre-authenticated request", "bucket": "it is for another bucket", "namespace": "it is for another bucket",
        "no place": "it is good for objects only", "not a token": "the token is not known",
        "creator deleted": "its creator is deleted or not active", "creator lost it": "nothing allows it",
    }  # fmt: skip


def test_every_refusal_of_an_upload_takes_the_same_steps_M81_M117(room: Room) -> None:
    par, token = room.par("AnyObjectWrite", "a/")
    _, reading = room.par("AnyObjectRead")
    for name, key, number in (("up", "a/k", par.number), ("outside", "b/k", par.number)):
        stored = ParUpload(digest=digest_of(name), par=number, bucket_id=room.bucket.id, key=key, upload_id="u-1", created_ms=1)
        room.run(room.memory.catalog.create_par_upload(stored))
    assert room.use("GET", reading, "o/k") is not None
    causes: dict[str, Callable[[], Use | None]] = {
        "works": lambda: room.use("PUT", "up", "u/a/k/id/u-1/1"),
        "unknown": lambda: room.use("PUT", "none", "u/a/k/id/u-1/1"),
        "of the request": lambda: room.use("PUT", token, "u/a/k/id/u-1/1"),
        "another upload": lambda: room.use("PUT", "up", "u/a/k/id/u-2/1"),
        "another object": lambda: room.use("PUT", "up", "u/a/x/id/u-1/1"),
        "outside": lambda: room.use("PUT", "outside", "u/b/k/id/u-1/1"),
        "verb": lambda: room.use("GET", "up", "u/a/k/id/u-1/"),
        "expired": lambda: room.use("PUT", "up", "u/a/k/id/u-1/1", at_s=par.expires_ms / 1000),
    }
    steps = {}
    for _ in range(2):
        for cause, ask in causes.items():
            room.calls.clear()
            assert (ask() is not None) == (cause == "works"), cause
            steps[cause] = tuple(room.calls)
    assert set(steps.values()) == {("catalog.par_upload_of_token", "catalog.bucket")}, steps
