"""GetObjectAttributes."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.model.errors import InvalidArgument
from holdfast.model.objects import Version
from holdfast.objects.checksums import ALGORITHMS
from holdfast.objects.read import read_version_id
from holdfast.s3.access import find_allowed
from holdfast.s3.encryption import CUSTOMER_MEMBERS, check_readable
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of

PARTS_MAX = 1000


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    object_attributes: list[str]
    version_id: str | None = None
    max_parts: int | None = None
    part_number_marker: int | None = None


@operation("GetObjectAttributes", "s3:GetObjectAttributes", judges=True, ignores=CUSTOMER_MEMBERS)
async def get_object_attributes(call: Call[Input]) -> dict[str, Any]:
    """Those attributes of a version that the request names (S3 API Reference, GetObjectAttributes).

    Errors: NoSuchKey, NoSuchVersion, MethodNotAllowed (a delete marker), InvalidArgument."""
    given = call.input
    bucket = bucket_of(call)
    _check_paging(given)
    version = await find_allowed(call, bucket, given.key, given.version_id)
    await check_readable(call, version.facts)
    output: dict[str, Any] = {"last_modified": version.modified_ms / 1000, "version_id": read_version_id(bucket, version)}
    wanted = frozenset(given.object_attributes)
    if "ETag" in wanted:
        output["etag"] = version.etag
    if "Checksum" in wanted and version.facts.checksum_value:
        facts = version.facts
        output["checksum"] = {ALGORITHMS[facts.checksum_algorithm].member: facts.checksum_value, "checksum_type": facts.checksum_type}
    if "ObjectParts" in wanted and version.facts.parts:
        output["object_parts"] = _parts(version, given.part_number_marker or 0, PARTS_MAX if given.max_parts is None else given.max_parts)
    if "StorageClass" in wanted:
        output["storage_class"] = version.storage_class
    if "ObjectSize" in wanted:
        output["object_size"] = version.size
    return output


def _check_paging(given: Input) -> None:
    for name, value in (("x-amz-max-parts", given.max_parts), ("x-amz-part-number-marker", given.part_number_marker)):
        if value is not None and value < 0:
            raise InvalidArgument(f"Argument {name} must be an integer of 0 or more", ArgumentName=name, ArgumentValue=str(value))


def _parts(version: Version, marker: int, limit: int) -> dict[str, Any]:
    """A page of parts, numbered from 1 in their order, as GetObject's partNumber counts them."""
    parts = version.facts.parts
    limit = min(limit, PARTS_MAX)
    page = parts[marker : marker + limit]
    algorithm = ALGORITHMS.get(version.facts.checksum_algorithm)
    rows: list[dict[str, Any]] = []
    for number, part in enumerate(page, marker + 1):
        row: dict[str, Any] = {"part_number": number, "size": part.size}
        if algorithm is not None and part.checksum:
            row[algorithm.member] = part.checksum
        rows.append(row)
    return {
        "total_parts_count": len(parts),
        "part_number_marker": marker,
        "next_part_number_marker": marker + len(page),
        "max_parts": limit,
        "is_truncated": marker + len(page) < len(parts),
        "parts": rows,
    }
