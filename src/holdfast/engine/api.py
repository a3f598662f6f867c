"""The contract of every engine: atomic steps on facts (Catalog, Registry) and immutable bytes (Blobs).

A step is durable when its call returns and visible to every later call in every process. No transaction
crosses this seam; the clock is passed in by the caller. Engines raise only the errors named here.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from holdfast.engine.moving import Moving
from holdfast.model.buckets import Bucket
from holdfast.model.document import Document
from holdfast.model.objects import Blob, Entry, Facts, Part, Upload, Version
from holdfast.model.pars import Par, ParUpload


class EngineError(Exception):
    """Anything an engine refuses; only the subclasses below cross the seam."""


class AlreadyExists(EngineError):
    """The name is taken; `existing` says by what."""

    def __init__(self, existing: object = None) -> None:
        super().__init__("already exists")
        self.existing = existing


class Gone(EngineError):
    """What the step needs is not there (any more): the bucket, the upload, a shared blob."""


class Stale(EngineError):
    """The bucket or document changed since it was read: read it again and decide again."""


class NotEmpty(EngineError):
    """The bucket still holds versions or delete markers."""


class HasPars(NotEmpty):
    """The bucket is empty, but `count` pre-authenticated requests (expired ones too) still lead to it."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} pre-authenticated requests")
        self.count = count


class Conflict(EngineError):
    """The precondition (`Expect`) does not hold. `current` is the live version that stood in the way, or None."""

    def __init__(self, current: Version | None) -> None:
        super().__init__("precondition failed")
        self.current = current


class Damaged(EngineError):
    """Stored bytes or a stored row do not match their checksum. Never answered with the bytes."""


class Full(EngineError):
    """No space left on the device (or quota); nothing was changed."""


class Unavailable(EngineError):
    """The engine cannot serve now (I/O error, lost backend); nothing acknowledged."""


class Frozen(Unavailable):
    """The store is read-only while it is moved to another engine: nothing was changed, the reads go on."""


class Expect(msgspec.Struct, frozen=True, kw_only=True):
    """A precondition on the live (latest, not a delete marker) version of a key, checked inside the step.

    `absent`: there must be none (If-None-Match: *). `present`: there must be one (If-Match: *).
    `etags`: the live ETag must be one of these. `not_etags`: must not be one of these.
    `seq`: the version looked at must still have this seq (compare-and-set). `size`, `modified_ms`: as
    x-amz-if-match-size and x-amz-if-match-last-modified-time of DeleteObject (modified compared in seconds). `facts`: it must still
    have these, which an amendment changes while it keeps `seq`.
    For `expunge` and `amend` of a named version they speak of that version. A live version that is missing
    fails `present`, `etags`, `seq`, `size`, `modified_ms`, `facts`.
    """

    absent: bool = False
    present: bool = False
    etags: tuple[str, ...] = ()
    not_etags: tuple[str, ...] = ()
    seq: int | None = None
    size: int | None = None
    modified_ms: int | None = None
    facts: Facts | None = None


ANYTHING = Expect()


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """What a step did: the version as stored (with its seq), the one it replaced, and blobs nobody needs any more.

    The caller discards `unneeded`; if it dies before, the sweep finds them.
    """

    version: Version | None = None
    replaced: Version | None = None
    unneeded: tuple[Blob, ...] = ()


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a listing. Keys are ordered by their UTF-8 bytes; versions of a key newest first.

    `after`: strictly after this key - or, where it ends with the delimiter and is a common prefix, after
    the whole prefix. `start`: first key wanted, inclusive. With `versions`, `after_version` continues inside the
    versions of the key `after` (strictly after that version; "" = after all of them). Keys and common prefixes count together
    towards `limit` (at least 1). Without `versions`, delete markers and the keys they hide are left out.
    """

    bucket_id: int
    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    after_version: str = ""
    start: str = ""
    limit: int = 1000
    versions: bool = False


class ListPage(msgspec.Struct, frozen=True, kw_only=True):
    """`entries` and `prefixes` each in order; `truncated` when more follows; `last` is the last key or common
    prefix of the page and `last_version` the version id of the last entry (versions listing), to go on from."""

    entries: list[Entry]
    prefixes: list[str]
    truncated: bool = False
    last: str = ""
    last_version: str = ""


class UploadPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of multipart uploads, ordered by key, then by time of initiation, then by upload id."""

    uploads: list[Upload]
    prefixes: list[str]
    truncated: bool = False


