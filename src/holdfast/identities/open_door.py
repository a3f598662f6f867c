"""Security off: whatever access key and secret a client sends, it is the administrator. For a throw-away server on loopback only.

Source: Apache Ozone, "S3 Protocol" ("If security is not enabled, you can use any AWS access key and secret").
"""

from __future__ import annotations

import msgspec

from holdfast.identities.cache import Keys
from holdfast.model.identity import Credential


class OpenDoor:
    """In the place of `Keys`: every access key is found, and its holder need not know a secret."""

    __slots__ = ("_administrator", "_keys")

    def __init__(self, keys: Keys, administrator: str) -> None:
        """`administrator` is the access key whose user everybody is."""
        self._keys = keys
        self._administrator = administrator

    async def find(self, access_key: str) -> Credential | None:
        """The administrator's credential, as a bearer's. Errors: MasterKeyError, EngineError."""
        found = await self._keys.find(self._administrator)
        return None if found is None else msgspec.structs.replace(found, access_key=access_key[:64], secret="", bearer=True)

    def remembered(self, access_key: str) -> Credential | None:
        """None: nobody's secret counts here, so nothing that was signed with one is remembered."""
        return None
