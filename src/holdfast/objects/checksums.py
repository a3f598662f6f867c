"""The ten checksum algorithms of S3: computed in one go or piece by piece, verified, and combined over parts."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import awscrt.checksums as crt
import msgspec
import xxhash

from holdfast.model.errors import BadDigest, InvalidDigest

FULL_OBJECT = "FULL_OBJECT"
"""The checksum type of a checksum over the object's bytes, whatever parts it came in."""
COMPOSITE = "COMPOSITE"
"""The checksum type of a checksum over the checksums of the parts."""
DEFAULT = "CRC64NVME"
"""What S3 computes when the client sends no checksum of its own (S3 User Guide, "Checking object integrity")."""
MD5_SIZE = 16


class Hash(Protocol):
    """A running checksum, as hashlib's."""

    def update(self, data: Any, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    """A running CRC over a function `(data, previous) -> int`."""

    __slots__ = ("_function", "_size", "_value")

    def __init__(self, function: Callable[[Any, int], int], size: int) -> None:
        self._function = function
        self._size = size
        self._value = 0

    def update(self, data: Any, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


class Algorithm(msgspec.Struct, frozen=True, kw_only=True):
    """One algorithm. `size` is that of its digest in bytes; `new` starts a running one, `of` digests bytes at once.

    `header` is its S3 header, `member` its member in the S3 model in snake case. `combine` gives the checksum of two
    runs of bytes from (the first's, the second's, the second's length); only CRCs have one, so only they can be FULL_OBJECT in a
    multipart upload. `types` are the checksum types that a multipart upload allows, its default first.
    """

    name: str
    header: bytes
    member: str
    size: int
    new: Callable[[], Hash]
    of: Callable[[bytes], bytes]
    combine: Callable[[int, int, int], int] | None = None
    types: tuple[str, ...] = (COMPOSITE,)


def _crc(name: str, function: Callable[..., int], size: int, combine: Callable[[int, int, int], int], types: tuple[str, ...]) -> Algorithm:
    def of(data: bytes) -> bytes:
        return function(data).to_bytes(size, "big")

    return Algorithm(
        name=name, header=b"x-amz-checksum-" + name.lower().encode(), member="checksum_" + name.lower(), size=size,
        new=lambda: _Crc(function, size), of=of, combine=combine, types=types,
    )  # fmt: skip


def _hash(name: str, new: Callable[..., Any], of: Callable[[bytes], bytes], size: int) -> Algorithm:
    header = b"x-amz-checksum-" + name.lower().encode()
    return Algorithm(name=name, header=header, member="checksum_" + name.lower(), size=size, new=new, of=of)


def _fips(name: str) -> Callable[..., Any]:
    # SHA-1 and MD5 are integrity checks here, not security: allowed on hosts that forbid them for security.
    return lambda data=b"": hashlib.new(name, data, usedforsecurity=False)


def md5(data: bytes = b"") -> Any:
    """MD5 as an ETag needs it (an integrity check)."""
    return hashlib.md5(data, usedforsecurity=False)


_sha1 = _fips("sha1")

ALGORITHMS: dict[str, Algorithm] = {
    a.name: a
    for a in (
        _crc("CRC32", zlib.crc32, 4, crt.combine_crc32, (COMPOSITE, FULL_OBJECT)),
        _crc("CRC32C", crt.crc32c, 4, crt.combine_crc32c, (COMPOSITE, FULL_OBJECT)),
        _hash("SHA1", _sha1, lambda data: bytes(_sha1(data).digest()), 20),
        _hash("SHA256", hashlib.sha256, lambda data: hashlib.sha256(data).digest(), 32),
        _crc("CRC64NVME", crt.crc64nvme, 8, crt.combine_crc64nvme, (FULL_OBJECT,)),
        _hash("SHA512", hashlib.sha512, lambda data: hashlib.sha512(data).digest(), 64),
        _hash("MD5", md5, lambda data: bytes(md5(data).digest()), MD5_SIZE),
        _hash("XXHASH64", xxhash.xxh64, xxhash.xxh64_digest, 8),
        _hash("XXHASH3", xxhash.xxh3_64, xxhash.xxh3_64_digest, 8),
        _hash("XXHASH128", xxhash.xxh3_128, xxhash.xxh3_128_digest, 16),
    )
}
BY_HEADER: dict[bytes, Algorithm] = {a.header: a for a in ALGORITHMS.values()}


class Claim(msgspec.Struct, frozen=True):
    """What a client says of the bytes it sends. `md5` is the digest of Content-MD5; `value` the checksum in base64.

    `value` is None when the client sent none, or sends it in the trailer `trailer` (a header name in lower case)
    that is there once the body has been read.
    """

    algorithm: Algorithm
    md5: bytes | None = None
    value: str | None = None
    trailer: bytes | None = None


NO_CLAIM = Claim(ALGORITHMS[DEFAULT])


def encode(digest: bytes) -> str:
    """A digest in base64, as checksums travel and are stored."""
    return b64encode(digest).decode("ascii")


def decode_md5(text: str | bytes) -> bytes:
    """The digest in a Content-MD5 header. Errors: InvalidDigest."""
    try:
        digest = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise InvalidDigest("The Content-MD5 you specified is not valid.") from None
    if len(digest) != MD5_SIZE:
        raise InvalidDigest("The Content-MD5 you specified is not valid.")
    return digest


def is_checksum(algorithm: Algorithm, value: str) -> bool:
    """Whether `value` is base64 of a digest of that algorithm's size."""
    try:
        return len(b64decode(value, validate=True)) == algorithm.size
    except (Base64Error, ValueError):
        return False


def verify(claim: Claim, md5_digest: bytes, value: str, trailers: dict[bytes, bytes]) -> None:
    """Holds what was computed against what was claimed. `trailers` are those of the body, read to its end. Errors: BadDigest."""
    if claim.md5 is not None and claim.md5 != md5_digest:
        raise BadDigest(
            "The Content-MD5 you specified did not match what we received.", ExpectedDigest=encode(claim.md5), CalculatedDigest=encode(md5_digest)
        )
    said = claim.value
    if said is None and claim.trailer is not None:
        said = trailers.get(claim.trailer, b"").decode("latin-1")
    if said is not None and said != value:
        raise BadDigest(f"The {claim.algorithm.name} you specified did not match the calculated checksum.")


def composite(algorithm: Algorithm, checksums: Iterable[str]) -> str:
    """The COMPOSITE checksum of parts with these checksums (base64): the checksum of their digests in a row, and "-" and their number."""
    digests = [b64decode(checksum) for checksum in checksums]
    return f"{encode(algorithm.of(b''.join(digests)))}-{len(digests)}"


def full_object(algorithm: Algorithm, parts: Iterable[tuple[str, int]]) -> str:
    """The FULL_OBJECT checksum of parts given as (checksum in base64, size in bytes), without reading them again.

    Errors: ValueError for an algorithm that cannot be combined."""
    if algorithm.combine is None:
        raise ValueError(f"{algorithm.name} cannot be combined")
    total = 0
    for checksum, size in parts:
        total = algorithm.combine(total, int.from_bytes(b64decode(checksum), "big"), size)
    return encode(total.to_bytes(algorithm.size, "big"))
