"""The versions that were read lately, each with the counter of its key's changes as it was before it was read."""

from __future__ import annotations

from holdfast.model.objects import Version

BYTES_MAX = 24 << 20
"""Of bodies and facts, by estimate, for one process."""
_ENTRY_BYTES = 3072
"""With what a dialect makes of a version and keeps beside it."""
_BODY_BYTES_MAX = 64 << 10
_BLOBS_MAX = 8
_PART_BYTES = 320

Place = tuple[int, str, bool]
"""Bucket id, key, and whether the version was read with its body."""


class Recent:
    """A bounded memory in two halves: what is not asked for while one half fills up is forgotten with the other.

    `get` gives what was put, and the caller compares the counters: an entry whose counter is not the current one says nothing.
    """

    __slots__ = ("_half_bytes_max", "_new", "_new_bytes", "_old", "get")

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._half_bytes_max = bytes_max // 2
        self._old: dict[Place, tuple[int, Version]] = {}
        self._turn()

    def _turn(self) -> None:
        self._new: dict[Place, tuple[int, Version]] = {}
        self._new_bytes = 0
        self.get = self._new.get

    def older(self, place: Place) -> tuple[int, Version] | None:
        """What `get` does not find may still be here; it is kept longer then."""
        found = self._old.pop(place, None)
        if found is not None:
            self.put(place, found)
        return found

    def put(self, place: Place, entry: tuple[int, Version]) -> None:
        """Remembers a version, unless it is too large to be worth it."""
        blobs = entry[1].blobs
        if len(blobs) > _BLOBS_MAX:
            return
        facts = entry[1].facts
        size = _ENTRY_BYTES + sum([len(blob.inline) for blob in blobs if blob.inline is not None]) + _PART_BYTES * len(facts.parts)
        if facts.metadata:
            size += 3 * sum(map(len, (*facts.metadata, *facts.metadata.values())))
        if facts.tags or facts.extra:
            size += _PART_BYTES * len(facts.tags) + sum(map(len, facts.extra.values()))
        if size > _BODY_BYTES_MAX:
            return
        self._new_bytes += size
        if self._new_bytes > self._half_bytes_max:
            self._old = self._new
            self._turn()
            self._new_bytes = size
        self._new[place] = entry
