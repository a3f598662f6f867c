"""Users and service accounts: who can own buckets, hold credentials and be in groups."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hashlib import sha256

import msgspec

from holdfast.engine.api import Registry
from holdfast.identities.departure import delete_credentials
from holdfast.identities.documents import Documents, Lead
from holdfast.identities.documents import Taken as Taken
from holdfast.identities.documents import Unknown as Unknown
from holdfast.identities.tenancies import Tenancies
from holdfast.model.identity import SERVICE_ACCOUNT, User
from holdfast.model.ocids import new_ocid


def new_canonical_id() -> str:
    """64 hexadecimal digits, as S3's canonical user ids."""
    return secrets.token_hex(32)


class Users:
    """The users of a store. Names are unique in a tenancy; canonical ids and e-mail addresses in the store."""

    def __init__(self, registry: Registry, tenancies: Tenancies) -> None:
        self._registry = registry
        self._tenancies = tenancies
        self._documents = Documents(registry, "user", User, lambda user: user.id, _leads)

    async def create_user(self, user: User) -> User:
        """Stores a new user, with the namespace of its tenancy; id, canonical id, display name and tenancy that are "" are filled in.

        Errors: Taken names what is in use; Unknown, for its tenancy.
        """
        tenancy_id = user.tenancy or await self._tenancies.default_id()
        namespace = user.namespace
        if tenancy_id:
            tenancy = await self._tenancies.get(tenancy_id)
            if tenancy is None:
                raise Unknown(f"there is no tenancy {tenancy_id!r}")
            namespace = tenancy.namespace
        made = msgspec.structs.replace(
            user,
            id=user.id or new_ocid("serviceaccount" if user.kind == SERVICE_ACCOUNT else "user"),
            canonical_id=user.canonical_id or new_canonical_id(),
            display_name=user.display_name or user.name,
            tenancy=tenancy_id,
            namespace=namespace,
        )
        return await self._documents.create(made)

    async def change_user(self, user: User) -> User:
        """Replaces what is a user's own, found by its id: names, e-mail, description, rights, status, compartment, canonical id. Where it belongs
        (tenancy, groups, organisations, roles) stays as it is. Errors: Unknown, Taken."""

        def changed(before: User) -> User:
            return msgspec.structs.replace(
                before,
                name=user.name,
                canonical_id=user.canonical_id,
                display_name=user.display_name,
                email=user.email,
                description=user.description,
                rights=user.rights,
                status=user.status,
                compartment=user.compartment,
            )

        return await self.amend(user.id, changed)

    async def amend(self, id: str, change: Callable[[User], User]) -> User:
        """As `Documents.amend`."""
        return await self._documents.amend(id, change)

    async def set_status(self, id: str, status: str) -> User:
        """ACTIVE or INACTIVE: then none of its credentials is accepted. Errors: Unknown."""
        return await self.amend(id, lambda user: msgspec.structs.replace(user, status=status))

    async def set_subject(self, id: str, subject: str) -> User:
        """Who signs in as this user by an issuer; "" for nobody. Errors: Unknown; Taken, when he signs in as somebody else."""
        return await self.amend(id, lambda user: msgspec.structs.replace(user, subject=subject))

    async def delete_user(self, id: str) -> None:
        """Deletes a user with all its credentials, memberships and roles; what it owns stays. Errors: Unknown."""
        user = await self._documents.delete(id)  # from here on none of its credentials is accepted
        if user is None:
            raise Unknown(f"there is no user {id!r}")
        await delete_credentials(self._registry, user)

    async def user(self, id: str) -> User | None:
        return await self._documents.get(id)

    async def by_name(self, name: str, tenancy_id: str = "") -> User | None:
        """The user or service account of that name, in the tenancy of the first start unless another is given."""
        tenancy_id = tenancy_id or await self._tenancies.default_id()
        return await self._documents.by_lead("name", f"{tenancy_id}/{name}" if tenancy_id else name)

    async def by_canonical_id(self, canonical_id: str) -> User | None:
        """Also by the canonical id that it has in an organisation."""
        return await self._documents.by_lead("canonical", canonical_id)

    async def by_email(self, email: str) -> User | None:
        """E-mail addresses are compared in lower case."""
        return await self._documents.by_lead("email", email.lower())

    async def by_subject(self, subject: str) -> User | None:
        """Who signs in by an issuer: its URL, a space, and its name for the person."""
        return await self._documents.by_lead("subject", _digest(subject))

    async def all(self, tenancy_id: str = "", kind: str = "") -> list[User]:
        """All users and service accounts, or those of a tenancy, of a kind."""
        found = await self._documents.all()
        return [user for user in found if (not tenancy_id or user.tenancy == tenancy_id) and (not kind or user.kind == kind)]


def _digest(subject: str) -> str:
    return sha256(subject.encode()).hexdigest()


def _leads(user: User) -> list[Lead]:
    leads = [("name", f"{user.tenancy}/{user.name}" if user.tenancy else user.name, f"the user name {user.name!r}")]
    for canonical_id in (user.canonical_id, *(enrolment.canonical_id for enrolment in user.enrolments)):
        leads.append(("canonical", canonical_id, f"the canonical id {canonical_id!r}"))
    if user.subject:
        leads.append(("subject", _digest(user.subject), "who signs in there"))
    if user.email:
        leads.append(("email", user.email.lower(), f"the e-mail address {user.email!r}"))
    return leads
