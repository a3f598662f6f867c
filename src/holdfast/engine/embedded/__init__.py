"""The engine for one machine: SQLite for facts and small bodies, files for larger bodies, group commit, several processes."""

from holdfast.engine.embedded.engine import INLINE_BYTES_MAX, EmbeddedEngine

__all__ = ["INLINE_BYTES_MAX", "EmbeddedEngine"]
