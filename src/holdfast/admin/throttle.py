"""Slows down whoever guesses passwords: after some wrong ones a name, and an address, has to wait, twice as long each time."""

from __future__ import annotations

import time
from collections import OrderedDict

FREE, FREE_OF_ADDRESS = 5, 50
"""Wrong attempts that cost nothing: on one name from one address, and from one address on whatever names."""
WAIT_S_FIRST, WAIT_S_MAX = 1.0, 900.0
_FORGOTTEN_S = 3600.0
_KNOWN_MAX = 10_000


class Throttle:
    """Wrong attempts in this process, by what they were made on ("name@address", "@address" for all of its). What is remembered is bounded: the
    oldest is forgotten first."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, *names: str) -> float:
        """How long these have to wait still; 0 for not at all."""
        now = time.monotonic()
        return max(0.0, *(self._until(name) - now for name in names))

    def wrong(self, *names: str) -> None:
        """Takes a wrong attempt into account."""
        now = time.monotonic()
        for name in names:
            count, last = self._wrong.pop(name, (0, now))
            self._wrong[name] = (count + 1 if now - last < _FORGOTTEN_S else 1, now)
            if len(self._wrong) > _KNOWN_MAX:
                self._wrong.popitem(last=False)

    def right(self, *names: str) -> None:
        """Forgets what was wrong before on a name; of an address only the attempt that was right: who has an account guesses no faster for it."""
        for name in names:
            count, last = self._wrong.pop(name, (0, 0.0))
            if name.startswith("@") and count > 1:
                self._wrong[name] = (count - 1, last)

    def _until(self, name: str) -> float:
        count, last = self._wrong.get(name, (0, 0.0))
        free = FREE_OF_ADDRESS if name.startswith("@") else FREE
        return last + min(WAIT_S_FIRST * 2.0 ** min(count - free, 20), WAIT_S_MAX) if count >= free else 0.0
