"""What every changing step of the reference engine passes: whether the store is frozen, and the journal of what changed."""

from __future__ import annotations

from holdfast.engine.api import Frozen, Unavailable
from holdfast.engine.moving import Place


class Gate:
    """Whether steps that change anything may pass, and the journal of those that did."""

    def __init__(self) -> None:
        self.reason = ""
        self.filling = False
        self.mark = ""
        self.changes: dict[int, Place] = {}
        self._number = 0

    def begin(self, mark: str) -> None:
        """A journal of its own; with "" none."""
        self.mark = mark
        self.changes.clear()

    def note(self, kind: str, bucket_id: int, name: str) -> None:
        """To be called by each step that changes something there."""
        if self.mark:
            self._number += 1
            self.changes[self._number] = (kind, bucket_id, name)

    def require(self) -> None:
        """Errors: Frozen."""
        if self.reason and not self.filling:
            raise Frozen(self.reason)

    def require_filling(self) -> None:
        """Errors: Unavailable."""
        if not self.filling:
            raise Unavailable("the store is not being filled")
