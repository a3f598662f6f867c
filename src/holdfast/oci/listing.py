"""ListObjects of the native doors: its query, the page that it means, and the JSON of it.

Source: OCI API, ListObjects. `nextStartWith` is the name of the first object that was left out.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from holdfast.engine.api import Engine, ListQuery
from holdfast.model.errors import InvalidArgument
from holdfast.model.objects import Entry
from holdfast.oci.object_head import TIER_OF, md5_of, native_etag
from holdfast.wire.values import iso_date_ms

LIMIT_MAX = 1000
_FIELDS = {name.lower(): name for name in ("name", "size", "etag", "md5", "timeCreated", "timeModified", "storageTier", "archivalState")}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be listed. `start` is inclusive, `after` and `end` are exclusive; "" says nothing."""

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    after: str = ""
    end: str = ""
    limit: int = LIMIT_MAX
    fields: tuple[str, ...] = ("name",)

    def within(self, prefix: str) -> Asked:
        """The same with a narrower prefix."""
        return msgspec.structs.replace(self, prefix=prefix)


def read_query(query: bytes) -> Asked:
    """Errors: InvalidArgument for a parameter that ListObjects does not have, has twice, or whose value cannot be."""
    found = parameters(query)
    unknown = found.keys() - {"prefix", "delimiter", "start", "startAfter", "end", "limit", "fields"}
    if unknown:
        raise InvalidArgument(f"ListObjects has no parameter {min(unknown)}.", ArgumentName=min(unknown))
    delimiter = found.get("delimiter", "")
    if delimiter not in ("", "/"):
        raise InvalidArgument("delimiter can only be '/'.", ArgumentName="delimiter")
    limit = found.get("limit", str(LIMIT_MAX))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 10 and int(limit) >= 1):
        raise InvalidArgument("limit must be a number from 1.", ArgumentName="limit")
    fields: list[str] = []
    for name in found.get("fields", "name").split(","):
        known = _FIELDS.get(name.strip().lower())
        if known is None:
            raise InvalidArgument(f"fields can be {', '.join(_FIELDS.values())}.", ArgumentName="fields")
        fields.append(known)
    return Asked(
        prefix=found.get("prefix", ""),
        delimiter=delimiter,
        start=found.get("start", ""),
        after=found.get("startAfter", ""),
        end=found.get("end", ""),
        limit=min(int(limit), LIMIT_MAX),
        fields=tuple(dict.fromkeys(("name", *fields))),
    )


def parameters(query: bytes) -> dict[str, str]:
    """The parameters of a query, decoded once; a plus sign is a space. Errors: InvalidArgument (no UTF-8, or twice the same)."""
    found: dict[str, str] = {}
    for pair in query.split(b"&"):
        name, _, value = pair.replace(b"+", b" ").partition(b"=")
        if not name:
            continue
        try:
            key, text = unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()
        except UnicodeDecodeError:
            raise InvalidArgument("The query is not UTF-8.") from None
        if key in found:
            raise InvalidArgument(f"The parameter {key} stands twice in the query.", ArgumentName=key)
        found[key] = text
    return found


async def list_objects(engine: Engine, bucket_id: int, asked: Asked) -> dict[str, Any]:
    """The document of one page; names in the order of their UTF-8 bytes, objects and prefixes together at most `limit`."""
    query = ListQuery(
        bucket_id=bucket_id, prefix=asked.prefix, delimiter=asked.delimiter, start=asked.start, after=asked.after, limit=asked.limit + 1
    )
    page = await engine.catalog.list(query)
    entries, prefixes, following = list(page.entries), list(page.prefixes), ""
    if len(entries) + len(prefixes) > asked.limit:
        last = prefixes if prefixes and (not entries or prefixes[-1] > entries[-1].key) else entries
        dropped = last.pop()
        following = dropped if isinstance(dropped, str) else dropped.key
    if asked.end:
        entries = [entry for entry in entries if entry.key < asked.end]
        prefixes = [prefix for prefix in prefixes if prefix < asked.end]
        following = following if following < asked.end else ""
    document: dict[str, Any] = {"objects": [summary_of(bucket_id, entry, asked.fields) for entry in entries]}
    if asked.delimiter:
        document["prefixes"] = prefixes
    if following:
        document["nextStartWith"] = following
    return document


def summary_of(bucket_id: int, entry: Entry, fields: tuple[str, ...]) -> dict[str, Any]:
    if fields == ("name",):
        return {"name": entry.key}
    modified = iso_date_ms(entry.modified_ms)
    tier = TIER_OF.get(entry.storage_class, "Standard")
    every: dict[str, Any] = {
        "name": entry.key,
        "size": entry.size,
        "etag": native_etag(bucket_id, entry),
        "md5": md5_of(entry.etag),
        "timeCreated": modified,
        "timeModified": modified,
        "storageTier": tier,
    }
    return {name: every[name] for name in fields if name in every}
