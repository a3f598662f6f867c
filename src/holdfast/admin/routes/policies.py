"""Policies: statements of the policy language, checked when they are stored, and given only by who has what they give."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from holdfast.admin import find, giving, shown
from holdfast.admin.faults import invalid
from holdfast.admin.names import Name, Reference, Text
from holdfast.admin.route import Call, Input, Listed, Route, changes
from holdfast.authz.giving import by_statement
from holdfast.authz.grants import check_statement
from holdfast.authz.statements import CHARACTERS_MAX, StatementError
from holdfast.model.identity import PolicyDocument

Statements = Annotated[list[Annotated[str, Meta(max_length=CHARACTERS_MAX)]], Meta(min_length=1, max_length=50)]
VersionDate = Annotated[str, Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?\Z", description="YYYY-MM-DD, or empty")]


class CreatePolicy(Input):
    name: Name
    statements: Statements
    description: Text = ""
    compartment: Reference = ""
    version_date: VersionDate = ""


class UpdatePolicy(Input):
    name: Name | None = None
    statements: Statements | None = None
    description: Text | None = None
    version_date: VersionDate | None = None


async def check(call: Call, statements: list[str], attached: str) -> tuple[str, ...]:
    """The statements as they may be stored. Errors: Fault says which, where and what was expected, or what the caller lacks to give it."""
    world = await call.world()
    for number, text in enumerate(statements, 1):
        try:
            statement = check_statement(text, attached, world)
        except StatementError as error:
            raise invalid(f"Statement {number}: {error}\n{error.excerpt()}") from None
        giving.require(call, by_statement(statement, attached, world), f"what statement {number} says")
    return tuple(statements)


async def list_policies(call: Call) -> list[Listed]:
    found = await call.directory.policies.all(call.tenancy.id)
    rows = sorted(found, key=lambda policy: policy.name)
    return [Listed(target=policy, compartment=policy.compartment, shown=shown.policy(policy)) for policy in rows]


async def create_policy(call: Call) -> shown.Policy:
    body: CreatePolicy = call.body
    where = call.found.compartment
    statements = await check(call, body.statements, where)
    made = await call.directory.policies.create(
        call.tenancy.id, where, body.name, statements, body.description, call.now_ms, body.version_date
    )
    return shown.policy(made)


async def get_policy(call: Call) -> shown.Policy:
    return shown.policy(call.target)


async def update_policy(call: Call) -> shown.Policy:
    policy: PolicyDocument = call.target
    given = changes(
        call.body, {"name": "name", "description": "description", "version_date": "version_date", "statements": "statements"}
    )
    if "statements" in given:
        given["statements"] = await check(call, given["statements"], policy.compartment)
    return shown.policy(await call.directory.policies.change(msgspec.structs.replace(policy, **given)))


async def delete_policy(call: Call) -> shown.Deleted:
    await call.directory.policies.delete(call.target.id)
    return shown.Deleted(deleted=call.target.id)


ROUTES = (
    Route(method="GET", path="/policies", operation="ListPolicies", says="Lists policies", does=list_policies, about=find.in_tenancy,
          lists=True, shows=list[shown.Policy]),
    Route(method="POST", path="/policies", operation="CreatePolicy", says="Makes a policy, attached to a compartment", does=create_policy,
          about=find.in_named_compartment, body=CreatePolicy, shows=shown.Policy, status=201),
    Route(method="GET", path="/policies/{policy}", operation="GetPolicy", says="Shows a policy", does=get_policy, about=find.the_policy,
          shows=shown.Policy),
    Route(method="PUT", path="/policies/{policy}", operation="UpdatePolicy", says="Changes a policy", does=update_policy,
          about=find.the_policy, body=UpdatePolicy, shows=shown.Policy),
    Route(method="DELETE", path="/policies/{policy}", operation="DeletePolicy", says="Deletes a policy: what it gave is gone at once",
          does=delete_policy, about=find.the_policy, shows=shown.Deleted),
)  # fmt: skip
