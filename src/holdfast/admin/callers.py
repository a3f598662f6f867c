"""Who asks the administration API: proven by a signature of Version 4 for the service "holdfast", a session of the console, or a Kerberos ticket."""

from __future__ import annotations

from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie

from holdfast.admin.faults import Fault, unauthenticated
from holdfast.authn.bodies import verified
from holdfast.authn.negotiate import Acceptor
from holdfast.authn.settings import Settings
from holdfast.authn.sigv4 import ALGORITHM, verify_header
from holdfast.identities.cache import Keys
from holdfast.identities.directory import Directory
from holdfast.identities.open_door import OpenDoor
from holdfast.identities.principals import user_of_principal
from holdfast.model.errors import AccessDenied
from holdfast.model.identity import ACTIVE, Caller, looks_like_token
from holdfast.model.messages import Request

SERVICE = "holdfast"
COOKIE = "holdfast_session"
BROWSER_HEADER = b"x-holdfast-request"
"""What a page must send beside its cookie: no other site's page can make a browser send it."""
_PROOF = Settings(region="", service=SERVICE)
_HEX = frozenset(b"0123456789abcdef")


class Callers:
    """Proves callers on one store. What is remembered of keys is valid for one generation of the registry."""

    def __init__(self, keys: Keys, directory: Directory, kerberos: Acceptor | None = None, open_door: OpenDoor | None = None) -> None:
        """`open_door`: security is off, and whoever signs with any key is whom it says."""
        self.keys = keys
        self._open_door = open_door
        self._directory = directory
        self._kerberos = kerberos

    async def prove(self, request: Request) -> Caller:
        """The caller; `request.body` is replaced by one that verifies what was signed of it. Errors: Fault (401), refusals of `sigv4`."""
        authorization = request.headers.get(b"authorization")
        if authorization is not None:
            if authorization.startswith(ALGORITHM + b" "):
                return await self._signed(request, authorization)
            scheme, _, session = authorization.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer":
                return await self._in_session(session.strip(), request)
            if scheme.lower() == "negotiate" and self._kerberos is not None:
                return await self._by_ticket(self._kerberos, session.strip(), request)
            raise unauthenticated()
        text = session_cookie(request)
        if not text:
            raise unauthenticated()
        if BROWSER_HEADER not in request.headers:
            raise unauthenticated(f"A cookie counts only beside the header {BROWSER_HEADER.decode()}.")
        return await self._in_session(text, request)

    async def _signed(self, request: Request, authorization: bytes) -> Caller:
        payload = request.headers.get(b"x-amz-content-sha256")
        if request.body.length != 0 and (payload is None or len(payload) != 64 or not _HEX.issuperset(payload)):
            raise Fault(400, "MissingParameter", "A request with a body must sign its SHA-256 in the header x-amz-content-sha256.")
        proof = await verify_header(request, authorization, self._open_door or self.keys, request.received_at, _PROOF)
        credential = proof.credential
        if self._open_door is None and (credential.bearer or looks_like_token(credential.access_key)):
            raise unauthenticated("An access token opens data, not administration.")
        if payload is not None and not compare_digest(payload, b"UNSIGNED-PAYLOAD"):
            request.body = verified(request.body, payload, request.headers, None)
        how = proof.how if self._open_door is None else "v4-header"  # as if what it was signed with had been right
        return Caller(how=how, user=credential.user, access_key=credential.access_key, grants=credential.grants)

    async def _by_ticket(self, kerberos: Acceptor, token: str, request: Request) -> Caller:
        """A principal is a user of its name; one that was never seen is made, and may have buckets of its own, as Ozone lets everybody."""
        if not request.secure and not is_loopback(request.peer):
            raise unauthenticated("A Kerberos ticket is taken over TLS only.")
        if BROWSER_HEADER not in request.headers:
            raise unauthenticated(f"A ticket counts only beside the header {BROWSER_HEADER.decode()}.")
        try:
            principal, _ = kerberos.principal(token)
        except AccessDenied as refused:
            raise unauthenticated(refused.message) from None
        user = await user_of_principal(self._directory, principal, int(request.received_at * 1000))
        if user.status != ACTIVE:
            raise unauthenticated("The user is not active.")
        return await self.keys.caller_of(user, "kerberos")

    async def _in_session(self, text: str, request: Request) -> Caller:
        sessions = getattr(self._directory, "sessions", None)
        user = None if sessions is None else await sessions.find(text, int(request.received_at * 1000))
        if user is None:
            raise unauthenticated("There is no such session (any more).")
        return await self.keys.caller_of(user, "session")


def is_loopback(peer: str) -> bool:
    """Whether a connection comes from this machine."""
    return peer == "::1" or peer.removeprefix("::ffff:").startswith("127.")


def session_cookie(request: Request) -> str:
    """The session that a cookie names, or ""."""
    try:
        found = SimpleCookie(request.headers.get(b"cookie", b"").decode("latin-1")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value
