"""A command line that waits for a session on a port of its user's machine, as pages and addresses name it.

Source: RFC 8252 (loopback redirect), RFC 7636 (challenge).
"""

from __future__ import annotations

import re
from typing import NamedTuple

_WAITING = re.compile(r"([0-9]{4,5})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{16,86})")


class Waiting(NamedTuple):
    """A program that waits: "PORT.CHALLENGE.STATE"."""

    port: int
    challenge: str
    state: str


def waiting_of(text: str) -> Waiting | None:
    """None for what is no such text."""
    found = _WAITING.fullmatch(text)
    return Waiting(int(found[1]), found[2], found[3]) if found is not None and 1024 <= int(found[1]) <= 65535 else None
