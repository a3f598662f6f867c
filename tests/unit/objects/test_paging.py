"""Continuation tokens and page limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.model.errors import InvalidArgument
from holdfast.objects.paging import continuation_place, continuation_token, page_limit


@given(st.text(min_size=1))
def test_a_token_leads_back_to_its_place(name: str) -> None:
    token = continuation_token(name)
    assert token.isascii() and not set(token) & set("+/&<> ")
    assert continuation_place(token) == name


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        continuation_place(text)


def test_a_changed_token_is_refused() -> None:
    token = continuation_token("some/key")
    for at in range(len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(InvalidArgument):
            continuation_place(changed)


def test_page_limits_are_clamped_and_negative_ones_refused() -> None:
    assert page_limit(None, "max-keys") == 1000
    assert page_limit(0, "max-keys") == 0
    assert page_limit(5, "max-keys") == 5
    assert page_limit(2**31 - 1, "max-keys") == 1000
    for value in (-1, 2**31):
        with pytest.raises(InvalidArgument):
            page_limit(value, "max-keys")
