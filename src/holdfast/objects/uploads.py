"""What multipart uploads mean: starting, adding parts, aborting, and ending those that nobody finishes."""

from __future__ import annotations

import secrets

import msgspec

from holdfast.engine.api import Engine, Gone, Stale, UploadPage
from holdfast.model.buckets import Bucket
from holdfast.model.errors import InvalidArgument, InvalidRequest, NoSuchBucket, NoSuchUpload, OperationAborted
from holdfast.model.messages import Body
from holdfast.model.objects import Facts, Part, Upload
from holdfast.objects.checksums import ALGORITHMS, COMPOSITE, DEFAULT, FULL_OBJECT, Algorithm, Claim, encode
from holdfast.objects.encryption import FACT, data_key_of, seal
from holdfast.objects.encryption import SETTING as ENCRYPTION
from holdfast.objects.locks import FACT as LOCKED
from holdfast.objects.locks import SETTING as LOCK
from holdfast.objects.locks import new_lock
from holdfast.objects.packages import SealedBlobs
from holdfast.objects.write import NOT_COMMITTED, PUT_BYTES_MAX, STALE_RETRIES, Sink, current, discard, receive

PART_NUMBER_MAX = 10_000
UPLOAD_AGE_S = 7 * 24 * 3600

_ASKED = "checksum-asked"
ONLY_NEW = "only-new"
"""In the extra facts of an upload: its object must not overwrite another (OCI's If-None-Match at the start holds for the commit)."""
_OF_UPLOAD = frozenset((_ASKED, ONLY_NEW))


def choose_checksum(algorithm: str | None, checksum_type: str | None) -> tuple[str, str]:
    """The checksum algorithm and type of an upload; neither asked means CRC64NVME over the full object
    (S3 User Guide, "Checking object integrity", has the table of what each algorithm allows).

    Errors: InvalidRequest (unknown algorithm or type, a type without algorithm, a pair that cannot be)."""
    if checksum_type is not None and checksum_type not in (FULL_OBJECT, COMPOSITE):
        raise InvalidRequest("Value for x-amz-checksum-type header is invalid.")
    if algorithm is None:
        if checksum_type is not None:
            raise InvalidRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
        return DEFAULT, FULL_OBJECT
    chosen = ALGORITHMS.get(algorithm.upper())
    if chosen is None:
        raise InvalidRequest(
            f"Checksum algorithm provided is unsupported. Please try again with any of the valid types: [{', '.join(ALGORITHMS)}]"
        )
    if checksum_type is None:
        return chosen.name, chosen.types[0]
    if checksum_type not in chosen.types:
        raise InvalidRequest(f"The {checksum_type} checksum type cannot be used with the {algorithm.lower()} checksum algorithm.")
    return chosen.name, checksum_type


def asked_for_checksum(upload: Upload) -> bool:
    """Whether the client chose the upload's checksum algorithm (else it is the default, which answers do not mention)."""
    return _ASKED in upload.facts.extra


def final_facts(upload: Upload) -> Facts:
    """The facts of the object that the upload becomes, without what only the upload needed."""
    if _OF_UPLOAD.isdisjoint(upload.facts.extra):
        return upload.facts
    return msgspec.structs.replace(upload.facts, extra={name: value for name, value in upload.facts.extra.items() if name not in _OF_UPLOAD})


def new_upload(
    bucket_id: int,
    key: str,
    *,
    facts: Facts,
    owner: str,
    initiator: str = "",
    storage_class: str,
    now_ms: int,
    algorithm: str | None,
    checksum_type: str | None,
) -> Upload:
    """An upload to start, with an id that cannot be guessed. `owner` will own the object; `initiator` is who asks, by default the same.

    Errors: as choose_checksum."""
    chosen, kind = choose_checksum(algorithm, checksum_type)
    extra = {**facts.extra, _ASKED: "1"} if algorithm is not None else facts.extra
    return Upload(
        upload_id=secrets.token_hex(24),
        bucket_id=bucket_id,
        key=key,
        initiated_ms=now_ms,
        owner=owner,
        initiator=initiator or owner,
        storage_class=storage_class,
        facts=msgspec.structs.replace(facts, checksum_algorithm=chosen, checksum_type=kind, checksum_value="", extra=extra),
    )


