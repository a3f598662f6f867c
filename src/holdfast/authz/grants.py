"""Compiles what a principal may do (built-in rights, policies of its groups, roles) into identity evidence, once a generation of the registry."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import ClassVar

import msgspec

from holdfast.authz.decide import Effect, Policy, Question
from holdfast.authz.gather import rights_of
from holdfast.authz.permissions import OF_ACTION, OF_S3_OPERATION, OPERATOR, VERBS, needed
from holdfast.authz.roles import compile_roles
from holdfast.authz.statements import Location, Statement, StatementError, Subject, parse
from holdfast.authz.variables import compartment_of
from holdfast.authz.where import Test, compile_condition
from holdfast.model.buckets import tenancy_namespace
from holdfast.model.identity import ACTIVE, Caller, Compartment, Group, PolicyDocument, User, World

log = logging.getLogger("holdfast.authz")

OPERATOR_NAMESPACE = "default"
"""The namespace of the tenancy that runs the store."""
EVERYTHING = "all"
"""Built-in rights that are `manage all-resources in tenancy`, and like that end at the tenancy's border."""
_DATA = VERBS["object-family"]["manage"]
_NOTHING: frozenset[str] = frozenset()


class Rule(msgspec.Struct, frozen=True):
    """One statement that speaks for a principal. `compartments` None means the whole tenancy; no `test`, no condition."""

    name: str
    permissions: frozenset[str]
    compartments: frozenset[str] | None
    test: Test | None

    def gives(self, permission: str, compartment: str, question: Question, world: World) -> bool:
        return (
            permission in self.permissions
            and (self.compartments is None or compartment in self.compartments)
            and (self.test is None or self.test(question, permission, world))
        )


class Statements:
    """Everything that the policies of a tenancy allow one principal.

    Rights without a condition are put together beforehand: those for the whole tenancy by S3 action, so that the usual
    question is one look into a set, and those of compartments by compartment."""

    __slots__ = (
        "_actions", "_conditional", "_everywhere", "_foreign", "_namespace", "_of_operation", "_places", "_reach", "_rules", "_world",
        "home",
    )  # fmt: skip
    _last: ClassVar[Question | None] = None  # of all together, so that no principal's last request is kept alive

    def __init__(self, rules: tuple[Rule, ...], world: World, home: str) -> None:
        self._rules = rules
        self._world = world
        self._namespace = world.tenancy.namespace
        self._reach = frozenset((*world.compartments, world.tenancy.id))
        plain = [rule for rule in rules if rule.test is None]
        self._conditional: dict[str, tuple[Rule, ...]] = {}
        for rule in rules:
            for permission in rule.permissions if rule.test is not None else ():
                self._conditional[permission] = (*self._conditional.get(permission, ()), rule)
        self._everywhere: frozenset[str] = frozenset().union(*(rule.permissions for rule in plain if rule.compartments is None))
        self._places: dict[str, frozenset[str]] = {}
        for rule in plain:
            for compartment in rule.compartments or ():
                self._places[compartment] = self._places.get(compartment, _NOTHING) | rule.permissions
        self._actions = frozenset(
            action for action, needs in OF_ACTION.items() if self._has_everywhere(needs)
        )
        self._of_operation = {
            operation: self._actions.difference(special).union(action for action, needs in special.items() if self._has_everywhere(needs))
            for operation, special in OF_S3_OPERATION.items()
        }
        self._foreign = "TENANCY_CREATE" in self._everywhere
        self.home = home
        """The compartment of buckets that are made without naming one; "" is the root."""

    @property
    def name(self) -> str:
        """The statements that gave the last question what it needed."""
        question, found = self._last, []
        for entry in () if question is None else self._needed(question):
            for permission in entry.split("|"):
                given = [rule.name for rule in self._rules if self._gave(rule, permission, question)]  # type: ignore[arg-type]
                if given:
                    if given[0] not in found:
                        found.append(given[0])
                    break
        return " and ".join(found) or "policies"

    @property
    def lists_buckets(self) -> str:
        """Which buckets it shows in a list: "all" of the tenancy, "some" that have to be asked for one by one, or none ("")."""
        if "BUCKET_INSPECT" in self._everywhere:
            return "all"
        return "some" if any("BUCKET_INSPECT" in rule.permissions for rule in self._rules) else ""

    def _has_everywhere(self, needs: tuple[str, ...]) -> bool:
        return all(not self._everywhere.isdisjoint(entry.split("|")) for entry in needs)

    def says(self, question: Question) -> Effect:
        bucket = question.bucket
        Statements._last = question
        if bucket is not None:
            if bucket.namespace != self._namespace and tenancy_namespace(bucket.namespace) != self._namespace:
                return ""
            if not question.permissions and question.action in self._of_operation.get(question.operation, self._actions):
                return "allow"
        elif question.action == "s3:ListAllMyBuckets" and not question.permissions and not question.compartment:
            return "allow" if any(self._shows(rule, question) for rule in self._rules) else ""
        needs = self._needed(question)
        if not needs:
            return ""
        compartment = self._compartment(question)
        abroad = bucket is None and compartment not in self._reach
        for entry in needs:
            if not any(self._gives(permission, compartment, question, abroad) for permission in entry.split("|")):
                return ""
        return "allow"

    def consider(self, question: Question) -> list[tuple[str, Effect, str]]:
        """Each statement, what it gives to a question, and why it gives nothing."""
        return [(rule.name, *self._weigh(rule, question)) for rule in self._rules]

    def _weigh(self, rule: Rule, question: Question) -> tuple[Effect, str]:
        bucket = question.bucket
        if bucket is not None and tenancy_namespace(bucket.namespace) != self._namespace:
            return "", "the bucket is of another tenancy"
        wanted = [permission for entry in self._needed(question) for permission in entry.split("|")]
        given = [permission for permission in wanted if permission in rule.permissions]
        if not given:
            return "", f"does not give {' or '.join(wanted)}" if wanted else "the question needs no permission of the policy language"
        if rule.compartments is not None and self._compartment(question) not in rule.compartments:
            return "", "does not reach this compartment"
        gave = [permission for permission in given if self._gave(rule, permission, question)]
        return ("allow", f"gives {', '.join(gave)}") if gave else ("", "its condition does not hold")

    def _needed(self, question: Question) -> tuple[str, ...]:
        if question.permissions:
            return question.permissions
        return needed(question.action, question.operation) if question.action in OF_ACTION else ()

    def _compartment(self, question: Question) -> str:
        if question.bucket is None and not question.compartment and question.action == "s3:CreateBucket":
            return self.home or self._world.tenancy.id
        return compartment_of(question, self._world)

    def _gives(self, permission: str, compartment: str, question: Question, abroad: bool) -> bool:
        """Another tenancy's people and policies are for those only who may make tenancies; its buckets for nobody."""
        if abroad:
            return self._foreign and permission in self._everywhere and permission not in _DATA
        if permission in self._everywhere or permission in self._places.get(compartment, _NOTHING):
            return True
        for rule in self._conditional.get(permission, ()):
            if rule.compartments is not None and compartment not in rule.compartments:
                continue
            if rule.test is None or rule.test(question, permission, self._world):
                return True
        return False

    def _shows(self, rule: Rule, question: Question) -> bool:
        """Whether a statement shows the buckets of any compartment at all; then each bucket is asked for."""
        if "BUCKET_INSPECT" not in rule.permissions or rule.test is None:
            return "BUCKET_INSPECT" in rule.permissions
        places = (msgspec.structs.replace(question, compartment=id) for id in rule.compartments or self._reach)
        return any(rule.test(place, "BUCKET_INSPECT", self._world) for place in places)

    def _gave(self, rule: Rule, permission: str, question: Question) -> bool:
        if question.bucket is None and question.action == "s3:ListAllMyBuckets" and not question.compartment:
            return self._shows(rule, question)
        return rule.gives(permission, self._compartment(question), question, self._world)


