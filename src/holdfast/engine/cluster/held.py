"""How much of bodies the process holds in memory, so that many slow clients together do not hold more than there is."""

from __future__ import annotations

HELD_BYTES_MAX = 256 << 20
"""What the uploads of a process, and what its downloads, hold together before each makes do with little."""


class Held:
    """Bytes held for bodies on their way, by all uploads or by all downloads of this process."""

    def __init__(self) -> None:
        self.bytes = 0

    def is_much(self) -> bool:
        return self.bytes > HELD_BYTES_MAX
