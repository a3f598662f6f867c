"""What an issuer's documents may say: lies, and what is too large or no document at all, are refused before anybody is sent there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.federation.issuer import Issuer, Unreachable
from holdfast.model.federation import Provider, SignInRefused
from tests import certificates
from tests.oidc.hostile import HostileIssuer, jwk


@pytest.fixture(scope="module")
def issuer() -> Iterator[HostileIssuer]:
    made = HostileIssuer()
    yield made
    made.stop()


def asked(issuer: HostileIssuer, **more: Any) -> Issuer:
    return Issuer(Provider(issuer=issuer.url, client_id="holdfast", **more))


METADATA: dict[str, dict[str, Any]] = {
    "of another issuer": {"issuer": "https://login.example.org"},
    "without TLS": {"token_endpoint": "http://login.example.org/token"},
    "with a file": {"jwks_uri": "file:///etc/passwd"},
    "with a script": {"authorization_endpoint": "javascript:alert(1)"},
    "with a user endpoint elsewhere": {"userinfo_endpoint": "http://10.0.0.1/"},
    "without the flow": {"response_types_supported": ["id_token"]},
    "with MACs only": {"id_token_signing_alg_values_supported": ["HS256", "none"]},
    "without keys": {"jwks_uri": None},
    "with keys that are no address": {"jwks_uri": 7},
}


@pytest.mark.parametrize("lie", METADATA)
def test_a_discovery_document_that_lies_is_refused(issuer: HostileIssuer, lie: str) -> None:
    issuer.reset()
    issuer.metadata = {name: value for name, value in {**issuer.metadata, **METADATA[lie]}.items() if value is not None}
    with pytest.raises(Unreachable):
        asyncio.run(asked(issuer).metadata())


RAW = {
    "nothing": b"", "a list": b"[]", "no JSON": b"no json", "nested": b"{" * 100_000, "huge": b'{"issuer": "' + b"x" * 300_000,
    "no text": b"\xff\xfe", "a redirect": b"->http://127.0.0.1:1/", "compressed": b"\x1f\x8b\x08" + b"\0" * 100,
}  # fmt: skip


@pytest.mark.parametrize("what", RAW)
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks"])
def test_what_is_no_document_is_refused(issuer: HostileIssuer, path: str, what: str) -> None:
    issuer.reset()
    issuer.raw = {path: RAW[what]}
    issuer.give(issuer.claims("n"))
    with pytest.raises(Unreachable):
        asyncio.run(asked(issuer).claims("code", redirect_uri="x", verifier="v", nonce="n"))


def test_an_issuer_that_fails_is_asked_again_only_after_a_while(issuer: HostileIssuer) -> None:
    issuer.reset()
    issuer.raw = {"/.well-known/openid-configuration": b""}
    issuer.asked.clear()

    async def many() -> None:
        one = asked(issuer)
        for _ in range(20):
            with pytest.raises(Unreachable):
                await one.metadata()
        with pytest.raises(Unreachable):
            await asyncio.gather(*(one.authorization_url(redirect_uri="x", state="s", nonce="n", challenge="c") for _ in range(10)))

    asyncio.run(many())
    assert len(issuer.asked) == 1


def test_too_many_keys_are_refused_and_a_slow_document_is_given_up(issuer: HostileIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer.reset()
    issuer.keys = [jwk(issuer.key, str(number)) for number in range(65)]
    issuer.give(issuer.claims("n"), kid="1")
    with pytest.raises(Unreachable, match="does not answer as it should"):
        asyncio.run(asked(issuer).claims("code", redirect_uri="x", verifier="v", nonce="n"))
    monkeypatch.setattr("holdfast.federation.issuer.ANSWER_S", 0.3)
    issuer.delay_s = {"/.well-known/openid-configuration": 1.0}
    with pytest.raises(Unreachable):
        asyncio.run(asked(issuer).metadata())


def test_the_user_endpoint_must_speak_of_who_signed_in(issuer: HostileIssuer) -> None:
    issuer.reset()
    issuer.metadata["userinfo_endpoint"] = issuer.url + "/me"
    issuer.give(issuer.claims("n"))
    issuer.raw = {"/me": b'{"sub": "somebody-else", "groups": ["admins"]}'}
    with pytest.raises(SignInRefused, match="somebody else"):
        asyncio.run(asked(issuer).claims("code", redirect_uri="x", verifier="v", nonce="n"))
    issuer.raw = {"/me": b'{"sub": "mallory", "groups": ["staff"], "preferred_username": "administrator", "iss": "x"}'}
    found = asyncio.run(asked(issuer).claims("code", redirect_uri="x", verifier="v", nonce="n"))
    assert found["groups"] == ["staff"] and found["preferred_username"] == "mallory" and found["iss"] == issuer.url


def test_a_secret_goes_only_where_the_issuer_takes_it(issuer: HostileIssuer) -> None:
    issuer.reset()
    issuer.metadata["token_endpoint_auth_methods_supported"] = ["private_key_jwt"]
    issuer.give(issuer.claims("n"))
    with pytest.raises(Unreachable):
        asyncio.run(asked(issuer, client_secret="s").claims("code", redirect_uri="x", verifier="v", nonce="n"))
    assert "s3cret" not in repr(Provider(issuer="https://x", client_id="c", client_secret="s3cret"))


def test_an_issuer_over_tls_is_believed_by_its_authority_only(certs: certificates.Certificates) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs.cert, certs.key)
    issuer = HostileIssuer(context)
    issuer.give(issuer.claims("n"))
    found = asyncio.run(asked(issuer, ca_file=str(certs.ca)).claims("code", redirect_uri="x", verifier="v", nonce="n"))
    assert found["sub"] == "mallory"
    with pytest.raises(Unreachable) as refused:
        asyncio.run(asked(issuer).metadata())
    assert "certificate" in refused.value.because.lower()
    by_address = Issuer(Provider(issuer=issuer.url.replace("localhost", "127.0.0.2"), client_id="c", ca_file=str(certs.ca)))
    with pytest.raises(Unreachable):
        asyncio.run(by_address.metadata())
    issuer.metadata["token_endpoint"] = "http://127.0.0.1:1/token"  # in clear, where the issuer is not
    with pytest.raises(Unreachable):
        asyncio.run(asked(issuer, ca_file=str(certs.ca)).metadata())
    issuer.stop()