def compile_grants(user: User, world: World) -> tuple[Policy, ...]:
    """The policies that speak for this user anywhere in the tenancy of `world`; () for one who is not active."""
    if user.status != ACTIVE:
        return ()
    found: list[Policy] = list(rights_of(user.rights)) if user.rights != EVERYTHING else []
    groups = [world.groups[membership.group] for membership in user.memberships if membership.group in world.groups]
    tree = _tree(world)
    home = home_compartment(user, world)
    rules = _rules(user, groups, world, tree)
    if user.rights == EVERYTHING:
        rules.insert(0, Rule("rights: all", _countable(VERBS["all-resources"]["manage"], world), None, None))
    if rules or home:
        found.append(Statements(tuple(rules), world, home))
    roles = compile_roles(user, groups, world, tree.below, home) if user.roles or any(group.roles for group in groups) else None
    if roles is not None:
        found.append(roles)
    return tuple(found)


def rules_of(user: User, world: World) -> list[Rule]:
    """The statements of policies that speak for this user, in the order in which they are stored."""
    groups = [world.groups[membership.group] for membership in user.memberships if membership.group in world.groups]
    return _rules(user, groups, world, _Tree(world))


def rules_of_group(group: Group, world: World) -> list[Rule]:
    """Those that speak for everybody in a group."""
    nobody = User(id="", name="", canonical_id="", display_name="")
    return _rules(nobody, [group], world, _Tree(world))


def tree_of(world: World) -> _Tree:
    """The compartments of a tenancy, ready to be walked."""
    return _Tree(world)


def _rules(user: User, groups: list[Group], world: World, tree: _Tree) -> list[Rule]:
    found = (_rule(document, text, user, groups, tree) for document in world.policies for text in document.statements)
    return [rule for rule in found if rule is not None]


def home_compartment(user: User, world: World) -> str:
    """Where buckets go that a user makes through S3: a service account's own compartment, else the tenancy's for S3; "" is the root."""
    for id in (user.compartment, world.tenancy.s3_compartment):
        if id in world.compartments:
            return id
    return ""


def home_of(caller: Caller) -> str:
    """The same for a caller whose grants were compiled."""
    for policy in caller.grants or ():
        if isinstance(policy, Statements):
            return policy.home
    return ""


