"""Checksums against reference values, pieces against the whole, and combination against the concatenation."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.model.errors import BadDigest, InvalidDigest
from holdfast.objects.checksums import ALGORITHMS, Claim, composite, decode_md5, encode, full_object, is_checksum, md5, verify

# The check values of the ASCII digits "123456789" in the catalogue of CRCs and the FIPS, RFC 1321 and xxHash references.
CHECK = b"123456789"
REFERENCE = {
    "CRC32": "cbf43926",
    "CRC32C": "e3069283",
    "CRC64NVME": "ae8b14860a799888",
    "SHA1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "SHA256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
    "SHA512": "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274a"
    "d27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85",
    "MD5": "25f9e794323b453885f5181f1b624d0b",
    "XXHASH64": "8cb841db40e6ae83",
}
CRCS = [name for name, algorithm in ALGORITHMS.items() if algorithm.combine is not None]


@pytest.mark.parametrize("name", REFERENCE)
def test_reference_values(name: str) -> None:
    assert ALGORITHMS[name].of(CHECK).hex() == REFERENCE[name]


def test_the_ten_algorithms_of_the_model_are_there() -> None:
    assert set(ALGORITHMS) == {"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"}
    for algorithm in ALGORITHMS.values():
        assert len(algorithm.of(b"x")) == algorithm.size


@pytest.mark.parametrize("name", ALGORITHMS)
@given(pieces=st.lists(st.binary(max_size=300), max_size=6))
def test_pieces_give_the_checksum_of_the_whole(name: str, pieces: list[bytes]) -> None:
    running = ALGORITHMS[name].new()
    for piece in pieces:
        running.update(piece)
    assert running.digest() == ALGORITHMS[name].of(b"".join(pieces))


@pytest.mark.parametrize("name", CRCS)
@given(pieces=st.lists(st.binary(max_size=2000), min_size=1, max_size=6))
def test_combined_crcs_are_the_crc_of_the_concatenation(name: str, pieces: list[bytes]) -> None:
    algorithm = ALGORITHMS[name]
    parts = [(encode(algorithm.of(piece)), len(piece)) for piece in pieces]
    assert full_object(algorithm, parts) == encode(algorithm.of(b"".join(pieces)))


def test_only_crcs_combine() -> None:
    with pytest.raises(ValueError, match="SHA256"):
        full_object(ALGORITHMS["SHA256"], [])


def test_a_composite_checksum_is_the_checksum_of_digests() -> None:
    sha = ALGORITHMS["SHA256"]
    expected = base64.b64encode(sha.of(sha.of(b"a") + sha.of(b"b"))).decode() + "-2"
    assert composite(sha, [encode(sha.of(b"a")), encode(sha.of(b"b"))]) == expected


@pytest.mark.parametrize("text", ["", "YWJyYWNhZGFicmE=", "not base64", "rL0Y20xC+Fzt72VPzMSk2A", "é"])
def test_a_malformed_content_md5_is_invalid(text: str) -> None:
    with pytest.raises(InvalidDigest):
        decode_md5(text)


def test_wrong_claims_are_bad_digests() -> None:
    crc = ALGORITHMS["CRC32"]
    right, digest = encode(crc.of(b"body")), md5(b"body").digest()
    verify(Claim(crc, md5=digest, value=right), digest, right, {})
    verify(Claim(crc, trailer=crc.header), digest, right, {crc.header: right.encode()})
    for wrong in (Claim(crc, md5=b"\0" * 16), Claim(crc, value="AAAAAA=="), Claim(crc, value=""), Claim(crc, trailer=crc.header)):
        with pytest.raises(BadDigest):
            verify(wrong, digest, right, {})
    with pytest.raises(BadDigest):
        verify(Claim(crc, trailer=crc.header), digest, right, {crc.header: b"AAAAAA=="})


def test_is_checksum() -> None:
    assert is_checksum(ALGORITHMS["CRC32"], "AAAAAA==")
    assert not is_checksum(ALGORITHMS["CRC32"], "bad")
    assert not is_checksum(ALGORITHMS["CRC64NVME"], "AAAAAA==")
