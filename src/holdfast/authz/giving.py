"""Nobody gives more than he has: what a caller lacks of the rights that a statement, a role, a group or a credential would give.

Source: the design, "Authorization". Rights under a condition are held by nobody for this purpose, and given as if there were no condition.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from holdfast.authz.gather import permits_operation
from holdfast.authz.grants import OPERATOR_NAMESPACE, Rule, rules_of, rules_of_group, tree_of
from holdfast.authz.permissions import OF_ACTION, OPERATOR, VERBS
from holdfast.authz.roles import role_named
from holdfast.authz.statements import Statement
from holdfast.model.buckets import Bucket
from holdfast.model.identity import Binding, Caller, Group, User, World

_DATA = VERBS["object-family"]["manage"]
_EVERYTHING = VERBS["all-resources"]["manage"]


class Given(msgspec.Struct, frozen=True):
    """Permissions on compartments (OCIDs; the tenancy's for all of it) or on one bucket."""

    permissions: frozenset[str]
    compartments: frozenset[str]
    bucket: Bucket | None = None


def lacking(caller: Caller, given: Iterable[Given]) -> str:
    """The first of the given permissions that the caller does not hold there himself; "" where he holds all."""
    for each in given:
        for compartment in sorted(each.compartments):
            for permission in sorted(each.permissions):
                asked = permits_operation(caller, "CreatePolicy", bucket=each.bucket, compartment=compartment, permissions=(permission,))
                if not asked.allowed:
                    return permission
    return ""


def by_statement(statement: Statement, attached: str, world: World) -> list[Given]:
    """What a statement of a policy that is attached to a compartment gives to somebody."""
    found, compartments = tree_of(world).locate(statement.location, attached)
    return [Given(_countable(statement.permissions, world), compartments or frozenset((world.tenancy.id,)))] if found else []


def by_role(binding: Binding, bucket: Bucket | None, world: World) -> list[Given]:
    """What a bound role gives, in permissions: those that it has, and those that its S3 actions stand for. `bucket` is the one of a binding on a
    bucket."""
    role = role_named(binding.role)
    if role is None:
        return []
    where = binding.target if binding.scope == "compartment" else world.tenancy.id
    by_actions = (entry.partition("|")[0] for action in role.actions for entry in OF_ACTION[action])
    return [Given(role.permissions.union(by_actions), frozenset((where,)), bucket)]


def by_group(group: Group, world: World) -> list[Given]:
    """What it gives to be in a group, by its name as it is written there."""
    return [*_of_rules(rules_of_group(group, world), world), *_of_bindings(group.roles, world)]


def by_identity(user: User, world: World) -> list[Given]:
    """What it gives to be a user: everything that a new credential of it would open."""
    found = [*_of_rules(rules_of(user, world), world), *_of_bindings(user.roles, world)]
    for membership in user.memberships:
        group = world.groups.get(membership.group)
        found += _of_bindings(group.roles, world) if group is not None else []
    if user.rights != "none" or user.enrolments:
        found.append(Given(_countable(_EVERYTHING if user.rights == "all" else _DATA, world), frozenset((world.tenancy.id,))))
    return found


def own_buckets(world: World) -> list[Given]:
    """What the built-in rights "own-buckets" count as."""
    return [Given(_DATA, frozenset((world.tenancy.id,)))]


def everything_in(compartment: str, world: World) -> list[Given]:
    """All rights in a compartment: who moves or renames it changes what policies reach."""
    return [Given(_countable(_EVERYTHING, world), frozenset((compartment,)))]


def _of_rules(rules: Iterable[Rule], world: World) -> list[Given]:
    return [Given(rule.permissions, rule.compartments or frozenset((world.tenancy.id,))) for rule in rules]


def _of_bindings(bindings: Iterable[Binding], world: World) -> list[Given]:
    """A role on a bucket counts as one on the tenancy: where the bucket is, is not known here."""
    return [given for binding in bindings for given in by_role(binding, None, world)]


def _countable(permissions: frozenset[str], world: World) -> frozenset[str]:
    return permissions if world.tenancy.namespace == OPERATOR_NAMESPACE else permissions - OPERATOR
