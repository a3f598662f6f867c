"""Rows to nouns and back: every stored row carries a checksum over all of its columns and of where it belongs.

SQLite's own checks miss a flipped bit in about half of the cases, so nothing leaves here unverified.
"""

from __future__ import annotations

from itertools import repeat
from operator import add, itemgetter
from typing import Any
from zlib import crc32

import msgspec
from awscrt.checksums import crc32c

from holdfast.engine.api import Damaged
from holdfast.model.buckets import Bucket
from holdfast.model.document import Document
from holdfast.model.objects import Blob, Entry, Facts, Part, Upload, Version
from holdfast.model.pars import Par, ParUpload

Row = tuple[Any, ...]

COLUMNS = "key, version_id, modified_ms, size, etag, storage_class, owner, checksum, seq, row_check"
FULL = COLUMNS + ", is_delete_marker, inline_id, doc_check, doc, extents"
FULL_AND_BODY = FULL + ", (SELECT data FROM inline WHERE id = inline_id)"

SEQ, ROW_CHECK, MARKER, INLINE_ID, DOC_CHECK, DOC, EXTENTS, DATA = range(8, 16)

pack = msgspec.msgpack.Encoder().encode
_facts_of = msgspec.msgpack.Decoder(Facts).decode
_bucket_of = msgspec.msgpack.Decoder(Bucket).decode
_upload_of = msgspec.msgpack.Decoder(Upload).decode
_par_of = msgspec.msgpack.Decoder(Par).decode
_par_upload_of = msgspec.msgpack.Decoder(ParUpload).decode
_extents_of = msgspec.msgpack.Decoder(tuple[tuple[bytes, int, int], ...]).decode
_part_of = msgspec.msgpack.Decoder(tuple[int, int, str, int, str, tuple[tuple[bytes, int, int], ...]]).decode

NO_FACTS = Facts()
_PACKED_NO_FACTS = pack(NO_FACTS)

FRESH = 1
"""`Blob.check` of a file that its writer just finished: no version has named it yet."""

def _seed(bucket_id: int, marker: int) -> int:
    return (bucket_id * 2 + marker) & 0xFFFFFFFF


def row_check(bucket_id: int, marker: int, columns: Row) -> int:
    """The checksum of the listing columns (key ... seq), seeded with the bucket they belong to."""
    return crc32(pack(columns), _seed(bucket_id, marker))


def damaged(bucket_id: int, key: object) -> Damaged:
    return Damaged(f"row of bucket {bucket_id}, key {key!r}: checksum mismatch")


def version_row(bucket_id: int, version: Version, extents: tuple[tuple[bytes, int, int], ...], inline_id: int) -> Row:
    """All columns of `current` or `history` for a version, in the order of the table."""
    facts = version.facts
    columns = (
        version.key,
        version.version_id,
        version.modified_ms,
        version.size,
        version.etag,
        version.storage_class,
        version.owner,
        facts.checksum_label(),
        version.seq,
    )
    marker = 1 if version.is_delete_marker else 0
    check = crc32(pack(columns), _seed(bucket_id, marker))
    doc = pack(facts)
    packed = pack(extents)
    return (bucket_id, *columns, check, marker, inline_id, crc32(packed, crc32(doc, check)), doc, packed)


def version_of(bucket_id: int, row: Row, is_latest: bool, blobs: tuple[Blob, ...] = ()) -> Version:
    """The version of a FULL row. Errors: Damaged."""
    check: int = row[ROW_CHECK]
    marker: int = row[MARKER]
    doc: bytes = row[DOC]
    if crc32(pack(row[:9]), (bucket_id * 2 + marker) & 0xFFFFFFFF) != check or crc32(row[EXTENTS], crc32(doc, check)) != row[DOC_CHECK]:
        raise damaged(bucket_id, row[0])
    return Version(
        key=row[0],
        version_id=row[1],
        seq=row[8],
        modified_ms=row[2],
        size=row[3],
        etag=row[4],
        storage_class=row[5],
        owner=row[6],
        is_delete_marker=marker == 1,
        is_latest=is_latest,
        facts=NO_FACTS if doc == _PACKED_NO_FACTS else _facts_of(doc),
        blobs=blobs,
    )


def extents_of(row: Row) -> tuple[tuple[bytes, int, int], ...]:
    """The extents (id, size in bytes, check) of a FULL row that `version_of` has verified."""
    return _extents_of(row[EXTENTS])


def blobs_of(row: Row) -> tuple[Blob, ...]:
    """The blobs of a FULL row with DATA at its end. A single inline body brings its bytes. Errors: Damaged."""
    extents = _extents_of(row[EXTENTS])
    if row[INLINE_ID]:
        data = row[DATA]
        if data is None or len(extents) != 1:
            raise Damaged(f"inline body of {row[0]!r} is missing")
        _, size, check = extents[0]
        if len(data) != size or crc32c(data) != check:
            raise Damaged(f"inline body of {row[0]!r}: checksum mismatch")
        return (Blob(b"", size, check, data),)
    return tuple([Blob(*extent) for extent in extents])


