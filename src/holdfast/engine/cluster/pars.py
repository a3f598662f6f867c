"""Pre-authenticated requests of the cluster's catalog, and how its heir reads."""

from __future__ import annotations

from zlib import crc32

import msgspec

from holdfast.engine.api import AlreadyExists, Gone
from holdfast.engine.cluster import documents, statements, steps
from holdfast.engine.cluster.database import Database, lock_of
from holdfast.engine.cluster.listing import successor
from holdfast.engine.cluster.wire import int8, text
from holdfast.model.pars import Par, ParUpload

_par_of = msgspec.msgpack.Decoder(Par).decode
_par_upload_of = msgspec.msgpack.Decoder(ParUpload).decode


def _par_document(par: Par) -> bytes:
    """The `doc` column of a request: without its number, which the database gives."""
    return documents.sealed(documents.pack(msgspec.structs.replace(par, number=0)), crc32(par.id.encode()))


def _par(number: int, stored: bytes, id: str | None = None) -> Par:
    """Errors: Damaged."""
    par = _par_of(stored[:-4])
    documents.opened(stored, crc32(par.id.encode()), f"pre-authenticated request {number}")
    return msgspec.structs.replace(par, number=number)


def par_upload_of(digest: bytes, stored: bytes) -> ParUpload:
    """Errors: Damaged."""
    return _par_upload_of(documents.opened(stored, crc32(digest), "token of an upload"))


class ClusterPars:
    """`Pars` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def par_of_token(self, digest: bytes) -> Par | None:
        found = await self._database.read(statements.PAR_OF_TOKEN, digest)
        return _par(*found[0]) if found else None

    async def par(self, bucket_id: int, id: str) -> Par | None:
        found = await self._database.read(statements.PAR, int8(bucket_id), text(id))
        return _par(*found[0]) if found else None

    async def pars(self, bucket_id: int, *, prefix: str = "", after: tuple[str, int] = ("", 0), limit: int = 1000) -> list[Par]:
        begin, place = prefix.encode(), after[0].encode()
        found = await self._database.page(
            statements.PARS, int8(bucket_id), max(begin, place), successor(begin), place, int8(after[1]), int8(limit)
        )
        return [_par(*row) for row in found]

    async def create_par(self, par: Par) -> Par:
        parameters = (int8(par.bucket_id), text(par.id), par.target.encode(), int8(par.expires_ms), par.digest, _par_document(par), int8(par.number))
        status, number = (await self._database.step(statements.CREATE_PAR, parameters, (par.bucket_id, lock_of(par.bucket_id, par.digest))))[0]
        if status == steps.TAKEN:
            raise AlreadyExists(par.id)
        steps.require(status)
        return msgspec.structs.replace(par, number=number)

    async def delete_par(self, bucket_id: int, id: str) -> bool:
        status = (await self._database.step(statements.DELETE_PAR, (int8(bucket_id), text(id))))[0][0]
        if status == steps.VERSION_GONE:
            return False
        steps.require(status)
        return True

    async def create_par_upload(self, token: ParUpload) -> None:
        document = documents.sealed(documents.pack(token), crc32(token.digest))
        parameters = (token.digest, int8(token.par), text(token.upload_id), int8(token.created_ms), document)
        status = (await self._database.step(statements.CREATE_PAR_UPLOAD, parameters))[0][0]
        if status == steps.BUCKET_GONE:
            raise Gone("pre-authenticated request")
        if status == steps.TAKEN:
            raise AlreadyExists(token.upload_id)
        steps.require(status)

    async def par_upload_of_token(self, digest: bytes) -> tuple[ParUpload, Par] | None:
        found = await self._database.read(statements.PAR_UPLOAD, digest)
        if not found:
            return None
        stored, number, par = found[0]
        return par_upload_of(digest, stored), _par(number, par)

    async def purge_pars(self, before_ms: int, limit: int = 1000) -> int:
        removed: int = (await self._database.step(statements.PURGE_PARS, (int8(before_ms), int8(limit))))[0][0]
        steps.require(steps.FROZEN if removed < 0 else steps.DONE)
        return removed
