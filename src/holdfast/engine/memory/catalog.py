"""The catalog of the reference engine: buckets, versions, uploads and parts in dictionaries."""

from __future__ import annotations

import builtins

import msgspec

from holdfast.engine.api import (
    ANYTHING,
    AlreadyExists,
    Committed,
    Conflict,
    Expect,
    Gone,
    ListPage,
    ListQuery,
    NotEmpty,
    Stale,
    UploadPage,
)
from holdfast.engine.memory.blobs import MemoryBlobs
from holdfast.engine.memory.pars import MemoryPars
from holdfast.engine.moving import KEY, UPLOAD, Counters
from holdfast.engine.preconditions import holds
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Blob, Entry, Facts, Part, Upload, Version


class MemoryCatalog(MemoryPars):
    """`Catalog` in dictionaries: per bucket and key a list of versions, newest first."""

    def __init__(self, blobs: MemoryBlobs) -> None:
        super().__init__()
        self._blobs = blobs
        self._ids = self._seq = 0
        self.all_versions: dict[int, dict[str, list[Version]]] = {}
        self._parts: dict[str, dict[int, Part]] = {}

    @property
    def counters(self) -> Counters:
        return Counters(self._ids, self._numbers, self._seq)

    def raise_counters(self, counters: Counters) -> None:
        self._ids, self._numbers, self._seq = max(self._ids, counters.bucket_id), max(self._numbers, counters.par), max(self._seq, counters.seq)

    # ---- buckets ----

    async def bucket(self, namespace: str, name: str) -> Bucket | None:
        return next((bucket for bucket in self.all_buckets.values() if (bucket.namespace, bucket.name) == (namespace, name)), None)

    async def create_bucket(self, bucket: Bucket) -> Bucket:
        self.gate.require()
        existing = await self.bucket(bucket.namespace, bucket.name)
        if existing is not None:
            raise AlreadyExists(existing)
        self._ids += 1
        stored = msgspec.structs.replace(bucket, id=self._ids, revision=1)
        self.all_buckets[stored.id] = stored
        self.all_versions[stored.id] = {}
        return stored

    def _require(self, bucket: Bucket) -> Bucket:
        self.gate.require()
        stored = self.all_buckets.get(bucket.id)
        if stored is None:
            raise Gone("bucket")
        if stored.revision != bucket.revision:
            raise Stale("bucket")
        return stored

    async def change_bucket(self, bucket: Bucket) -> Bucket:
        old = self._require(bucket)
        stored = msgspec.structs.replace(
            old, versioning=bucket.versioning, settings=bucket.settings, compartment=bucket.compartment, revision=old.revision + 1
        )  # fmt: skip
        self.all_buckets[bucket.id] = stored
        return stored

    async def delete_bucket(self, bucket_id: int) -> Committed:
        self.gate.require()
        if bucket_id not in self.all_buckets:
            raise Gone("bucket")
        if self.all_versions[bucket_id]:
            raise NotEmpty("bucket")
        self.require_no_pars(bucket_id)
        unneeded: tuple[Blob, ...] = ()
        for upload in [upload for upload in self.all_uploads.values() if upload.bucket_id == bucket_id]:
            unneeded += (await self.abort_upload(upload)).unneeded
        del self.all_buckets[bucket_id], self.all_versions[bucket_id]
        return Committed(unneeded=unneeded)

    async def buckets(
        self, namespace: str, *, owner: str | None = None, prefix: str = "", after: str = "", limit: int = 1000
    ) -> builtins.list[Bucket]:
        found = [
            bucket
            for bucket in self.all_buckets.values()
            if bucket.namespace == namespace and owner in (None, bucket.owner) and bucket.name.startswith(prefix) and bucket.name > after
        ]
        return sorted(found, key=lambda bucket: bucket.name)[:limit]

    # ---- versions ----

    def _find(self, bucket_id: int, key: str, version_id: str | None) -> Version | None:
        """The named version or the latest, with the `is_latest` that is true now."""
        versions = self.all_versions.get(bucket_id, {}).get(key, [])
        for place, version in enumerate(versions):
            if version_id is None or version.version_id == version_id:
                return msgspec.structs.replace(version, is_latest=place == 0)
        return None

    def _live(self, bucket_id: int, key: str) -> Version | None:
        latest = self._find(bucket_id, key, None)
        return None if latest is None or latest.is_delete_marker else latest

    def _remove(self, bucket_id: int, version: Version) -> tuple[Blob, ...]:
        self.gate.note(KEY, bucket_id, version.key)
        versions = self.all_versions[bucket_id][version.key]
        versions[:] = [other for other in versions if other.version_id != version.version_id]
        if not versions:
            del self.all_versions[bucket_id][version.key]
        return self._blobs.release(version.blobs)

    async def version(self, bucket_id: int, key: str, version_id: str | None = None, *, body: bool = False) -> Version | None:
        found = self._find(bucket_id, key, version_id)
        return found if found is None or body else msgspec.structs.replace(found, blobs=())

    async def commit(self, bucket: Bucket, new: Version, expect: Expect = ANYTHING) -> Committed:
        self._require(bucket)
        live = self._live(bucket.id, new.key)
        if not holds(expect, live):
            raise Conflict(live)
        return self._place(bucket, new, self._blobs.retain(new.blobs))

    def _place(self, bucket: Bucket, new: Version, blobs: tuple[Blob, ...]) -> Committed:
        replaced = self._find(bucket.id, new.key, new.version_id)
        unneeded = self._remove(bucket.id, replaced) if replaced is not None else ()
        seq = new.seq if self.gate.filling and new.seq else self._seq + 1
        self._seq = max(self._seq, seq)
        stored = msgspec.structs.replace(new, seq=seq, is_latest=True, blobs=blobs)
        self.gate.note(KEY, bucket.id, new.key)
        self.all_versions[bucket.id].setdefault(new.key, []).insert(0, stored)
        return Committed(version=stored, replaced=replaced, unneeded=unneeded)

    async def amend(self, bucket: Bucket, key: str, version_id: str | None, facts: Facts, expect: Expect) -> Version:
        self._require(bucket)
        found = self._live(bucket.id, key) if version_id is None else self._find(bucket.id, key, version_id)
        if not holds(expect, found):
            raise Conflict(found)
        if found is None:
            raise Gone("version")
        changed = msgspec.structs.replace(found, facts=facts)
        self.gate.note(KEY, bucket.id, key)
        versions = self.all_versions[bucket.id][key]
        versions[:] = [changed if version.version_id == changed.version_id else version for version in versions]
        return changed

    async def expunge(self, bucket: Bucket, key: str, version_id: str, expect: Expect = ANYTHING) -> Committed:
        self._require(bucket)
        found = self._find(bucket.id, key, version_id)
        if not holds(expect, found):
            raise Conflict(found)
        return Committed(replaced=found, unneeded=self._remove(bucket.id, found)) if found is not None else Committed()

    # ---- listings ----

    def _entries(self, bucket_id: int, versions: bool) -> builtins.list[Entry]:
        """Everything that a listing could show, in order."""
        every = [
            (place, version)
            for _, versions_of_key in sorted(self.all_versions.get(bucket_id, {}).items())
            for place, version in enumerate(versions_of_key)
        ]
        return [_entry(version, place == 0) for place, version in every if versions or (place == 0 and not version.is_delete_marker)]

    async def list(self, query: ListQuery) -> ListPage:
        entries = [e for e in self._entries(query.bucket_id, query.versions) if e.key.startswith(query.prefix) and e.key >= query.start]
        if query.versions and query.after_version and not _is_prefix(query.after, query.prefix, query.delimiter):
            at = next((i for i, e in enumerate(entries) if (e.key, e.version_id) == (query.after, query.after_version)), -1)
            later = entries[at + 1 :] if at >= 0 else [e for e in entries if e.key >= query.after]
        else:
            later = [e for e in entries if e.key > query.after]
        if _is_prefix(query.after, query.prefix, query.delimiter):
            later = [e for e in later if not e.key.startswith(query.after)]
        page = ListPage(entries=[], prefixes=[])
        for entry in later:
            prefix = _rolled(entry.key, query.prefix, query.delimiter)
            if prefix and prefix in page.prefixes:
                continue
            if len(page.entries) + len(page.prefixes) == query.limit:
                return msgspec.structs.replace(page, truncated=True)
            if prefix:
                page.prefixes.append(prefix)
            else:
                page.entries.append(entry)
            page = msgspec.structs.replace(page, last=prefix or entry.key, last_version=entry.version_id if query.versions and not prefix else "")
        return page

    # ---- uploads ----

    async def start_upload(self, bucket: Bucket, upload: Upload) -> None:
        self._require(bucket)
        if upload.upload_id in self.all_uploads:
            raise AlreadyExists(upload.upload_id)
        self.all_uploads[upload.upload_id] = upload
        self._parts[upload.upload_id] = {}
        self.gate.note(UPLOAD, 0, upload.upload_id)

    async def upload(self, bucket_id: int, key: str, upload_id: str) -> Upload | None:
        found = self.all_uploads.get(upload_id)
        return found if found is not None and (found.bucket_id, found.key) == (bucket_id, key) else None

    async def _require_upload(self, upload: Upload) -> None:
        self.gate.require()
        if await self.upload(upload.bucket_id, upload.key, upload.upload_id) is None:
            raise Gone("upload")

    async def add_part(self, upload: Upload, part: Part) -> Committed:
        await self._require_upload(upload)
        blobs = self._blobs.retain(part.blobs)
        self.gate.note(UPLOAD, 0, upload.upload_id)
        old = self._parts[upload.upload_id].get(part.number)
        self._parts[upload.upload_id][part.number] = msgspec.structs.replace(part, blobs=blobs)
        return Committed(unneeded=self._blobs.release(old.blobs) if old is not None else ())

    async def parts(self, upload: Upload, *, after: int = 0, limit: int = 1000) -> builtins.list[Part]:
        return [part for number, part in sorted(self._parts.get(upload.upload_id, {}).items()) if number > after][:limit]

    async def finish_upload(self, bucket: Bucket, upload: Upload, new: Version, expect: Expect = ANYTHING) -> Committed:
        await self._require_upload(upload)
        done = await self.commit(bucket, new, expect)
        ended = await self.abort_upload(upload)
        return msgspec.structs.replace(done, unneeded=ended.unneeded + done.unneeded)

    async def abort_upload(self, upload: Upload) -> Committed:
        await self._require_upload(upload)
        self.gate.note(UPLOAD, 0, upload.upload_id)
        del self.all_uploads[upload.upload_id]
        blobs = [blob for part in self._parts.pop(upload.upload_id).values() for blob in part.blobs]
        return Committed(unneeded=self._blobs.release(tuple(blobs)))

    async def uploads(
        self, bucket_id: int, *, prefix: str = "", delimiter: str = "", after_key: str = "", after_upload: str = "", limit: int = 1000
    ) -> UploadPage:
        found = [upload for upload in self.all_uploads.values() if upload.bucket_id == bucket_id and upload.key.startswith(prefix)]
        found.sort(key=_place_of_upload)
        marker = next((upload for upload in found if (upload.key, upload.upload_id) == (after_key, after_upload)), None)
        if _is_prefix(after_key, prefix, delimiter):
            found = [upload for upload in found if upload.key > after_key and not upload.key.startswith(after_key)]
        elif marker is not None:
            found = [upload for upload in found if _place_of_upload(upload) > _place_of_upload(marker)]
        else:
            found = [upload for upload in found if upload.key > after_key or (after_upload and upload.key == after_key)]
        page = UploadPage(uploads=[], prefixes=[])
        for upload in found:
            rolled = _rolled(upload.key, prefix, delimiter)
            if rolled and rolled in page.prefixes:
                continue
            if len(page.uploads) + len(page.prefixes) == limit:
                return msgspec.structs.replace(page, truncated=True)
            if rolled:
                page.prefixes.append(rolled)
            else:
                page.uploads.append(upload)
        return page

    async def stale_uploads(self, before_ms: int, limit: int = 1000) -> builtins.list[Upload]:
        found = [upload for upload in self.all_uploads.values() if upload.initiated_ms < before_ms]
        return sorted(found, key=lambda upload: (upload.initiated_ms, upload.bucket_id, upload.key, upload.upload_id))[:limit]


def _place_of_upload(upload: Upload) -> tuple[str, int, str]:
    return upload.key, upload.initiated_ms, upload.upload_id


def _rolled(key: str, prefix: str, delimiter: str) -> str:
    """The common prefix that a key rolls up to, or ""."""
    place = key.find(delimiter, len(prefix)) if delimiter else -1
    return key[: place + len(delimiter)] if place >= 0 else ""


def _is_prefix(after: str, prefix: str, delimiter: str) -> bool:
    """Whether a listing that goes on `after` goes on after a whole common prefix."""
    return after.startswith(prefix) and after != "" and _rolled(after, prefix, delimiter) == after


def _entry(version: Version, is_latest: bool) -> Entry:
    facts = version.facts
    checksum = f"{facts.checksum_algorithm}/{facts.checksum_type}" if facts.checksum_algorithm else ""
    return Entry(
        version.key,
        version.version_id,
        version.modified_ms,
        version.size,
        version.etag,
        version.storage_class,
        version.owner,
        checksum,
        version.is_delete_marker,
        is_latest,
    )
