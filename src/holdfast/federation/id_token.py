"""Checks ID tokens: the signature by a key of the issuer, then what the token says of itself. No I/O.

Source: OpenID Connect Core 1.0, 3.1.3.7; RFC 7515, RFC 7517; RFC 8725 (algorithms come from a list, keys never from the token).
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Any

import jwt
from jwt.exceptions import InvalidTokenError, PyJWTError

from holdfast.model.federation import SignInRefused

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key only: never `none`, and no MAC, whose key would be one that everybody can read."""
_KTY = {"R": "RSA", "P": "RSA", "E": "EC"}
TOKEN_CHARACTERS_MAX = 16 * 1024
KEYS_MAX = 64
RSA_BITS_MIN, RSA_BITS_MAX = 2048, 8192
LEEWAY_S = 60
SUBJECT_CHARACTERS_MAX = 255


class UnknownKey(Exception):
    """No key of the issuer has the id that the token names: its keys may have been changed since they were fetched."""


def refused(because: str) -> SignInRefused:
    """The refusal of a token: who signs in is told nothing of the reason, the audit log is."""
    return SignInRefused("The sign-in service sent an ID token that cannot be accepted.", f"ID token: {because}")


def verify(token: str, keys: list[dict[str, Any]], *, issuer: str, client_id: str, nonce: str) -> dict[str, Any]:
    """The claims of a token that is good now. `keys` are those of the issuer's key set. Errors: UnknownKey, SignInRefused."""
    algorithm, key = _key_of(token, keys)
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=[algorithm], audience=client_id, issuer=issuer, leeway=LEEWAY_S,
            options={"require": ["iss", "aud", "exp", "iat", "sub"]},
        )  # fmt: skip
    except (PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise refused(f"{type(error).__name__}: {error}"[:300]) from None
    audience, party = claims["aud"], claims.get("azp")
    if (party is not None and party != client_id) or (isinstance(audience, list) and len(audience) > 1 and party is None):
        raise refused("it is made for another client (azp)")
    said = claims.get("nonce")
    if not isinstance(said, str) or not compare_digest(said.encode(), nonce.encode()):
        raise refused("its nonce is not that of this sign-in")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX or not subject.isprintable():
        raise refused("its subject is not a name of 1 to 255 characters")
    return claims


def _key_of(token: str, keys: list[dict[str, Any]]) -> tuple[str, Any]:
    """The algorithm that the token names, if it is one that is accepted, and the issuer's key for it. Errors: UnknownKey, SignInRefused."""
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise refused("it is too long")
    try:
        header = jwt.get_unverified_header(token)
    except InvalidTokenError as error:
        raise refused(f"it is no JWT: {error}"[:300]) from None
    algorithm, id = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise refused(f"the algorithm {str(algorithm)[:40]!r} is not accepted")
    if "crit" in header:
        raise refused("it has critical headers")
    fitting = [key for key in keys if _fits(key, algorithm) and (id is None or key.get("kid") == id)]
    if not fitting:
        raise UnknownKey(f"no key for {algorithm}")
    if len(fitting) > 1:
        raise refused("several keys of the issuer fit it")
    try:
        found = jwt.PyJWK(fitting[0], algorithm).key
    except (PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise refused(f"the issuer's key cannot be used: {type(error).__name__}") from None
    return algorithm, found


def _fits(key: dict[str, Any], algorithm: str) -> bool:
    """Whether a key of a set is one that verifies this algorithm; a symmetric one never is, nor a private one, nor one of an odd size."""
    kty = "OKP" if algorithm == "EdDSA" else _KTY[algorithm[0]]
    if key.get("kty") != kty or key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm or "d" in key:
        return False
    if kty != "RSA":
        return True
    modulus = key.get("n")
    return isinstance(modulus, str) and len(modulus) * 6 + 5 >= RSA_BITS_MIN and len(modulus) * 6 <= RSA_BITS_MAX + 6
