"""The life of one process as a writer of blobs: which of its blobs somebody may still come to name."""

from __future__ import annotations

import os
import weakref
from functools import partial

from holdfast.model.objects import Blob

FRESH = 1
"""`Blob.check` of a blob that its writer just finished: no version has named it yet."""

UNNEEDED = 2
"""`Blob.check` of a blob that a committed step has freed: nobody names it and nobody can, so discarding need not ask."""


class FreshBlob(Blob, frozen=True, array_like=True, weakref=True):
    """A blob that its writer just finished: as long as this very object lives, somebody may come to name it."""


class Session:
    """Numbers for new blobs, and which are open: being written, or finished and still in somebody's hands.

    `id` (8 bytes, random) is never used twice. A blob of a session that lives, with a number from `oldest_open` on, is never a stray.
    Numbers are given in the event loop's thread; `close` and `oldest_open` may be called in any.
    """

    def __init__(self) -> None:
        self.id = os.urandom(8)
        self._next = 1
        self._open: dict[int, weakref.ref[FreshBlob] | None] = {}  # in the order of the numbers

    def open(self) -> int:
        """A number that was never given, open until `close` or until the blob kept by `keep` is forgotten."""
        counter = self._next
        self._open[counter] = None
        self._next = counter + 1
        return counter

    def keep(self, counter: int, blob: FreshBlob) -> FreshBlob:
        """Leaves the number open as long as somebody holds `blob`."""
        self._open[counter] = weakref.ref(blob, partial(self._forgotten, counter))
        return blob

    def _forgotten(self, counter: int, _: object) -> None:
        self._open.pop(counter, None)

    def close(self, counter: int) -> None:
        self._open.pop(counter, None)

    def oldest_open(self) -> int:
        """The lowest open number, or the next one to be given; never falls."""
        while True:
            upcoming = self._next  # read first: what is opened meanwhile is not below it
            try:
                return next(iter(self._open), upcoming)
            except RuntimeError:  # it changed between the two steps
                continue
