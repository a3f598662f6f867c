"""A small tenancy for tests of grants: compartments a, a:b and c, groups Ops, Dev and Other, and callers made of statements and roles."""

from __future__ import annotations

from holdfast.authz.grants import compile_grants
from holdfast.model.buckets import Bucket
from holdfast.model.identity import Binding, Caller, Compartment, Group, Membership, PolicyDocument, Tenancy, User, World

ROOT = "ocid1.tenancy.oc1..root"
TENANCY = Tenancy(id=ROOT, name="holdfast", namespace="default")
A, B, C = ("ocid1.compartment.oc1..a", "ocid1.compartment.oc1..b", "ocid1.compartment.oc1..c")
COMPARTMENTS = {
    A: Compartment(id=A, tenancy=ROOT, parent=ROOT, name="a"),
    B: Compartment(id=B, tenancy=ROOT, parent=A, name="b"),
    C: Compartment(id=C, tenancy=ROOT, parent=ROOT, name="c"),
}
OPS, DEV = "ocid1.group.oc1..ops", "ocid1.group.oc1..dev"


def world(*statements: str, at: str = ROOT, tenancy: Tenancy = TENANCY, group_roles: tuple[Binding, ...] = ()) -> World:
    groups = {OPS: Group(id=OPS, tenancy=ROOT, name="Ops", roles=group_roles), DEV: Group(id=DEV, tenancy=ROOT, name="Dev")}
    document = PolicyDocument(id="ocid1.policy.oc1..p", tenancy=tenancy.id, compartment=at, name="P", statements=statements)
    return World(tenancy=tenancy, compartments=COMPARTMENTS, groups=groups, policies=(document,) if statements else ())


def user(*groups: str, rights: str = "none", roles: tuple[Binding, ...] = (), namespace: str = "default", **more: str) -> User:
    memberships = tuple(Membership(id=f"m{group}", group=group) for group in groups)
    given = {"id": "ocid1.user.oc1..u", "name": "Una", "canonical_id": "una", "display_name": "Una"} | more
    return User(**given, rights=rights, roles=roles, memberships=memberships, namespace=namespace, tenancy=ROOT)


def caller_of(who: User, place: World, how: str = "v4-header") -> Caller:
    return Caller(how=how, user=who, access_key="K", grants=compile_grants(who, place))


def caller(*statements: str, at: str = ROOT, groups: tuple[str, ...] = (OPS,)) -> Caller:
    """A user of the group Ops in a world with these statements."""
    return caller_of(user(*groups), world(*statements, at=at))


def bucket(
    name: str = "logs",
    compartment: str = "",
    namespace: str = "default",
    owner: str = "somebody",
    id: int = 7,
    settings: dict[str, str] | None = None,
) -> Bucket:
    return Bucket(id=id, namespace=namespace, name=name, region="eu-1", owner=owner, compartment=compartment, settings=settings or {})