class Pars(Protocol):
    """Pre-authenticated requests: the part of the catalog that leads from tokens to buckets."""

    async def create_par(self, par: Par) -> Par:
        """The stored request (with its number). Errors: AlreadyExists (id or token), Gone (bucket), Full."""
        ...

    async def par_of_token(self, digest: bytes) -> Par | None:
        """The request of a token, by the token's SHA-256: at most one indexed read, however many there are, and none for one that was asked
        for lately. A deletion counts at once in every process."""
        ...

    async def par(self, bucket_id: int, id: str) -> Par | None: ...

    async def pars(self, bucket_id: int, *, prefix: str = "", after: tuple[str, int] = ("", 0), limit: int = 1000) -> list[Par]:
        """Those whose target starts with `prefix`, in order of (target, number), strictly after `after`."""
        ...

    async def delete_par(self, bucket_id: int, id: str) -> bool:
        """Removes it, and the tokens of uploads begun through it; False when there is none."""
        ...

    async def create_par_upload(self, token: ParUpload) -> None:
        """Stores the token of an upload. Errors: AlreadyExists, Gone (the request), Full."""
        ...

    async def par_upload_of_token(self, digest: bytes) -> tuple[ParUpload, Par] | None:
        """The upload that a token leads to (it may have ended since), and the request that it was begun through; one indexed read."""
        ...

    async def purge_pars(self, before_ms: int, limit: int = 1000) -> int:
        """Removes requests that expired before then, and tokens created before then whose uploads have ended; at most
        `limit` of each, oldest first. How many it removed."""
        ...


class Catalog(Pars, Protocol):
    """Facts about buckets, versions, uploads and pre-authenticated requests."""

    async def bucket(self, namespace: str, name: str) -> Bucket | None: ...

    async def create_bucket(self, bucket: Bucket) -> Bucket:
        """The stored bucket (id, revision 1). Errors: AlreadyExists(existing Bucket)."""
        ...

    async def change_bucket(self, bucket: Bucket) -> Bucket:
        """Stores versioning, settings and compartment of `bucket`; its `revision` must be the current one, and grows.

        Errors: Stale, Gone."""
        ...

    async def delete_bucket(self, bucket_id: int) -> Committed:
        """Removes a bucket without versions and delete markers, and its uploads with it, all or nothing; their blobs are unneeded.

        Errors: NotEmpty; HasPars when only pre-authenticated requests are left; Gone."""
        ...

    async def buckets(self, namespace: str, *, owner: str | None = None, prefix: str = "", after: str = "", limit: int = 1000) -> list[Bucket]:
        """Buckets in order of name, strictly after `after`, at most `limit`."""
        ...

    async def version(self, bucket_id: int, key: str, version_id: str | None = None, *, body: bool = False) -> Version | None:
        """A named version, or the latest (perhaps a delete marker); None when there is none.

        With `body`, `blobs` is filled, and small inline blobs bring their bytes. Errors: Damaged."""
        ...

    async def commit(self, bucket: Bucket, new: Version, expect: Expect = ANYTHING) -> Committed:
        """Makes `new` the latest version of its key; a version with the same version id is replaced.

        The engine gives `seq`. `new.blobs` come from `Blobs.write` or from a version just read (shared: the engine counts
        the references). A delete marker is a version with `is_delete_marker`.
        Errors: Conflict; Stale when `bucket.revision` is not current; Gone (bucket, shared blob); Full."""
        ...

    async def amend(self, bucket: Bucket, key: str, version_id: str | None, facts: Facts, expect: Expect) -> Version:
        """Replaces the facts of a version (tags, ACL, retention) and nothing else. Errors: Gone, Conflict, Stale."""
        ...

    async def expunge(self, bucket: Bucket, key: str, version_id: str, expect: Expect = ANYTHING) -> Committed:
        """Removes one version for good (`replaced` says which; None when there was none). The next newest becomes the latest.

        Errors: Conflict, Stale, Gone (bucket)."""
        ...

    async def list(self, query: ListQuery) -> ListPage: ...

    async def start_upload(self, bucket: Bucket, upload: Upload) -> None:
        """Errors: Stale, Gone."""
        ...

    async def upload(self, bucket_id: int, key: str, upload_id: str) -> Upload | None: ...

    async def add_part(self, upload: Upload, part: Part) -> Committed:
        """Stores or replaces a part (unneeded: the replaced part's blobs). Errors: Gone (upload)."""
        ...

    async def parts(self, upload: Upload, *, after: int = 0, limit: int = 1000) -> builtins.list[Part]:
        """Parts in order of number, strictly after `after`, blobs included."""
        ...

    async def finish_upload(self, bucket: Bucket, upload: Upload, new: Version, expect: Expect = ANYTHING) -> Committed:
        """One step: `new` (whose blobs are blobs of the upload's parts) is committed and the upload ends;
        parts not named in `new` are unneeded. Errors: as commit; Gone (upload)."""
        ...

    async def abort_upload(self, upload: Upload) -> Committed:
        """Ends the upload; all its blobs are unneeded. Errors: Gone."""
        ...

    async def uploads(
        self, bucket_id: int, *, prefix: str = "", delimiter: str = "", after_key: str = "", after_upload: str = "", limit: int = 1000
    ) -> UploadPage:
        """Uploads strictly after (`after_key`, `after_upload`); with `after_upload` "" after all uploads of that key."""
        ...

    async def stale_uploads(self, before_ms: int, limit: int = 1000) -> builtins.list[Upload]:
        """Uploads of any bucket initiated before then, oldest first."""
        ...