async def start_upload(engine: Engine, bucket: Bucket, upload: Upload) -> None:
    """Stores the upload, with the bucket's default encryption and retention where it has none of its own.

    Errors: NoSuchBucket, OperationAborted (the bucket changes all the time); as `seal`."""
    extra = upload.facts.extra
    if LOCK in bucket.settings and LOCKED not in extra:
        extra = extra | new_lock(bucket.settings, None, None, None, upload.initiated_ms)
    if ENCRYPTION in bucket.settings and FACT not in extra:
        sealing = await seal(engine, bucket.settings)
        extra = extra | (sealing.extra if sealing is not None else {})
    if extra is not upload.facts.extra:
        upload = msgspec.structs.replace(upload, facts=msgspec.structs.replace(upload.facts, extra=extra))
    for _ in range(STALE_RETRIES):
        try:
            return await engine.catalog.start_upload(bucket, upload)
        except Stale:
            bucket = await current(engine, bucket)
        except Gone:
            raise NoSuchBucket(None, BucketName=bucket.name) from None
    raise OperationAborted


async def find_upload(engine: Engine, bucket_id: int, key: str, upload_id: str) -> Upload:
    """The upload in progress. Errors: NoSuchUpload, also for the id of another key's or another bucket's upload."""
    upload = await engine.catalog.upload(bucket_id, key, upload_id)
    if upload is None:
        raise NoSuchUpload(None, UploadId=upload_id)
    return upload


def check_part_number(number: int) -> None:
    """Errors: InvalidArgument outside 1..10000."""
    if not 1 <= number <= PART_NUMBER_MAX:
        raise InvalidArgument(
            "Part number must be an integer between 1 and 10000, inclusive", ArgumentName="partNumber", ArgumentValue=str(number)
        )


def check_part_algorithm(upload: Upload, algorithm: str | None) -> None:
    """A part may carry a checksum of the upload's algorithm; any, when the client chose none for the upload. Errors: InvalidRequest."""
    if algorithm is not None and asked_for_checksum(upload) and algorithm != upload.facts.checksum_algorithm:
        raise InvalidRequest(
            f"Checksum Type mismatch occurred, expected checksum Type: {upload.facts.checksum_algorithm.lower()},"
            f" actual checksum Type: {algorithm.lower()}"
        )


class Tee:
    """A request body that is hashed with one more algorithm on its way: the upload's own, beside the one that the client chose for the part."""

    __slots__ = ("_body", "_hash", "length", "trailers")

    def __init__(self, body: Body, algorithm: Algorithm) -> None:
        self._body = body
        self._hash = algorithm.new()
        self.length = body.length
        self.trailers = body.trailers

    async def read(self) -> bytes:
        """As Body.read."""
        piece = await self._body.read()
        self._hash.update(piece)
        return piece

    async def read_all(self, limit: int) -> bytes:
        """As Body.read_all."""
        data = await self._body.read_all(limit)
        self._hash.update(data)
        return data

    def checksum(self) -> str:
        """The checksum of all that was read, in base64."""
        return encode(self._hash.digest())


async def sink_of(engine: Engine, upload: Upload, customer_key: bytes = b"") -> Sink:
    """Where the parts of an upload are written: sealed under its data key if the object will be encrypted. Errors: as `data_key_of`."""
    if not customer_key and FACT not in upload.facts.extra:
        return engine.blobs
    data_key = await data_key_of(engine, upload.facts, customer_key)
    return engine.blobs if data_key is None else SealedBlobs(engine.blobs, data_key)


