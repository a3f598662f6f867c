"""A state machine that does the same to two engines, step by step, with restarts and kills between the steps: the one in memory is the model of the
embedded engine, and of the cluster engine."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from deploy.local.ceph import Ceph
from deploy.local.postgres import Postgres
from holdfast.engine.api import Expect, ListQuery
from holdfast.engine.cluster.engine import prepare
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Blob, Facts, Part, Upload, Version
from holdfast.model.pars import Par, ParUpload
from tests.cluster_servers import drop_schemas, engine_url
from tests.engine import worker

INLINE = 64
MEMORY = "/dev/shm"
SOAK = os.environ.get("HOLDFAST_SOAK") == "1"

KEYS = st.sampled_from(["a", "a/", "a/1", "a/2", "a0", "b/x/1", "b/x/2", "b/y", "é", "\U0001f600"])
VERSIONS = st.sampled_from(["null", "v1", "v2", "v3"])
BODIES = st.sampled_from([b"", b"x", b"y" * 64, b"z" * 65, b"w" * 70_000])
EXPECTS = st.one_of(
    st.just(Expect()),
    st.builds(Expect, absent=st.booleans(), present=st.booleans(), etags=st.sampled_from([(), ("e0",), ("e1", "e65")])),
    st.builds(Expect, not_etags=st.sampled_from([("e1",), ("e0", "e64")]), size=st.sampled_from([None, 1, 65])),
)


class Engines(RuleBasedStateMachine):
    """`memory` is the model, `remote` an engine in a process of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = MemoryEngine(INLINE)
        self.remote = worker.Remote(self.place(), INLINE)
        self.loop = asyncio.new_event_loop()
        self.numbers = iter(range(1, 1_000_000))

    def place(self) -> Path | str:
        """Where an empty store is."""
        self.directory = Path(tempfile.mkdtemp(prefix="holdfast-model-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
        return self.directory / "data"

    def teardown(self) -> None:
        self.remote.stop()
        self.loop.close()
        self.clear()

    def clear(self) -> None:
        shutil.rmtree(self.directory)

    # ---- doing the same to both ----

    def model(self, name: str, *arguments: object, **named: object) -> tuple[bool, Any]:
        return self.loop.run_until_complete(worker.outcome(self.memory, name, arguments, named))

    def both(self, name: str, *arguments: object, ours: tuple[object, ...] | None = None, **named: object) -> tuple[Any, Any]:
        expected = self.model(name, *arguments, **named)
        found = self.remote.call(name, *(arguments if ours is None else ours), **named)
        assert bare(found) == bare(expected), (name, arguments, named)
        if not expected[0]:
            return None, None
        self.discard(expected[1], found[1])
        return expected[1], found[1]

    def discard(self, expected: Any, found: Any) -> None:
        if getattr(expected, "unneeded", ()):
            self.model("blobs.discard", expected.unneeded)
            self.remote.call("blobs.discard", found.unneeded)

    def body(self, data: bytes) -> tuple[tuple[Blob, ...], tuple[Blob, ...]]:
        (_, theirs), (ok, ours) = self.model("write", data), self.remote.call("write", data)
        assert ok
        return theirs, ours

    # ---- the rules ----

    @initialize()
    def begin(self) -> None:
        self.bucket, _ = self.both("catalog.create_bucket", Bucket(namespace="n", name="bucket", region="r", owner="o"))

    @rule(versioning=st.sampled_from(["", "Enabled", "Suspended"]))
    def change_bucket(self, versioning: str) -> None:
        self.bucket, _ = self.both("catalog.change_bucket", msgspec.structs.replace(self.bucket, versioning=versioning))

    @rule()
    def replace_bucket(self) -> None:
        deleted, _ = self.both("catalog.delete_bucket", self.bucket.id)
        stored, _ = self.both("catalog.bucket", "n", "bucket")
        assert (stored is None) == (deleted is not None)
        if stored is None:
            assert self.uploads() == []
            self.begin()

    def new(self, key: str, version_id: str, body: bytes, blobs: tuple[Blob, ...]) -> Version:
        facts = Facts(tags={"n": str(next(self.numbers))}, checksum_algorithm="CRC32" if len(body) == 1 else "", checksum_type="FULL_OBJECT")
        return Version(key=key, version_id=version_id, size=len(body), etag=f"e{len(body)}", modified_ms=5, facts=facts, blobs=blobs)

    @rule(key=KEYS, version_id=VERSIONS, body=BODIES, expect=EXPECTS)
    def commit(self, key: str, version_id: str, body: bytes, expect: Expect) -> None:
        theirs, ours = self.body(body)
        new = self.new(key, version_id, body, theirs)
        self.both("catalog.commit", self.bucket, new, expect, ours=(self.bucket, msgspec.structs.replace(new, blobs=ours), expect))

    @rule(key=KEYS, version_id=VERSIONS, expect=EXPECTS)
    def mark(self, key: str, version_id: str, expect: Expect) -> None:
        self.both("catalog.commit", self.bucket, Version(key=key, version_id=version_id, is_delete_marker=True), expect)

    @rule(key=KEYS, version_id=VERSIONS, expect=EXPECTS)
    def expunge(self, key: str, version_id: str, expect: Expect) -> None:
        self.both("catalog.expunge", self.bucket, key, version_id, expect)

    @rule(key=KEYS, version_id=st.none() | VERSIONS, expect=EXPECTS)
    def amend(self, key: str, version_id: str | None, expect: Expect) -> None:
        self.both("catalog.amend", self.bucket, key, version_id, Facts(tags={"t": str(next(self.numbers))}), expect)

    @rule(source=KEYS, destination=KEYS, version_id=VERSIONS)
    def copy(self, source: str, destination: str, version_id: str) -> None:
        theirs, ours = self.both("catalog.version", self.bucket.id, source, body=True)
        if theirs is not None:
            new = msgspec.structs.replace(theirs, key=destination, version_id=version_id)
            copied = msgspec.structs.replace(ours, key=destination, version_id=version_id)
            self.both("catalog.commit", self.bucket, new, Expect(), ours=(self.bucket, copied, Expect()))

    @rule(key=KEYS, version_id=st.none() | VERSIONS)
    def read(self, key: str, version_id: str | None) -> None:
        theirs, ours = self.both("catalog.version", self.bucket.id, key, version_id, body=True)
        if theirs is not None:
            self.same_body(theirs.blobs, ours.blobs)

    def same_body(self, theirs: tuple[Blob, ...], ours: tuple[Blob, ...]) -> None:
        assert self.remote.call("read", ours) == self.model("read", theirs)

    @rule(
        prefix=st.sampled_from(["", "a", "a/", "b/x/"]),
        delimiter=st.sampled_from(["", "/", "x"]),
        after=st.just("") | KEYS | st.just("b/"),
        start=st.just("") | KEYS,
        after_version=st.just("") | VERSIONS,
        limit=st.integers(1, 5),
        versions=st.booleans(),
    )
    def list(self, **query: Any) -> None:
        if not query["versions"]:
            query["after_version"] = ""
        self.both("catalog.list", ListQuery(bucket_id=self.bucket.id, **query))

    @rule(key=KEYS)
    def start_upload(self, key: str) -> None:
        number = next(self.numbers)
        upload = Upload(
            upload_id=f"u{number * 7919 % 1000}-{number}", bucket_id=self.bucket.id, key=key, initiated_ms=number % 3, owner="o", initiator="i"
        )
        self.both("catalog.start_upload", self.bucket, upload)

    def uploads(self) -> list[Upload]:  # type: ignore[valid-type]
        return self.model("catalog.stale_uploads", 1_000)[1]  # type: ignore[no-any-return]

    @precondition(lambda self: self.uploads())
    @rule(data=st.data(), number=st.integers(1, 4), body=BODIES)
    def add_part(self, data: st.DataObject, number: int, body: bytes) -> None:
        upload = data.draw(st.sampled_from(self.uploads()))
        theirs, ours = self.body(body)
        part = Part(number=number, size=len(body), etag=f"e{len(body)}", modified_ms=1, blobs=theirs)
        self.both("catalog.add_part", upload, part, ours=(upload, msgspec.structs.replace(part, blobs=ours)))

    @precondition(lambda self: self.uploads())
    @rule(data=st.data(), version_id=VERSIONS, expect=EXPECTS, skip=st.integers(0, 2))
    def finish_upload(self, data: st.DataObject, version_id: str, expect: Expect, skip: int) -> None:
        upload = data.draw(st.sampled_from(self.uploads()))
        theirs, ours = self.both("catalog.parts", upload)
        size = sum(part.size for part in theirs[skip:])
        news = [
            Version(key=upload.key, version_id=version_id, size=size, etag="m", blobs=tuple(blob for part in parts[skip:] for blob in part.blobs))
            for parts in (theirs, ours)
        ]
        self.both("catalog.finish_upload", self.bucket, upload, news[0], expect, ours=(self.bucket, upload, news[1], expect))

    @precondition(lambda self: self.uploads())
    @rule(data=st.data())
    def abort_upload(self, data: st.DataObject) -> None:
        self.both("catalog.abort_upload", data.draw(st.sampled_from(self.uploads())))

    @rule(
        prefix=st.sampled_from(["", "a", "a/"]),
        delimiter=st.sampled_from(["", "/"]),
        after_key=st.just("") | KEYS,
        after_upload=st.sampled_from(["", "u1-9", "zz"]),
        limit=st.integers(1, 4),
    )
    def list_uploads(self, **query: Any) -> None:
        self.both("catalog.uploads", self.bucket.id, **query)

    @rule(id=st.sampled_from("pqrs"), token=st.sampled_from([b"1", b"2", b"3"]), of=st.just("") | KEYS, expires_ms=st.integers(0, 2))
    def create_par(self, id: str, token: bytes, of: str, expires_ms: int) -> None:
        new = Par(id=id, bucket_id=self.bucket.id, namespace="n", bucket="bucket", name=id, access="AnyObjectRead", target=of,
                  creator="u", created_ms=0, expires_ms=expires_ms, digest=token * 32)  # fmt: skip
        self.both("catalog.create_par", new)

    @rule(number=st.integers(1, 9), token=st.sampled_from([b"1", b"2"]), upload_id=st.sampled_from(["u919-1", "u0"]), created_ms=st.integers(0, 2))
    def create_par_upload(self, number: int, token: bytes, upload_id: str, created_ms: int) -> None:
        new = ParUpload(digest=token * 32, par=number, bucket_id=self.bucket.id, key="a", upload_id=upload_id, created_ms=created_ms)
        self.both("catalog.create_par_upload", new)

    @rule(id=st.sampled_from("pqrs"))
    def delete_par(self, id: str) -> None:
        self.both("catalog.delete_par", self.bucket.id, id)

    @rule(before_ms=st.integers(0, 3), limit=st.integers(1, 3))
    def purge_pars(self, before_ms: int, limit: int) -> None:
        self.both("catalog.purge_pars", before_ms, limit)

    @rule(token=st.sampled_from([b"1", b"2", b"3"]), id=st.sampled_from("pqrs"))
    def find_par(self, token: bytes, id: str) -> None:
        self.both("catalog.par_of_token", token * 32)
        self.both("catalog.par_upload_of_token", token * 32)
        self.both("catalog.par", self.bucket.id, id)

    @rule(prefix=st.sampled_from(["", "a", "a/"]), of=st.just("") | KEYS, number=st.integers(0, 9), limit=st.integers(1, 4))
    def list_pars(self, prefix: str, of: str, number: int, limit: int) -> None:
        self.both("catalog.pars", self.bucket.id, prefix=prefix, after=(of, number), limit=limit)

    @rule(name=st.sampled_from("pq"), value=st.binary(max_size=3), revision=st.sampled_from([None, 0, 1, 2]))
    def document(self, name: str, value: bytes, revision: int | None) -> None:
        self.both("registry.put", "kind", name, value, revision)

    @rule(name=st.sampled_from("pq"))
    def forget(self, name: str) -> None:
        self.both("registry.delete", "kind", name)

    @rule()
    def restart(self) -> None:
        self.remote.stop()
        self.remote.start()

    @rule()
    def kill(self) -> None:
        self.remote.kill()
        self.remote.start()

    @rule(key=KEYS, version_id=VERSIONS, body=BODIES)
    def kill_within_a_commit(self, key: str, version_id: str, body: bytes) -> None:
        """The step was not acknowledged: it may have happened, whole, or not at all."""
        theirs, ours = self.body(body)
        new = self.new(key, version_id, body, theirs)
        self.remote.ask("catalog.commit", self.bucket, msgspec.structs.replace(new, blobs=ours))
        self.remote.kill()
        self.remote.start()
        ok, found = self.remote.call("catalog.version", self.bucket.id, key)
        assert ok
        if found is not None and found.facts == new.facts:
            self.model("catalog.commit", self.bucket, new)
        self.sweep()

    @rule(id=st.sampled_from("pqrs"), deleting=st.booleans())
    def kill_within_a_step_on_a_request(self, id: str, deleting: bool) -> None:
        """As above; and a request that was not wholly deleted is still found by its token and its id."""
        new = Par(id=id, bucket_id=self.bucket.id, namespace="n", bucket="bucket", name=id, access="AnyObjectRead", creator="u", created_ms=0,
                  expires_ms=1, digest=id.encode() * 32)  # fmt: skip
        there = self.model("catalog.par", self.bucket.id, id)[1]
        if deleting:
            self.remote.ask("catalog.delete_par", self.bucket.id, id)
        else:
            self.remote.ask("catalog.create_par", new)
        self.remote.kill()
        self.remote.start()
        ok, found = self.remote.call("catalog.par", self.bucket.id, id)
        assert ok
        if found is None and there is not None:
            assert deleting
            self.model("catalog.delete_par", self.bucket.id, id)
        elif found is not None and there is None:
            assert not deleting
            self.model("catalog.create_par", new)
        digest = (found or there or new).digest
        assert self.remote.call("catalog.par_of_token", digest) == self.model("catalog.par_of_token", digest)

    @rule()
    def sweep(self) -> None:
        self.model("sweep", 0.0)
        assert self.remote.call("sweep", -1.0)[0]

    @rule()
    def sound(self) -> None:
        assert self.remote.call("scrub", 10_000) == (True, ([], ""))
        assert self.remote.call("check") == (True, "")

    @invariant()
    def same_keys(self) -> None:
        if hasattr(self, "bucket"):
            self.both("catalog.list", ListQuery(bucket_id=self.bucket.id, versions=True))


def bare(value: Any) -> Any:
    """A result without what engines are free to choose: the ids of blobs and the numbers of seq."""
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(bare(item) for item in value)
    if type(value) is list:
        return [bare(item) for item in value]
    if isinstance(value, Version):
        return msgspec.structs.replace(value, seq=0, blobs=())
    if isinstance(value, Part):
        return msgspec.structs.replace(value, blobs=tuple(blob.size for blob in value.blobs if blob.size))
    if hasattr(value, "unneeded"):
        return bare(value.version), bare(value.replaced), sorted(blob.size for blob in value.unneeded)
    return value


def how_long(examples: int, steps: int) -> settings:
    """So many by default; HOLDFAST_SOAK=1 tries many, and shrinks what it finds."""
    return settings(
        max_examples=400 if SOAK else examples,
        stateful_step_count=100 if SOAK else steps,
        deadline=None,
        phases=list(Phase) if SOAK else [Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


TestEngines = Engines.TestCase
TestEngines.settings = how_long(8, 30)


class Clusters(Engines):
    """The cluster engine on the run's PostgreSQL and Ceph: each example has a schema of its own."""

    def place(self) -> Path | str:
        self.url, self.drop = TestClusters.make()
        return self.url

    def clear(self) -> None:
        self.drop()


@pytest.mark.timeout(0 if SOAK else 120)
@pytest.mark.usefixtures("stores")
class TestClusters(Clusters.TestCase):  # type: ignore[name-defined,misc]
    settings = how_long(3, 25)
    make: ClassVar[Callable[[], tuple[str, Callable[[], None]]]]

    @pytest.fixture
    def stores(self, postgres: Postgres, ceph: Ceph, shared_pool: str) -> None:
        def make() -> tuple[str, Callable[[], None]]:
            schema = f"t{uuid.uuid4().hex[:16]}"
            url = engine_url(postgres.dsn(), ceph.conf, shared_pool, schema=schema, inline=str(INLINE), linger="0")
            prepare(url)
            return url, lambda: drop_schemas(postgres, schema)

        type(self).make = staticmethod(make)
