"""Who may do what, as a page to read and to compare: kinds of principals across, actions and operations down, asked of the one decision.

`python -m holdfast.authz.table` writes it; `tests/authz/table.txt` is the committed copy, so that a change of it is visible in a diff.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from holdfast.authz.actions import KNOWN
from holdfast.authz.decide import Question, Target
from holdfast.authz.gather import decision_of, question_of
from holdfast.authz.grants import compile_grants
from holdfast.authz.permissions import IDENTITY_OPERATIONS, OF_OPERATION, OF_S3_OPERATION
from holdfast.authz.roles import ROLES
from holdfast.model import acl
from holdfast.model.buckets import Bucket
from holdfast.model.identity import (
    ANONYMOUS,
    SERVICE_ACCOUNT,
    Binding,
    Caller,
    Compartment,
    Enrolment,
    Group,
    Membership,
    Organisation,
    PolicyDocument,
    Tenancy,
    User,
    World,
)
from holdfast.model.objects import Facts, Version
from holdfast.model.ownership import ENFORCED, OWNERSHIP, PREFERRED

_ROOT, _FOLDER, _OTHER_FOLDER, _GROUP = "ocid1.tenancy.oc1..t", "ocid1.compartment.oc1..f", "ocid1.compartment.oc1..o", "ocid1.group.oc1..g"
_TENANCY = Tenancy(id=_ROOT, name="holdfast", namespace="default")
_FOLDERS = {id: Compartment(id=id, tenancy=_ROOT, parent=_ROOT, name=name) for id, name in ((_FOLDER, "folder"), (_OTHER_FOLDER, "other"))}
_OWNER, _ME = "owner", "me"
_WITHOUT_BUCKET = frozenset(("s3:ListAllMyBuckets", "s3:ListAllMyDirectoryBuckets", "s3:CreateBucket"))
_VERBS = ("inspect", "read", "use", "manage")


class Column(NamedTuple):
    """A kind of principal and what it asks about. `target` is what was looked up there."""

    words: str
    caller: Caller
    bucket: Bucket
    target: Target | None = None


def _bucket(owner: str = _OWNER, compartment: str = _FOLDER, list_: str = "") -> Bucket:
    settings = {acl.SETTING: acl.stored(acl.canned(list_, owner, owner), owner)} if list_ else {}
    return Bucket(id=1, namespace="default", name="bucket", region="r", owner=owner, compartment=compartment, settings=settings)


def _object(list_: str, owner: str = _OWNER, bucket_owner: str = _OWNER) -> Version:
    text = acl.stored(acl.canned(list_, owner, bucket_owner), owner)
    return Version(key="key", owner=owner, facts=Facts(extra={acl.SETTING: text} if text else {}))


def _user(rights: str = "none", groups: tuple[str, ...] = (), roles: tuple[Binding, ...] = (), **more: str) -> User:
    members = tuple(Membership(id=group, group=group) for group in groups)
    plain = User(id="ocid1.user.oc1..u", name="u", canonical_id=_ME, display_name="u", tenancy=_ROOT, rights=rights, memberships=members, roles=roles)
    return msgspec.structs.replace(plain, **more)


def _caller(user: User, *statements: str, tenancy: Tenancy = _TENANCY) -> Caller:
    policy = PolicyDocument(id="p", tenancy=tenancy.id, compartment=tenancy.id, name="p", statements=statements)
    groups = {_GROUP: Group(id=_GROUP, tenancy=tenancy.id, name="G")}
    world = World(tenancy=tenancy, compartments=_FOLDERS, groups=groups, policies=(policy,))
    return Caller(how="v4-header", user=user, access_key="K", grants=compile_grants(user, world))


def _by_policy(words: str) -> Caller:
    return _caller(_user(groups=(_GROUP,)), f"Allow group G to {words}")


def _by_role(name: str, scope: str, target: str) -> Caller:
    home = target if scope == "compartment" else ""
    return _caller(_user(roles=(Binding(role=name, scope=scope, target=target),), kind=SERVICE_ACCOUNT, compartment=home))


def of_s3() -> Iterator[Column]:
    """The principals that ask for S3 actions, on a bucket in a folder."""
    yield Column("administrator: manage all-resources in tenancy", _by_policy("manage all-resources in tenancy"), _bucket())
    yield Column("own-buckets, own bucket", _caller(_user("own-buckets")), _bucket(owner=_ME))
    yield from _strangers()
    yield Column("own-buckets, another's bucket", _caller(_user("own-buckets")), _bucket())
    yield Column("own-buckets, another's bucket, own object", _caller(_user("own-buckets")), _bucket(), _object("private", _ME))
    yield Column("no rights, own bucket", _caller(_user()), _bucket(owner=_ME))
    for name in ROLES:
        yield Column(f"{name} on the bucket", _by_role(name, "bucket", "1"), _bucket())
    for name in ROLES:
        yield Column(f"{name} on the folder", _by_role(name, "compartment", _FOLDER), _bucket())
    yield Column("storage.admin on another folder", _by_role("storage.admin", "compartment", _OTHER_FOLDER), _bucket())
    yield Column("storage.admin on another bucket", _by_role("storage.admin", "bucket", "2"), _bucket())
    for resource in ("object-family", "buckets", "objects"):
        for verb in _VERBS:
            yield Column(f"{verb} {resource} in compartment folder", _by_policy(f"{verb} {resource} in compartment folder"), _bucket())
    yield Column("manage all-resources in compartment other", _by_policy("manage all-resources in compartment other"), _bucket())
    theirs = Tenancy(id="ocid1.tenancy.oc1..x", name="x", namespace="x")
    abroad = _caller(_user(groups=(_GROUP,), namespace="x"), "Allow group G to manage all-resources in tenancy", tenancy=theirs)
    yield Column("administrator of another tenancy", abroad, _bucket())
    for list_ in sorted(acl.CANNED_FOR_BUCKETS):
        yield Column(f"anonymous, bucket {list_}", ANONYMOUS, _bucket(list_=list_))
    for list_ in sorted(acl.CANNED_FOR_OBJECTS):
        yield Column(f"anonymous, object {list_}", ANONYMOUS, _bucket(), _object(list_))


def _strangers() -> Iterator[Column]:
    """Who owns a bucket, and asks about an object in it that is another's, under each ObjectOwnership."""
    mine, owner = _bucket(owner=_ME), _caller(_user("own-buckets"))
    for list_ in ("private", "bucket-owner-read", acl.BUCKET_OWNER_FULL_CONTROL):
        yield Column(f"own-buckets, own bucket, another's object {list_}", owner, mine, _object(list_, bucket_owner=_ME))
    for ownership in (PREFERRED, ENFORCED):
        bucket = msgspec.structs.replace(mine, settings={OWNERSHIP: ownership})
        yield Column(f"own-buckets, own bucket {ownership}, another's object private", owner, bucket, _object("private"))