def _rule(document: PolicyDocument, text: str, user: User, groups: list[Group], tree: _Tree) -> Rule | None:
    """The statement as it speaks for this user; None where it is about others, or about what is not there."""
    statement = _parsed(text)
    if statement is None or not is_about(statement.subject, user, groups):
        return None
    found, compartments = tree.locate(statement.location, document.compartment)
    if not found:
        return None
    permissions = _countable(statement.permissions, tree.world)
    test = None if statement.condition is None else compile_condition(statement.condition)
    return Rule(f'policy {document.name}: "{statement.text}"', permissions, compartments, test)


def _countable(permissions: frozenset[str], world: World) -> frozenset[str]:
    """What can be given in a tenancy: rights over the whole store only in the one that runs it."""
    return permissions if world.tenancy.namespace == OPERATOR_NAMESPACE else permissions - OPERATOR


@lru_cache(maxsize=8192)
def _parsed(text: str) -> Statement | None:
    """None for what this version cannot read: it was checked when it was stored, so that only another version can have stored it."""
    try:
        return parse(text)
    except StatementError as error:
        log.warning("a stored statement gives nothing: %s", error)
        return None


def is_about(subject: Subject, user: User, groups: list[Group]) -> bool:
    """Whether a statement speaks for this user, who is in these groups. Names are compared without regard to case."""
    if subject.kind == "any-user":
        return True
    if subject.kind == "any-group":
        return bool(groups)
    if subject.kind != "group":
        return False
    ids = {group.id.lower() for group in groups}
    names = {group.name.lower() for group in groups}
    return any(name.text.lower() in (ids if name.by_id else names) for name in subject.names)


class _Tree:
    """The compartments of a tenancy, from above. `below` gives each one's subtree, itself in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._children: dict[str, list[Compartment]] = {}
        for compartment in world.compartments.values():
            if compartment.id != world.tenancy.id:
                self._children.setdefault(compartment.parent, []).append(compartment)
        self.below: dict[str, frozenset[str]] = {}
        self._gather(world.tenancy.id)

    def _gather(self, root: str) -> None:
        """Children before parents, without recursion: a tree may be deep."""
        order, waiting = [], [root]
        while waiting:
            id = waiting.pop()
            order.append(id)
            waiting += [child.id for child in self._children.get(id, ())]
        for id in reversed(order):
            self.below[id] = frozenset((id,)).union(*(self.below[child.id] for child in self._children.get(id, ())))

    def locate(self, location: Location, attached: str) -> tuple[bool, frozenset[str] | None]:
        """(found, the compartments that a statement reaches) of a policy that is attached to a compartment; None: the whole tenancy.

        A path begins below that compartment, or with its own name. A policy reaches nothing outside of what it is attached to."""
        root = self.world.tenancy.id
        attached = attached or root
        if attached not in self.below:
            return False, None
        if location.kind == "tenancy":
            return attached == root, None
        found = location.id if location.kind == "id" else self._walk(attached, location.path)
        if found not in self.below[attached]:
            return False, None
        return True, None if found == root else self.below[found]

    def _walk(self, attached: str, path: tuple[str, ...]) -> str:
        """The compartment at the end of a path, or ""."""
        found = self._descend(attached, path)
        own = self.world.compartments.get(attached)
        if not found and own is not None and own.name.lower() == path[0].lower():
            found = self._descend(attached, path[1:])
        return found

    def _descend(self, start: str, path: tuple[str, ...]) -> str:
        at = start
        for name in path:
            at = next((child.id for child in self._children.get(at, ()) if child.name.lower() == name.lower()), "")
            if not at:
                return ""
        return at


_TREES: dict[str, _Tree] = {}
_TREES_MAX = 256


def _tree(world: World) -> _Tree:
    """The tree of a world, remembered while the same world is asked for."""
    found = _TREES.get(world.tenancy.id)
    if found is None or found.world is not world:
        if len(_TREES) >= _TREES_MAX:
            _TREES.clear()
        found = _TREES[world.tenancy.id] = _Tree(world)
    return found


def check_statement(text: str, attached: str, world: World) -> Statement:
    """A statement as it may be stored in a policy that is attached to a compartment: it parses, and what it names is there.

    Errors: StatementError."""
    statement = parse(text)
    names = {group.name.lower() for group in world.groups.values()}
    ids = {id.lower() for id in world.groups}
    if statement.subject.kind == "group":
        for name, at in zip(statement.subject.names, statement.names_at, strict=True):
            if name.text.lower() not in (ids if name.by_id else names):
                raise StatementError(f'there is no group "{name.text}"', at, text)
    if not _Tree(world).locate(statement.location, attached)[0]:
        what = {
            "tenancy": '"in tenancy" is for policies that are attached to the tenancy: expected "in compartment"',
            "path": f'there is no compartment "{":".join(statement.location.path)}" below the one that the policy is attached to',
            "id": "there is no such compartment below the one that the policy is attached to",
        }[statement.location.kind]
        raise StatementError(what, statement.location_at, text)
    return statement
