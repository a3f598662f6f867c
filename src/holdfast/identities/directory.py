"""Everything about who there is, in one place: what every dialect makes, changes and finds identities with."""

from __future__ import annotations

from holdfast.engine.api import Registry
from holdfast.identities.api_keys import ApiKeys
from holdfast.identities.auth_tokens import AuthTokens
from holdfast.identities.compartments import Compartments
from holdfast.identities.documents import Unknown
from holdfast.identities.enrolment_requests import EnrolmentRequests
from holdfast.identities.groups import Groups
from holdfast.identities.keys import AccessKeys
from holdfast.identities.master import MasterKey
from holdfast.identities.organisations import Organisations
from holdfast.identities.passwords import Passwords
from holdfast.identities.policies import Policies
from holdfast.identities.retries import Retries
from holdfast.identities.roles import Roles
from holdfast.identities.sessions import Sessions
from holdfast.identities.sign_in_codes import SignInCodes
from holdfast.identities.tenancies import Tenancies
from holdfast.identities.tokens import Tokens
from holdfast.identities.users import Users
from holdfast.identities.work_requests import WorkRequests
from holdfast.model.identity import World


class Directory:
    """The services of identity on one registry; secrets are sealed under `master`. Errors of all: Taken, Unknown, EngineError."""

    def __init__(self, registry: Registry, master: MasterKey) -> None:
        self.registry = registry
        self.tenancies = Tenancies(registry)
        self.compartments = Compartments(registry, self.tenancies)
        self.users = Users(registry, self.tenancies)
        self.groups = Groups(registry, self.tenancies, self.users)
        self.roles = Roles(self.users, self.groups)
        self.policies = Policies(registry, self.compartments)
        self.organisations = Organisations(registry, self.tenancies, self.users)
        self.enrolment_requests = EnrolmentRequests(registry, self.users, self.organisations)
        self.keys = AccessKeys(registry, master, self.users)
        self.tokens = Tokens(registry, self.users)
        self.api_keys = ApiKeys(registry, self.users)
        self.auth_tokens = AuthTokens(registry, self.users)
        self.retries = Retries(registry)
        self.work_requests = WorkRequests(registry)
        self.sessions = Sessions(registry, self.users)
        self.sign_in_codes = SignInCodes(registry)
        self.passwords = Passwords(registry, self.users, self.sessions)

    async def world(self, tenancy_id: str) -> World:
        """What a tenancy's policies are compiled against, as it is now. Errors: Unknown."""
        tenancy = await self.tenancies.get(tenancy_id)
        if tenancy is None:
            raise Unknown(f"there is no tenancy {tenancy_id!r}")
        return World(
            tenancy=tenancy,
            compartments={compartment.id: compartment for compartment in await self.compartments.all(tenancy_id)},
            groups={group.id: group for group in await self.groups.all(tenancy_id)},
            policies=tuple(await self.policies.all(tenancy_id)),
        )
