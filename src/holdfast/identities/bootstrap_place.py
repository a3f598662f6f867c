"""Where a bootstrap file is applied: the store, the moment, what was changed so far, and what names in the file mean."""

from __future__ import annotations

from holdfast.engine.api import Catalog
from holdfast.identities.declared import DeclaredRole
from holdfast.identities.directory import Directory
from holdfast.identities.documents import Unknown
from holdfast.model.identity import Binding, Compartment, Tenancy, User


class Place:
    """One application of a file. Errors of its methods: Unknown names what is not there."""

    def __init__(self, directory: Directory, now_ms: int) -> None:
        self.directory = directory
        self.now_ms = now_ms
        self.changes: list[str] = []

    async def tenancy(self, name: str) -> Tenancy:
        """The tenancy of that name; "" is the one of the first start."""
        tenancies = self.directory.tenancies
        found = await (tenancies.by_name(name) if name else tenancies.get(await tenancies.default_id()))
        if found is None:
            raise Unknown(f"there is no tenancy {name!r}")
        return found

    async def compartment(self, tenancy: Tenancy, path: str) -> Compartment:
        found = await self.directory.compartments.by_path(tenancy.id, path)
        if found is None:
            raise Unknown(f"there is no compartment {path!r} in the tenancy {tenancy.name!r}")
        return found

    async def user(self, tenancy: Tenancy, name: str) -> User:
        """A user or service account."""
        found = await self.directory.users.by_name(name, tenancy.id)
        if found is None:
            raise Unknown(f"there is no user {name!r}")
        return found

    async def binding(self, tenancy: Tenancy, wanted: DeclaredRole, catalog: Catalog) -> Binding:
        """A declared role as it is bound."""
        target = tenancy.id
        if wanted.scope == "compartment":
            target = (await self.compartment(tenancy, wanted.target)).id
        elif wanted.scope == "bucket":
            bucket = await catalog.bucket(tenancy.namespace, wanted.target)
            if bucket is None:
                raise Unknown(f"there is no bucket {wanted.target!r} in the namespace {tenancy.namespace!r}")
            target = str(bucket.id)
        return Binding(role=wanted.role, scope=wanted.scope, target=target, created_ms=self.now_ms)
