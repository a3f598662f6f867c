"""The key service: named encryption keys, created, rotated, disabled and deleted, which wrap the data keys of encrypted objects.

A key is a document of the registry; its material is sealed under the master key and never leaves this process. Rotation adds a version
that wraps from then on, the older ones still unwrap. A disabled key makes every object under it unreadable until it is enabled again,
a deleted one for good. Source: AWS KMS API Reference (states, errors); Apache Ozone, "Transparent Data Encryption".
"""

from __future__ import annotations

import re
import secrets
import struct
from base64 import b64decode, b64encode
from contextlib import suppress

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.engine.api import AlreadyExists, Damaged, Registry, Stale
from holdfast.identities.documents import Taken, Unknown, under
from holdfast.identities.master import MasterKey
from holdfast.model.errors import KMSDisabledException, KMSNotFoundException

DEFAULT_KEY = "default"
"""The key of SSE-KMS for whoever names none, made when it is first needed (AWS: the key aws/s3)."""
ENABLED, DISABLED = "ENABLED", "DISABLED"
_KIND = "encryption-key"
_STORE = ("data-key", "")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
_NONCE = 12
_KNOWN_MAX = 1024


class EncryptionKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as stored. `versions` holds its sealed material (base64), oldest first; the last one wraps."""

    id: str
    versions: tuple[str, ...]
    description: str = ""
    status: str = ENABLED
    created_ms: int = 0
    rotated_ms: int = 0

    def __repr__(self) -> str:
        """Without its material."""
        return f"EncryptionKey(id={self.id!r}, status={self.status!r}, versions={len(self.versions)})"


_decode = msgspec.json.Decoder(EncryptionKey).decode


class KeyService:
    """`engine.api.Keyring` on the registry and the master key, and the administration of its keys."""

    def __init__(self, registry: Registry, master: MasterKey) -> None:
        self._registry = registry
        self._master = master
        self._generation = -1
        self._known: dict[str, tuple[EncryptionKey, tuple[AESGCM, ...]]] = {}

    # -- what objects need

    async def resolve(self, key_id: str) -> str:
        """The id of the key that a client names: by id, as `alias/...` or ARN, "" for the default one.

        Errors: KMSNotFoundException, KMSDisabledException."""
        name = key_id.rpartition("/")[2] if key_id.startswith(("arn:", "alias/")) else key_id
        if name in ("", "s3", DEFAULT_KEY):
            name = DEFAULT_KEY
            if await self._registry.get(_KIND, name) is None:
                with suppress(Taken):  # somebody else made it just now
                    await self.create(name, 0, "for SSE-KMS without a key")
        await self._open(name)
        return name

    async def wrap(self, key_id: str, data_key: bytes) -> bytes:
        """A data key under the latest version of a key, or under the store's own for "". Errors: as `resolve`."""
        if not key_id:
            return self._master.seal(*_STORE, data_key)
        _, ciphers = await self._open(key_id)
        nonce = secrets.token_bytes(_NONCE)
        return struct.pack(">I", len(ciphers) - 1) + nonce + ciphers[-1].encrypt(nonce, data_key, key_id.encode())

    async def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """The data key again. Errors: as `resolve`; MasterKeyError; Damaged."""
        if not key_id:
            return self._master.open(*_STORE, wrapped)
        _, ciphers = await self._open(key_id)
        try:
            version: int = struct.unpack(">I", wrapped[:4])[0]
            return ciphers[version].decrypt(wrapped[4 : 4 + _NONCE], wrapped[4 + _NONCE :], key_id.encode())
        except (struct.error, IndexError, InvalidTag):
            raise Damaged("a data key is not what was wrapped") from None

    async def _open(self, id: str) -> tuple[EncryptionKey, tuple[AESGCM, ...]]:
        generation = self._registry.generation()
        if generation != self._generation:
            self._known.clear()
            self._generation = generation
        found = self._known.get(id)
        if found is None:
            document = await self._registry.get(_KIND, id) if _ID.match(id) else None
            if document is None:
                raise KMSNotFoundException(f"Key '{id[:128]}' does not exist")
            key = _decode(document.value)
            ciphers = [AESGCM(self._master.open(_KIND, f"{id}/{n}", b64decode(sealed))) for n, sealed in enumerate(key.versions)]
            found = key, tuple(ciphers)
            if generation == self._generation and len(self._known) < _KNOWN_MAX:
                self._known[id] = found
        if found[0].status != ENABLED:
            raise KMSDisabledException(f"Key '{id}' is disabled")
        return found

    # -- administration

    async def create(self, id: str, now_ms: int, description: str = "", material: bytes = b"") -> EncryptionKey:
        """A new key, of random material unless 32 bytes are given. Errors: Taken, ValueError (its id, the length of its material)."""
        if _ID.match(id) is None:
            raise ValueError(f"{id!r} cannot be a key's id: letters, digits, '.', '_' and '-', at most 128")
        if material and len(material) != 32:
            raise ValueError("the material of a key is 32 bytes")
        key = EncryptionKey(id=id, versions=(self._sealed(id, 0, material),), description=description, created_ms=now_ms)
        try:
            await self._registry.put(_KIND, id, msgspec.json.encode(key), expect_revision=0)
        except AlreadyExists:
            raise Taken(f"the encryption key {id!r} exists already") from None
        return key

    async def get(self, id: str) -> EncryptionKey:
        """Errors: Unknown."""
        return (await self._document(id))[0]

    async def all(self) -> list[EncryptionKey]:
        """In order of id."""
        return [_decode(document.value) async for document in under(self._registry, _KIND)]

    async def rotate(self, id: str, now_ms: int) -> EncryptionKey:
        """Adds a version, which wraps from now on. Errors: Unknown, Stale."""
        key, revision = await self._document(id)
        versions = (*key.versions, self._sealed(id, len(key.versions)))
        return await self._store(msgspec.structs.replace(key, versions=versions, rotated_ms=now_ms), revision)

    async def set_status(self, id: str, status: str) -> EncryptionKey:
        """ENABLED or DISABLED. Errors: Unknown, Stale, ValueError."""
        if status not in (ENABLED, DISABLED):
            raise ValueError(f"{status!r} is neither {ENABLED} nor {DISABLED}")
        key, revision = await self._document(id)
        return await self._store(msgspec.structs.replace(key, status=status), revision)

    async def delete(self, id: str) -> None:
        """For good: what was encrypted under it can never be read again. Errors: Unknown."""
        if not await self._registry.delete(_KIND, id):
            raise Unknown(f"there is no encryption key {id!r}")

    async def _document(self, id: str) -> tuple[EncryptionKey, int]:
        document = await self._registry.get(_KIND, id)
        if document is None:
            raise Unknown(f"there is no encryption key {id!r}")
        return _decode(document.value), document.revision

    async def _store(self, key: EncryptionKey, revision: int) -> EncryptionKey:
        try:
            await self._registry.put(_KIND, key.id, msgspec.json.encode(key), expect_revision=revision)
        except AlreadyExists:
            raise Stale(key.id) from None
        return key

    def _sealed(self, id: str, version: int, material: bytes = b"") -> str:
        return b64encode(self._master.seal(_KIND, f"{id}/{version}", material or secrets.token_bytes(32))).decode()
