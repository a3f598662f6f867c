"""A store with one of everything that there is to move, and changes of all of it."""

from __future__ import annotations

import os
from hashlib import md5, sha256

import msgspec

from holdfast.engine.api import ANYTHING, Engine
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Blob, Facts, Part, PartFact, Upload, Version
from holdfast.model.pars import Par, ParUpload

LARGE = 200_000


async def blobs_of(engine: Engine, data: bytes) -> tuple[Blob, ...]:
    writer = engine.blobs.writer(len(data))
    await writer.write(data)
    return await writer.finish()


async def store(engine: Engine, bucket: Bucket, key: str, data: bytes, version_id: str = "null", **facts: object) -> Version:
    """A version with its right ETag."""
    etag = md5(data, usedforsecurity=False).hexdigest()
    new = Version(
        key=key, version_id=version_id, modified_ms=1_700_000_000_000 + len(key), size=len(data), etag=etag, storage_class="STANDARD_IA",
        owner="o", facts=Facts(content_type="text/x", **facts), blobs=await blobs_of(engine, data),  # type: ignore[arg-type]
    )  # fmt: skip
    done = await engine.catalog.commit(bucket, new)
    await engine.blobs.discard(done.unneeded)
    assert done.version is not None
    return done.version


def par_of(bucket: Bucket, id: str, target: str = "") -> Par:
    return Par(
        id=id, bucket_id=bucket.id, namespace=bucket.namespace, bucket=bucket.name, name="n", access="AnyObjectReadWrite", target=target,
        creator="u", created_ms=1, expires_ms=2_000_000_000_000, digest=sha256(id.encode()).digest(),
    )  # fmt: skip


async def fill(engine: Engine) -> None:
    """One of everything, and ids that were given and are gone."""
    catalog, registry = engine.catalog, engine.registry
    for kind, name in (("user", "ann"), ("user", "bob"), ("key", "AK"), ("server-secret", "s")):
        await registry.put(kind, name, os.urandom(20))
    await registry.put("user", "ann", b"changed")
    gone = await catalog.create_bucket(Bucket(namespace="ns", name="gone", region="r", owner="o"))
    plain = await catalog.create_bucket(Bucket(namespace="ns", name="plain", region="r", owner="o", created_ms=77, settings={"tagging": "{}"}))
    kept = await catalog.create_bucket(Bucket(namespace="ns/volume", name="versions", region="r", owner="p", versioning="Enabled", compartment="c"))
    await catalog.create_bucket(Bucket(namespace="ns", name="empty", region="r", owner="o"))
    system = await catalog.create_bucket(Bucket(namespace="ns/.system", name="records", region="r", owner=""))
    last = await catalog.create_bucket(Bucket(namespace="ns", name="last", region="r", owner="o"))
    for bucket in (gone, last):
        await catalog.delete_bucket(bucket.id)
    plain = await catalog.change_bucket(msgspec.structs.replace(plain, settings={"policy": "{}"}))
    for number in range(60):
        await store(engine, plain, f"small/{number:03}", os.urandom(number * 40), tags={"n": str(number)})
    for key in ("large", "é/\U0001f600", "\uffff", "z" * 1000):
        await store(engine, plain, key, os.urandom(LARGE), metadata={"b": "1", "a": "2"}, extra={"acl": "{}"})
    await store(engine, system, "record", b'{"a":1}' * 300)
    for number in range(5):
        await store(engine, kept, "k", os.urandom(LARGE if number % 2 else 30), f"v{number}")
    await catalog.commit(kept, Version(key="k", version_id="marker", is_delete_marker=True, owner="o"))
    await store(engine, kept, "k", b"null one")
    await catalog.commit(kept, Version(key="only-marker", version_id="m", is_delete_marker=True, owner="o"))
    await _shared_sealed_and_parts(engine, plain)
    await _uploads_and_pars(engine, plain)


