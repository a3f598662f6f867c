"""ID tokens against key sets: which keys count for a token, and which never do."""

from __future__ import annotations

import time
import warnings
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm

from holdfast.federation.id_token import ALGORITHMS, UnknownKey, verify
from holdfast.model.federation import SignInRefused
from tests.oidc.hostile import EC_KEY, SMALL_KEY, HostileIssuer, jwk

KEY, OTHER = HostileIssuer.key, HostileIssuer.other_key
ABOUT = {"issuer": "https://login.example.org", "client_id": "holdfast", "nonce": "n"}


def claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"iss": ABOUT["issuer"], "aud": "holdfast", "sub": "s", "exp": now + 60, "iat": now, "nonce": "n", **more}


def signed(key: Any = KEY, algorithm: str = "RS256", kid: str | None = "one", **more: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.encode(claims(**more), key, algorithm, None if kid is None else {"kid": kid})


def test_every_algorithm_is_one_of_a_private_key() -> None:
    assert not [name for name in ALGORITHMS if name.startswith("HS") or name.lower() == "none"]


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_rsa(algorithm: str) -> None:
    assert verify(signed(algorithm=algorithm), [jwk(KEY, "one")], **ABOUT)["sub"] == "s"


def test_elliptic_curves() -> None:
    assert verify(signed(EC_KEY, "ES256"), [jwk(EC_KEY, "one")], **ABOUT)["sub"] == "s"
    key = ed25519.Ed25519PrivateKey.generate()
    import json

    public = {**json.loads(OKPAlgorithm.to_jwk(key.public_key())), "kid": "one"}
    assert verify(signed(key, "EdDSA"), [public], **ABOUT)["sub"] == "s"


def test_a_token_without_a_key_id_needs_a_set_of_one() -> None:
    assert verify(signed(kid=None), [jwk(KEY, "one"), jwk(EC_KEY, "ec")], **ABOUT)["sub"] == "s"
    with pytest.raises(SignInRefused):
        verify(signed(kid=None), [jwk(KEY, "one"), jwk(OTHER, "two")], **ABOUT)


def test_clocks_may_differ_by_a_minute() -> None:
    now = int(time.time())
    assert verify(signed(exp=now - 30, iat=now - 90), [jwk(KEY, "one")], **ABOUT)
    with pytest.raises(SignInRefused):
        verify(signed(exp=now - 90, iat=now - 190), [jwk(KEY, "one")], **ABOUT)


def test_several_audiences_need_the_party() -> None:
    assert verify(signed(aud=["holdfast", "x"], azp="holdfast"), [jwk(KEY, "one")], **ABOUT)
    for azp in (None, "x", ["holdfast"], 1):
        given = {"aud": ["holdfast", "x"]} if azp is None else {"aud": ["holdfast", "x"], "azp": azp}
        with pytest.raises(SignInRefused):
            verify(signed(**given), [jwk(KEY, "one")], **ABOUT)


SECRET = "secret-secret-secret-secret-secret"
OCT = {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": "one"}
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(("token", "keys"), [
    (lambda: signed(SECRET, "HS256"), [OCT]),
    (lambda: signed(SECRET, "HS256"), [{**OCT, "alg": "RS256"}]),
    (lambda: signed(), [OCT]),
    (lambda: signed(), []),
    (lambda: signed(), [jwk(KEY, "two")]),
    (lambda: signed(), [jwk(KEY, "one", use="enc")]),
    (lambda: signed(), [jwk(KEY, "one", alg="PS256")]),
    (lambda: signed(), [jwk(EC_KEY, "one")]),
    (lambda: signed(), [jwk(KEY, "one"), jwk(OTHER, "one")]),
    (lambda: signed(OTHER), [jwk(KEY, "one")]),
    (lambda: signed(SMALL_KEY), [jwk(SMALL_KEY, "one")]),
    (lambda: signed(), [jwk(KEY, "one", n="AQAB" * 5000)]),
    (lambda: signed(), [jwk(KEY, "one", n="!" * 342)]),
    (lambda: signed(), [jwk(KEY, "one", n=7)]),
    (lambda: signed(), [jwk(KEY, "one", e="")]),
    (lambda: signed(EC_KEY, "ES256"), [jwk(EC_KEY, "one", crv="P-384")]),
    (lambda: signed(EC_KEY, "ES256"), [jwk(ec.generate_private_key(ec.SECP384R1()), "one")]),
    (lambda: signed(EC_KEY, "ES256"), [jwk(EC_KEY, "one", x="AAAA")]),
])  # fmt: skip
def test_keys_that_do_not_fit_verify_nothing(token: Any, keys: list[dict[str, Any]]) -> None:
    with pytest.raises((SignInRefused, UnknownKey)):
        verify(token(), keys, **ABOUT)


NO_TOKENS = ["", ".", "..", "a.b", "a.b.c", "é.é.é", "\0", "e30.e30.e30", "bnVsbA.e30.", "eyJhbGciOiBbXX0.e30.", "eyJhbGciOiB7fX0.e30."]


@pytest.mark.parametrize("text", NO_TOKENS)
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(SignInRefused) as refused:
        verify(text, [jwk(KEY, "one")], **ABOUT)
    assert "ID token" in refused.value.because
