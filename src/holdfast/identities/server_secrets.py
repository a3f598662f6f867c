"""Secrets that the servers of one store share: made once, sealed under the master key in the registry."""

from __future__ import annotations

import secrets

from holdfast.engine.api import AlreadyExists, Registry, Stale
from holdfast.identities.master import MasterKey

KIND = "server-secret"
_BYTES = 32


async def server_secret(registry: Registry, master: MasterKey, name: str) -> bytes:
    """The 32 bytes of that name, the same for every process and every start. Errors: MasterKeyError, EngineError."""
    found = await registry.get(KIND, name)
    if found is None:
        sealed = master.seal(KIND, name, secrets.token_bytes(_BYTES))
        try:
            found = await registry.put(KIND, name, sealed, expect_revision=0)
        except (AlreadyExists, Stale):  # another process made it
            found = await registry.get(KIND, name)
    if found is None:
        raise Stale(f"{KIND}/{name}")
    return master.open(KIND, name, found.value)
