"""What a store holds, counted and put into one checksum: equal on two sides that are equal, whatever engine holds them.

The checksum is the sum of the SHA-256 of each row, modulo 2^256, so that it can be kept up to date: a row that goes is subtracted, one that
comes is added. Of rows that differ by accident or by a defect the sums are equal once in 2^256. Who may choose the rows could look for
some with a given sum, which a SHA-256 over all of them in order would not allow: but that one holds both stores anyway.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from holdfast.engine.api import Engine
from holdfast.engine.moving import KEY, UPLOAD, Place
from holdfast.model.buckets import Bucket
from holdfast.model.document import Document
from holdfast.model.objects import Blob, Part, Upload, Version
from holdfast.model.pars import Par, ParUpload
from holdfast.moving import walks

_pack = msgspec.msgpack.Encoder(order="deterministic").encode
_MODULUS = 1 << 256


class Totals(msgspec.Struct, frozen=True, rename="kebab"):
    """Counts; `stored_bytes` are those of bodies as they are stored; `checksum` (hex) is the sum of the SHA-256 of all rows - with ids,
    sequence, times, sizes and ETags, without where and how an engine keeps the bytes - modulo 2^256."""

    documents: int = 0
    buckets: int = 0
    versions: int = 0
    delete_markers: int = 0
    stored_bytes: int = 0
    uploads: int = 0
    parts: int = 0
    pars: int = 0
    par_uploads: int = 0
    checksum: str = ""


def stored(blobs: tuple[Blob, ...]) -> int:
    """Their bytes."""
    return sum([blob.size for blob in blobs])


def facts_of(version: Version) -> Version:
    """A version without what is the engine's own."""
    return msgspec.structs.replace(version, blobs=(), is_latest=True)


def facts_of_part(part: Part) -> Part:
    """A part without what is the engine's own."""
    return msgspec.structs.replace(part, blobs=())


class Tally:
    """What some rows come to, so that more can be added and some taken away again. Without `checksum` they are only counted."""

    __slots__ = ("checksum", "counts", "sum")

    def __init__(self, *, checksum: bool = True) -> None:
        self.checksum = checksum
        self.counts: dict[str, int] = {}
        self.sum = 0

    def _row(self, name: str, owner: int | str, thing: Any, size: int = 0) -> None:
        """`owner`: the bucket or upload that it is in, where the thing itself does not say so."""
        counts = self.counts
        counts[name] = counts.get(name, 0) + 1
        if size:
            counts["stored_bytes"] = counts.get("stored_bytes", 0) + size
        if self.checksum:
            self.sum = (self.sum + int.from_bytes(hashlib.sha256(_pack((name, owner, thing, size))).digest())) % _MODULUS

    def document(self, document: Document) -> None:
        self._row("documents", 0, document)

    def bucket(self, bucket: Bucket) -> None:
        self._row("buckets", 0, bucket)

    def version(self, bucket_id: int, version: Version) -> None:
        name = "delete_markers" if version.is_delete_marker else "versions"
        self._row(name, bucket_id, facts_of(version) if self.checksum else None, stored(version.blobs))

    def upload(self, upload: Upload) -> None:
        self._row("uploads", 0, upload)

    def part(self, upload_id: str, part: Part) -> None:
        self._row("parts", upload_id, facts_of_part(part), stored(part.blobs))

    def par(self, par: Par) -> None:
        self._row("pars", 0, par)

    def par_upload(self, token: ParUpload) -> None:
        self._row("par_uploads", 0, token)

    def plus(self, other: Tally, times: int = 1) -> None:
        """Adds what another one counted; with -1 takes it away."""
        for name, count in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + times * count
        self.sum = (self.sum + times * other.sum) % _MODULUS

    def same(self, other: Tally) -> bool:
        """Of two from which nothing was taken away."""
        return self.sum == other.sum and self.counts == other.counts

    def totals(self) -> Totals:
        return Totals(**self.counts, checksum=f"{self.sum:064x}" if self.checksum else "")


async def at(engine: Engine, place: Place) -> Tally:
    """What is at a place. Errors: Damaged, Unavailable."""
    kind, bucket_id, name = place
    tally = Tally()
    if kind == KEY:
        async for version in walks.versions_of(engine, bucket_id, name):
            tally.version(bucket_id, version)
    elif kind == UPLOAD:
        upload = await engine.moving.upload(name)
        if upload is not None:
            tally.upload(upload)
            async for part in walks.parts(engine, upload):
                tally.part(name, part)
    else:
        par = await engine.catalog.par(bucket_id, name)
        if par is not None:
            tally.par(par)
    return tally


async def small(engine: Engine, *, checksum: bool = True) -> Tally:
    """What is at no place, and little enough to be walked each time: documents, buckets and the tokens of uploads."""
    tally = Tally(checksum=checksum)
    async for document in walks.documents(engine):
        tally.document(document)
    async for bucket in walks.buckets(engine):
        tally.bucket(bucket)
    async for token in walks.par_uploads(engine):
        tally.par_upload(token)
    return tally


async def totals(engine: Engine, *, checksum: bool = True) -> Totals:
    """Reads every row of a store, and no body. Without `checksum` it takes a third of the time. Errors: Damaged, Unavailable."""
    tally = await small(engine, checksum=checksum)
    async for bucket in walks.buckets(engine):
        async for version in walks.versions(engine, bucket.id):
            tally.version(bucket.id, version)
        async for upload in walks.uploads(engine, bucket.id):
            tally.upload(upload)
            async for part in walks.parts(engine, upload):
                tally.part(upload.upload_id, part)
        async for par in walks.pars(engine, bucket.id):
            tally.par(par)
    return tally.totals()
