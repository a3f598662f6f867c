"""Completing a multipart upload: the checks, pure (M174, M177)."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.model.errors import BadDigest, EntityTooSmall, InvalidArgument, InvalidPart, InvalidPartOrder, InvalidRequest, MalformedXML, Refusal
from holdfast.model.objects import Facts, Part
from holdfast.objects.completion import Completion, ListedPart, check_list, check_whole, choose_parts, multipart_etag, whole_checksum
from holdfast.objects.uploads import asked_for_checksum, check_part_algorithm, check_part_number, choose_checksum, final_facts, new_upload

MIB = 1 << 20


def upload(algorithm: str | None = None, checksum_type: str | None = None):  # type: ignore[no-untyped-def]
    return new_upload(
        1, "k", facts=Facts(extra={"kept": "1"}), owner="o", storage_class="STANDARD", now_ms=7, algorithm=algorithm, checksum_type=checksum_type
    )


def part(number: int, size: int = 5 * MIB, etag: str = "", checksum: str = "") -> Part:
    return Part(number=number, size=size, etag=etag or f"{number:032x}", modified_ms=1, checksum=checksum)


def listed(*numbers: int) -> list[ListedPart]:
    return [ListedPart(number, f"{number:032x}") for number in numbers]


def test_m173_upload_ids_are_long_url_safe_and_never_the_same() -> None:
    ids = {upload().upload_id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(each) >= 32 and each.isalnum() for each in ids)


@pytest.mark.parametrize(
    ("algorithm", "asked", "chosen"),
    [
        (None, None, ("CRC64NVME", "FULL_OBJECT")),
        ("CRC64NVME", None, ("CRC64NVME", "FULL_OBJECT")),
        ("CRC32", None, ("CRC32", "COMPOSITE")),
        ("CRC32", "FULL_OBJECT", ("CRC32", "FULL_OBJECT")),
        ("CRC32C", "COMPOSITE", ("CRC32C", "COMPOSITE")),
        ("SHA1", None, ("SHA1", "COMPOSITE")),
        ("SHA256", "COMPOSITE", ("SHA256", "COMPOSITE")),
        ("SHA256", "FULL_OBJECT", None),
        ("XXHASH3", "FULL_OBJECT", None),
        ("CRC64NVME", "COMPOSITE", None),
        ("CRC99", None, None),
        ("CRC32", "HALF", None),
        (None, "FULL_OBJECT", None),
    ],
)
def test_checksum_type_rules(algorithm: str | None, asked: str | None, chosen: tuple[str, str] | None) -> None:
    if chosen is None:
        with pytest.raises(InvalidRequest):
            choose_checksum(algorithm, asked)
    else:
        assert choose_checksum(algorithm, asked) == chosen


def test_what_only_the_upload_needed_does_not_reach_the_object() -> None:
    assert asked_for_checksum(upload("CRC32")) and not asked_for_checksum(upload())
    assert final_facts(upload("CRC32")).extra == {"kept": "1"}
    assert final_facts(upload()).extra == {"kept": "1"}


def test_a_part_must_use_the_algorithm_that_the_upload_asked_for() -> None:
    check_part_algorithm(upload("SHA256"), "SHA256")
    check_part_algorithm(upload("SHA256"), None)
    check_part_algorithm(upload(), "CRC32")
    with pytest.raises(InvalidRequest):
        check_part_algorithm(upload("SHA256"), "CRC32")


@pytest.mark.parametrize("number", [-1, 0, 10_001])
def test_m174_part_numbers_out_of_range(number: int) -> None:
    with pytest.raises(InvalidArgument):
        check_part_number(number)
    with pytest.raises(InvalidArgument):
        check_list([ListedPart(number, "a")])


def test_m174_part_numbers_in_range() -> None:
    check_part_number(1)
    check_part_number(10_000)


def test_m177_lists_that_are_refused() -> None:
    for numbers, error in (((), MalformedXML), ((2, 1), InvalidPartOrder), ((1, 3, 2), InvalidPartOrder)):
        with pytest.raises(error):
            check_list(listed(*numbers))
    check_list(listed(1, 5, 9999))


def test_m177_a_part_that_is_missing_or_another() -> None:
    stored = [part(1), part(2)]
    assert choose_parts(upload(), listed(1, 2), stored) == stored
    with pytest.raises(InvalidPart) as refused:
        choose_parts(upload(), listed(1, 3), stored)
    assert refused.value.fields["PartNumber"] == "3"
    with pytest.raises(InvalidPart):
        choose_parts(upload(), [ListedPart(1, "f" * 32)], stored)


def test_a_part_listed_again_counts_as_listed_last() -> None:
    twice = [ListedPart(1, "f" * 32), *listed(1, 2)]
    check_list(twice)
    assert choose_parts(upload(), twice, [part(1), part(2)]) == [part(1), part(2)]
    with pytest.raises(InvalidPart):
        choose_parts(upload(), [*listed(1), ListedPart(1, "f" * 32)], [part(1), part(2)])


def test_m177_every_part_but_the_last_has_5_mib() -> None:
    choose_parts(upload(), listed(1, 2), [part(1), part(2, size=1)])
    choose_parts(upload(), listed(1), [part(1, size=0)])
    with pytest.raises(EntityTooSmall) as refused:
        choose_parts(upload(), listed(1, 2), [part(1, size=5 * MIB - 1), part(2)])
    assert refused.value.fields == {
        "ProposedSize": str(5 * MIB - 1), "MinSizeAllowed": str(5 * MIB), "PartNumber": "1", "ETag": f"{1:032x}",
    }  # fmt: skip


def test_listed_checksums_are_compared() -> None:
    stored = [part(1, checksum="AAAA")]
    choose_parts(upload("SHA256"), [ListedPart(1, f"{1:032x}", {"SHA256": "AAAA"})], stored)
    with pytest.raises(InvalidPart):
        choose_parts(upload("SHA256"), [ListedPart(1, f"{1:032x}", {"SHA256": "BBBB"})], stored)
    with pytest.raises(InvalidRequest):
        choose_parts(upload("SHA256"), [ListedPart(1, f"{1:032x}", {"CRC32": "AAAA"})], stored)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8))
def test_m177_etag_and_checksums_of_the_whole(pieces: list[bytes]) -> None:
    etags = [hashlib.md5(piece).hexdigest() for piece in pieces]
    together = hashlib.md5(b"".join(hashlib.md5(piece).digest() for piece in pieces)).hexdigest()
    assert multipart_etag(etags) == f"{together}-{len(pieces)}"

    def parts(digest):  # type: ignore[no-untyped-def]
        return [part(n, len(piece), checksum=base64.b64encode(digest(piece)).decode()) for n, piece in enumerate(pieces, 1)]

    sha = whole_checksum(upload("SHA256"), parts(lambda piece: hashlib.sha256(piece).digest()))
    assert sha == base64.b64encode(hashlib.sha256(b"".join(hashlib.sha256(p).digest() for p in pieces)).digest()).decode() + f"-{len(pieces)}"
    crc = whole_checksum(upload("CRC32", "FULL_OBJECT"), parts(lambda piece: zlib.crc32(piece).to_bytes(4, "big")))
    assert crc == base64.b64encode(zlib.crc32(b"".join(pieces)).to_bytes(4, "big")).decode()


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (Completion(parts=[]), None),
        (Completion(parts=[], size=10, checksums={"SHA256": "AAAA-2"}, checksum_type="COMPOSITE"), None),
        (Completion(parts=[], checksums={"SHA256": "AAAA"}), None),
        (Completion(parts=[], size=11), InvalidRequest),
        (Completion(parts=[], checksum_type="FULL_OBJECT"), InvalidRequest),
        (Completion(parts=[], checksums={"CRC32": "AAAA-2"}), InvalidRequest),
        (Completion(parts=[], checksums={"SHA256": "BBBB-2"}), BadDigest),
        (Completion(parts=[], checksums={"SHA256": "bad"}), BadDigest),
        (Completion(parts=[], checksums={"SHA256": "AAAA-3"}), BadDigest),
    ],
)
def test_what_the_client_expects_of_the_whole(asked: Completion, error: type[Refusal] | None) -> None:
    if error is None:
        check_whole(upload("SHA256"), asked, "AAAA-2", 10)
    else:
        with pytest.raises(error):
            check_whole(upload("SHA256"), asked, "AAAA-2", 10)
