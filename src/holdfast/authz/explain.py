"""Says why a question is decided as it is: who asked what, what each piece of evidence said, and the least that would allow it."""

from __future__ import annotations

import msgspec

from holdfast.authz.acl import BUCKET_PERMISSIONS, OBJECT_PERMISSIONS
from holdfast.authz.decide import Decision, Effect, Policy, Question
from holdfast.authz.gather import decision_of, evidence_of, identity_of
from holdfast.authz.permissions import OF_ACTION, needed
from holdfast.authz.roles import ROLES
from holdfast.authz.statements import CHARACTERS_MAX
from holdfast.model.buckets import tenancy_namespace
from holdfast.model.identity import SERVICE_ACCOUNT, User, World

_REACHES_ABROAD = "a user with the rights own-buckets, or a member of an organisation: policies and roles do not reach into another tenancy"


class Said(msgspec.Struct, frozen=True):
    """What one policy said. `part` is "identity", "resource" or "limit"; `why` says more where the effect is ""."""

    part: str
    name: str
    effect: Effect
    why: str = ""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """`because` is the rule that decided; `suggestion` the least that would allow it, "" where it is allowed.

    `permissions` are those of the policy language, "|" between alternatives."""

    who: str
    principal: str
    how: str
    action: str
    operation: str
    resource: str
    permissions: tuple[str, ...]
    said: tuple[Said, ...]
    allowed: bool
    because: str
    suggestion: str = ""


def explain(question: Question, world: World | None = None) -> Explanation:
    """Why a question is answered as it is. `world` is the caller's tenancy: with it compartments and groups are called by name."""
    decision = decision_of(question)
    evidence = evidence_of(question)
    parts = (("identity", evidence.identity), ("resource", evidence.resource), ("limit", evidence.limits))
    user = question.caller.user
    return Explanation(
        who=user.name if user is not None else "anonymous",
        principal=user.id if user is not None else "",
        how=question.caller.how,
        action=question.action,
        operation=question.operation,
        resource=_resource(question, world),
        permissions=permissions_of(question),
        said=tuple(said for part, policies in parts for policy in policies for said in _ask(part, policy, question)),
        allowed=decision.allowed,
        because=decision.because,
        suggestion="" if decision.allowed else suggest(question, decision, world),
    )


def permissions_of(question: Question) -> tuple[str, ...]:
    """What the question needs in the policy language; () for what that cannot say."""
    if question.permissions:
        return question.permissions
    return needed(question.action, question.operation) if question.action in OF_ACTION else ()


def _ask(part: str, policy: Policy, question: Question) -> list[Said]:
    """One row, or, of a policy that is many rules, one for each of them."""
    effect = policy.says(question)
    considered = getattr(policy, "consider", None)
    if considered is not None:
        return [Said(part, name, given, why) for name, given, why in considered(question)]
    return [Said(part, policy.name, effect)]


def _resource(question: Question, world: World | None) -> str:
    bucket = question.bucket
    if bucket is not None:
        return f"{bucket.name}/{question.key}" if question.key else bucket.name
    target = question.target
    name = getattr(target, "name", "") or getattr(target, "id", "")
    where = "tenancy" if world is None and not question.compartment else _place(question, world)
    return f"{name} in {where}" if name else where


def suggest(question: Question, decision: Decision, world: World | None = None) -> str:
    """The least that would allow what was refused."""
    if decision.because.startswith("denied by "):
        return f"nothing allows what is denied: take it out of {decision.because.removeprefix('denied by ')}"
    if decision.because.startswith("outside "):
        return f"{decision.because.removeprefix('outside ')} cannot be widened: make another one"
    user, bucket = question.caller.user, question.bucket
    if user is None:
        return _of_resource(question, user)
    if bucket is not None and tenancy_namespace(bucket.namespace) != user.namespace:
        return _of_both_sides(question, user)
    if user.kind == SERVICE_ACCOUNT and question.action.startswith("s3:"):
        role = _role(question)
        if role:
            return role
    return statement(question, user, world)


