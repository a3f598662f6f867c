"""The paths of the pages, and what becomes of a visit that fails."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request as Visited
from starlette.responses import Response
from starlette.routing import Route

from holdfast.admin.api import Api
from holdfast.admin.faults import fault_of
from holdfast.admin.pages.account import Account
from holdfast.admin.pages.html import failure
from holdfast.admin.pages.sign_in import SignIn
from holdfast.admin.pages.visit import BadForm, Elsewhere, Visit
from holdfast.admin.request import request_of
from holdfast.admin.route import Services
from holdfast.federation.issuer import Issuer
from holdfast.federation.pending import Seal
from holdfast.model.federation import Provider
from holdfast.observe.audit import Audit, Event

log = logging.getLogger(__name__)
Answers = Callable[[Visit], Awaitable[Response]]


def routes(
    api: Api, services: Services, providers: tuple[Provider, ...], secret: Callable[[], Awaitable[bytes]], url: str, audit: Audit | None
) -> list[Route]:
    """Every page. `secret`: 32 bytes that the servers of this store share; `url`: where browsers reach this listener, without a path.

    Errors: OSError, for certificates to trust an issuer by."""
    known: list[Seal] = []

    async def seal() -> Seal:
        if not known:
            known.append(Seal(await secret()))
        return known[0]

    sign_in = SignIn(services, tuple(Issuer(provider) for provider in providers), seal, audit)
    account = Account(services)

    def answering(answers: Answers) -> Callable[[Visited], Awaitable[Response]]:
        async def answer(visited: Visited) -> Response:
            try:
                return await answers(Visit(visited, api, url))
            except Elsewhere as elsewhere:
                return elsewhere.answer
            except BadForm as error:
                if audit is not None:
                    about = request_of(visited.scope, visited.receive)
                    path = visited.url.path[:200]
                    audit.refusal(Event(door="console", address=about.peer, action="HoldfastForm", resource=path, decision="deny", rule=str(error)))
                return failure("That was not done", str(error), status=403)
            except Exception as error:
                fault = fault_of(error)
                if fault is None:
                    log.exception("a page failed")
                    return failure("That was not done", "Something unexpected happened; the log of the server says more.", status=500)
                return failure("That was not done", fault.message, status=fault.status)

        return answer

    async def act(visit: Visit) -> Response:
        action = account.actions.get(visit.visited.path_params["action"])
        if action is None:
            return failure("Not there", "There is no such page.", status=404)
        return await action(visit, await visit.form())

    return [
        Route("/sign-in", answering(sign_in.choose), methods=["GET"]),
        Route("/sign-in/{provider}", answering(sign_in.start), methods=["GET"]),
        Route("/sign-in/{provider}/callback", answering(sign_in.finish), methods=["GET"]),
        Route("/account", answering(account.overview), methods=["GET"]),
        Route("/account/cli", answering(account.cli), methods=["GET"]),
        Route("/account/{action}", answering(act), methods=["POST"]),
    ]