async def _shared_sealed_and_parts(engine: Engine, bucket: Bucket) -> None:
    large = await engine.catalog.version(bucket.id, "large", body=True)
    assert large is not None
    await engine.catalog.commit(bucket, msgspec.structs.replace(large, key="shared", seq=0))
    sealed = os.urandom(LARGE + 48)
    facts = Facts(extra={"sse": '{"algorithm":"AES256","wrapped":"eA=="}'})
    await engine.catalog.commit(bucket, Version(key="sealed", size=LARGE, etag="a" * 32, facts=facts, blobs=await blobs_of(engine, sealed)))
    upload = Upload(upload_id="finished", bucket_id=bucket.id, key="parts", initiated_ms=5, owner="o", initiator="o")
    await engine.catalog.start_upload(bucket, upload)
    parts = [await add_part(engine, upload, number, os.urandom(size)) for number, size in ((1, LARGE), (2, LARGE), (7, 100))]
    facts = Facts(parts=tuple([PartFact(part.number, part.size, part.etag) for part in parts]), upload_id="finished")
    stored = await engine.catalog.parts(upload)
    new = Version(key="parts", size=sum(p.size for p in parts), etag="b" * 32 + "-3", facts=facts, blobs=sum((p.blobs for p in stored), ()))
    await engine.catalog.finish_upload(bucket, upload, new, ANYTHING)


async def add_part(engine: Engine, upload: Upload, number: int, data: bytes) -> Part:
    etag = md5(data, usedforsecurity=False).hexdigest()
    part = Part(number=number, size=len(data), etag=etag, modified_ms=9, checksum="c", blobs=await blobs_of(engine, data))
    done = await engine.catalog.add_part(upload, part)
    await engine.blobs.discard(done.unneeded)
    return part


async def _uploads_and_pars(engine: Engine, bucket: Bucket) -> None:
    for upload_id, key in (("u1", "a"), ("u2", "a"), ("u3", "large"), ("empty", "b")):
        upload = Upload(upload_id=upload_id, bucket_id=bucket.id, key=key, initiated_ms=7, owner="o", initiator="o", facts=Facts(tags={"x": "y"}))
        await engine.catalog.start_upload(bucket, upload)
        if upload_id != "empty":
            for number in (1, 3):
                await add_part(engine, upload, number, os.urandom(LARGE if number == 1 else 50))
    gone = await engine.catalog.create_par(par_of(bucket, "gone"))
    for id, target in (("p1", "large"), ("p2", ""), ("p3", "a/")):
        stored = await engine.catalog.create_par(par_of(bucket, id, target))
        for upload_id in ("u1", "u2"):
            digest = sha256(f"{id}{upload_id}".encode()).digest()
            token = ParUpload(digest=digest, par=stored.number, bucket_id=bucket.id, key="a", upload_id=upload_id, created_ms=8)
            await engine.catalog.create_par_upload(token)
    await engine.catalog.delete_par(bucket.id, gone.id)


async def change(engine: Engine) -> None:
    """Changes of everything that `fill` made."""
    catalog = engine.catalog
    await engine.registry.delete("user", "bob")
    await engine.registry.put("user", "cyd", b"new")
    await engine.registry.put("key", "AK", b"other")
    plain, kept, empty = [await _bucket(engine, *name) for name in (("ns", "plain"), ("ns/volume", "versions"), ("ns", "empty"))]
    await catalog.delete_bucket(empty.id)
    await catalog.create_bucket(Bucket(namespace="ns", name="empty", region="r", owner="other"))
    plain = await catalog.change_bucket(msgspec.structs.replace(plain, versioning="Suspended", settings={}))
    for number in range(0, 60, 3):
        await store(engine, plain, f"small/{number:03}", os.urandom(50))
    for number in range(1, 60, 3):
        await catalog.expunge(plain, f"small/{number:03}", "null")
    await catalog.amend(plain, "large", None, Facts(tags={"changed": "yes"}), ANYTHING)
    await store(engine, plain, "late", os.urandom(LARGE))
    await store(engine, kept, "k", os.urandom(LARGE))  # the null version again, now the latest
    await catalog.expunge(kept, "k", "v2")
    await catalog.expunge(kept, "only-marker", "m")
    await store(engine, kept, "k", b"newest", "v9")
    for upload_id, key in (("u1", "a"), ("u2", "a")):
        upload = await catalog.upload(plain.id, key, upload_id)
        assert upload is not None
        if upload_id == "u1":
            await engine.blobs.discard((await catalog.abort_upload(upload)).unneeded)
        else:
            await add_part(engine, upload, 3, os.urandom(60))
            await add_part(engine, upload, 2, os.urandom(LARGE))
    await catalog.delete_par(plain.id, "p2")
    await catalog.create_par(par_of(plain, "p4"))
    await catalog.purge_pars(9)  # the tokens of u1


async def _bucket(engine: Engine, namespace: str, name: str) -> Bucket:
    found = await engine.catalog.bucket(namespace, name)
    assert found is not None
    return found
