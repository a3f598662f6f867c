"""The master key, under which every secret that the server must be able to recompute is sealed at rest.

The file holds one key a line, `<key id> <64 hex digits>`; the first seals, all of them open: a new first line is a rotation.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdfast.engine.api import AlreadyExists, Registry

FILE_NAME = "master.key"
_LINE = re.compile(r"([0-9a-f]{8}) ([0-9a-f]{64})")
_FORM = b"\x01"
_NONCE_BYTES = 12
_CHECK = ("master-key", "check")


class MasterKeyError(Exception):
    """The master key is missing, unreadable, not private or not the one that a secret was sealed under."""


class MasterKey:
    """Seals and opens with AES-256-GCM. What is sealed is bound to its kind and id: moved elsewhere it does not open."""

    __slots__ = ("_ciphers", "_current", "_keys")

    def __init__(self, keys: dict[str, bytes]) -> None:
        """`keys`: key id (8 hex digits) to 32 bytes; the first one seals."""
        self._current = bytes.fromhex(next(iter(keys)))
        self._keys = keys
        self._ciphers = {bytes.fromhex(key_id): AESGCM(key) for key_id, key in keys.items()}

    @property
    def ids(self) -> list[str]:
        """The ids of its keys, which are no secret: what is sealed says which one it needs."""
        return list(self._keys)

    def seal(self, kind: str, id: str, secret: bytes) -> bytes:
        """Form, key id, nonce and ciphertext with its tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORM + self._current + nonce + self._ciphers[self._current].encrypt(nonce, secret, _bound_to(kind, id))

    def open(self, kind: str, id: str, sealed: bytes) -> bytes:
        """Errors: MasterKeyError when another key sealed it, or it was changed or moved."""
        cipher = self._ciphers.get(sealed[1:5])
        if sealed[:1] != _FORM or cipher is None:
            raise MasterKeyError(f"the secret of {kind} {id!r} was sealed under a master key that {FILE_NAME} does not hold")
        nonce = sealed[5 : 5 + _NONCE_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[5 + _NONCE_BYTES :], _bound_to(kind, id))
        except (InvalidTag, ValueError):
            raise MasterKeyError(f"the secret of {kind} {id!r} is damaged, or belongs to something else") from None

    def derive(self, purpose: str) -> dict[str, bytes]:
        """A key of 32 bytes for one purpose from each master key (HKDF-SHA256, RFC 5869), by its id; the first one is in use."""
        return {id: HKDF(SHA256(), 32, None, b"holdfast " + purpose.encode()).derive(key) for id, key in self._keys.items()}


def _bound_to(kind: str, id: str) -> bytes:
    return f"{kind}\0{id}".encode()


def load(path: Path) -> MasterKey | None:
    """The master key in a file; None when there is no such file. Errors: MasterKeyError."""
    try:
        with open(path, encoding="ascii") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise MasterKeyError(f"{path} can be read by others: chmod 600 it, and consider every key that it seals as known")
            lines = [line.strip() for line in file if line.strip()]
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise MasterKeyError(f"{path} cannot be read: {error}") from None
    keys: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or match[1] in keys:
            raise MasterKeyError(f"{path}: line {number} is not a key id and a key of 64 hexadecimal digits")
        keys[match[1]] = bytes.fromhex(match[2])
    if not keys:
        raise MasterKeyError(f"{path} holds no key")
    return MasterKey(keys)


def create(path: Path) -> MasterKey:
    """Makes a new master key, durable and readable by its owner only. Errors: FileExistsError, OSError."""
    key_id, key = secrets.token_hex(4), secrets.token_bytes(32)
    partial = path.with_name(f"{path.name}.{key_id}")
    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, f"{key_id} {key.hex()}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)
    try:
        os.link(partial, path)  # never replaces a key that is there
    finally:
        os.unlink(partial)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return MasterKey({key_id: key})


def load_or_create(path: Path, *, secrets_exist: bool) -> MasterKey:
    """The master key of a store; made at the first start. Errors: MasterKeyError, also when secrets exist that only a lost key could open."""
    found = load(path)
    if found is not None:
        return found
    if secrets_exist:
        raise MasterKeyError(f"{path} is missing, and the store holds secrets sealed under it: put the file back from its backup")
    return create(path)


async def verify(registry: Registry, key: MasterKey) -> None:
    """That this is the key that the store's secrets are sealed under; the first time, that is noted. Errors: MasterKeyError; EngineError."""
    noted = await registry.get(*_CHECK)
    if noted is None:
        with contextlib.suppress(AlreadyExists):
            await registry.put(*_CHECK, key.seal(*_CHECK, b"holdfast"), 0)
            return
        noted = await registry.get(*_CHECK)
    if noted is not None:
        key.open(*_CHECK, noted.value)
