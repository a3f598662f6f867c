"""Pre-authenticated requests of the embedded catalog: how a token leads to one, and what of that a process remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import apsw

from holdfast.engine.api import Damaged, Unavailable
from holdfast.engine.embedded import listing, par_steps, rows
from holdfast.engine.embedded.generation import Generation, key_cell
from holdfast.engine.embedded.par_steps import TOKENS_OF_NO_BUCKET
from holdfast.engine.embedded.room import Room
from holdfast.engine.embedded.writer import Writer
from holdfast.model.pars import Par, ParUpload

T = TypeVar("T")

_KNOWN_MAX = 4096
"""Tokens remembered, and as many again that are no request's: those come from anybody, so they push no known one out."""

_OF_TOKEN = f"{par_steps.PAR} WHERE digest = ?"
_UPLOAD = (
    "SELECT u.digest, u.par, u.upload_id, u.created_ms, u.doc, u.row_check,"
    " p.number, p.bucket_id, p.id, p.target, p.expires_ms, p.digest, p.doc, p.row_check"
    " FROM par_uploads AS u JOIN pars AS p ON p.number = u.par WHERE u.digest = ?"
)


class EmbeddedPars:
    """`Pars` on SQLite, and how its heir, the catalog, reads."""

    def __init__(self, connection: apsw.Connection, writer: Writer, generation: Generation, room: Room) -> None:
        self._room = room
        self._connection = connection
        self._cursor = connection.cursor()
        self._writer = writer
        self._generation = generation
        self._known_tokens: dict[bytes, tuple[int, Par | None]] = {}
        self._unknown_tokens: dict[bytes, tuple[int, Par | None]] = {}

    def _read(self, read: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Runs a read; what SQLite finds broken is Damaged, what it cannot reach Unavailable."""
        try:
            return read(*arguments, **named)
        except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError, ValueError) as error:
            raise Damaged(f"the catalog is damaged: {error}") from error
        except apsw.Error as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    def _rows(self, statement: str, arguments: tuple[Any, ...]) -> list[Any]:
        return self._cursor.execute(statement, arguments).fetchall()

    async def par_of_token(self, digest: bytes) -> Par | None:
        """That there is none is remembered too, so that asking again costs the same whatever the answer is."""
        generation = self._generation.keys[key_cell(TOKENS_OF_NO_BUCKET, digest.hex())]
        known = self._known_tokens.get(digest) or self._unknown_tokens.get(digest)
        if known is not None and known[0] == generation:
            return known[1]
        found = self._read(self._rows, _OF_TOKEN, (digest,))
        par = self._read(rows.par_of, found[0]) if found else None
        if generation & 1 == 0:
            self._remember(digest, (generation, par))
        return par

    def _remember(self, digest: bytes, entry: tuple[int, Par | None]) -> None:
        into, out_of = self._known_tokens, self._unknown_tokens
        if entry[1] is None:
            into, out_of = out_of, into
        out_of.pop(digest, None)
        if len(into) >= _KNOWN_MAX:
            into.clear()
        into[digest] = entry

    async def par(self, bucket_id: int, id: str) -> Par | None:
        found = self._read(self._rows, f"{par_steps.PAR} WHERE bucket_id = ? AND id = ?", (bucket_id, id))
        return self._read(rows.par_of, found[0]) if found else None

    async def pars(self, bucket_id: int, *, prefix: str = "", after: tuple[str, int] = ("", 0), limit: int = 1000) -> list[Par]:
        statement = (
            f"{par_steps.PAR} WHERE bucket_id = ? AND target >= ? AND target < ? AND (target, number) > (?, ?) ORDER BY target, number LIMIT ?"
        )
        begin = max(prefix, after[0])
        found = self._read(self._rows, statement, (bucket_id, begin, listing.successor(prefix), *after, limit))
        return [self._read(rows.par_of, row) for row in found]

    async def create_par(self, par: Par) -> Par:
        self._room.require(0)
        return await self._writer.submit(lambda batch: par_steps.create_par(batch, par))

    async def delete_par(self, bucket_id: int, id: str) -> bool:
        return await self._writer.submit(lambda batch: par_steps.delete_par(batch, bucket_id, id))

    async def create_par_upload(self, token: ParUpload) -> None:
        self._room.require(0)
        await self._writer.submit(lambda batch: par_steps.create_par_upload(batch, token))

    async def par_upload_of_token(self, digest: bytes) -> tuple[ParUpload, Par] | None:
        found = self._read(self._rows, _UPLOAD, (digest,))
        if not found:
            return None
        return self._read(rows.par_upload_of, found[0][:6]), self._read(rows.par_of, found[0][6:])

    async def purge_pars(self, before_ms: int, limit: int = 1000) -> int:
        return await self._writer.submit(lambda batch: par_steps.purge_pars(batch, before_ms, limit))
