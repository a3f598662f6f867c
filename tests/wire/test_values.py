"""Single values: strict integers, the dates that clients send, user metadata there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.model.errors import InvalidArgument, InvalidURI
from holdfast.wire import query, values


@pytest.mark.parametrize("text", ["", "+5", "5,5", "5 5", "0x5", " 5", "5\n", "٥", "1_0", "1.0", "9" * 20, "2147483648", "-2147483649"])
def test_only_digits_are_an_integer(text: str) -> None:
    with pytest.raises(ValueError):
        values.integer(text)


def test_integers_and_booleans() -> None:
    assert [values.integer(text) for text in ("0", "-1", "1000", "2147483647")] == [0, -1, 1000, 2147483647]
    assert values.integer("9223372036854775807", values.LONG_MAX) == 2**63 - 1
    assert values.boolean("True") and not values.boolean("false")
    for text in ("", "1", "yes"):
        with pytest.raises(ValueError):
            values.boolean(text)


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 11:49:37 +0300",
        "1994-11-06T08:49:37Z", "1994-11-06T08:49:37.000Z", "1994-11-06T09:49:37+01:00", "19941106T084937Z", "784111777",
    ],
)  # fmt: skip
def test_every_form_of_a_date_is_read(text: str) -> None:
    """M220"""
    assert values.timestamp(text) == 784111777


@pytest.mark.parametrize(
    "text", ["", "yesterday", "Sun, 31 Feb 1994 08:49:37 GMT", "1994-13-01T00:00:00Z", "1994-11-06T25:00:00Z", "9" * 12, "x" * 65536]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        values.timestamp(text)


@given(st.integers(0, 4_000_000_000_000))
def test_dates_that_are_written_are_read_back(millis: int) -> None:
    assert values.timestamp(values.iso_date_ms(millis)) == pytest.approx(millis / 1000)
    assert values.timestamp(values.http_date(millis / 1000)) == millis // 1000


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\n\0"), max_size=40))
def test_metadata_comes_back_as_it_was(text: str) -> None:
    header = values.metadata_header(text)
    assert values.metadata_text(header) == text
    assert b"\r" not in header and b"\n" not in header


def test_metadata_is_read_tolerantly() -> None:
    assert values.metadata_text("é".encode()) == "é"
    assert values.metadata_text("é".encode("latin-1")) == "é"
    assert values.metadata_text(b"=?UTF-8?B?w6k=?=") == "é"
    assert values.metadata_text(b"=?UTF-8?Q?=C3=A9?=") == "é"
    assert values.metadata_text(b"=?nonsense?B?w6k=?=") == "=?nonsense?B?w6k=?="
    assert values.metadata_header("plain") == b"plain"


def test_a_query_is_split_once_and_decoded_late() -> None:
    assert query.split(b"uploads&prefix=a%2Fb&%64elimiter=%2F&&x=") == {b"uploads": b"", b"prefix": b"a%2Fb", b"delimiter": b"%2F", b"x": b""}
    assert query.text(b"a+b%2Bc%C3%A9") == "a b+cé"
    for raw in (b"a=1&a=2", b"a=1&%61=2"):
        with pytest.raises(InvalidArgument):
            query.split(raw)
    with pytest.raises(InvalidURI):
        query.split(b"&".join(b"a%d=1" % n for n in range(300)))
    for raw in (b"%", b"%4", b"%zz", b"%ff", b"\xff"):
        with pytest.raises(InvalidURI):
            query.text(raw)
