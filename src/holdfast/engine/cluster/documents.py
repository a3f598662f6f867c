"""Nouns to columns and back: documents are packed and end with a checksum that is seeded with the place they belong to."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
from awscrt.checksums import crc32c

from holdfast.engine.api import Damaged
from holdfast.engine.cluster.session import FRESH
from holdfast.engine.inline_ids import inline_number, inline_ref
from holdfast.model.objects import Blob, Entry, Facts, Part, Version

Row = tuple[Any, ...]
Extents = tuple[tuple[bytes, int, int], ...]

pack = msgspec.msgpack.Encoder().encode
_facts_of = msgspec.msgpack.Decoder(Facts).decode
_extents_of = msgspec.msgpack.Decoder(Extents).decode
_part_of = msgspec.msgpack.Decoder(tuple[int, int, str, int, str, Extents]).decode
_CHECK = struct.Struct("<I")
_CHECK_BYTES = 4

NO_FACTS = Facts()
_PACKED_NO_FACTS = pack(NO_FACTS)

VERSION_COLUMNS = "key, version_id, modified_ms, size, etag, storage_class, owner, checksum, seq, is_delete_marker, inline_id, doc, extents"
ENTRY_COLUMNS = "key, version_id, modified_ms, size, etag, storage_class, owner, checksum, is_delete_marker"
(KEY, VERSION_ID, MODIFIED_MS, SIZE, ETAG, STORAGE_CLASS, OWNER, CHECKSUM, SEQ, MARKER, INLINE_ID, DOC, EXTENTS) = range(13)


def sealed(document: bytes, seed: int) -> bytes:
    """A document with its checksum."""
    return document + _CHECK.pack(crc32(document, seed))


def opened(stored: bytes, seed: int, what: str) -> bytes:
    """The document of `sealed`. Errors: Damaged."""
    document = stored[:-_CHECK_BYTES]
    if len(stored) < _CHECK_BYTES or crc32(document, seed) != _CHECK.unpack(stored[-_CHECK_BYTES:])[0]:
        raise Damaged(f"{what}: checksum mismatch")
    return document


def seed_of(bucket_id: int, key: bytes) -> int:
    """What the documents of a key's versions are seeded with."""
    return crc32(key, bucket_id & 0xFFFFFFFF)


def facts_document(bucket_id: int, key: bytes, facts: Facts) -> bytes:
    """The `doc` column of a version."""
    return sealed(pack(facts), seed_of(bucket_id, key))


def extents_document(bucket_id: int, key: bytes, extents: Extents) -> bytes:
    """The `extents` column of a version."""
    return sealed(pack(extents), seed_of(bucket_id, key))


def version_of(bucket_id: int, row: Row, is_latest: bool, blobs: tuple[Blob, ...] = ()) -> Version:
    """The version of a row of VERSION_COLUMNS. Errors: Damaged."""
    key = row[KEY]
    document = opened(row[DOC], seed_of(bucket_id, key), f"version of {key!r}")
    return Version(
        key=key.decode(),
        version_id=row[VERSION_ID],
        seq=row[SEQ],
        modified_ms=row[MODIFIED_MS],
        size=row[SIZE],
        etag=row[ETAG],
        storage_class=row[STORAGE_CLASS],
        owner=row[OWNER],
        is_delete_marker=row[MARKER],
        is_latest=is_latest,
        facts=NO_FACTS if document == _PACKED_NO_FACTS else _facts_of(document),
        blobs=blobs,
    )


def extents_of(bucket_id: int, row: Row) -> Extents:
    """Errors: Damaged."""
    return _extents_of(opened(row[EXTENTS], seed_of(bucket_id, row[KEY]), f"extents of {row[KEY]!r}"))


def blobs_of(bucket_id: int, row: Row, data: bytes | None) -> tuple[Blob, ...]:
    """The blobs of a row of VERSION_COLUMNS; a single inline body brings its bytes, `data`. Errors: Damaged."""
    extents = extents_of(bucket_id, row)
    if row[INLINE_ID]:
        if data is None or len(extents) != 1:
            raise Damaged(f"inline body of {row[KEY]!r} is missing")
        _, size, check = extents[0]
        if len(data) != size or crc32c(data) != check:
            raise Damaged(f"inline body of {row[KEY]!r}: checksum mismatch")
        return (Blob(b"", size, check, data),)
    return tuple([Blob(*extent) for extent in extents])


def entry_of(row: Row, is_latest: bool) -> Entry:
    """A listing entry of a row that begins with ENTRY_COLUMNS."""
    return Entry(row[0].decode(), row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], is_latest)


def part_document(upload_id: str, part: Part, extents: Extents) -> bytes:
    """The `doc` column of a part."""
    return sealed(pack((part.number, part.size, part.etag, part.modified_ms, part.checksum, extents)), crc32(upload_id.encode(), part.number))


