"""Times of the wire as the model keeps them."""

from __future__ import annotations


def milliseconds(seconds: float | None) -> int | None:
    """Seconds since the epoch, as inputs carry them, in the model's milliseconds."""
    return None if seconds is None else round(seconds * 1000)
