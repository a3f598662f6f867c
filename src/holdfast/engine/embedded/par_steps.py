"""The write steps on pre-authenticated requests and on the tokens of uploads that were begun through them."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import AlreadyExists, Gone, HasPars
from holdfast.engine.embedded import rows
from holdfast.engine.embedded.writer import Batch
from holdfast.model.pars import Par, ParUpload

PAR_COLUMNS = "number, bucket_id, id, target, expires_ms, digest, doc, row_check"
PAR = f"SELECT {PAR_COLUMNS} FROM pars"
TOKEN = "SELECT digest, par, upload_id, created_ms, doc, row_check, hex(digest) FROM par_uploads"  # noqa: S105 - no password

TOKENS_OF_NO_BUCKET = 0
"""The bucket id under which changes of tokens are counted (`Batch.touch`): no bucket has it."""


def require_none(batch: Batch, bucket_id: int) -> None:
    """Errors: HasPars."""
    count = batch.execute("SELECT count(*) FROM pars WHERE bucket_id = ?", (bucket_id,)).fetchall()[0][0]
    if count:
        raise HasPars(count)


def create_par(batch: Batch, par: Par) -> Par:
    """`Pars.create_par`."""
    if not batch.execute("SELECT 1 FROM buckets WHERE id = ?", (par.bucket_id,)).fetchall():
        raise Gone("bucket")
    taken = "SELECT 1 FROM pars WHERE digest = ? UNION ALL SELECT 1 FROM pars WHERE bucket_id = ? AND id = ?"
    if batch.execute(taken, (par.digest, par.bucket_id, par.id)).fetchall():
        raise AlreadyExists(par.id)
    batch.touch(TOKENS_OF_NO_BUCKET, par.digest.hex())
    number = par.number if batch.filling and par.number else None
    batch.execute("INSERT INTO pars VALUES (?, ?, ?, ?, ?, ?, x'', 0)", (number, par.bucket_id, par.id, par.target, par.expires_ms, par.digest))
    stored = msgspec.structs.replace(par, number=batch.connection.last_insert_rowid())
    batch.execute("UPDATE pars SET doc = ?, row_check = ? WHERE number = ?", (*rows.par_row(stored)[6:], stored.number))
    return stored


def delete_par(batch: Batch, bucket_id: int, id: str) -> bool:
    """`Pars.delete_par`."""
    found = batch.execute(f"{PAR} WHERE bucket_id = ? AND id = ?", (bucket_id, id)).fetchall()
    if not found:
        return False
    _remove(batch, found[0][0], found[0][5])
    return True


def _remove(batch: Batch, number: int, digest: bytes) -> None:
    """Also of a damaged row: what it grants must be revocable."""
    batch.touch(TOKENS_OF_NO_BUCKET, digest.hex())
    batch.execute("DELETE FROM par_uploads WHERE par = ?", (number,))
    batch.execute("DELETE FROM pars WHERE number = ?", (number,))


def create_par_upload(batch: Batch, token: ParUpload) -> None:
    """`Pars.create_par_upload`."""
    if not batch.execute("SELECT 1 FROM pars WHERE number = ?", (token.par,)).fetchall():
        raise Gone("pre-authenticated request")
    if batch.execute("SELECT 1 FROM par_uploads WHERE digest = ?", (token.digest,)).fetchall():
        raise AlreadyExists(token.upload_id)
    batch.execute("INSERT INTO par_uploads VALUES (?, ?, ?, ?, ?, ?)", rows.par_upload_row(token))


def purge_pars(batch: Batch, before_ms: int, limit: int) -> int:
    """`Pars.purge_pars`."""
    expired = batch.execute(
        "SELECT number, digest FROM pars WHERE expires_ms < ? ORDER BY expires_ms, number LIMIT ?", (before_ms, limit)
    ).fetchall()
    for number, digest in expired:
        _remove(batch, number, digest)
    old = batch.execute(
        "SELECT digest FROM par_uploads WHERE created_ms < ? AND NOT EXISTS (SELECT 1 FROM uploads WHERE uploads.upload_id = par_uploads.upload_id)"
        " ORDER BY created_ms, digest LIMIT ?",
        (before_ms, limit),
    ).fetchall()
    for (digest,) in old:
        batch.execute("DELETE FROM par_uploads WHERE digest = ?", (digest,))
    return len(expired) + len(old)
