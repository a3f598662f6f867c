"""Walks over what a store holds, a page at a time, and two such walks side by side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from holdfast.engine.api import Engine
from holdfast.model.buckets import Bucket
from holdfast.model.document import Document
from holdfast.model.objects import Part, Upload, Version
from holdfast.model.pars import Par, ParUpload

T = TypeVar("T")
PAGE = 1000
FEW = 4
"""Versions asked for first where one key's are wanted: most have one."""

OWN_KIND = "migration"
"""The kind of the documents in which a migration keeps its own notes, on both sides: not part of what is moved."""


async def _pages(page: Callable[..., Awaitable[list[T]]], place: Callable[[T], Any], start: Any) -> AsyncIterator[T]:
    after = start
    while some := await page(after=after, limit=PAGE):
        for one in some:
            yield one
        after = place(some[-1])


async def documents(engine: Engine) -> AsyncIterator[Document]:
    """All but the migration's own, in order of `place_of_document`."""
    async for document in _pages(engine.moving.documents, place_of_document, ("", "")):
        if document.kind != OWN_KIND:
            yield document


def buckets(engine: Engine) -> AsyncIterator[Bucket]:
    """In order of id."""
    return _pages(engine.moving.buckets, lambda bucket: bucket.id, 0)


def versions(engine: Engine, bucket_id: int) -> AsyncIterator[Version]:
    """In order of `place_of_version`."""

    def page(after: tuple[str, int], limit: int) -> Awaitable[list[Version]]:
        return engine.moving.versions(bucket_id, after=after, limit=limit)

    return _pages(page, place_of_version, ("", 0))


async def versions_of(engine: Engine, bucket_id: int, key: str) -> AsyncIterator[Version]:
    """Those of one key, oldest first."""
    after, limit = (key, 0), FEW
    while some := await engine.moving.versions(bucket_id, after=after, limit=limit):
        for version in some:
            if version.key != key:
                return
            yield version
        if len(some) < limit:
            return
        after, limit = place_of_version(some[-1]), PAGE


def pars(engine: Engine, bucket_id: int) -> AsyncIterator[Par]:
    """In order of `place_of_par`."""

    def page(after: tuple[str, int], limit: int) -> Awaitable[list[Par]]:
        return engine.catalog.pars(bucket_id, after=after, limit=limit)

    return _pages(page, place_of_par, ("", 0))


def par_uploads(engine: Engine) -> AsyncIterator[ParUpload]:
    """In order of digest."""
    return _pages(engine.moving.par_uploads, lambda token: token.digest, b"")


async def uploads(engine: Engine, bucket_id: int) -> AsyncIterator[Upload]:
    """In order of `place_of_upload`."""
    key = upload_id = ""
    while True:
        page = await engine.catalog.uploads(bucket_id, after_key=key, after_upload=upload_id, limit=PAGE)
        for upload in page.uploads:
            yield upload
        if not page.truncated or not page.uploads:
            return
        key, upload_id = page.uploads[-1].key, page.uploads[-1].upload_id


def parts(engine: Engine, upload: Upload) -> AsyncIterator[Part]:
    """In order of number."""

    def page(after: int, limit: int) -> Awaitable[list[Part]]:
        return engine.catalog.parts(upload, after=after, limit=limit)

    return _pages(page, lambda part: part.number, 0)


def place_of_document(document: Document) -> tuple[str, str]:
    return document.kind, document.name


def place_of_version(version: Version) -> tuple[str, int]:
    return version.key, version.seq


def place_of_par(par: Par) -> tuple[str, int]:
    return par.target, par.number


def place_of_upload(upload: Upload) -> tuple[str, int, str]:
    return upload.key, upload.initiated_ms, upload.upload_id


async def beside(left: AsyncIterator[T], right: AsyncIterator[T], place: Callable[[T], Any]) -> AsyncIterator[tuple[T | None, T | None]]:
    """Two walks in one order as one: what has the same place on both sides together, what only one side has with None for the other."""
    one, other = await anext(left, None), await anext(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and place(one) < place(other)):
            yield one, None
            one = await anext(left, None)
        elif one is None or place(other) < place(one):
            yield None, other
            other = await anext(right, None)
        else:
            yield one, other
            one, other = await anext(left, None), await anext(right, None)
