"""Tenancies: each owns a namespace, a tree of compartments, people and policies."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Registry
from holdfast.identities.documents import Documents, Lead
from holdfast.model.identity import Tenancy
from holdfast.model.ocids import new_ocid

_DEFAULT = ("default", "tenancy")


class Tenancies:
    """The tenancies of a store. Names and namespaces are unique, names whatever their case."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._documents = Documents(registry, "tenancy", Tenancy, lambda tenancy: tenancy.id, _leads)

    async def create(self, name: str, namespace: str, now_ms: int, description: str = "") -> Tenancy:
        """Errors: Taken."""
        made = Tenancy(id=new_ocid("tenancy"), name=name, namespace=namespace, description=description, created_ms=now_ms)
        return await self._documents.create(made)

    async def get(self, id: str) -> Tenancy | None:
        return await self._documents.get(id)

    async def by_name(self, name: str) -> Tenancy | None:
        return await self._documents.by_lead("tenancy-name", name.lower())

    async def by_namespace(self, namespace: str) -> Tenancy | None:
        return await self._documents.by_lead("namespace", namespace)

    async def all(self) -> list[Tenancy]:
        return await self._documents.all()

    async def change(self, tenancy: Tenancy) -> Tenancy:
        """Replaces name, description and the compartment of S3; its namespace names buckets and stays. Errors: Unknown, Taken."""

        def changed(before: Tenancy) -> Tenancy:
            return msgspec.structs.replace(tenancy, namespace=before.namespace, created_ms=before.created_ms)

        return await self._documents.amend(tenancy.id, changed)

    async def default_id(self) -> str:
        """The id of the tenancy of the first start, to which belongs what names none; "" before that start."""
        found = await self._registry.get(*_DEFAULT)
        return "" if found is None else found.value.decode()

    async def make_default(self, id: str) -> None:
        await self._registry.put(*_DEFAULT, id.encode())


def _leads(tenancy: Tenancy) -> list[Lead]:
    return [
        ("tenancy-name", tenancy.name.lower(), f"the tenancy name {tenancy.name!r}"),
        ("namespace", tenancy.namespace, f"the namespace {tenancy.namespace!r}"),
    ]
