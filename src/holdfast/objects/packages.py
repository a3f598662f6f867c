"""Bodies at rest as sealed packages: AES-256-GCM over 64 KiB at a time, so that any range can be read and every byte given was verified.

One run of bytes (a whole body, or a part of a multipart upload) is stored as 16 bytes of salt and then its packages, each the
ciphertext of at most 64 KiB with its 16 byte tag. The key of a run is HMAC-SHA-256 of the salt under the object's data key, the nonce of
a package its number in the run: no nonce is ever used twice under one key, also when a part is sent again. Source: NIST SP 800-38D.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.engine.api import Blobs, BlobWriter, Damaged
from holdfast.model.objects import Blob

PACKAGE: Final = 64 * 1024
SALT: Final = 16
TAG: Final = 16
KEY_BYTES: Final = 32
_SEALED: Final = PACKAGE + TAG
_LABEL: Final = b"holdfast run 1 "


def sealed_size(size: int) -> int:
    """The stored size of a run of `size` bytes."""
    return SALT + size + TAG * -(-size // PACKAGE) if size else 0


def _cipher(data_key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(hmac.digest(data_key, _LABEL + salt, "sha256"))


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def seal_run(data_key: bytes, data: bytes) -> bytes:
    """A whole run at once; nothing of nothing."""
    if not data:
        return b""
    salt = secrets.token_bytes(SALT)
    cipher = _cipher(data_key, salt)
    packages = [
        cipher.encrypt(_nonce(number), data[start : start + PACKAGE], None) for number, start in enumerate(range(0, len(data), PACKAGE))
    ]
    return b"".join((salt, *packages))


class SealingWriter:
    """A `BlobWriter` that seals what it is given; memory stays below two packages and one piece."""

    def __init__(self, inner: BlobWriter, data_key: bytes) -> None:
        salt = secrets.token_bytes(SALT)
        self._inner = inner
        self._cipher = _cipher(data_key, salt)
        self._number = 0
        self._held = b""
        self._salt = salt

    async def write(self, data: bytes) -> None:
        """As BlobWriter.write."""
        data = self._held + data if self._held else data
        whole = len(data) // PACKAGE * PACKAGE
        self._held = data[whole:]
        if whole:
            await self._put([data[start : start + PACKAGE] for start in range(0, whole, PACKAGE)])

    async def _put(self, pieces: Iterable[bytes]) -> None:
        sealed = [self._salt]
        self._salt = b""
        for piece in pieces:
            sealed.append(self._cipher.encrypt(_nonce(self._number), piece, None))
            self._number += 1
        await self._inner.write(b"".join(sealed))

    async def finish(self) -> tuple[Blob, ...]:
        """As BlobWriter.finish."""
        if self._held:
            await self._put([self._held])
        return await self._inner.finish()

    async def abort(self) -> None:
        """As BlobWriter.abort."""
        await self._inner.abort()


class SealedBlobs:
    """What writes bodies under a data key: `inline_max`, `inline` and `writer` of `Blobs`, sizes being those of the plain bytes."""

    def __init__(self, inner: Blobs, data_key: bytes) -> None:
        self._inner = inner
        self._key = data_key

    def inline_max(self) -> int:
        """As Blobs.inline_max, less what sealing adds."""
        most = self._inner.inline_max()
        return max(0, most - SALT - TAG * (most // PACKAGE + 1))

    def inline(self, data: bytes) -> Blob:
        """As Blobs.inline."""
        return self._inner.inline(seal_run(self._key, data))

    def writer(self, size: int | None, storage_class: str = "") -> SealingWriter:
        """As Blobs.writer."""
        return SealingWriter(self._inner.writer(None if size is None else sealed_size(size), storage_class), self._key)


async def open_runs(inner: Blobs, blobs: tuple[Blob, ...], sizes: Iterable[int], data_key: bytes, start: int, length: int) -> AsyncIterator[bytes]:
    """The plain bytes [start, start + length) of runs of these plain `sizes` that are stored in `blobs` in a row, in pieces.

    Errors: Damaged where a package is not what was sealed; as Blobs.read."""
    stored_at = plain_at = 0
    end = start + length
    for size in sizes:
        first, last = max(start, plain_at) - plain_at, min(end, plain_at + size) - plain_at
        if first < last:
            run: Any = _open_run(inner, blobs, stored_at, size, data_key, first, last)
            async with aclosing(run):
                async for piece in run:
                    yield piece
        stored_at += sealed_size(size)
        plain_at += size
        if plain_at >= end:
            return


async def _open_run(
    inner: Blobs, blobs: tuple[Blob, ...], stored_at: int, size: int, data_key: bytes, first: int, last: int
) -> AsyncIterator[bytes]:
    """The plain bytes [first, last) of one run that begins at `stored_at`."""
    number = first // PACKAGE
    stop = -(-last // PACKAGE)
    at = stored_at + SALT + number * _SEALED
    until = min(stored_at + sealed_size(size), stored_at + SALT + stop * _SEALED)
    if number == 0:
        at = stored_at  # the salt comes with it
        cipher: AESGCM | None = None
    else:
        cipher = _cipher(data_key, b"".join([piece async for piece in inner.read(blobs, stored_at, SALT)]))
    held = b""
    pieces: Any = inner.read(blobs, at, until - at)
    async with aclosing(pieces):
        async for piece in pieces:
            held += piece
            if cipher is None:
                if len(held) < SALT:
                    continue
                cipher, held = _cipher(data_key, held[:SALT]), held[SALT:]
            opened: list[bytes] = []
            while len(held) >= _SEALED or (held and number == stop - 1 and len(held) == _package_size(size, number)):
                count = _package_size(size, number)
                opened.append(_open(cipher, number, held[:count]))
                held = held[count:]
                number += 1
            if opened:
                plain = b"".join(opened)
                begin = (number - len(opened)) * PACKAGE
                yield plain[max(0, first - begin) : last - begin]
    if held or number != stop:
        raise Damaged("an encrypted body is shorter than it was")


def _package_size(size: int, number: int) -> int:
    """Of a package as it is stored, in a run of `size` plain bytes."""
    return min(PACKAGE, size - number * PACKAGE) + TAG


def _open(cipher: AESGCM, number: int, sealed: bytes) -> bytes:
    try:
        return cipher.decrypt(_nonce(number), sealed, None)
    except InvalidTag:
        raise Damaged("an encrypted body is not what was stored") from None
