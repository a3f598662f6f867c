"""Organisations (COUs): federated groups, in each of which a user is an S3 identity of its own."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Registry
from holdfast.identities.documents import Documents, Lead, Taken, Unknown, under
from holdfast.identities.tenancies import Tenancies
from holdfast.identities.users import Users
from holdfast.model.identity import Enrolment, Organisation, User
from holdfast.model.ocids import new_ocid


class Organisations:
    """The organisations of a store. Names are lower case and unique in a tenancy."""

    def __init__(self, registry: Registry, tenancies: Tenancies, users: Users) -> None:
        self._registry = registry
        self._tenancies = tenancies
        self._users = users
        self._documents = Documents(registry, "organisation", Organisation, lambda organisation: organisation.id, _leads)

    async def create(
        self, tenancy_id: str, name: str, display_name: str, description: str, now_ms: int, joining: str = "closed"
    ) -> Organisation:
        """Errors: Unknown, Taken."""
        if await self._tenancies.get(tenancy_id) is None:
            raise Unknown(f"there is no tenancy {tenancy_id!r}")
        return await self._documents.create(
            Organisation(
                id=new_ocid("organisation"),
                tenancy=tenancy_id,
                name=name.lower(),
                display_name=display_name or name,
                description=description,
                created_ms=now_ms,
                joining=joining,
            )
        )

    async def get(self, id: str) -> Organisation | None:
        return await self._documents.get(id)

    async def by_name(self, tenancy_id: str, name: str) -> Organisation | None:
        return await self._documents.by_lead("organisation-name", f"{tenancy_id}/{name.lower()}")

    async def all(self, tenancy_id: str) -> list[Organisation]:
        return [organisation for organisation in await self._documents.all() if organisation.tenancy == tenancy_id]

    async def change(self, organisation: Organisation) -> Organisation:
        """Replaces display name, description and joining; the name is part of canonical ids and stays. Errors: Unknown."""
        return await self._documents.amend(
            organisation.id,
            lambda before: msgspec.structs.replace(
                before, display_name=organisation.display_name, description=organisation.description, joining=organisation.joining
            ),
        )

    async def delete(self, id: str) -> None:
        """Errors: Unknown; Taken while somebody is in it."""
        members = await self.members(id)
        if members:
            raise Taken(f"the organisation has members: {', '.join(sorted(user.name for user in members)[:5])}")
        if await self._documents.delete(id) is None:
            raise Unknown(f"there is no organisation {id!r}")
        for request in [document.name async for document in under(self._registry, "enrolment-request", id + "/")]:
            await self._registry.delete("enrolment-request", request)

    async def members(self, id: str) -> list[User]:
        return [user for user in await self._users.all() if any(enrolment.organisation == id for enrolment in user.enrolments)]

    async def enrol(self, user_id: str, organisation_id: str, now_ms: int, *, take_over: bool = False) -> Enrolment:
        """Makes a user an S3 identity in the organisation: `<user>_<organisation>` in lower case. One that was somebody else's, who is gone, goes
        only to whom it is meant for, with its buckets (`take_over`): names come back, and people are not the same.

        Errors: Unknown, also for a user of another tenancy; Taken for one who is in it, or whose new canonical id is in use or was somebody's.
        """
        organisation = await self.get(organisation_id)
        if organisation is None:
            raise Unknown(f"there is no organisation {organisation_id!r}")
        if not take_over:
            await self._refuse_former(user_id, organisation)
        made: list[Enrolment] = []

        def joined(user: User) -> User:
            if user.tenancy != organisation.tenancy:
                raise Unknown(f"there is no user {user_id!r} in the tenancy of the organisation {organisation.name!r}")
            if any(enrolment.organisation == organisation_id for enrolment in user.enrolments):
                raise Taken(f"the user {user.name!r} is in the organisation {organisation.name!r}")
            canonical_id = _identity(user, organisation)
            enrolment = Enrolment(organisation=organisation_id, canonical_id=canonical_id, display_name=canonical_id, created_ms=now_ms)
            made[:] = [enrolment]
            return msgspec.structs.replace(user, enrolments=(*user.enrolments, enrolment))

        await self._users.amend(user_id, joined)
        return made[0]

    async def _refuse_former(self, user_id: str, organisation: Organisation) -> None:
        """Errors: Taken for an identity whose last holder was another user: the lead of its canonical id tells."""
        user = await self._users.user(user_id)
        canonical_id = "" if user is None else _identity(user, organisation)
        lead = await self._registry.get("canonical", canonical_id) if canonical_id else None
        if lead is None or lead.value.decode() == user_id or await self._users.by_canonical_id(canonical_id) is not None:
            return
        raise Taken(
            f"the S3 identity {canonical_id!r} was another user's, and may own buckets: to give it to this one with all of them, an administrator "
            "enrols him with take-over"
        )

    async def set_manager(self, user_id: str, organisation_id: str, manager: bool) -> Enrolment:
        """Whether a member decides on who joins. Errors: Unknown, also for a user who is not in it."""
        changed: list[Enrolment] = []

        def made(user: User) -> User:
            kept = []
            for each in user.enrolments:
                if each.organisation == organisation_id:
                    each = msgspec.structs.replace(each, manager=manager)
                    changed[:] = [each]
                kept.append(each)
            if not changed:
                raise Unknown(f"the user {user.name!r} is not in the organisation")
            return msgspec.structs.replace(user, enrolments=tuple(kept))

        await self._users.amend(user_id, made)
        return changed[0]

    async def leave(self, user_id: str, organisation_id: str) -> None:
        """Ends an enrolment, and its token with it; buckets stay with the canonical id that nobody has then.

        Errors: Unknown, also for a user who is not in it.
        """

        def left(user: User) -> User:
            kept = tuple(enrolment for enrolment in user.enrolments if enrolment.organisation != organisation_id)
            if len(kept) == len(user.enrolments):
                raise Unknown(f"the user {user.name!r} is not in the organisation")
            return msgspec.structs.replace(user, enrolments=kept)

        await self._users.amend(user_id, left)
        await self._registry.delete("token-slot", f"{user_id}/{organisation_id}")  # its token does not come back with a later enrolment


def _identity(user: User, organisation: Organisation) -> str:
    """The canonical id of a user in an organisation."""
    return f"{user.name}_{organisation.name}".lower()


def _leads(organisation: Organisation) -> list[Lead]:
    return [("organisation-name", f"{organisation.tenancy}/{organisation.name}", f"the organisation name {organisation.name!r}")]
