"""Bucket policy documents: JSON read strictly into statements, everything that is not understood refused in S3's words.

Source: IAM User Guide, "Grammar of the IAM JSON policy language"; S3 User Guide, "Policies and permissions in Amazon S3".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from holdfast.authz.actions import KNOWN
from holdfast.authz.bucket_policy_keys import key_named
from holdfast.authz.bucket_policy_patterns import BadVariable, Pattern
from holdfast.authz.conditions import BadCondition, Condition, compile_condition
from holdfast.model.errors import MalformedPolicy, NotImplemented, PolicyTooLarge

BYTES_MAX = 20 * 1024
"""Of the document without white space between its tokens (S3 User Guide, "Bucket policies": 20 KB)."""
VERSIONS = ("2012-10-17", "2008-10-17")

_ABSENT_HERE = frozenset(
    "s3:" + name
    for name in (
        "ReplicateObject", "ReplicateDelete", "ReplicateTags", "InitiateReplication", "GetObjectVersionForReplication",
        "ObjectOwnerOverrideToBucketOwner", "PutAccelerateConfiguration",
    )
)  # fmt: skip
"""Actions that S3 has and nothing here asks for: a policy may name them, and they never happen."""
_ACTIONS = KNOWN | _ABSENT_HERE
_STATEMENT = frozenset(("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"))
_ARN = re.compile(r"arn:aws:iam::([^:*?]*):(?:(root)|user/([^*?]+))\Z")
_ACCOUNT = re.compile(r"[0-9]{12}\Z")
_OCID = re.compile(r"ocid1\.(user|serviceaccount|tenancy)\.[a-z0-9.-]+\Z")
_RESOURCE = re.compile(r"arn:aws:s3::([^:]*):(.+)\Z", re.DOTALL)


class Principals(NamedTuple):
    """Whom a statement names: everybody; ids (canonical ids, OCIDs); users as (account, name); whole tenancies by account.

    An account is a tenancy's namespace or OCID, or "" for the tenancy of the bucket."""

    everybody: bool
    ids: frozenset[str]
    users: frozenset[tuple[str, str]]
    accounts: frozenset[str]


class Statement(NamedTuple):
    """One statement. `every`: it speaks of any action, one that S3 does not have among them."""

    name: str
    allows: bool
    principals: Principals
    not_principals: bool
    actions: frozenset[str]
    every: bool
    resources: tuple[Pattern, ...]
    not_resources: bool
    conditions: tuple[Condition, ...]

    @property
    def is_public(self) -> bool:
        """S3 User Guide, "The meaning of public": it allows everybody, and no condition leaves only fixed values."""
        return self.allows and self.principals.everybody and not any(condition.pins for condition in self.conditions)


def read_policy(text: str, bucket: str, namespace: str) -> tuple[Statement, ...]:
    """The statements of a policy of that bucket; `namespace` is its tenancy's.

    Errors: MalformedPolicy; PolicyTooLarge; NotImplemented for a principal that is a service or is federated."""
    if text[:1] != "{":
        raise MalformedPolicy("Policies must be valid JSON and the first byte must be '{'")
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        size = len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())
    except (ValueError, RecursionError):  # UnicodeEncodeError among them: half of a surrogate pair
        raise MalformedPolicy("This policy contains invalid Json") from None
    if size > BYTES_MAX:
        raise PolicyTooLarge
    version = document.get("Version", VERSIONS[1])
    if version not in VERSIONS:
        raise MalformedPolicy("The policy must contain a valid version string")
    if not isinstance(document.get("Id", ""), str):
        raise MalformedPolicy("Invalid policy syntax.")
    for field in document.keys() - {"Version", "Id", "Statement"}:
        raise MalformedPolicy(f"Unknown field {field}")
    if "Statement" not in document:
        raise MalformedPolicy("Missing required field Statement")
    rows = document["Statement"]
    rows = [rows] if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MalformedPolicy("Invalid policy syntax.")
    if not rows:
        raise MalformedPolicy("Could not parse the policy: Statement is empty!")
    sids = [row["Sid"] for row in rows if "Sid" in row]
    if not all(isinstance(sid, str) for sid in sids):
        raise MalformedPolicy("Invalid policy syntax.")
    if len(set(sids)) < len(sids):
        raise MalformedPolicy("Statement IDs (SID) in a single policy must be unique.")
    return tuple(_statement(row, number, bucket, namespace, version == VERSIONS[0]) for number, row in enumerate(rows, 1))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _statement(row: dict[str, Any], number: int, bucket: str, namespace: str, variables: bool) -> Statement:
    for field in row.keys() - _STATEMENT:
        raise MalformedPolicy(f"Unknown field {field}")
    if "Effect" not in row:
        raise MalformedPolicy("Missing required field Effect")
    if row["Effect"] not in ("Allow", "Deny"):
        raise MalformedPolicy(f"Invalid effect : {row['Effect']}")
    allows = row["Effect"] == "Allow"
    not_principals, principals = _one_of(row, "Principal", "Cannot use both Principal and NotPrincipal")
    if not_principals and allows:
        raise MalformedPolicy("Allow with NotPrincipal is not allowed.")
    not_actions, actions = _one_of(row, "Action", "Cannot use both Action and NotAction")
    not_resources, resources = _one_of(row, "Resource", "Cannot use both Resource and NotResource")
    named, every = _actions(_texts(actions, "Policy has invalid action"))
    if not_actions:
        named, every = _ACTIONS - named, not every
    conditions = _conditions(row.get("Condition", {}), variables)
    for condition in conditions:
        if condition.actions is not None and named.isdisjoint(condition.actions):
            raise MalformedPolicy("Conditions do not apply to combination of actions and resources in statement")
    return Statement(
        row.get("Sid") or f"#{number}",
        allows,
        _principals(principals),
        not_principals,
        named,
        every,
        tuple(_resource(text, bucket, namespace, variables) for text in _texts(resources, "Policy has invalid resource")),
        not_resources,
        conditions,
    )


