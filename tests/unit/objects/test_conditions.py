"""The truth tables of conditional reads, writes and deletes."""

from __future__ import annotations

import itertools

import pytest

from holdfast.engine.api import ANYTHING, Conflict, Expect
from holdfast.model.errors import InvalidArgument, NoSuchKey, NotModified, PreconditionFailed, Refusal
from holdfast.model.objects import Version
from holdfast.objects.conditions import check_read, entity_tags, for_delete, for_write, refuse_delete, refuse_write

ETAG = "d41d8cd98f00b204e9800998ecf8427e"
MODIFIED_MS = 1_700_000_000_900
SECOND = 1_700_000_000
TAGS = {None: None, '"other"': False, f'"{ETAG}"': True, ETAG: True, "*": True, f'"other", "{ETAG}"': True}
SINCE = {None: None, SECOND - 1: True, SECOND: False, SECOND + 1: False}


def wanted(match: bool | None, none_match: bool | None, modified: bool | None, unmodified: bool | None) -> str:
    """RFC 9110, 13.2.2 word for word: each argument says whether the header's tag matches or the version is newer than its date."""
    if match is False or (match is None and unmodified is True):
        return "412"
    if none_match is True or (none_match is None and modified is False):
        return "304"
    return "200"


def outcome(*args: object, copying: bool = False) -> str:
    try:
        check_read(ETAG, MODIFIED_MS, *args, copying=copying)  # type: ignore[arg-type]
    except Refusal as refusal:
        return str(refusal.status)
    return "200"


@pytest.mark.parametrize("match", TAGS)
def test_reads_follow_rfc_9110_in_every_combination(match: str | None) -> None:
    for none_match, modified, unmodified in itertools.product(TAGS, SINCE, SINCE):
        expected = wanted(TAGS[match], TAGS[none_match], SINCE[modified], SINCE[unmodified])
        assert outcome(match, none_match, modified, unmodified) == expected
        assert outcome(match, none_match, modified, unmodified, copying=True) == expected.replace("304", "412")


def test_refusals_of_reads_are_of_their_class() -> None:
    with pytest.raises(NotModified):
        check_read(ETAG, MODIFIED_MS, if_none_match="*")
    with pytest.raises(PreconditionFailed) as refused:
        check_read(ETAG, MODIFIED_MS, if_match="x")
    assert refused.value.fields == {"Condition": "If-Match"}


def test_entity_tags() -> None:
    assert entity_tags('"a"') == ("a",)
    assert entity_tags('W/"a", "b" ,c,') == ("a", "b", "c")
    assert entity_tags("*") == ("*",)


def test_write_conditions_M184() -> None:
    assert for_write(None, None) is ANYTHING
    assert for_write("*", None) == Expect(present=True)
    assert for_write('"a"', None) == Expect(present=True, etags=("a",))
    assert for_write(None, "*") == Expect(absent=True)
    assert for_write(None, '"a", "b"') == Expect(not_etags=("a", "b"))
    with pytest.raises(InvalidArgument):
        for_write("*", "*")


def test_a_refused_write_names_its_reason() -> None:
    live = Version(key="k", etag=ETAG)
    assert isinstance(refuse_write(for_write("*", None), None), NoSuchKey)
    assert isinstance(refuse_write(for_write("a", None), None), NoSuchKey)
    assert isinstance(refuse_write(for_write("a", None), live), PreconditionFailed)
    assert isinstance(refuse_write(for_write(None, "*"), live), PreconditionFailed)


def test_delete_conditions() -> None:
    live = Version(key="k", etag=ETAG)
    assert for_delete(None, None, None) is ANYTHING
    assert for_delete("*", None, 3) == Expect(present=True, size=3)
    assert for_delete('"a"', 5000, None) == Expect(present=True, etags=("a",), modified_ms=5000)
    assert isinstance(refuse_delete(for_delete("*", None, None), Conflict(None)), NoSuchKey)
    assert refuse_delete(for_delete(None, None, 3), Conflict(None)) is None
    assert isinstance(refuse_delete(for_delete(None, None, 3), Conflict(live)), PreconditionFailed)
    assert isinstance(refuse_delete(for_delete("a", None, None), Conflict(live)), PreconditionFailed)
