"""ListObjectVersions: every version and delete marker of a bucket."""

from __future__ import annotations

from typing import Any

from holdfast.engine.api import ListQuery
from holdfast.model.errors import InvalidArgument
from holdfast.model.messages import Response
from holdfast.objects.paging import continuation_place, continuation_token
from holdfast.oci.answers import document
from holdfast.oci.listing import read_query, summary_of
from holdfast.oci.object_head import NATIVE, native_version_id
from holdfast.oci.operation import Call, operation

_QUERY = ("prefix", "start", "end", "limit", "delimiter", "fields", "startAfter", "page")


@operation("ListObjectVersions", "GET", "/n/{namespaceName}/b/{bucketName}/objectversions", query=_QUERY)
async def list_object_versions(call: Call) -> Response:
    """Every version and delete marker, names in order, versions of a name newest first. Errors: InvalidArgument."""
    bucket, page = call.place(), call.query.get("page")
    query = b"&".join(pair for pair in call.request.query.split(b"&") if not pair.startswith(b"page="))
    asked = read_query(query)
    after, version = asked.after, ""
    if page is not None:
        version, newline, after = continuation_place(page).partition("\n")
        if not newline:
            raise InvalidArgument("The page is not one that was given out.", ArgumentName="page")
    found = await call.engine.catalog.list(
        ListQuery(
            bucket_id=bucket.id, prefix=asked.prefix, delimiter=asked.delimiter, start=asked.start, after=after, after_version=version,
            limit=asked.limit, versions=True,
        )
    )  # fmt: skip
    entries = [entry for entry in found.entries if not asked.end or entry.key < asked.end]
    prefixes = [prefix for prefix in found.prefixes if not asked.end or prefix < asked.end]
    items: list[dict[str, Any]] = []
    for entry in entries:
        row = summary_of(bucket.id, entry, asked.fields)
        if entry.is_delete_marker:
            row = {name: value for name, value in row.items() if name not in ("size", "md5", "storageTier")}
        items.append({**row, "versionId": native_version_id(bucket.id, entry), "isDeleteMarker": entry.is_delete_marker})
    headers = []
    if found.truncated and not (asked.end and found.last >= asked.end):
        ended_with_prefix = bool(found.prefixes) and found.prefixes[-1] == found.last
        place = f"{'' if ended_with_prefix else found.last_version}\n{found.last}"
        headers.append((b"opc-next-page", continuation_token(place).encode("ascii")))
    return document({"items": items, "prefixes": prefixes}, 200, *headers, NATIVE)
