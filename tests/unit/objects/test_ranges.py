"""Ranges against a model that only knows slices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.model.errors import InvalidArgument, InvalidPartNumber, InvalidRange
from holdfast.model.objects import PartFact
from holdfast.objects.ranges import byte_range, part_range

NUMBERS = st.one_of(st.none(), st.integers(0, 30))


@given(size=st.integers(0, 20), first=NUMBERS, last=NUMBERS)
def test_a_range_is_the_slice_it_names(size: int, first: int | None, last: int | None) -> None:
    body = bytes(range(size))
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    if (first is None and last is None) or (first is not None and last is not None and last < first):
        assert byte_range(header, size) is None
        return
    if first is None:
        assert last is not None
        expected = body[max(0, size - last) :]
    else:
        expected = body[first:] if last is None else body[first : last + 1]
    if not expected:
        with pytest.raises(InvalidRange) as refused:
            byte_range(header, size)
        assert refused.value.fields == {"RangeRequested": header, "ActualObjectSize": str(size)}
        return
    found = byte_range(header, size)
    assert found is not None
    start, length = found
    assert body[start : start + length] == expected and len(expected) == length


@pytest.mark.parametrize("header", ["bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes", "", "bytes=1", "bytes=-", "bytes=--1", "bytes=٣-٤"])
def test_what_is_not_one_range_means_the_whole_body(header: str) -> None:
    assert byte_range(header, 10) is None


def test_absurd_numbers_are_ranges_too() -> None:
    assert byte_range("bytes=0-" + "9" * 5000, 10) == (0, 10)
    assert byte_range("bytes=-" + "9" * 5000, 10) == (0, 10)
    with pytest.raises(InvalidRange):
        byte_range("bytes=" + "9" * 5000 + "-", 10)


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_parts_follow_one_another(sizes: list[int]) -> None:
    parts = [PartFact(2 * index + 1, size, "") for index, size in enumerate(sizes)]
    at = 0
    for number, size in enumerate(sizes, 1):
        assert part_range(number, parts, sum(sizes)) == (at, size)
        at += size
    with pytest.raises(InvalidPartNumber):
        part_range(len(sizes) + 1, parts, sum(sizes))


def test_an_object_put_whole_is_its_own_part() -> None:
    assert part_range(1, (), 7) == (0, 7)
    with pytest.raises(InvalidPartNumber):
        part_range(2, (), 7)
    for wrong in (0, -1, 10_001):
        with pytest.raises(InvalidArgument):
            part_range(wrong, (), 7)
