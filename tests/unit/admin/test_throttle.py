"""Guessing passwords is slowed, and one's own account does not buy more guesses."""

from __future__ import annotations

from holdfast.admin.throttle import FREE, FREE_OF_ADDRESS, Throttle


def test_a_name_waits_after_some_wrong_ones_and_no_more_once_it_was_right() -> None:
    throttle = Throttle()
    for _ in range(FREE):
        assert throttle.wait_s("ann@192.0.2.1") == 0
        throttle.wrong("ann@192.0.2.1")
    assert throttle.wait_s("ann@192.0.2.1") > 0
    throttle.right("ann@192.0.2.1")
    assert throttle.wait_s("ann@192.0.2.1") == 0


def test_signing_in_to_ones_own_account_does_not_forget_what_an_address_guessed() -> None:
    throttle = Throttle()
    for number in range(FREE_OF_ADDRESS):
        throttle.wrong(f"victim{number}@192.0.2.1", "@192.0.2.1")
        throttle.wrong("own@192.0.2.1", "@192.0.2.1")
        throttle.right("own@192.0.2.1", "@192.0.2.1")
    assert throttle.wait_s("@192.0.2.1") > 0
    assert throttle.wait_s("own@192.0.2.1", "@192.0.2.2") == 0
