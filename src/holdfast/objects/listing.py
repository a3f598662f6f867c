"""What listings mean: which page is wanted, and where the next one starts."""

from __future__ import annotations

from holdfast.engine.api import Engine, ListPage, ListQuery
from holdfast.model.errors import InvalidArgument
from holdfast.model.objects import NULL_VERSION

_NOTHING = ListPage(entries=[], prefixes=[])


async def list_keys(engine: Engine, bucket_id: int, *, prefix: str, delimiter: str, after: str, limit: int) -> ListPage:
    """A page of the live keys strictly after `after`. A limit of 0 is an empty page that is not truncated, as S3 answers."""
    if limit == 0:
        return _NOTHING
    return await engine.catalog.list(ListQuery(bucket_id=bucket_id, prefix=prefix, delimiter=delimiter, after=after, limit=limit))


async def list_versions(
    engine: Engine, bucket_id: int, *, prefix: str, delimiter: str, key_marker: str | None, version_id_marker: str | None, limit: int
) -> ListPage:
    """A page of all versions and delete markers, keys in order, versions of a key newest first.

    Errors: InvalidArgument for a version id marker without a key marker, or an empty one."""
    if version_id_marker is not None:
        if not key_marker:
            raise InvalidArgument("A version-id marker cannot be specified without a key marker.", ArgumentName="version-id-marker")
        if not version_id_marker:
            raise InvalidArgument("A version-id marker cannot be empty.", ArgumentName="version-id-marker")
    if limit == 0:
        return _NOTHING
    return await engine.catalog.list(
        ListQuery(
            bucket_id=bucket_id,
            prefix=prefix,
            delimiter=delimiter,
            after=key_marker or "",
            after_version=version_id_marker or "",
            limit=limit,
            versions=True,
        )
    )


def next_version_marker(page: ListPage) -> tuple[str, str]:
    """NextKeyMarker and NextVersionIdMarker ("" where the page ended with a common prefix)."""
    ended_with_prefix = bool(page.prefixes) and page.prefixes[-1] == page.last
    return page.last, "" if ended_with_prefix else page.last_version or NULL_VERSION
