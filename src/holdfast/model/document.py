"""What the registry of a store is made of."""

from __future__ import annotations

import msgspec


class Document(msgspec.Struct, frozen=True):
    """A small named value of the registry; `revision` starts at 1."""

    kind: str
    name: str
    value: bytes
    revision: int