class BlobWriter(Protocol):
    """Writes one blob piece by piece with bounded buffers. Nothing is visible or durable before `finish` returns."""

    async def write(self, data: bytes) -> None:
        """Takes a piece of any size; suspends when the writer is behind. Errors: Full, Unavailable."""
        ...

    async def finish(self) -> tuple[Blob, ...]:
        """The blob(s), durable on stable storage (inline ones become durable with the commit). Errors: Full, Unavailable."""
        ...

    async def abort(self) -> None:
        """Throws away what was written; may be called at any time, also after an error."""
        ...


class Blobs(Protocol):
    """Immutable runs of bytes. A blob means nothing until a commit names it; a crash leaves only strays."""

    def inline_max(self) -> int:
        """Bodies of at most this many bytes should come through `inline` (kept in the catalog's row)."""

    def inline(self, data: bytes) -> Blob:
        """A small blob that becomes durable with the commit that names it. No I/O."""

    def writer(self, size: int | None, storage_class: str = "") -> BlobWriter:
        """A writer for a body of `size` bytes, or None when unknown. An engine that keeps storage classes in different places puts it where
        `storage_class` belongs; one that it does not know, or "", goes where most do."""

    def belongs(self, blobs: tuple[Blob, ...], storage_class: str) -> bool:
        """Whether these blobs lie where bodies of that class do, so that a version of it may share them. No I/O."""

    def read(self, blobs: tuple[Blob, ...], start: int, length: int) -> AsyncIterator[bytes]:
        """The bytes [start, start + length) of the blobs in a row, in pieces of about 1 MiB, each verified before it is given.

        Everything that can fail early (a missing file) fails at the first piece. Errors: Damaged, Gone, Unavailable."""

    async def discard(self, blobs: Iterable[Blob]) -> None:
        """Forgets blobs that no version names. Never raises for a missing one."""


class Registry(Protocol):
    """Small named documents (users, keys, policies): compare-and-set, and a generation for caches."""

    def generation(self) -> int:
        """Changes (never back) whenever any document changed in any process; costs about a microsecond, no I/O that waits."""
        ...

    async def get(self, kind: str, name: str) -> Document | None: ...

    async def put(self, kind: str, name: str, value: bytes, expect_revision: int | None = None) -> Document:
        """Stores; `expect_revision` 0 = must not exist, n = must be at n, None = whatever. Errors: Stale, AlreadyExists."""
        ...

    async def put_all(self, puts: Sequence[tuple[str, str, bytes, int | None]]) -> None:
        """Several puts (kind, name, value, expected revision) in one step: all or none. No two of the same document. Errors: as `put`."""
        ...

    async def delete(self, kind: str, name: str) -> bool: ...

    async def all(self, kind: str, *, after: str = "", limit: int = 1000) -> list[Document]: ...


class Keyring(Protocol):
    """The key service that wraps the data keys of encrypted bodies. Errors of all: refusals of the service, as the dialects word them."""

    async def resolve(self, key_id: str) -> str:
        """The id of the key that a client names, "" for the default one; it must be usable now."""
        ...

    async def wrap(self, key_id: str, data_key: bytes) -> bytes:
        """A data key under that key, or under the store's own for ""."""
        ...

    async def unwrap(self, key_id: str, wrapped: bytes) -> bytes: ...


class Engine(Protocol):
    """One opened store. `open` in each process; `close` flushes and lets go. `keyring` is given by who opens it; without one nothing
    can be encrypted. `at_once` says whether the catalog's look-ups answer without waiting for anything."""

    keyring: Keyring | None
    at_once: bool

    @property
    def catalog(self) -> Catalog: ...

    @property
    def blobs(self) -> Blobs: ...

    @property
    def registry(self) -> Registry: ...

    @property
    def moving(self) -> Moving: ...

    async def close(self) -> None: ...

    def watch_commits(self, told: Callable[[int, float], None]) -> None:
        """`told` of each durable transaction of this process: steps and seconds; in any thread."""

    async def lease(self, name: str, seconds: int) -> bool:
        """Whether this process has the work of that name for the next `seconds`; who asks again keeps it, with 0 gives it up. Errors: Unavailable."""
        ...

    async def sweep(self, older_than_s: float) -> int:
        """Removes stray blobs (left by crashes) older than that; returns how many. One process at a time calls it."""
        ...

    async def scrub(self, limit: int, after: str = "") -> tuple[list[str], str]:
        """Verifies rows and bodies: the damage found (one line each), and where to go on ("" at the end)."""
        ...

    async def check(self) -> str:
        """"" when the engine can read and write, else why not (for /health/ready)."""
        ...
