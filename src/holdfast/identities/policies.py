"""Policies: statements of the policy language, attached to compartments. What they mean is not known here."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from holdfast.engine.api import Registry
from holdfast.identities.compartments import Compartments
from holdfast.identities.documents import Documents, Lead, Unknown
from holdfast.model.identity import PolicyDocument
from holdfast.model.ocids import new_ocid


class Policies:
    """The policies of a store. Names are unique in a tenancy, whatever their case."""

    def __init__(self, registry: Registry, compartments: Compartments) -> None:
        self._compartments = compartments
        self._documents = Documents(registry, "policy", PolicyDocument, lambda policy: policy.id, _leads)

    async def create(
        self,
        tenancy_id: str,
        compartment_id: str,
        name: str,
        statements: Sequence[str],
        description: str,
        now_ms: int,
        version_date: str = "",
    ) -> PolicyDocument:
        """Its statements must have been checked (`authz.statements`). Errors: Unknown, Taken."""
        compartment = await self._compartments.get(compartment_id)
        if compartment is None or compartment.tenancy != tenancy_id:
            raise Unknown(f"there is no compartment {compartment_id!r}")
        return await self._documents.create(
            PolicyDocument(
                id=new_ocid("policy"),
                tenancy=tenancy_id,
                compartment=compartment_id,
                name=name,
                statements=tuple(statements),
                description=description,
                version_date=version_date,
                created_ms=now_ms,
            )
        )

    async def get(self, id: str) -> PolicyDocument | None:
        return await self._documents.get(id)

    async def by_name(self, tenancy_id: str, name: str) -> PolicyDocument | None:
        return await self._documents.by_lead("policy-name", f"{tenancy_id}/{name.lower()}")

    async def all(self, tenancy_id: str) -> list[PolicyDocument]:
        return [policy for policy in await self._documents.all() if policy.tenancy == tenancy_id]

    async def change(self, policy: PolicyDocument) -> PolicyDocument:
        """Replaces name, description, statements and version date. Errors: Unknown, Taken."""

        def changed(before: PolicyDocument) -> PolicyDocument:
            return msgspec.structs.replace(
                before, name=policy.name, description=policy.description, statements=policy.statements, version_date=policy.version_date
            )

        return await self._documents.amend(policy.id, changed)

    async def delete(self, id: str) -> None:
        """Errors: Unknown."""
        if await self._documents.delete(id) is None:
            raise Unknown(f"there is no policy {id!r}")


def _leads(policy: PolicyDocument) -> list[Lead]:
    return [("policy-name", f"{policy.tenancy}/{policy.name.lower()}", f"the policy name {policy.name!r}")]
