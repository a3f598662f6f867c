"""The names that answers show beside canonical ids."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Registry
from holdfast.model.identity import User

_USER = msgspec.json.Decoder(User)


async def display_name(registry: Registry, canonical_id: str) -> str | None:
    """The display name of the user with that canonical id, as the registry's documents have it; None for nobody (any more)."""
    lead = await registry.get("canonical", canonical_id)
    found = None if lead is None else await registry.get("user", lead.value.decode())
    if found is None:
        return None
    user = _USER.decode(found.value)
    return user.display_name if user.canonical_id == canonical_id else None
