"""Finds what a request names, by OCID or by name, in the tenancy that it is about: of other tenancies nothing is ever found."""

from __future__ import annotations

from holdfast.admin.faults import invalid, missing
from holdfast.admin.route import Call, Found
from holdfast.model.buckets import Bucket
from holdfast.model.identity import SERVICE_ACCOUNT, USER, Compartment, Group, Organisation, PolicyDocument, User

ITSELF = "~"
"""The caller, where a user or a service account is named."""


async def user_of(call: Call, name: str, kind: str = "") -> User | None:
    """A user or service account."""
    users = call.directory.users
    if name == ITSELF:
        found = await users.user(call.user.id)
    elif name.startswith("ocid1."):
        found = await users.user(name)
    else:
        found = await users.by_name(name, call.tenancy.id)
    return found if found is not None and found.tenancy == call.tenancy.id and kind in ("", found.kind) else None


async def group_of(call: Call, name: str) -> Group | None:
    groups = call.directory.groups
    found = await groups.get(name) if name.startswith("ocid1.") else await groups.by_name(call.tenancy.id, name)
    return found if found is not None and found.tenancy == call.tenancy.id else None


async def policy_of(call: Call, name: str) -> PolicyDocument | None:
    policies = call.directory.policies
    found = await policies.get(name) if name.startswith("ocid1.") else await policies.by_name(call.tenancy.id, name)
    return found if found is not None and found.tenancy == call.tenancy.id else None


async def organisation_of(call: Call, name: str) -> Organisation | None:
    organisations = call.directory.organisations
    found = await organisations.get(name) if name.startswith("ocid1.") else await organisations.by_name(call.tenancy.id, name)
    return found if found is not None and found.tenancy == call.tenancy.id else None


async def compartment_of(call: Call, name: str) -> Compartment | None:
    """By OCID, or by its path from the root ("a:b"); the root is "", the tenancy's OCID, or its name."""
    compartments = call.directory.compartments
    if name.startswith("ocid1."):
        found = await compartments.get(name)
    else:
        found = await compartments.by_path(call.tenancy.id, name)
        if found is None and name.lower() == call.tenancy.name.lower():
            found = await compartments.get(call.tenancy.id)
    return found if found is not None and found.tenancy == call.tenancy.id else None


async def bucket_of(call: Call, name: str) -> Bucket | None:
    """A bucket of the tenancy's namespace."""
    return await call.services.engine.catalog.bucket(call.tenancy.namespace, name)


async def in_tenancy(call: Call) -> Found:
    """What is about the tenancy as such."""
    return Found(compartment=call.tenancy.id)


async def the_user(call: Call) -> Found:
    return _user_found(call, await user_of(call, call.path["user"], USER), f"user {call.path['user']!r}")


async def the_robot(call: Call) -> Found:
    return _user_found(call, await user_of(call, call.path["service-account"], SERVICE_ACCOUNT), f"service account {call.path['service-account']!r}")


async def the_principal(call: Call) -> Found:
    """A user or a service account."""
    return _user_found(call, await user_of(call, call.path["user"]), f"user or service account {call.path['user']!r}")


def _user_found(call: Call, user: User | None, words: str) -> Found:
    where = call.tenancy.id if user is None or user.compartment == "" else user.compartment
    return Found(target=user, compartment=where, words=words)


async def the_group(call: Call) -> Found:
    return Found(target=await group_of(call, call.path["group"]), compartment=call.tenancy.id, words=f"group {call.path['group']!r}")


async def the_policy(call: Call) -> Found:
    found = await policy_of(call, call.path["policy"])
    return Found(target=found, compartment=found.compartment if found else call.tenancy.id, words=f"policy {call.path['policy']!r}")


async def the_compartment(call: Call) -> Found:
    found = await compartment_of(call, call.path["compartment"])
    return Found(target=found, compartment=found.id if found else call.tenancy.id, words=f"compartment {call.path['compartment']!r}")


async def in_named_compartment(call: Call) -> Found:
    """Where something is to be made: the compartment that the body names."""
    name: str = call.body.compartment
    found = await compartment_of(call, name)
    if found is None:
        return Found(compartment=call.tenancy.id, words=f"compartment {name!r}")
    return Found(thing=found, compartment=found.id)


async def one_principal(call: Call, user: str | None, robot: str | None, group: str | None) -> User | Group:
    """The one that is named of the three. Errors: Fault, 400 and 404."""
    if sum(name is not None for name in (user, robot, group)) != 1:
        raise invalid("Name exactly one of user, service-account and group.")
    found: User | Group | None
    if group is not None:
        found = await group_of(call, group)
    else:
        found = await user_of(call, user or robot or "", USER if user is not None else SERVICE_ACCOUNT)
    if found is None:
        what = "group" if group is not None else "user" if user is not None else "service account"
        raise missing(f"There is no {what} {group or user or robot!r}.")
    return found
