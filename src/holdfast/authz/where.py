"""Compiles the condition of a policy statement into a function of the question and of each permission that it asks for.

Comparison of texts is case-insensitive, as OCI documents it: buckets `A` and `a` are one to a condition. A variable that does not apply
makes its comparison false, also with `!=`.
"""

from __future__ import annotations

from collections.abc import Callable

from holdfast.authz.decide import Question
from holdfast.authz.statements import Combine, Compare, Condition
from holdfast.authz.variables import VARIABLES, Variable, tag_variable
from holdfast.model.identity import World

Test = Callable[[Question, str, World], bool]
"""(question, requested permission, world): whether the statement applies."""


def compile_condition(condition: Condition) -> Test:
    """The function that says whether a condition holds."""
    if isinstance(condition, Compare):
        return _compare(condition)
    return _combine(condition)


def _combine(condition: Combine) -> Test:
    tests = tuple(compile_condition(part) for part in condition.parts)
    if condition.kind == "any":
        return lambda question, permission, world: any(test(question, permission, world) for test in tests)
    return lambda question, permission, world: all(test(question, permission, world) for test in tests)


def _compare(condition: Compare) -> Test:
    variable: Variable = VARIABLES.get(condition.variable) or tag_variable(condition.variable)
    if condition.operator in ("before", "after"):
        return _before_or_after(variable, _instant(condition.values[0].text), after=condition.operator == "after")
    if condition.operator == "between":
        return _between(variable, *(_time(value.text) for value in condition.values))
    plain = frozenset(value.text.lower() for value in condition.values if not value.pieces)
    patterns = tuple(value.pieces for value in condition.values if value.pieces)
    wanted = condition.operator != "!="

    def equals_one(question: Question, permission: str, world: World) -> bool:
        found = variable(question, permission, world)
        if found is None:
            return False
        if len(found) == 1:
            return (found[0] in plain) is wanted
        return (not plain.isdisjoint(found)) is wanted

    if not patterns:
        return equals_one

    def equals(question: Question, permission: str, world: World) -> bool:
        found = variable(question, permission, world)
        if found is None:
            return False
        return any(value in plain or any(matches(pieces, value) for pieces in patterns) for value in found) is wanted

    return equals


def matches(pieces: tuple[str, ...], value: str) -> bool:
    """Whether a text is the pieces in their order with anything between them. Time grows with the lengths, whatever the pattern."""
    if len(pieces) == 1:
        return value == pieces[0]
    first, last = pieces[0], pieces[-1]
    if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
        return False
    at, end = len(first), len(value) - len(last)
    for piece in pieces[1:-1]:
        found = value.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _instant(text: str) -> str:
    """A time as the variable gives it."""
    text = text.lower().replace(" ", "t").rstrip("z").partition(".")[0]
    return text + "t00:00:00"[len(text) - 10 :] if len(text) < 19 else text


def _time(text: str) -> str:
    text = text.lower().rstrip("z").partition(".")[0]
    return text if len(text) == 8 else text + ":00"


def _before_or_after(variable: Variable, limit: str, *, after: bool) -> Test:
    def compare(question: Question, permission: str, world: World) -> bool:
        found = variable(question, permission, world)
        return found is not None and (found[0] > limit if after else found[0] < limit)

    return compare


def _between(variable: Variable, start: str, end: str) -> Test:
    """Both ends belong to it; where the end is earlier it is over midnight."""

    def compare(question: Question, permission: str, world: World) -> bool:
        found = variable(question, permission, world)
        if found is None:
            return False
        return start <= found[0] <= end if start <= end else found[0] >= start or found[0] <= end

    return compare
