"""What the write steps take and what they answer, between the contract's nouns and the columns of the functions in sql/."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from holdfast.engine.api import ANYTHING, Committed, Conflict, Expect, Frozen, Gone, NotEmpty, Stale
from holdfast.engine.cluster import documents
from holdfast.engine.cluster.documents import Kept, Row
from holdfast.engine.cluster.session import UNNEEDED
from holdfast.engine.cluster.wire import bytea_array, flag, int8, int8_array, int8_or_null, text, text_array
from holdfast.model.objects import Blob, Version

DONE, BUCKET_GONE, BUCKET_CHANGED, CONFLICT, BLOB_GONE, VERSION_GONE, UPLOAD_GONE, TAKEN, HOLDS_VERSIONS, HOLDS_PARS, FROZEN = range(11)

_ANYTHING: tuple[None, ...] = (None,) * 8


def expectation(expect: Expect, bucket_id: int, key: bytes) -> tuple[bytes | None, ...]:
    """The eight last parameters of a step: all NULL when nothing is expected."""
    if expect is ANYTHING or expect == ANYTHING:
        return _ANYTHING
    return (
        flag(expect.absent),
        flag(expect.present),
        text_array(expect.etags) if expect.etags else None,
        text_array(expect.not_etags) if expect.not_etags else None,
        int8_or_null(expect.seq),
        int8_or_null(expect.size),
        int8_or_null(None if expect.modified_ms is None else expect.modified_ms // 1000),
        None if expect.facts is None else documents.facts_document(bucket_id, key, expect.facts),
    )


def kept(k: Kept) -> tuple[bytes | None, ...]:
    """The six parameters that say where bytes are to be."""
    return (
        bytea_array(k.blobs) if k.blobs else None,
        int8_array(k.blob_bytes) if k.blob_bytes else None,
        bytea_array(k.shared) if k.shared else None,
        int8_array(k.inlines) if k.inlines else None,
        bytea_array(k.bodies) if k.bodies else None,
        int8_array(k.sources) if k.sources else None,
    )


def version_parameters(bucket_id: int, revision: int, lock: int, key: bytes, new: Version, k: Kept) -> tuple[bytes | None, ...]:
    """The first 22 parameters of `commit_version`."""
    facts = new.facts
    return (
        int8(bucket_id),
        int8(revision),
        int8(lock),
        key,
        text(new.version_id),
        int8(new.modified_ms),
        int8(new.size),
        text(new.etag),
        text(new.storage_class),
        text(new.owner),
        text(facts.checksum_label()),
        flag(new.is_delete_marker),
        int8(k.inline),
        documents.facts_document(bucket_id, key, facts),
        documents.extents_document(bucket_id, key, k.extents),
        k.body,
        *kept(k),
    )


_REFUSALS: dict[int, Callable[[], Exception]] = {
    BUCKET_GONE: lambda: Gone("bucket"),
    BUCKET_CHANGED: lambda: Stale("bucket"),
    BLOB_GONE: lambda: Gone("blob"),
    VERSION_GONE: lambda: Gone("version"),
    UPLOAD_GONE: lambda: Gone("upload"),
    HOLDS_VERSIONS: lambda: NotEmpty("versions"),
    FROZEN: lambda: Frozen("the store is read-only: it is being moved"),
}


def require(status: int) -> None:
    """Errors: what `status` stands for."""
    if status != DONE:
        raise _REFUSALS[status]()


def version_in(bucket_id: int, composite: bytes | None, is_latest: bool | None) -> tuple[Version, Row] | None:
    """The version in a step's answer. Errors: Damaged."""
    row = documents.row_of(composite) if composite else None
    return None if row is None else (documents.version_of(bucket_id, row, bool(is_latest)), row)


def unneeded_blobs(ids: list[bytes] | None, sizes: list[int] | None) -> tuple[Blob, ...]:
    """The stored blobs that nobody names any more."""
    return tuple([Blob(blob_id, size, UNNEEDED) for blob_id, size in zip(ids or (), sizes or (), strict=True)])


def committed(bucket_id: int, answer: tuple[Any, ...], new: Version | None) -> Committed:
    """The outcome of `commit_version` (with `new`) or `expunge_version`. Errors: Conflict, Stale, Gone, Damaged."""
    status, seq, unneeded, sizes, was_latest, composite = answer
    found = version_in(bucket_id, composite, was_latest)
    if status == CONFLICT:
        raise Conflict(found[0] if found else None)
    require(status)
    stored = msgspec.structs.replace(new, seq=seq, is_latest=True) if new is not None else None
    return Committed(version=stored, replaced=found[0] if found else None, unneeded=unneeded_blobs(unneeded, sizes))


def amended(bucket_id: int, answer: tuple[Any, ...]) -> Version:
    """The outcome of `amend_version`. Errors: Conflict, Stale, Gone, Damaged."""
    found = version_in(bucket_id, answer[5], answer[4])
    if answer[0] == CONFLICT:
        raise Conflict(found[0] if found else None)
    require(answer[0])
    if found is None:
        raise Gone("version")
    return found[0]
