"""Encryption at rest: how a new object is to be encrypted, its data key wrapped beside it, and the same opened again.

Source: S3 User Guide, "Protecting data with server-side encryption" (SSE-S3, SSE-KMS, SSE-C, default encryption of a bucket). Every
object has a data key of its own. SSE-S3 and SSE-KMS wrap it with a key of the store's key service (`engine.api.Keyring`), SSE-C
with the key that the client brings, of which only a salted digest is kept, to tell a wrong key from damage.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Mapping
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.engine.api import Blobs, Engine
from holdfast.model.errors import InvalidRequest, NotImplemented
from holdfast.model.objects import Facts, Version
from holdfast.objects.packages import KEY_BYTES, SealedBlobs, open_runs

SETTING: Final = "encryption"
"""The bucket's default encryption among its settings: a `Wish` without a customer's key, as JSON."""
FACT: Final = "sse"
"""An object's envelope among its extra facts, as JSON."""
SSE_S3: Final = "AES256"
SSE_KMS: Final = "aws:kms"
SSE_C: Final = "customer"
_NONCE: Final = 12


class Wish(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an object shall be encrypted. `algorithm`: SSE_S3, SSE_KMS (with `key_id`, "" for the store's default key) or SSE_C
    (with the 32 bytes of `customer_key`, never stored). `bucket_key` is S3's switch for bucket keys, kept and given back."""

    algorithm: str
    key_id: str = ""
    customer_key: bytes = b""
    bucket_key: bool = False

    def as_setting(self) -> dict[str, str]:
        """The setting of a bucket whose default this is."""
        return {SETTING: msgspec.json.encode(self).decode()}

    def __repr__(self) -> str:
        """Without the key: it must not get into a log or a traceback."""
        return f"Wish(algorithm={self.algorithm!r}, key_id={self.key_id!r})"


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored: how, under which key, the wrapped data key (base64), and for SSE-C salt and digest of the customer's key (base64)."""

    algorithm: str
    wrapped: str
    key_id: str = ""
    check: str = ""
    bucket_key: bool = False


_ENVELOPE = msgspec.json.Decoder(Envelope)
_WISH = msgspec.json.Decoder(Wish)


def default_of(settings: Mapping[str, str]) -> Wish | None:
    """The bucket's default encryption, if it has one."""
    text = settings.get(SETTING)
    return None if text is None else _WISH.decode(text)


def envelope_of(facts: Facts) -> Envelope | None:
    """How an object is encrypted; None for one that is not."""
    text = facts.extra.get(FACT)
    return None if text is None else _ENVELOPE.decode(text)


class Sealing(msgspec.Struct, frozen=True):
    """A new object's encryption: the extra facts that it gets, and its data key."""

    extra: dict[str, str]
    data_key: bytes

    def __repr__(self) -> str:
        return "Sealing()"

    def blobs(self, inner: Blobs) -> SealedBlobs:
        """What its body is written through."""
        return SealedBlobs(inner, self.data_key)


async def seal(engine: Engine, settings: Mapping[str, str], wish: Wish | None = None) -> Sealing | None:
    """A data key for a new object, as asked or as the bucket's default says; None where neither does.

    Errors: those of the key service (KMSNotFoundException, KMSDisabledException); NotImplemented where the store has none."""
    wish = wish or default_of(settings)
    if wish is None:
        return None
    data_key = secrets.token_bytes(KEY_BYTES)
    key_id, check = "", ""
    if wish.algorithm == SSE_C:
        salt = secrets.token_bytes(16)
        check = b64encode(salt + _digest(salt, wish.customer_key)).decode()
        nonce = secrets.token_bytes(_NONCE)
        wrapped = nonce + AESGCM(wish.customer_key).encrypt(nonce, data_key, None)
    else:
        keyring = engine.keyring
        if keyring is None:
            raise NotImplemented("This store has no key service, so that nothing can be encrypted.")
        if wish.algorithm == SSE_KMS:
            key_id = await keyring.resolve(wish.key_id)
        wrapped = await keyring.wrap(key_id, data_key)
    envelope = Envelope(wish.algorithm, b64encode(wrapped).decode(), key_id, check, wish.bucket_key)
    return Sealing({FACT: msgspec.json.encode(envelope).decode()}, data_key)


async def data_key_of(engine: Engine, facts: Facts, customer_key: bytes = b"") -> bytes | None:
    """The data key of an object; None for one that is not encrypted.

    Errors: InvalidRequest where the customer's key is missing or wrong, or given for an object that was not encrypted with one; those
    of the key service."""
    envelope = envelope_of(facts)
    if envelope is None or envelope.algorithm != SSE_C:
        if customer_key:
            raise InvalidRequest("The encryption parameters are not applicable to this object.")
        if envelope is None:
            return None
        if engine.keyring is None:
            raise NotImplemented("This store has no key service, so that nothing can be decrypted.")
        return await engine.keyring.unwrap(envelope.key_id, b64decode(envelope.wrapped))
    check_customer_key(envelope, customer_key)
    wrapped = b64decode(envelope.wrapped)
    try:
        return AESGCM(customer_key).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], None)
    except InvalidTag:
        raise _other_key() from None


def check_customer_key(envelope: Envelope, customer_key: bytes) -> None:
    """That the key given is the one that the object was encrypted with. Errors: InvalidRequest (none, or another one)."""
    if not customer_key:
        raise InvalidRequest(
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
        )
    check = b64decode(envelope.check)
    if not hmac.compare_digest(check[16:], _digest(check[:16], customer_key)):
        raise _other_key()


def _other_key() -> InvalidRequest:
    return InvalidRequest("The provided encryption parameters did not match the ones used originally.")


def _digest(salt: bytes, customer_key: bytes) -> bytes:
    return hmac.digest(customer_key, b"holdfast customer key " + salt, "sha256")


def plain_runs(version: Version) -> tuple[int, ...]:
    """The plain sizes of the runs that a version's body was stored in: its parts, or the whole."""
    return tuple([part.size for part in version.facts.parts]) or (version.size,)


def read_sealed(engine: Engine, version: Version, data_key: bytes, start: int, length: int) -> AsyncIterator[bytes]:
    """The plain bytes [start, start + length) of a version that was found with its blobs. Errors: as `open_runs`."""
    return open_runs(engine.blobs, version.blobs, plain_runs(version), data_key, start, length)
