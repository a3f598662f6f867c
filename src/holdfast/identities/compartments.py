"""Compartments: the tree of a tenancy, the scope of policies and roles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

import msgspec

from holdfast.engine.api import Registry
from holdfast.identities.documents import Documents, Lead, Taken, Unknown, under
from holdfast.identities.tenancies import Tenancies
from holdfast.model.identity import Compartment, PolicyDocument, Tenancy, User
from holdfast.model.ocids import new_ocid

T = TypeVar("T", PolicyDocument, User)


class Compartments:
    """The compartments of a store. Names are unique below one parent, whatever their case."""

    def __init__(self, registry: Registry, tenancies: Tenancies) -> None:
        self._registry = registry
        self._tenancies = tenancies
        self._documents = Documents(registry, "compartment", Compartment, lambda compartment: compartment.id, _leads)

    async def create(self, tenancy_id: str, parent_id: str, name: str, description: str, now_ms: int) -> Compartment:
        """A compartment below another, or below the root (`parent_id` the tenancy's). Errors: Unknown, Taken."""
        await self._require_parent(tenancy_id, parent_id)
        made = Compartment(
            id=new_ocid("compartment"), tenancy=tenancy_id, parent=parent_id, name=name, description=description, created_ms=now_ms
        )
        await self._documents.create(made)
        try:
            await self._require_parent(tenancy_id, parent_id)
        except Unknown:  # it was deleted at the same time
            await self._documents.delete(made.id)
            raise
        return made

    async def get(self, id: str) -> Compartment | None:
        """A compartment; for a tenancy's id its root."""
        found = await self._documents.get(id)
        if found is not None:
            return found
        tenancy = await self._tenancies.get(id)
        return None if tenancy is None else root_of(tenancy)

    async def by_path(self, tenancy_id: str, path: str) -> Compartment | None:
        """The one that names from the root down lead to: "a:b" is b in a; "" is the root."""
        found = await self.get(tenancy_id)
        for name in path.split(":") if path else ():
            if found is None:
                return None
            found = await self._documents.by_lead("compartment-name", f"{found.id}/{name.lower()}")
        return found

    async def all(self, tenancy_id: str) -> list[Compartment]:
        """All of a tenancy but its root."""
        return [compartment for compartment in await self._documents.all() if compartment.tenancy == tenancy_id]

    async def change(self, compartment: Compartment) -> Compartment:
        """Replaces name, description, status and parent. Errors: Unknown; Taken, also when it would stand below itself."""
        await self._require_parent(compartment.tenancy, compartment.parent)
        at = await self.get(compartment.parent)
        while at is not None and at.parent:
            if at.id == compartment.id:
                raise Taken(f"the compartment {compartment.name!r} cannot stand below itself")
            at = await self.get(at.parent)

        def changed(before: Compartment) -> Compartment:
            return msgspec.structs.replace(compartment, tenancy=before.tenancy, created_ms=before.created_ms)

        return await self._documents.amend(compartment.id, changed)

    async def delete(self, id: str) -> None:
        """Errors: Unknown; Taken while there are compartments, policies or service accounts in it. Buckets are not known here."""
        for words, names in (
            ("others", [child.name for child in await self._documents.all() if child.parent == id]),
            ("policies", [found.name async for found in self._in("policy", PolicyDocument) if found.compartment == id]),
            ("service accounts", [found.name async for found in self._in("user", User) if found.compartment == id]),
        ):
            if names:
                raise Taken(f"the compartment has {words} in it: {', '.join(sorted(names)[:5])}")
        found = await self._documents.delete(id)
        if found is None:
            raise Unknown(f"there is no compartment {id!r}")
        if any(child.parent == id for child in await self._documents.all()):  # made at the same time
            await self._documents.create(found)
            raise Taken("a compartment is being made in it")

    async def _in(self, kind: str, type: type[T]) -> AsyncIterator[T]:
        decode = msgspec.json.Decoder(type).decode
        async for document in under(self._registry, kind):
            yield decode(document.value)

    async def _require_parent(self, tenancy_id: str, parent_id: str) -> None:
        parent = await self.get(parent_id)
        if parent is None or parent.tenancy != tenancy_id:
            raise Unknown(f"there is no compartment {parent_id!r}")


def root_of(tenancy: Tenancy) -> Compartment:
    """The root compartment of a tenancy: it has the tenancy's id and name, and no parent."""
    return Compartment(
        id=tenancy.id, tenancy=tenancy.id, parent="", name=tenancy.name, description=tenancy.description, created_ms=tenancy.created_ms
    )


def _leads(compartment: Compartment) -> list[Lead]:
    return [("compartment-name", f"{compartment.parent}/{compartment.name.lower()}", f"the compartment name {compartment.name!r}")]