async def receive_part(
    engine: Engine, upload: Upload, number: int, body: Body, claim: Claim, *, now_ms: int, size_max: int = PUT_BYTES_MAX, customer_key: bytes = b""
) -> tuple[Part, str]:
    """Takes in and stores a part; the part, and its checksum of the algorithm that the client chose for it.

    Errors: InvalidRequest (another algorithm than the upload's), EntityTooLarge (before the first byte is read), BadDigest, NoSuchUpload;
    as `data_key_of`."""
    own = ALGORITHMS[upload.facts.checksum_algorithm]
    check_part_algorithm(upload, claim.algorithm.name)
    tee = Tee(body, own) if claim.algorithm.name != own.name else None
    sink = await sink_of(engine, upload, customer_key)
    received = await receive(sink, tee or body, claim, size_max=size_max, storage_class=upload.storage_class)
    part = Part(
        number=number,
        size=received.size,
        etag=received.etag,
        modified_ms=now_ms,
        checksum=tee.checksum() if tee is not None else received.checksum,
        blobs=received.blobs,
    )
    await add_received(engine, upload, part)
    return part, received.checksum


async def add_received(engine: Engine, upload: Upload, part: Part) -> None:
    """As `add_part`, for a part whose bytes were received just now and belong to nothing else."""
    try:
        await add_part(engine, upload, part)
    except NOT_COMMITTED:
        await discard(engine, part.blobs)
        raise


async def add_part(engine: Engine, upload: Upload, part: Part) -> None:
    """Stores a part, and discards what it replaced. Errors: NoSuchUpload when the upload has ended meanwhile; Gone for a shared blob."""
    try:
        committed = await engine.catalog.add_part(upload, part)
    except Gone:
        await find_upload(engine, upload.bucket_id, upload.key, upload.upload_id)
        raise
    if committed.unneeded:
        await discard(engine, committed.unneeded)


async def abort_upload(engine: Engine, upload: Upload) -> None:
    """Ends the upload and frees its parts. Errors: NoSuchUpload."""
    try:
        committed = await engine.catalog.abort_upload(upload)
    except Gone:
        raise NoSuchUpload(None, UploadId=upload.upload_id) from None
    await discard(engine, committed.unneeded)


async def expire_uploads(engine: Engine, now_ms: int, older_than_s: float = UPLOAD_AGE_S) -> int:
    """Aborts every upload initiated more than `older_than_s` seconds before `now_ms`; how many it aborted.

    Safe to run beside clients and beside itself: an upload that ends meanwhile is passed over."""
    aborted = 0
    while True:
        stale = await engine.catalog.stale_uploads(now_ms - int(older_than_s * 1000))
        before = aborted
        for upload in stale:
            try:
                await abort_upload(engine, upload)
            except NoSuchUpload:
                continue
            aborted += 1
        if not stale or aborted == before:
            return aborted


async def list_uploads(
    engine: Engine, bucket_id: int, *, prefix: str, delimiter: str, key_marker: str, upload_id_marker: str, limit: int
) -> tuple[UploadPage, str, str]:
    """A page of uploads in progress, and the key and upload id markers of the next one ("" where there is none).

    An upload id marker without a key marker is ignored (S3 API Reference, ListMultipartUploads)."""
    if limit == 0:
        return UploadPage(uploads=[], prefixes=[]), "", ""
    page = await engine.catalog.uploads(
        bucket_id,
        prefix=prefix,
        delimiter=delimiter,
        after_key=key_marker,
        after_upload=upload_id_marker if key_marker else "",
        limit=limit,
    )
    if not page.truncated:
        return page, "", ""
    last_prefix = page.prefixes[-1] if page.prefixes else ""
    if page.uploads and page.uploads[-1].key > last_prefix:
        return page, page.uploads[-1].key, page.uploads[-1].upload_id
    return page, last_prefix, ""


async def list_parts(engine: Engine, upload: Upload, *, after: int, limit: int) -> tuple[list[Part], bool]:
    """At most `limit` parts with numbers above `after`, and whether more follow."""
    if limit == 0:
        return [], False
    parts = await engine.catalog.parts(upload, after=after, limit=limit + 1)
    return parts[:limit], len(parts) > limit
