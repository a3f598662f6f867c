"""Requests to be enrolled in an organisation: one at most for each user and organisation, until a manager or an administrator decides."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import AlreadyExists, Registry, Stale
from holdfast.identities.documents import Taken, Unknown, under
from holdfast.identities.organisations import Organisations
from holdfast.identities.users import Users
from holdfast.model.identity import Enrolment, EnrolmentRequest

KIND = "enrolment-request"
OF_USER_MAX = 20
"""How many requests of one user may be undecided."""
PENDING, REFUSED = "PENDING", "REFUSED"
_REQUEST = msgspec.json.Decoder(EnrolmentRequest)


class EnrolmentRequests:
    """The requests of a store, each under "<organisation>/<user>"."""

    def __init__(self, registry: Registry, users: Users, organisations: Organisations) -> None:
        self._registry = registry
        self._users = users
        self._organisations = organisations

    async def ask(self, user_id: str, organisation_id: str, message: str, now_ms: int) -> EnrolmentRequest:
        """Errors: Unknown, also for an organisation that nobody may ask to join; Taken for who is in it, or has asked, or was refused, or has
        asked too often."""
        user, organisation = await self._users.user(user_id), await self._organisations.get(organisation_id)
        if user is None or organisation is None or organisation.tenancy != user.tenancy or organisation.joining != "request":
            raise Unknown("there is no such organisation that you can ask to join")
        if any(enrolment.organisation == organisation_id for enrolment in user.enrolments):
            raise Taken(f"the user {user.name!r} is in the organisation {organisation.name!r}")
        own = await self.of_user(user_id)
        before = next((request for request in own if request.organisation == organisation_id), None)
        if before is not None:
            raise Taken("it is asked already" if before.status == PENDING else "it was asked, and refused")
        if len(own) >= OF_USER_MAX:
            raise Taken(f"{OF_USER_MAX} requests are undecided already")
        made = EnrolmentRequest(organisation=organisation_id, user=user_id, message=message, created_ms=now_ms)
        try:
            await self._registry.put(KIND, _name(user_id, organisation_id), msgspec.json.encode(made), expect_revision=0)
        except (AlreadyExists, Stale):
            raise Taken("it is asked already") from None
        return made

    async def get(self, user_id: str, organisation_id: str) -> EnrolmentRequest | None:
        found = await self._registry.get(KIND, _name(user_id, organisation_id))
        return None if found is None else _REQUEST.decode(found.value)

    async def of_organisation(self, organisation_id: str) -> list[EnrolmentRequest]:
        """The oldest first."""
        found = [_REQUEST.decode(document.value) async for document in under(self._registry, KIND, organisation_id + "/")]
        return sorted(found, key=lambda request: request.created_ms)

    async def of_user(self, user_id: str) -> list[EnrolmentRequest]:
        found = [_REQUEST.decode(document.value) async for document in under(self._registry, KIND)]
        return [request for request in found if request.user == user_id]

    async def approve(self, user_id: str, organisation_id: str, now_ms: int) -> Enrolment:
        """Enrols who asked. Errors: Unknown where nobody asked; as `Organisations.enrol`."""
        if await self.get(user_id, organisation_id) is None:
            raise Unknown("there is no such request")
        made = await self._organisations.enrol(user_id, organisation_id, now_ms)
        await self._registry.delete(KIND, _name(user_id, organisation_id))
        return made

    async def refuse(self, user_id: str, organisation_id: str) -> EnrolmentRequest:
        """Keeps the request as one that was refused: it cannot be asked again until `forget`. Errors: Unknown; Stale."""
        name = _name(user_id, organisation_id)
        found = await self._registry.get(KIND, name)
        if found is None:
            raise Unknown("there is no such request")
        made = msgspec.structs.replace(_REQUEST.decode(found.value), status=REFUSED)
        await self._registry.put(KIND, name, msgspec.json.encode(made), expect_revision=found.revision)
        return made

    async def forget(self, user_id: str, organisation_id: str) -> None:
        """Takes a request away, decided or not. Errors: Unknown."""
        if not await self._registry.delete(KIND, _name(user_id, organisation_id)):
            raise Unknown("there is no such request")


def _name(user_id: str, organisation_id: str) -> str:
    return f"{organisation_id}/{user_id}"
