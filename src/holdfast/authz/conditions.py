"""Condition operators of bucket policies as one table: what each makes of a policy's values, and whether a request's values meet them.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Conditions with multiple context keys or values". A condition is
compiled when it is written, and what it does not know it refuses; asked of something unknown it answers None, which neither allows nor lets pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from holdfast.authz.bucket_policy_keys import ADDRESS, ARN, BOOLEAN, DATE, EPOCH, NUMBER, STRING, Key, Unknown, key_named, variable
from holdfast.authz.bucket_policy_patterns import BadVariable, Lookup, Pattern
from holdfast.authz.decide import Question

Matcher = Callable[[str, Lookup], bool]
"""Whether one value of a request fits one value of the policy."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,9})?\Z")
_EPOCH = re.compile(r"[0-9]{1,12}\Z")
_SETS = ("forallvalues", "foranyvalue")
_PRIVATE = [ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


class BadCondition(ValueError):
    """An operator, key or value that no condition may have; its text says which."""


class Operator(NamedTuple):
    """`make` compiles a value of the policy (errors: ValueError); `kinds` are the keys that it may be asked of."""

    make: Callable[[str, bool], Matcher]
    kinds: frozenset[str]
    negated: bool = False
    pins: bool = False


def _text(wildcards: bool, fold: bool) -> Callable[[str, bool], Matcher]:
    def make(value: str, variables: bool) -> Matcher:
        pattern = Pattern(value, variables=variables, wildcards=wildcards, fold=fold)
        _check_variables(pattern)
        return pattern.matches

    return make


def _check_variables(pattern: Pattern) -> None:
    for name in pattern.variables:
        key = key_named(name)
        if key is None or key.many:
            raise BadVariable(name)


def _arn(value: str, variables: bool) -> Matcher:
    """Each of the six parts is matched for itself, so that no star reaches across a colon."""
    parts = value.split(":", 5) if "${" not in value else re.split(r":(?![^{]*\})", value, maxsplit=5)
    if len(parts) != 6 or parts[0] != "arn":
        raise ValueError(value)
    patterns = [Pattern(part, variables=variables) for part in parts]
    for pattern in patterns:
        _check_variables(pattern)

    def fits(text: str, lookup: Lookup) -> bool:
        given = text.split(":", 5)
        return len(given) == 6 and all(pattern.matches(part, lookup) for pattern, part in zip(patterns, given, strict=True))

    return fits


def number_of(text: str) -> float:
    """Errors: ValueError."""
    if _NUMBER.match(text) is None:
        raise ValueError(text)
    return float(text)


def date_of(text: str) -> float:
    """Seconds since the epoch, from those or an ISO 8601 date. Errors: ValueError."""
    if _EPOCH.match(text) is not None:
        return float(text)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _order(read: Callable[[str], float], holds: Callable[[float, float], bool]) -> Callable[[str, bool], Matcher]:
    def make(value: str, _variables: bool) -> Matcher:
        bound = read(value)

        def fits(text: str, _lookup: Lookup) -> bool:
            try:
                return holds(read(text), bound)
            except ValueError:
                return False

        return fits

    return make


def _flag(value: str, _variables: bool) -> Matcher:
    if value.lower() not in ("true", "false"):
        raise ValueError(value)
    return lambda text, _lookup: text.lower() == value.lower()


def network_of(value: str) -> IPv4Network | IPv6Network:
    """Errors: ValueError."""
    return ip_network(value, strict=False)


def _network(value: str, _variables: bool) -> Matcher:
    network = network_of(value)

    def fits(text: str, _lookup: Lookup) -> bool:
        try:
            return ip_address(text.partition("%")[0]) in network
        except ValueError:
            return False

    return fits


_STRINGS, _NUMBERS, _DATES = frozenset((STRING, ARN, BOOLEAN)), frozenset((NUMBER, EPOCH)), frozenset((DATE, EPOCH))
_COMPARED = {
    "equals": lambda given, bound: given == bound,
    "lessthan": lambda given, bound: given < bound,
    "lessthanequals": lambda given, bound: given <= bound,
    "greaterthan": lambda given, bound: given > bound,
    "greaterthanequals": lambda given, bound: given >= bound,
}
OPERATORS: dict[str, Operator] = {
    "stringequals": Operator(_text(False, False), _STRINGS, pins=True),
    "stringnotequals": Operator(_text(False, False), _STRINGS, negated=True),
    "stringequalsignorecase": Operator(_text(False, True), _STRINGS, pins=True),
    "stringnotequalsignorecase": Operator(_text(False, True), _STRINGS, negated=True),
    "stringlike": Operator(_text(True, False), _STRINGS, pins=True),
    "stringnotlike": Operator(_text(True, False), _STRINGS, negated=True),
    "bool": Operator(_flag, frozenset((BOOLEAN,))),
    "ipaddress": Operator(_network, frozenset((ADDRESS,)), pins=True),
    "notipaddress": Operator(_network, frozenset((ADDRESS,)), negated=True),
    "arnequals": Operator(_arn, frozenset((ARN,)), pins=True),
    "arnlike": Operator(_arn, frozenset((ARN,)), pins=True),
    "arnnotequals": Operator(_arn, frozenset((ARN,)), negated=True),
    "arnnotlike": Operator(_arn, frozenset((ARN,)), negated=True),
    **{"numeric" + name: Operator(_order(number_of, holds), _NUMBERS) for name, holds in _COMPARED.items()},
    **{"date" + name: Operator(_order(date_of, holds), _DATES) for name, holds in _COMPARED.items()},
    "numericnotequals": Operator(_order(number_of, _COMPARED["equals"]), _NUMBERS, negated=True),
    "datenotequals": Operator(_order(date_of, _COMPARED["equals"]), _DATES, negated=True),
}
"""By name in lower case, without IfExists; Null is told apart in `compile_condition`."""


class Condition:
    """One key under one operator. `actions`: those that its key applies to, None for all; `pins`: it leaves nothing public."""

    __slots__ = ("_absent", "_key", "_matchers", "_negated", "_null", "_set", "actions", "name", "pins")

    def __init__(self, name: str, key: Key, matchers: tuple[Matcher, ...], *, negated: bool, absent: bool, each: str, pins: bool) -> None:
        self.name = name
        self.actions = key.actions
        self.pins = pins
        self._key = key
        self._matchers = matchers
        self._negated = negated
        self._absent = absent
        self._set = each
        self._null: bool | None = None

    def holds(self, question: Question) -> bool | None:
        """Whether it is met; None where that cannot be known yet."""
        key = self._key
        if key.actions is not None and question.action not in key.actions:
            values: tuple[str, ...] = ()
        else:
            try:
                values = key.read(question)
            except Unknown:
                return None
        if self._null is not None:
            return (not values) is self._null
        if not values:
            return self._absent

        def lookup(name: str) -> str | None:
            return variable(question, name)

        fitting = [any(matcher(value, lookup) for matcher in self._matchers) is not self._negated for value in values]
        if self._set:
            return all(fitting) if self._set == "forallvalues" else any(fitting)
        return all(fitting) if self._negated else any(fitting)


def compile_condition(operator: str, name: str, values: tuple[str, ...], *, variables: bool) -> Condition:
    """The condition that `operator` sets on the key `name`. `variables`: ${...} is filled in (Version 2012-10-17).

    Errors: BadCondition."""
    key = key_named(name)
    if key is None:
        raise BadCondition(f"Policy has an invalid condition key: {name}")
    if not values:
        raise BadCondition(f"Policy has an empty condition: {operator} {name}")
    each, colon, bare = operator.lower().rpartition(":")
    if colon and each not in _SETS:
        raise BadCondition(f"Invalid Condition type : {operator}")
    if bare == "null":
        if len(values) != 1 or values[0].lower() not in ("true", "false"):
            raise BadCondition(f"Invalid value for Null: {name}")
        made = Condition(name, key, (), negated=False, absent=False, each="", pins=False)
        made._null = values[0].lower() == "true"
        return made
    optional = bare.endswith("ifexists")
    found = OPERATORS.get(bare.removesuffix("ifexists"))
    if found is None:
        raise BadCondition(f"Invalid Condition type : {operator}")
    if key.kind not in found.kinds:
        raise BadCondition(f"The condition {operator} does not apply to the key {name}")
    try:
        matchers = tuple(found.make(value, variables) for value in values)
    except ValueError as error:
        what = "variable" if isinstance(error, BadVariable) else "value"
        raise BadCondition(f"Policy has an invalid {what} in {operator} {name}") from None
    absent = each != "foranyvalue" if found.negated or each else False
    pins = found.pins and key.fixes and not optional and not each and all(_is_fixed(key, value, variables) for value in values)
    return Condition(name, key, matchers, negated=found.negated, absent=absent or optional, each=each, pins=pins)


def _is_fixed(key: Key, value: str, variables: bool) -> bool:
    """Whether a value names few enough: no wildcard, no variable; of addresses, no block wider than S3 lets pass."""
    if key.kind == ADDRESS:
        network = network_of(value)
        if isinstance(network, IPv4Network):
            return network.prefixlen >= 8 or any(network.subnet_of(private) for private in _PRIVATE if isinstance(private, IPv4Network))
        return network.prefixlen >= 32
    return "*" not in value and "?" not in value and not (variables and "${" in value)
