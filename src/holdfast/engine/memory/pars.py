"""Pre-authenticated requests of the reference engine: a dictionary by number, and one of upload tokens."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import AlreadyExists, Gone, HasPars
from holdfast.engine.memory.gate import Gate
from holdfast.engine.moving import PAR
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Upload
from holdfast.model.pars import Par, ParUpload


class MemoryPars:
    """`Pars` in dictionaries; what it shares with the rest of the catalog are its buckets and uploads."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.all_buckets: dict[int, Bucket] = {}
        self.all_uploads: dict[str, Upload] = {}
        self._numbers = 0
        self._pars: dict[int, Par] = {}
        self.all_tokens: dict[bytes, ParUpload] = {}

    def require_no_pars(self, bucket_id: int) -> None:
        """Errors: HasPars."""
        count = sum(par.bucket_id == bucket_id for par in self._pars.values())
        if count:
            raise HasPars(count)

    async def create_par(self, par: Par) -> Par:
        self.gate.require()
        if par.bucket_id not in self.all_buckets:
            raise Gone("bucket")
        if any(other.digest == par.digest or (other.bucket_id, other.id) == (par.bucket_id, par.id) for other in self._pars.values()):
            raise AlreadyExists(par.id)
        number = par.number if self.gate.filling and par.number else self._numbers + 1
        self._numbers = max(self._numbers, number)
        stored = msgspec.structs.replace(par, number=number)
        self._pars[stored.number] = stored
        self.gate.note(PAR, par.bucket_id, par.id)
        return stored

    async def par_of_token(self, digest: bytes) -> Par | None:
        return next((par for par in self._pars.values() if par.digest == digest), None)

    async def par(self, bucket_id: int, id: str) -> Par | None:
        return next((par for par in self._pars.values() if (par.bucket_id, par.id) == (bucket_id, id)), None)

    async def pars(self, bucket_id: int, *, prefix: str = "", after: tuple[str, int] = ("", 0), limit: int = 1000) -> list[Par]:
        found = [
            par
            for par in self._pars.values()
            if par.bucket_id == bucket_id and par.target.startswith(prefix) and (par.target, par.number) > after
        ]  # fmt: skip
        return sorted(found, key=lambda par: (par.target, par.number))[:limit]

    async def delete_par(self, bucket_id: int, id: str) -> bool:
        par = await self.par(bucket_id, id)
        if par is None:
            return False
        self.gate.require()
        self._remove_par(par)
        return True

    def _remove_par(self, par: Par) -> None:
        self.gate.note(PAR, par.bucket_id, par.id)
        del self._pars[par.number]
        self.all_tokens = {digest: token for digest, token in self.all_tokens.items() if token.par != par.number}

    async def create_par_upload(self, token: ParUpload) -> None:
        self.gate.require()
        if token.par not in self._pars:
            raise Gone("pre-authenticated request")
        if token.digest in self.all_tokens:
            raise AlreadyExists(token.upload_id)
        self.all_tokens[token.digest] = token

    async def par_upload_of_token(self, digest: bytes) -> tuple[ParUpload, Par] | None:
        token = self.all_tokens.get(digest)
        return (token, self._pars[token.par]) if token is not None else None

    async def purge_pars(self, before_ms: int, limit: int = 1000) -> int:
        self.gate.require()
        expired = sorted((par for par in self._pars.values() if par.expires_ms < before_ms), key=lambda par: (par.expires_ms, par.number))[:limit]
        for par in expired:
            self._remove_par(par)
        old = sorted(
            (token for token in self.all_tokens.values() if token.created_ms < before_ms and token.upload_id not in self.all_uploads),
            key=lambda token: (token.created_ms, token.digest),
        )[:limit]
        for token in old:
            del self.all_tokens[token.digest]
        return len(expired) + len(old)