def of_operations() -> Iterator[Column]:
    """The principals that ask for operations of OCI and of the admin API."""
    everything = "manage all-resources in tenancy"
    yield Column("administrator: manage all-resources in tenancy", _by_policy(everything), _bucket())
    yield Column("a user about itself", _caller(_user()), _bucket(), _user())
    yield Column("a user about another", _caller(_user()), _bucket(), _user(id="ocid1.user.oc1..v"))
    yield Column("a service account about itself", _caller(_user(kind=SERVICE_ACCOUNT)), _bucket(), _user(kind=SERVICE_ACCOUNT))
    organisation = Organisation(id="ocid1.organisation.oc1..g", tenancy=_ROOT, name="o")
    enrolment = Enrolment(organisation=organisation.id, canonical_id="u_o", display_name="u_o", manager=True)
    manager = _caller(msgspec.structs.replace(_user(), enrolments=(enrolment,)))
    yield Column("a manager about its organisation", manager, _bucket(), organisation)
    yield Column("a manager about another organisation", manager, _bucket(), msgspec.structs.replace(organisation, id="ocid1.organisation.oc1..h"))
    owner = _caller(_user("own-buckets"))
    yield Column("own-buckets, own bucket", owner, _bucket(owner=_ME))
    yield from _strangers()
    yield Column("own-buckets, another's bucket", owner, _bucket())
    token = Caller(how="token", user=_user(), access_key="token:1", grants=_by_policy(everything).grants)
    yield Column("an access token of an administrator", token, _bucket())
    for name in ROLES:
        yield Column(f"{name} on the bucket", _by_role(name, "bucket", "1"), _bucket())
    for resource in ("object-family", "users", "groups", "policies", "compartments", "credentials", "group-memberships", "service-accounts"):
        for verb in ("read", "manage"):
            yield Column(f"{verb} {resource} in tenancy", _by_policy(f"{verb} {resource} in tenancy"), _bucket())
    theirs = Tenancy(id="ocid1.tenancy.oc1..x", name="x", namespace="x")
    abroad = _caller(_user(groups=(_GROUP,), namespace="x"), "Allow group G to manage all-resources in tenancy", tenancy=theirs)
    yield Column("administrator of another tenancy, in its own", abroad, Bucket(namespace="x", name="bucket", region="r", owner=_OWNER))
    yield Column("administrator of another tenancy, in this one", abroad, _bucket())
    yield Column("anonymous, bucket public-read", ANONYMOUS, _bucket(list_="public-read"))


