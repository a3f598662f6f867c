"""The reference engine as a whole."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.engine.api import (
    Keyring,
)
from holdfast.engine.memory.blobs import INLINE_BYTES_MAX, MemoryBlobs
from holdfast.engine.memory.catalog import MemoryCatalog
from holdfast.engine.memory.moving import MemoryMoving
from holdfast.engine.memory.registry import MemoryRegistry


class MemoryEngine:
    """`Engine` in this process's memory."""

    def __init__(self, inline_bytes_max: int = INLINE_BYTES_MAX) -> None:
        self.keyring: Keyring | None = None
        self.at_once = True
        self.blobs = MemoryBlobs(inline_bytes_max)
        self.catalog = MemoryCatalog(self.blobs)
        self.registry = MemoryRegistry(self.catalog.gate)
        self.moving = MemoryMoving(self.catalog.gate, self.catalog, self.registry)

    async def close(self) -> None:
        """Nothing to let go of."""

    def watch_commits(self, told: Callable[[int, float], None]) -> None:
        """Nothing is committed anywhere."""

    async def lease(self, name: str, seconds: int) -> bool:
        return True

    async def sweep(self, older_than_s: float) -> int:
        strays = [blob_id for blob_id in self.blobs.bodies if not self.blobs.refs[blob_id]]
        for blob_id in strays:
            del self.blobs.bodies[blob_id]
        return len(strays)

    async def scrub(self, limit: int, after: str = "") -> tuple[list[str], str]:
        return [], ""

    async def check(self) -> str:
        return ""