def _one_of(row: dict[str, Any], field: str, both: str) -> tuple[bool, Any]:
    """(whether it is the Not... form, its value)."""
    if field in row and "Not" + field in row:
        raise MalformedPolicy(both)
    if field in row:
        return False, row[field]
    if "Not" + field in row:
        return True, row["Not" + field]
    raise MalformedPolicy(f"Missing required field {field}")


def _texts(value: Any, refusal: str) -> list[str]:
    """One text or a list of them."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise MalformedPolicy(refusal)
    return texts


def _actions(texts: list[str]) -> tuple[frozenset[str], bool]:
    found: set[str] = set()
    every = False
    for text in texts:
        every = every or text.lower() in ("*", "s3:*")
        pattern = Pattern(text, fold=True)
        matching = [action for action in _ACTIONS if pattern.matches(action, _nothing)] if text == "*" or text[:3].lower() == "s3:" else []
        if not matching:
            raise MalformedPolicy("Policy has invalid action")
        found.update(matching)
    return frozenset(found), every


def _nothing(_name: str) -> str | None:
    return None


def _principals(value: Any) -> Principals:
    if value == "*":
        return Principals(True, frozenset(), frozenset(), frozenset())
    if not isinstance(value, dict) or not value:
        raise MalformedPolicy("Invalid principal in policy")
    everybody = False
    ids: set[str] = set()
    users: set[tuple[str, str]] = set()
    accounts: set[str] = set()
    for kind, texts in value.items():
        if kind in ("Service", "Federated"):
            raise NotImplemented(f"Principals of the kind {kind} are not implemented in bucket policies.")
        if kind not in ("AWS", "CanonicalUser"):
            raise MalformedPolicy("Invalid principal in policy")
        for text in _texts(texts, "Invalid principal in policy"):
            if kind == "CanonicalUser":
                ids.add(text)
            elif text == "*":
                everybody = True
            else:
                _add(text, ids, users, accounts)
    return Principals(everybody, frozenset(ids), frozenset(users), frozenset(accounts))


def _add(text: str, ids: set[str], users: set[tuple[str, str]], accounts: set[str]) -> None:
    arn = _ARN.match(text)
    ocid = _OCID.match(text)
    if arn is not None and arn.group(2):
        accounts.add(arn.group(1))
    elif arn is not None:
        users.add((arn.group(1), arn.group(3)))
    elif ocid is not None:
        (accounts if ocid.group(1) == "tenancy" else ids).add(text)
    elif _ACCOUNT.match(text) is not None:
        accounts.add(text)
    else:
        raise MalformedPolicy("Invalid principal in policy")


def _resource(text: str, bucket: str, namespace: str, variables: bool) -> Pattern:
    """The pattern of `bucket` or `bucket/key`. It must be able to mean this bucket."""
    found = _RESOURCE.match(text)
    if text == "*":
        return Pattern("*")
    if found is None or found.group(1) not in ("", namespace):
        raise MalformedPolicy("Policy has invalid resource")
    try:
        pattern = Pattern(found.group(2), variables=variables)
        if not Pattern(found.group(2).partition("/")[0]).matches(bucket, _nothing):
            raise MalformedPolicy("Policy has invalid resource")
    except BadVariable:
        raise MalformedPolicy("Policy has invalid resource") from None
    _check(pattern.variables)
    return pattern


def _check(variables: Iterable[str]) -> None:
    for name in variables:
        key = key_named(name)
        if key is None or key.many:
            raise MalformedPolicy("Policy has invalid resource")


def _conditions(value: Any, variables: bool) -> tuple[Condition, ...]:
    if not isinstance(value, dict):
        raise MalformedPolicy("Invalid policy syntax.")
    found: list[Condition] = []
    for operator, keys in value.items():
        if not isinstance(keys, dict) or not keys:
            raise MalformedPolicy("Invalid policy syntax.")
        for name, given in keys.items():
            try:
                found.append(compile_condition(operator, name, _values(given), variables=variables))
            except BadCondition as error:
                raise MalformedPolicy(str(error)) from None
    return tuple(found)


_SCALARS: dict[type, Callable[[Any], str]] = {str: str, bool: lambda flag: "true" if flag else "false", int: str, float: repr}


def _values(given: Any) -> tuple[str, ...]:
    """Texts, numbers and booleans, one or a list of them, as texts."""
    rows = given if isinstance(given, list) else [given]
    if not all(type(row) in _SCALARS for row in rows):
        raise MalformedPolicy("Invalid policy syntax.")
    return tuple(_SCALARS[type(row)](row) for row in rows)
