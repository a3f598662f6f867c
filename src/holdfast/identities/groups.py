"""Groups, and who is in them. A membership stands in the user's document, so that it comes and goes in one step."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Registry
from holdfast.identities.documents import Documents, Lead, Taken, Unknown
from holdfast.identities.tenancies import Tenancies
from holdfast.identities.users import Users
from holdfast.model.identity import Group, Membership, User
from holdfast.model.ocids import new_ocid


class Groups:
    """The groups of a store. Names are unique in a tenancy, whatever their case."""

    def __init__(self, registry: Registry, tenancies: Tenancies, users: Users) -> None:
        self._registry = registry
        self._tenancies = tenancies
        self._users = users
        self.documents = Documents(registry, "group", Group, lambda group: group.id, _leads)

    async def create(self, tenancy_id: str, name: str, description: str, now_ms: int) -> Group:
        """Errors: Unknown, Taken."""
        if await self._tenancies.get(tenancy_id) is None:
            raise Unknown(f"there is no tenancy {tenancy_id!r}")
        return await self.documents.create(
            Group(id=new_ocid("group"), tenancy=tenancy_id, name=name, description=description, created_ms=now_ms)
        )

    async def get(self, id: str) -> Group | None:
        return await self.documents.get(id)

    async def by_name(self, tenancy_id: str, name: str) -> Group | None:
        return await self.documents.by_lead("group-name", f"{tenancy_id}/{name.lower()}")

    async def all(self, tenancy_id: str) -> list[Group]:
        return [group for group in await self.documents.all() if group.tenancy == tenancy_id]

    async def change(self, group: Group) -> Group:
        """Replaces name and description. Errors: Unknown, Taken."""
        return await self.documents.amend(
            group.id, lambda before: msgspec.structs.replace(before, name=group.name, description=group.description)
        )

    async def delete(self, id: str) -> None:
        """Errors: Unknown; Taken while somebody is in it."""
        members = await self.members(id)
        if members:
            raise Taken(f"the group has members: {', '.join(sorted(user.name for user in members)[:5])}")
        if await self.documents.delete(id) is None:
            raise Unknown(f"there is no group {id!r}")

    async def add_user(self, group_id: str, user_id: str, now_ms: int) -> Membership:
        """Errors: Unknown, also for a user of another tenancy; Taken for one who is in it."""
        group = await self.get(group_id)
        if group is None:
            raise Unknown(f"there is no group {group_id!r}")
        made = Membership(id=new_ocid("groupmembership"), group=group_id, created_ms=now_ms)

        def joined(user: User) -> User:
            if user.tenancy != group.tenancy:
                raise Unknown(f"there is no user {user_id!r} in the tenancy of the group {group.name!r}")
            if any(membership.group == group_id for membership in user.memberships):
                raise Taken(f"the user {user.name!r} is in the group {group.name!r}")
            return msgspec.structs.replace(user, memberships=(*user.memberships, made))

        await self._registry.put("membership", made.id, user_id.encode(), expect_revision=0)
        try:
            await self._users.amend(user_id, joined)
        except (Taken, Unknown):
            await self._registry.delete("membership", made.id)
            raise
        return made

    async def remove_user(self, group_id: str, user_id: str) -> None:
        """Errors: Unknown, also for one who is not in it."""

        def left(user: User) -> User:
            kept = tuple(membership for membership in user.memberships if membership.group != group_id)
            if len(kept) == len(user.memberships):
                raise Unknown(f"the user {user.name!r} is not in the group")
            gone.extend(membership for membership in user.memberships if membership.group == group_id)
            return msgspec.structs.replace(user, memberships=kept)

        gone: list[Membership] = []
        await self._users.amend(user_id, left)
        for membership in gone:
            await self._registry.delete("membership", membership.id)

    async def members(self, group_id: str) -> list[User]:
        return [user for user in await self._users.all() if any(membership.group == group_id for membership in user.memberships)]

    async def membership(self, id: str) -> tuple[Membership, User] | None:
        """A membership by its id, and whose it is."""
        found = await self._registry.get("membership", id)
        user = None if found is None else await self._users.user(found.value.decode())
        if user is None:
            return None
        return next(((membership, user) for membership in user.memberships if membership.id == id), None)


def _leads(group: Group) -> list[Lead]:
    return [("group-name", f"{group.tenancy}/{group.name.lower()}", f"the group name {group.name!r}")]
