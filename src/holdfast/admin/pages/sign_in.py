"""Sign-in by an issuer: the page that names the issuers, the way to one, and the way back with a code.

Source: OpenID Connect Core 1.0, 3.1 (authorization code flow); RFC 7636, RFC 9207, RFC 9700. Nothing is kept here between the two redirects: what
belongs to a sign-in is sealed in the browser's cookie.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from typing import Any

from starlette.responses import RedirectResponse, Response

from holdfast.admin.pages.html import HEADERS, Html, failure, html, joined, page
from holdfast.admin.pages.visit import Visit
from holdfast.admin.route import Services
from holdfast.admin.routes.sessions import SESSION_S
from holdfast.admin.waiting import waiting_of
from holdfast.federation.issuer import Issuer
from holdfast.federation.pending import LIFE_S, Pending, Seal, new_pending
from holdfast.federation.person import person_of
from holdfast.identities.federated import arrive
from holdfast.model.federation import Person, Provider, SignInRefused
from holdfast.model.identity import User
from holdfast.observe.audit import Audit, Event

log = logging.getLogger(__name__)

PENDING_COOKIE = "holdfast_signin"
CODE_CHARACTERS_MAX = 2048
OPERATION = "HoldfastSignIn"


class Rate:
    """At most PER_MINUTE beginnings and ends of sign-ins from one address, in this process; what is remembered is bounded."""

    PER_MINUTE = 120
    ADDRESSES_MAX = 10_000

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> bool:
        """Whether there is one left."""
        now = time.monotonic()
        left, at = self._seen.pop(address, (float(self.PER_MINUTE), now))
        left = min(float(self.PER_MINUTE), left + (now - at) * self.PER_MINUTE / 60)
        self._seen[address] = (max(0.0, left - 1), now)
        if len(self._seen) > self.ADDRESSES_MAX:
            self._seen.popitem(last=False)
        return left >= 1


class SignIn:
    """Sign-in on one control listener. `seal` gives what seals cookies, which every process of the store shares."""

    def __init__(self, services: Services, issuers: tuple[Issuer, ...], seal: Callable[[], Awaitable[Seal]], audit: Audit | None) -> None:
        self._services = services
        self._issuers = {issuer.provider.name: issuer for issuer in issuers}
        self._seal = seal
        self._audit = audit
        self._rate = Rate()

    async def choose(self, visit: Visit) -> Response:
        """GET /sign-in: the issuers."""
        cli = visit.visited.query_params.get("cli", "")
        more = f"?cli={cli}" if waiting_of(cli) is not None else ""
        links = [
            html('<p><a class="button" href="/sign-in/$name$more">Sign in with $title</a></p>\n', name=name, more=more, title=_title(issuer.provider))
            for name, issuer in self._issuers.items()
        ]
        return page("Sign in", joined(links))

    async def start(self, visit: Visit) -> Response:
        """GET /sign-in/{provider}: the browser is sent to the issuer, with a state, a nonce and a challenge of its own."""
        issuer = self._issuers.get(visit.visited.path_params["provider"])
        if issuer is None:
            return failure("Sign in", "There is no such sign-in service.", status=404, again="/sign-in")
        try:
            self._take(visit)
            cli = visit.visited.query_params.get("cli", "")
            pending = new_pending(issuer.provider.name, cli if waiting_of(cli) is not None else "")
            to = await issuer.authorization_url(
                redirect_uri=_callback(visit, issuer.provider), state=pending.state, nonce=pending.nonce, challenge=pending.challenge
            )
        except SignInRefused as refused:
            return self._refuse(visit, issuer.provider, refused)
        answer = RedirectResponse(to, 303, headers=HEADERS)
        _keep(visit, answer, (await self._seal()).close(pending), LIFE_S)
        return answer

    async def finish(self, visit: Visit) -> Response:
        """GET /sign-in/{provider}/callback: the issuer sent the browser back, with a code or an error."""
        issuer = self._issuers.get(visit.visited.path_params["provider"])
        if issuer is None:
            return failure("Sign in", "There is no such sign-in service.", status=404, again="/sign-in")
        provider, person = issuer.provider, None
        try:
            self._take(visit)
            pending, code = await self._proven(visit, issuer)
            claims = await issuer.claims(code, redirect_uri=_callback(visit, provider), verifier=pending.verifier, nonce=pending.nonce)
            person = person_of(claims, provider)
            answer = await self._enter(visit, provider, pending, person)
        except SignInRefused as refused:
            answer = self._refuse(visit, provider, refused, person.subject if person is not None else "")
        _keep(visit, answer, "", 0)
        return answer

    def _take(self, visit: Visit) -> None:
        if not self._rate.take(visit.request.peer):
            raise SignInRefused("Too many sign-ins from your address; try again in a minute.", status=429)

    async def _proven(self, visit: Visit, issuer: Issuer) -> tuple[Pending, str]:
        """What this browser began, and the code that it brings. Errors: SignInRefused."""
        given = visit.visited.query_params
        pending = (await self._seal()).open(visit.visited.cookies.get(PENDING_COOKIE, ""))
        if pending is None or pending.provider != issuer.provider.name:
            raise SignInRefused("This sign-in was not begun in this browser, or too long ago; begin again.", "no pending sign-in", status=400)
        if not compare_digest(given.get("state", "").encode(), pending.state.encode()):
            raise SignInRefused("This is the answer to another sign-in; begin again.", "state is another one", status=400)
        found = await issuer.metadata()
        named = given.get("iss")
        if (named is not None and named != found.issuer) or (named is None and found.authorization_response_iss_parameter_supported):
            raise SignInRefused("The answer is of another sign-in service; begin again.", "iss is another one", status=400)
        if "error" in given:
            code = "".join(letter for letter in given["error"][:40] if letter.isalnum() or letter in "_-")
            raise SignInRefused("The sign-in service did not let you in.", f"the issuer answered {code}")
        code = given.get("code", "")
        if not code or len(code) > CODE_CHARACTERS_MAX or len(given.multi_items()) != len(given):
            raise SignInRefused("The sign-in service sent no code; begin again.", "no code", status=400)
        return pending, code

    async def _enter(self, visit: Visit, provider: Provider, pending: Pending, person: Person) -> Response:
        """A session for who came, recorded before it is given. Errors: SignInRefused; audit.Unavailable."""
        if self._audit is not None:
            self._audit.check()
        directory = self._services.directory
        now_ms = int(time.time() * 1000)
        tenancy = await directory.tenancies.by_name(provider.tenancy) if provider.tenancy else None
        if provider.tenancy and tenancy is None:
            raise SignInRefused("The sign-in of this store is not set up; ask an administrator.", f"there is no tenancy {provider.tenancy!r}")
        arrival = await arrive(directory, person, tenancy.id if tenancy else await directory.tenancies.default_id(), now_ms)
        if self._audit is not None:
            came = {"subject": person.subject, "changes": arrival.changes}
            await self._audit.change(self._event(visit, provider, "allow", f"claims of {provider.issuer}", came, arrival.user))
        await directory.sessions.purge_seldom(now_ms)
        text = await directory.sessions.create(arrival.user.id, now_ms, SESSION_S)
        to = f"/account/cli?cli={pending.cli}" if pending.cli else "/account"
        # A page of this site that goes on by itself, and no redirect: a browser that was sent here by another site does not send strict cookies.
        answer = page("Signed in", html('<p>You are signed in. <a href="$to">Go on</a></p>', to=to), go_to=to)
        visit.keep_session(answer, text, SESSION_S)
        return answer

    def _refuse(self, visit: Visit, provider: Provider, refused: SignInRefused, subject: str = "") -> Response:
        log.info("a sign-in was refused", extra={"issuer": provider.issuer, "because": refused.because})
        if self._audit is not None:
            self._audit.refusal(self._event(visit, provider, "deny", refused.because, {"code": "NotAuthenticated", "subject": subject}))
        return failure("Not signed in", refused.message, status=refused.status, again="/sign-in")

    def _event(
        self, visit: Visit, provider: Provider, decision: str, rule: str, details: dict[str, Any], user: User | None = None
    ) -> Event:
        request = visit.request
        who = {"who": user.name, "principal": user.id} if user is not None else {}
        return Event(
            at=request.received_at, request_id=request.id, door="console", address=request.peer, action=OPERATION, resource=provider.issuer,
            decision=decision, rule=rule, details={name: value for name, value in details.items() if value}, **who,
        )  # fmt: skip


def _title(provider: Provider) -> Html | str:
    return provider.title or provider.issuer


def _callback(visit: Visit, provider: Provider) -> str:
    """The redirect URI, one for each issuer, so that none can pass for another."""
    return f"{visit.url}/sign-in/{provider.name}/callback"


def _keep(visit: Visit, answer: Response, text: str, life_s: int) -> None:
    """The sign-in under way, which must come back from another site: the one cookie that is not strict."""
    answer.set_cookie(PENDING_COOKIE, text, max_age=life_s, path="/sign-in", secure=visit.secure, httponly=True, samesite="lax")