def part_of(upload_id: str, number: int, stored: bytes) -> Part:
    """The part with its blobs (inline ones as references). Errors: Damaged."""
    document = opened(stored, crc32(upload_id.encode(), number), f"part {number} of upload {upload_id!r}")
    number, size, etag, modified_ms, checksum, extents = _part_of(document)
    return Part(number=number, size=size, etag=etag, modified_ms=modified_ms, checksum=checksum, blobs=tuple([Blob(*e) for e in extents]))


class Kept(NamedTuple):
    """Where the bytes of a version or part are to be, as the write steps take it: None where there is nothing of that kind.

    `inline` and `body` are a single small new body; `inlines`, `bodies` and `sources` the small bodies of others, new or copied from
    `sources`; `blobs` and `blob_bytes` the stored blobs with their sizes in bytes; `shared` those of them that must be there already.
    """

    extents: Extents
    inline: int = 0
    body: bytes | None = None
    blobs: list[bytes] | None = None
    blob_bytes: list[int] | None = None
    shared: list[bytes] | None = None
    inlines: list[int] | None = None
    bodies: list[bytes | None] | None = None
    sources: list[int | None] | None = None


def keep(blobs: Iterable[Blob], next_inline: Callable[[], int], *, single: bool = True) -> Kept:
    """`next_inline()` numbers small bodies; with `single` a lone new one goes beside its version."""
    wanted = [blob for blob in blobs if blob.size]
    if single and len(wanted) == 1 and (wanted[0].inline is not None):
        number, (_, size, check, data) = next_inline(), (b"", wanted[0].size, wanted[0].check, wanted[0].inline)
        return Kept(((inline_ref(number), size, check),), number, data)
    extents: list[tuple[bytes, int, int]] = []
    stored: list[bytes] = []
    sizes: list[int] = []
    shared: list[bytes] = []
    inlines: list[int] = []
    bodies: list[bytes | None] = []
    sources: list[int | None] = []
    for blob in wanted:
        source = inline_number(blob.id)
        if blob.inline is not None or source:
            number = next_inline()
            inlines.append(number)
            bodies.append(blob.inline)
            sources.append(source if blob.inline is None else None)
            extents.append((inline_ref(number), blob.size, blob.check))
        else:
            stored.append(blob.id)
            sizes.append(blob.size)
            extents.append((blob.id, blob.size, 0))
            if blob.check != FRESH:
                shared.append(blob.id)
    lone = inlines[0] if single and len(extents) == 1 and inlines else 0
    return Kept(
        tuple(extents),
        lone,
        None,
        stored or None,
        sizes or None,
        shared or None,
        inlines or None,
        bodies or None,
        sources if any(sources) else None,
    )


_INT = struct.Struct("!i").unpack_from
_LONG = struct.Struct("!q").unpack


def row_of(composite: bytes) -> Row | None:
    """The row of VERSION_COLUMNS in a value of the type `live` (its binary form: a count, then type, length and bytes of each column);
    None for a row of NULLs."""
    columns: list[Any] = []
    at = 4
    for _ in range(_INT(composite, 0)[0]):
        length = _INT(composite, at + 4)[0]
        at += 8
        columns.append(composite[at : at + length] if length >= 0 else None)
        at += max(length, 0)
    if columns[1] is None:
        return None
    row = columns[1:14]
    for place, value in enumerate(row):
        if place in (KEY, DOC, EXTENTS):
            continue
        if place == MARKER:
            row[place] = value == b"\1"
        else:
            row[place] = _LONG(value)[0] if place in (MODIFIED_MS, SIZE, SEQ, INLINE_ID) else value.decode()
    return tuple(row)


def passed_on(blobs: Iterable[Blob], next_inline: Callable[[], int]) -> Kept:
    """Where the bytes of an upload's parts are, for the version that it becomes. Small bodies of its parts keep their numbers."""
    extents: list[tuple[bytes, int, int]] = []
    stored: list[Blob] = []
    inlines: list[int] = []
    bodies: list[bytes | None] = []
    for blob in blobs:
        if blob.size == 0:
            continue
        number = next_inline() if blob.inline is not None else inline_number(blob.id)
        if number:
            inlines.append(number)
            bodies.append(blob.inline)
            extents.append((inline_ref(number), blob.size, blob.check))
        else:
            stored.append(blob)
            extents.append((blob.id, blob.size, 0))
    return Kept(
        tuple(extents),
        inlines[0] if len(extents) == 1 and inlines else 0,
        None,
        [blob.id for blob in stored] or None,
        [blob.size for blob in stored] or None,
        [blob.id for blob in stored if blob.check != FRESH] or None,
        inlines or None,
        bodies or None,
        [number for number, data in zip(inlines, bodies, strict=True) if data is None] or None,
    )