_new = tuple.__new__
_LIVE = (False, True)
_entry_columns = itemgetter(slice(8))
_columns = itemgetter(slice(9))
_check = itemgetter(9)


def live_entries(bucket_id: int, rows: list[Row]) -> list[Entry]:
    """Listing entries of COLUMNS rows of `current`. Errors: Damaged."""
    seed = (bucket_id * 2) & 0xFFFFFFFF
    if list(map(crc32, map(pack, map(_columns, rows)), repeat(seed))) != list(map(_check, rows)):
        raise next(damaged(bucket_id, row[0]) for row in rows if crc32(pack(row[:9]), seed) != row[9])
    return list(map(_new, repeat(Entry), map(add, map(_entry_columns, rows), repeat(_LIVE))))


def entry_of(bucket_id: int, row: Row, is_latest: bool) -> Entry:
    """A listing entry of a row of COLUMNS and the marker. Errors: Damaged."""
    if row_check(bucket_id, row[MARKER], row[:9]) != row[ROW_CHECK]:
        raise damaged(bucket_id, row[0])
    return _new(Entry, (*row[:8], row[MARKER] == 1, is_latest))


def bucket_check(row: Row) -> int:
    """The checksum of (id, namespace, name, revision, has_history, doc)."""
    return crc32(row[5], crc32(pack(row[:5])))


def bucket_row(bucket: Bucket, has_history: int) -> Row:
    """(id, namespace, name, revision, has_history, doc, row_check)."""
    doc = pack(bucket)
    columns = (bucket.id, bucket.namespace, bucket.name, bucket.revision, has_history)
    return (*columns, doc, bucket_check((*columns, doc)))


def bucket_of(row: Row) -> Bucket:
    """Errors: Damaged."""
    if bucket_check(row) != row[6]:
        raise Damaged(f"row of bucket {row[2]!r}: checksum mismatch")
    return _bucket_of(row[5])


def upload_row(upload: Upload) -> Row:
    """(bucket_id, key, initiated_ms, upload_id, doc, row_check)."""
    doc = pack(upload)
    columns = (upload.bucket_id, upload.key, upload.initiated_ms, upload.upload_id)
    return (*columns, doc, crc32(doc, crc32(pack(columns))))


def upload_of(row: Row) -> Upload:
    """Errors: Damaged."""
    if crc32(row[4], crc32(pack(row[:4]))) != row[5]:
        raise Damaged(f"row of upload {row[3]!r}: checksum mismatch")
    return _upload_of(row[4])


def part_row(upload_id: str, part: Part, extents: tuple[tuple[bytes, int, int], ...]) -> Row:
    """(upload_id, number, doc, row_check)."""
    doc = pack((part.number, part.size, part.etag, part.modified_ms, part.checksum, extents))
    return (upload_id, part.number, doc, crc32(doc, crc32(pack((upload_id, part.number)))))


def part_of(row: Row) -> Part:
    """The part with its blobs (inline ones as references). Errors: Damaged."""
    if crc32(row[2], crc32(pack(row[:2]))) != row[3]:
        raise Damaged(f"row of part {row[1]} of upload {row[0]!r}: checksum mismatch")
    number, size, etag, modified_ms, checksum, extents = _part_of(row[2])
    blobs = tuple([Blob(*extent) for extent in extents])
    return Part(number=number, size=size, etag=etag, modified_ms=modified_ms, checksum=checksum, blobs=blobs)


def par_row(par: Par) -> Row:
    """(number, bucket_id, id, target, expires_ms, digest, doc, row_check)."""
    doc = pack(par)
    columns = (par.number, par.bucket_id, par.id, par.target, par.expires_ms, par.digest)
    return (*columns, doc, crc32(doc, crc32(pack(columns))))


def par_of(row: Row) -> Par:
    """Errors: Damaged."""
    if crc32(row[6], crc32(pack(row[:6]))) != row[7]:
        raise Damaged(f"row of pre-authenticated request {row[0]} of bucket {row[1]}: checksum mismatch")
    return _par_of(row[6])


def par_upload_row(token: ParUpload) -> Row:
    """(digest, par, upload_id, created_ms, doc, row_check)."""
    doc = pack(token)
    columns = (token.digest, token.par, token.upload_id, token.created_ms)
    return (*columns, doc, crc32(doc, crc32(pack(columns))))


def par_upload_of(row: Row) -> ParUpload:
    """Errors: Damaged."""
    if crc32(row[4], crc32(pack(row[:4]))) != row[5]:
        raise Damaged(f"token of upload {row[2]!r}: checksum mismatch")
    return _par_upload_of(row[4])


def document_row(document: Document) -> Row:
    """(kind, name, value, revision, row_check)."""
    check = crc32(document.value, crc32(pack((document.kind, document.name, document.revision))))
    return (document.kind, document.name, document.value, document.revision, check)


def document_of(row: Row) -> Document:
    """Errors: Damaged."""
    document = Document(row[0], row[1], row[2], row[3])
    if document_row(document)[4] != row[4]:
        raise Damaged(f"document {row[0]}/{row[1]}: checksum mismatch")
    return document
