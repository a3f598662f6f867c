"""Compiles what a principal may do (built-in rights, policies of its groups, roles) into identity evidence, once a generation of the registry."""

from __future__ import annotations

from holdfast.authz.decide import Policy
from holdfast.authz.gather import rights_of
from holdfast.model.identity import User, World


def compile_grants(user: User, world: World) -> tuple[Policy, ...]:
    """The policies that speak for this user anywhere in the tenancy of `world`."""
    return rights_of(user.rights)
