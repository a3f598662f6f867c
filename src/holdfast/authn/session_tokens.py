"""Session tokens of the OCI dialect: JWTs that name a user and carry the public key that signs the requests of the session.

Source: RFC 7519, RFC 7515 (HS256); OCI, "Token-based Authentication for the CLI". Only this store reads them: one secret of its own is enough.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from hmac import compare_digest, digest
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

PREFIX = "ST$"
LIFE_S_MAX = 3600
"""OCI: a session token is good for 5 to 60 minutes, and is refreshed for a day."""
SESSION_S_MAX = 24 * 3600
_ISSUER = "authService.holdfast"
_TOKEN_CHARACTERS_MAX = 8192


class Jwk(msgspec.Struct, frozen=True):
    """An RSA key as RFC 7517 writes it; `n` and `e` are big-endian in URL-safe base64."""

    n: str
    e: str
    kty: str = "RSA"
    alg: str = "RS256"
    use: str = "sig"
    kid: str = "session"


class Claims(msgspec.Struct, frozen=True):
    """What a token says. Times are in seconds since the epoch; `jwk` is JSON text, as the real service has it."""

    sub: str
    tenant: str
    exp: int
    iat: int
    sess_exp: int
    jti: str
    jwk: str
    iss: str = _ISSUER
    ptype: str = "user"


class Refreshed(NamedTuple):
    """A new token, and whose it is."""

    user_id: str
    token: str


_CLAIMS, _JWK = msgspec.json.Decoder(Claims), msgspec.json.Decoder(Jwk)


class SessionTokens:
    """Issues tokens and reads them. `secret`: at least 32 random bytes that only the servers of this store know."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, user_id: str, tenancy_id: str, public: RSAPublicKey, now: float, life_s: int, session_ends: int = 0) -> str:
        """A token for `life_s` seconds (bounded to 60..3600), and never longer than its session: `session_ends`, or a day from now."""
        started = int(now)
        ends = session_ends or started + SESSION_S_MAX
        claims = Claims(
            sub=user_id, tenant=tenancy_id, iat=started, exp=min(started + max(60, min(life_s, LIFE_S_MAX)), ends), sess_exp=ends,
            jti=secrets.token_hex(16), jwk=msgspec.json.encode(_jwk_of(public)).decode(),
        )  # fmt: skip
        signed = _encoded(b'{"alg":"HS256","typ":"JWT"}') + b"." + _encoded(msgspec.json.encode(claims))
        return (signed + b"." + _encoded(digest(self._secret, signed, sha256))).decode("ascii")

    def refresh(self, token: str, now: float) -> Refreshed | None:
        """A token that is good from now on for as long as the given one was, in the same session; None when that one is not, or the session ends."""
        claims = self.read(token, now)
        public = None if claims is None else key_of(claims)
        if claims is None or public is None or now >= claims.sess_exp - 60:
            return None
        return Refreshed(claims.sub, self.issue(claims.sub, claims.tenant, public, now, claims.exp - claims.iat, claims.sess_exp))

    def read(self, token: str, now: float) -> Claims | None:
        """The claims of a token of this server that has not expired; None for anything else."""
        if len(token) > _TOKEN_CHARACTERS_MAX:
            return None
        try:
            signed, _, mac = token.encode("ascii").rpartition(b".")
            if not compare_digest(_decoded(mac), digest(self._secret, signed, sha256)):
                return None
            claims = _CLAIMS.decode(_decoded(signed.partition(b".")[2]))
        except (ValueError, Base64Error, msgspec.DecodeError):
            return None
        return claims if claims.iat - 300 <= now < claims.exp else None


def key_of(claims: Claims) -> RSAPublicKey | None:
    """The session's public key."""
    try:
        jwk = _JWK.decode(claims.jwk)
        return RSAPublicNumbers(_number(jwk.e), _number(jwk.n)).public_key()
    except (ValueError, Base64Error, msgspec.DecodeError):
        return None


def _jwk_of(public: RSAPublicKey) -> Jwk:
    numbers = public.public_numbers()
    return Jwk(n=_encoded(_bytes(numbers.n)).decode(), e=_encoded(_bytes(numbers.e)).decode())


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _number(text: str) -> int:
    return int.from_bytes(_decoded(text.encode("ascii")), "big")


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _decoded(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))