def _of_both_sides(question: Question, user: User) -> str:
    """What is missing of the two that a caller of another tenancy needs: the bucket's word, and rights that reach beyond his own tenancy."""
    evidence = evidence_of(question)
    sides = ((evidence.resource, _of_resource(question, user)), (evidence.identity, f"in the place of {user.name} {_REACHES_ABROAD}"))
    return ", and ".join(what for policies, what in sides if not any(policy.says(question) == "allow" for policy in policies))


def _of_resource(question: Question, user: User | None) -> str:
    """A grant of an access control list where one can say it, else a statement of a bucket policy."""
    who = f"id={user.canonical_id}" if user is not None else "uri=http://acs.amazonaws.com/groups/global/AllUsers"
    place = question.bucket
    if place is None:
        return "nothing: this needs a caller of the tenancy"
    for permissions, what in ((OBJECT_PERMISSIONS, f"{place.name}/{question.key}"), (BUCKET_PERMISSIONS, place.name)):
        if question.action in permissions:
            return f"a grant of {permissions[question.action]} to {who} in the access control list of {what}"
    if not question.action.startswith("s3:") or question.action.startswith("s3:Native"):
        return "nothing: this needs a caller of the tenancy"
    principal = "*" if user is None else f'{{"CanonicalUser": "{user.canonical_id}"}}'
    resource = f"arn:aws:s3:::{place.name}" + (f"/{question.key}" if question.key else "")
    shown = f'"{principal}"' if user is None else principal
    return f'{{"Effect": "Allow", "Principal": {shown}, "Action": "{question.action}", "Resource": "{resource}"}} in the policy of {place.name}'


def _role(question: Question) -> str:
    """The smallest role that allows it, on the bucket, or on the compartment where there is none."""
    for role in sorted(ROLES.values(), key=lambda role: len(role.actions)):
        if role.allows(question):
            return f"role {role.name} on " + (f"bucket {question.bucket.name}" if question.bucket is not None else "the compartment")
    return ""


def statement(question: Question, user: User, world: World | None = None) -> str:
    """The statement of the policy language that gives exactly what is missing, for this caller's group if it is in one."""
    missing = [entry.partition("|")[0] for entry in permissions_of(question) if not _has(question, entry)]
    if not missing:
        return ""
    tests = []
    groups = [] if world is None else [world.groups[each.group].name for each in user.memberships if each.group in world.groups]
    if groups:
        subject = f"group {_name(groups[0])}"
    else:
        subject = "any-user"
        tests.append(f"request.user.id = '{user.id}'")
    if question.bucket is not None and question.operation != "ListBuckets":
        tests.append(f"target.bucket.name = '{question.bucket.name}'")
    key = question.key
    if key and "*" not in key and len(key) < CHARACTERS_MAX // 2 and ("'" not in key or '"' not in key):
        tests.append("target.object.name = " + (f"'{key}'" if "'" not in key else f'"{key}"'))
    condition = "" if not tests else f" where {tests[0]}" if len(tests) == 1 else f" where all {{{', '.join(tests)}}}"
    return f"Allow {subject} to {{{', '.join(missing)}}} in {_place(question, world)}{condition}"


def _has(question: Question, permission: str) -> bool:
    """Whether the caller's identity gives one permission (or one of several) here."""
    asked = msgspec.structs.replace(question, permissions=(permission,))
    return any(policy.says(asked) == "allow" for policy in identity_of(question.caller))


def _name(name: str) -> str:
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    return name if plain.isalnum() else f"'{name}'" if "'" not in name else f'"{name}"'


def _place(question: Question, world: World | None) -> str:
    """Where a statement must reach, as it is written in a policy of the tenancy."""
    compartment = question.bucket.compartment if question.bucket is not None else question.compartment
    if world is None:
        return f"compartment id {compartment}" if compartment else "tenancy"
    path: list[str] = []
    while compartment in world.compartments and compartment != world.tenancy.id:
        path.append(_name(world.compartments[compartment].name))
        compartment = world.compartments[compartment].parent
    return f"compartment {':'.join(reversed(path))}" if path else "tenancy"
