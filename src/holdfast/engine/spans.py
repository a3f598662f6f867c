"""Which bytes of which blobs a range of a body touches, in every engine."""

from __future__ import annotations

from holdfast.model.objects import Blob

Span = tuple[Blob, int, int]
"""A blob, and the place in it where the range begins and where it ends (exclusive)."""


def spans_of(blobs: tuple[Blob, ...], start: int, length: int) -> list[Span]:
    """The spans that the bytes [start, start + length) of blobs in a row touch."""
    spans: list[Span] = []
    offset, stop = 0, start + length
    for blob in blobs:
        begin, end = max(start - offset, 0), min(stop - offset, blob.size)
        if begin < end:
            spans.append((blob, begin, end))
        offset += blob.size
    return spans
