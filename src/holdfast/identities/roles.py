"""Roles bound to users, service accounts and groups. What a role allows is not known here."""

from __future__ import annotations

import msgspec

from holdfast.identities.documents import Taken, Unknown
from holdfast.identities.groups import Groups
from holdfast.identities.users import Users
from holdfast.model.identity import Binding, Group, User
from holdfast.model.ocids import type_of


class Roles:
    """The bindings of a store: each stands in the document of who holds it."""

    def __init__(self, users: Users, groups: Groups) -> None:
        self._users = users
        self._groups = groups

    async def bind(self, principal_id: str, binding: Binding) -> User | Group:
        """Errors: Unknown; Taken where the principal has that role on that target."""

        def bound(roles: tuple[Binding, ...]) -> tuple[Binding, ...]:
            if any(_same(role, binding.role, binding.scope, binding.target) for role in roles):
                raise Taken(f"the role {binding.role!r} is bound to it there already")
            return (*roles, binding)

        if type_of(principal_id) == "group":
            return await self._groups.documents.amend(principal_id, lambda group: msgspec.structs.replace(group, roles=bound(group.roles)))
        return await self._users.amend(principal_id, lambda user: msgspec.structs.replace(user, roles=bound(user.roles)))

    async def unbind(self, principal_id: str, role: str, scope: str, target: str) -> User | Group:
        """Errors: Unknown, also where nothing is bound so."""

        def unbound(roles: tuple[Binding, ...]) -> tuple[Binding, ...]:
            kept = tuple(binding for binding in roles if not _same(binding, role, scope, target))
            if len(kept) == len(roles):
                raise Unknown(f"the role {role!r} is not bound to it there")
            return kept

        if type_of(principal_id) == "group":
            return await self._groups.documents.amend(principal_id, lambda group: msgspec.structs.replace(group, roles=unbound(group.roles)))
        return await self._users.amend(principal_id, lambda user: msgspec.structs.replace(user, roles=unbound(user.roles)))


def _same(binding: Binding, role: str, scope: str, target: str) -> bool:
    return (binding.role, binding.scope, binding.target) == (role, scope, target)
