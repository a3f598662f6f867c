"""The rows of ListObjects and ListObjectsV2: owners looked up, and the additions that a deployment may switch on."""

from __future__ import annotations

from typing import Any

from holdfast.engine.api import ListPage
from holdfast.model.ownership import owner_of
from holdfast.s3.listing_text import Encoding, common_prefixes, contents, owner_elements, xml_text
from holdfast.s3.operation import Call
from holdfast.s3.place import bucket_of, display_names


async def page_rows(call: Call[Any], page: ListPage, encoding: Encoding, *, with_owner: bool) -> str:
    """Contents and CommonPrefixes. With the setting `list_extras` (Yandex Object Storage does so) every row has Owner and
    TagSet, asked for or not; reading the tags costs one look-up a row."""
    extras = call.settings.list_extras
    elements = await owners_of(call, page) if with_owner or extras else dict.fromkeys((entry.owner for entry in page.entries), "")
    rows = contents(page.entries, encoding, elements, await _tag_sets(call, page)) if extras else contents(page.entries, encoding, elements)
    return rows + common_prefixes(page.prefixes, encoding) if page.prefixes else rows


async def owners_of(call: Call[Any], page: ListPage) -> dict[str, str]:
    """The Owner element to show for each owner that the entries name."""
    bucket = bucket_of(call)
    shown = {entry.owner: owner_of(bucket, entry.owner) for entry in page.entries}
    elements = owner_elements(await display_names(call, set(shown.values())))
    return {owner: elements[whose] for owner, whose in shown.items()}


async def _tag_sets(call: Call[Any], page: ListPage) -> list[str]:
    bucket_id = bucket_of(call).id
    sets = []
    for entry in page.entries:
        version = await call.engine.catalog.version(bucket_id, entry.key, entry.version_id)
        tags = version.facts.tags if version is not None else {}
        rows = "".join([f"<Tag><Key>{xml_text(key)}</Key><Value>{xml_text(value)}</Value></Tag>" for key, value in tags.items()])
        sets.append(f"<TagSet>{rows}</TagSet>")
    return sets