def may_s3(column: Column, action: str, operation: str) -> bool:
    """Whether a principal may do an S3 action; actions that are about no bucket are asked without one."""
    without = action in _WITHOUT_BUCKET
    key = "key" if "Object" in action else ""
    question = Question(column.caller, action, None if without else column.bucket, key, column.target, None, operation)
    return decision_of(question).allowed


def may_operation(column: Column, operation: str) -> bool:
    """Whether a principal may do an operation of OCI or of the admin API."""
    identity = operation in IDENTITY_OPERATIONS
    abroad = identity and column.words.endswith("in this one")
    bucket = None if identity or operation in ("CreateBucket", "ListBuckets") or "Namespace" in operation else column.bucket
    here = _FOLDER if column.bucket.namespace == "default" and not identity else _ROOT if abroad else ""
    key = "key" if "Object" in operation else ""
    question = question_of(column.caller, operation, bucket=bucket, key=key, target=column.target, compartment="" if bucket else here)
    return decision_of(question).allowed


def page() -> str:
    """The whole table as text."""
    s3 = [(action, "") for action in sorted(KNOWN)]
    s3 += [(action, operation) for operation, actions in sorted(OF_S3_OPERATION.items()) for action in actions]
    out = ["Who may do what: x is yes. Written by python -m holdfast.authz.table.\n", "S3 ACTIONS\n"]
    out += _section(list(of_s3()), [(f"{action} ({operation})" if operation else action, action, operation) for action, operation in sorted(s3)])
    out += ["\nOPERATIONS OF OCI AND OF THE ADMIN API\n"]
    out += _section(list(of_operations()), [(operation, "", operation) for operation in sorted(OF_OPERATION)])
    return "\n".join(out) + "\n"


def _section(columns: list[Column], rows: list[tuple[str, str, str]]) -> list[str]:
    out = [f"  {number:2} {column.words}" for number, column in enumerate(columns, 1)]
    width = max(len(words) for words, _, _ in rows)
    head = " " * width + "".join(f"{number:3}" for number in range(1, len(columns) + 1))
    out += ["", head]
    for words, action, operation in rows:
        allowed = [may_s3(column, action, operation) if action else may_operation(column, operation) for column in columns]
        out.append(f"{words:{width}}" + "".join("  x" if each else "  ." for each in allowed))
    return out


if __name__ == "__main__":
    sys.stdout.write(page())
