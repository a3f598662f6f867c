"""Checksums as they travel in S3's headers: what an upload claims, what a copy asks for, and what an answer says."""

from __future__ import annotations

from holdfast.model.errors import BadDigest, InvalidRequest
from holdfast.objects.checksums import ALGORITHMS, BY_HEADER, DEFAULT, NO_CLAIM, Algorithm, Claim, decode_md5, is_checksum

CHECKSUM_MEMBERS = ("content_md5", "checksum_algorithm", *(algorithm.member for algorithm in ALGORITHMS.values()))
"""The members of an upload's input that `claim_of` reads from the headers themselves: an operation that calls it names them in `ignores`."""

_PREFIX = b"x-amz-checksum-"
_NOT_CHECKSUMS = frozenset({b"x-amz-checksum-algorithm", b"x-amz-checksum-mode", b"x-amz-checksum-type"})


def claim_of(headers: dict[bytes, bytes], default: str = DEFAULT) -> Claim:
    """What the client says of the bytes it sends: Content-MD5, and a checksum in a header or announced for the trailer.

    `default` names the algorithm for a client that sends none. Errors: InvalidDigest (Content-MD5); InvalidRequest
    (more than one checksum, an unknown one, or an announced algorithm that is not the one sent); BadDigest (a
    value that no such checksum can have)."""
    md5: bytes | None = None
    name = trailer = b""
    for header in headers:
        if header.startswith(_PREFIX) and header not in _NOT_CHECKSUMS:
            if name:
                raise InvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
            name = header
    if b"content-md5" in headers:
        md5 = decode_md5(headers[b"content-md5"])
    if b"x-amz-trailer" in headers:
        trailer = _trailer(headers[b"x-amz-trailer"])
    announced = headers.get(b"x-amz-sdk-checksum-algorithm")
    if not name and not trailer:
        if announced is not None and announced.upper() != b"MD5":
            raise InvalidRequest(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."
            )
        if md5 is None:
            return NO_CLAIM if default == DEFAULT else Claim(ALGORITHMS[default])
        return Claim(ALGORITHMS[default], md5)
    if name and trailer:
        raise InvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    algorithm = BY_HEADER.get(name or trailer)
    if algorithm is None:
        raise InvalidRequest(f"The checksum {(name or trailer).decode('latin-1')} is not one that S3 knows.")
    if announced is not None and announced.decode("latin-1").upper() != algorithm.name:
        raise InvalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.")
    if trailer:
        return Claim(algorithm, md5, None, trailer)
    value = headers[name].decode("latin-1")
    if not is_checksum(algorithm, value):
        raise BadDigest(f"Value for {name.decode('latin-1')} header is invalid.")
    return Claim(algorithm, md5, value)


def _trailer(announced: bytes) -> bytes:
    names = [each.strip().lower() for each in announced.split(b",")]
    checksums = [each for each in names if each.startswith(_PREFIX)]
    if len(checksums) > 1:
        raise InvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    return checksums[0] if checksums else b""


def algorithm_of(name: str) -> Algorithm:
    """The algorithm that x-amz-checksum-algorithm names. Errors: InvalidRequest."""
    algorithm = ALGORITHMS.get(name.upper())
    if algorithm is None:
        known = ", ".join(ALGORITHMS)
        raise InvalidRequest(f"Checksum algorithm provided is unsupported. Please try again with any of the valid types: [{known}]")
    return algorithm
