"""Asks an issuer: its discovery document, its keys, the exchange of a code, the claims of a user. Every answer is bounded in size and time.

Source: OpenID Connect Discovery 1.0; RFC 6749 (4.1, 2.3.1), RFC 7636 (PKCE), RFC 9207 (iss in the answer), RFC 9700.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec

from holdfast.federation.id_token import ALGORITHMS, KEYS_MAX, UnknownKey, verify
from holdfast.model.federation import Provider, SignInRefused

ANSWER_BYTES_MAX = 256 * 1024
ANSWER_S, ALTOGETHER_S = 8.0, 20.0
"""How long one answer of the issuer may take, and all that one sign-in needs of it."""
METADATA_S, KEYS_S = 3600.0, 300.0
"""How long the discovery document and the keys are believed: a key that the issuer takes back counts no longer than that."""
REFETCH_S = 5.0
"""How soon keys are fetched again for a token that names an unknown one, or a failed fetch is tried again."""
AT_ONCE_MAX = 16
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # below that they write the headers of answers
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Metadata(msgspec.Struct, frozen=True):
    """What the store uses of a discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    response_types_supported: tuple[str, ...] = ("code",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class KeySet(msgspec.Struct):
    """RFC 7517, 5."""

    keys: list[dict[str, Any]]


class Tokens(msgspec.Struct):
    """What the token endpoint gives for a code."""

    id_token: str
    access_token: str = ""

    def __repr__(self) -> str:
        """Without the tokens."""
        return "Tokens()"


class Unreachable(SignInRefused):
    """The issuer does not answer, or not as an issuer does."""

    def __init__(self, because: str) -> None:
        super().__init__("The sign-in service does not answer as it should; try again later, or ask an administrator.", because, status=502)


class Issuer:
    """One issuer, asked by one process. What it says is remembered for a while; failures for a moment, so that nobody makes the store hammer it."""

    def __init__(self, provider: Provider) -> None:
        """Errors: OSError, where the file of certificates cannot be used."""
        self.provider = provider
        self._trust = ssl.create_default_context(cafile=provider.ca_file or None)
        self._metadata: Metadata | None = None
        self._metadata_at = -METADATA_S
        self._keys: list[dict[str, Any]] = []
        self._keys_at = -KEYS_S
        self._failed: dict[str, tuple[float, str]] = {}
        self._one_fetches = asyncio.Lock()
        self._at_once = 0

    async def metadata(self) -> Metadata:
        """Errors: Unreachable."""
        async with self._one_fetches:
            if self._metadata is None or time.monotonic() - self._metadata_at > METADATA_S:
                where = self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
                self._metadata = self._checked(await self._remembered(where, Metadata))
                self._metadata_at = time.monotonic()
            return self._metadata

    async def authorization_url(self, *, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        """Where a browser is sent to sign in. Errors: Unreachable."""
        async with self._one_of_few():
            found = await self.metadata()
        asked = {
            "response_type": "code", "client_id": self.provider.client_id, "redirect_uri": redirect_uri, "scope": self.provider.scope, "state": state,
            "nonce": nonce, "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        return found.authorization_endpoint + ("&" if urlsplit(found.authorization_endpoint).query else "?") + urlencode(asked)

    async def claims(self, code: str, *, redirect_uri: str, verifier: str, nonce: str) -> dict[str, Any]:
        """The claims of who signed in, for the code that his browser brought: those of the ID token, and of the user endpoint what is missing there.

        Errors: Unreachable, SignInRefused."""
        async with self._one_of_few():
            found = await self.metadata()
            tokens = await self._exchange(found, code, redirect_uri, verifier)
            claims = await self._verified(found, tokens.id_token, nonce)
            wanted = (self.provider.name_claim, self.provider.email_claim, self.provider.groups_claim, "name")
            if not found.userinfo_endpoint or not tokens.access_token or all(name in claims for name in wanted):
                return claims
            more = await self._ask("GET", found.userinfo_endpoint, dict[str, Any], {"authorization": f"Bearer {tokens.access_token}"})
        if more.get("sub") != claims["sub"]:
            raise SignInRefused("The sign-in service speaks of somebody else than it signed in.", "the subject of userinfo is another one")
        return {**more, **claims}

    @asynccontextmanager
    async def _one_of_few(self) -> AsyncIterator[None]:
        """A slow issuer keeps only so many waiting, and none of them for ever. Errors: SignInRefused, Unreachable."""
        if self._at_once >= AT_ONCE_MAX:
            raise SignInRefused("Too many people sign in at once; try again in a moment.", status=503)
        self._at_once += 1
        try:
            async with asyncio.timeout(ALTOGETHER_S):
                yield
        except TimeoutError:
            raise Unreachable(f"the issuer took more than {ALTOGETHER_S:g} s") from None
        finally:
            self._at_once -= 1

    async def _exchange(self, found: Metadata, code: str, redirect_uri: str, verifier: str) -> Tokens:
        provider = self.provider
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        headers: dict[str, str] = {}
        if provider.client_secret and "client_secret_basic" in found.token_endpoint_auth_methods_supported:
            pair = quote(provider.client_id, safe="") + ":" + quote(provider.client_secret, safe="")
            headers["authorization"] = "Basic " + b64encode(pair.encode()).decode()
        elif provider.client_secret and "client_secret_post" in found.token_endpoint_auth_methods_supported:
            form |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
        elif provider.client_secret:
            raise Unreachable("the token endpoint takes neither client_secret_basic nor client_secret_post")
        else:
            form["client_id"] = provider.client_id
        tokens: Tokens = await self._ask("POST", found.token_endpoint, Tokens, headers, form)
        return tokens

    async def _verified(self, found: Metadata, token: str, nonce: str) -> dict[str, Any]:
        """Keys are fetched again for a token that names one which is not known: issuers change their keys."""
        about = {"issuer": found.issuer, "client_id": self.provider.client_id, "nonce": nonce}
        try:
            return verify(token, await self._key_set(found, KEYS_S), **about)
        except UnknownKey:
            pass
        try:
            return verify(token, await self._key_set(found, REFETCH_S), **about)
        except UnknownKey:
            raise SignInRefused("The sign-in service sent an ID token that cannot be accepted.", "ID token: no key of the issuer fits it") from None

    async def _key_set(self, found: Metadata, age_s: float) -> list[dict[str, Any]]:
        async with self._one_fetches:
            if time.monotonic() - self._keys_at >= age_s:
                keys = (await self._remembered(found.jwks_uri, KeySet)).keys
                if len(keys) > KEYS_MAX:
                    raise Unreachable(f"the issuer has more than {KEYS_MAX} keys")
                self._keys, self._keys_at = keys, time.monotonic()
            return self._keys

    def _checked(self, found: Metadata) -> Metadata:
        """Errors: Unreachable unless the document is the issuer's own, and everything in it is asked over TLS."""
        if found.issuer != self.provider.issuer:
            raise Unreachable(f"the discovery document is of the issuer {found.issuer[:200]!r}")
        clear = is_loopback_http(found.issuer)
        for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri, found.userinfo_endpoint):
            if url and not (url.startswith("https://") or (clear and is_loopback_http(url))):
                raise Unreachable("the discovery document names an address without TLS")
        if "code" not in found.response_types_supported:
            raise Unreachable("the issuer has no authorization code flow")
        if not set(ALGORITHMS).intersection(found.id_token_signing_alg_values_supported):
            raise Unreachable("the issuer signs ID tokens by no algorithm that is accepted")
        return found

    async def _remembered(self, url: str, kind: Any) -> Any:
        """A document; one that could not be had is not asked for again within REFETCH_S. Errors: Unreachable."""
        at, because = self._failed.get(url, (-REFETCH_S, ""))
        if time.monotonic() - at < REFETCH_S:
            raise Unreachable(because)
        try:
            return await self._ask("GET", url, kind, {})
        except Unreachable as error:
            self._failed = {url: (time.monotonic(), error.because)}
            raise

    async def _ask(self, method: str, url: str, kind: Any, headers: dict[str, str], form: dict[str, str] | None = None) -> Any:
        """The document that is answered. No redirect is followed. Errors: Unreachable; SignInRefused where a code is refused."""
        where = f"{method} {url.partition('?')[0]}"
        headers = {"accept": "application/json", "accept-encoding": "identity", **headers}
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                httpx.AsyncClient(verify=self._trust, timeout=ANSWER_S, follow_redirects=False) as client,
                client.stream(method, url, headers=headers, data=form) as answer,
            ):
                data = b""
                async for piece in answer.aiter_raw():
                    data += piece
                    if len(data) > ANSWER_BYTES_MAX:
                        raise Unreachable(f"{where}: the answer is larger than {ANSWER_BYTES_MAX} bytes")
                status = answer.status_code
        except TimeoutError:
            raise Unreachable(f"{where}: no answer within {ANSWER_S:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise Unreachable(f"{where}: {type(error).__name__}: {error}"[:300]) from None
        if method == "POST" and status in (400, 401):
            raise SignInRefused("The sign-in service refuses this sign-in; begin again.", f"{where}: {status} {_error_of(data)}")
        if status != 200:
            raise Unreachable(f"{where}: status {status}")
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unreachable(f"{where}: not the document that it should be") from None


def is_loopback_http(url: str) -> bool:
    """Whether this is http on this machine: for tests and development only."""
    at = urlsplit(url)
    return at.scheme == "http" and at.hostname in _LOOPBACK


def _error_of(data: bytes) -> str:
    """The code of an OAuth error, and nothing else of the answer."""
    try:
        found = msgspec.json.decode(data, type=dict[str, Any]).get("error", "")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return found[:40] if isinstance(found, str) and found.isascii() and found.isprintable() else ""
