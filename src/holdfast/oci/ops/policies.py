"""Policies: statements of OCI's policy language, attached to a compartment or to the tenancy."""

from __future__ import annotations

import re
from datetime import date

import msgspec

from holdfast.authz.giving import by_statement
from holdfast.authz.grants import check_statement
from holdfast.authz.statements import StatementError
from holdfast.identities.documents import Unknown
from holdfast.model.errors import AccessDenied, InvalidArgument
from holdfast.model.identity import Compartment, PolicyDocument
from holdfast.model.messages import Response
from holdfast.oci.identity_call import PAGED, Row, attempt, check_etag, checked_description, checked_name, entity, nothing, once, page_of
from holdfast.oci.identity_documents import CreatePolicyDetails, UpdatePolicyDetails, policy_json
from holdfast.oci.identity_giving import require_to_give, world_of
from holdfast.oci.operation import Call, operation

_POLICIES, _POLICY = "/20160918/policies", "/20160918/policies/{policyId}"
_STATEMENTS_MAX = 50
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


async def _policy_of(call: Call) -> PolicyDocument:
    """The policy that the path names, if the caller may do this operation to it. Errors: AccessDenied."""
    found = await call.services.directory.policies.get(call.names["policyId"])
    if found is None:
        raise AccessDenied
    await call.require(target=found, compartment=found.compartment)
    return found


async def _checked(call: Call, statements: list[str], tenancy_id: str, compartment_id: str) -> tuple[str, ...]:
    """Statements that parse, whose groups and compartments are there, and that give no more than the caller has.

    Errors: InvalidArgument with the place where one goes wrong; AccessDenied."""
    if not 1 <= len(statements) <= _STATEMENTS_MAX:
        raise InvalidArgument(f"A policy has 1 to {_STATEMENTS_MAX} statements.", ArgumentName="statements")
    world = await world_of(call, tenancy_id)
    for number, text in enumerate(statements, 1):
        try:
            statement = check_statement(text, compartment_id, world)
        except StatementError as error:
            raise InvalidArgument(f"Statement {number} cannot be used: {error} of {text[:500]!r}.", ArgumentName="statements") from None
        require_to_give(call, by_statement(statement, compartment_id, world), tenancy_id)
    return tuple(statements)


def _version_date(given: str | None) -> str:
    """A date, of which nothing but the day counts; "" is the newest. Errors: InvalidArgument."""
    if not given:
        return ""
    day = given[:10]
    try:
        if _DATE.fullmatch(day) is None:
            raise ValueError
        date.fromisoformat(day)
    except ValueError:
        raise InvalidArgument("versionDate must be a date such as 2024-01-31.", ArgumentName="versionDate") from None
    return day


async def _compartment_at(call: Call, id: str) -> Compartment:
    found = await call.services.directory.compartments.get(id)
    if found is None:
        raise AccessDenied
    await call.require(compartment=found.id)
    return found


@operation("CreatePolicy", "POST", _POLICIES, body=CreatePolicyDetails, asks=False)
async def create_policy(call: Call) -> Response:
    """It counts at once. Errors: AccessDenied, Conflict, InvalidArgument."""
    given: CreatePolicyDetails = call.body
    compartment, policies = await _compartment_at(call, given.compartment_id), call.services.directory.policies
    name, description, day = checked_name(given.name), checked_description(given.description), _version_date(given.version_date)
    statements = await _checked(call, given.statements, compartment.tenancy, compartment.id)

    async def make() -> tuple[str, Response]:
        step = policies.create(compartment.tenancy, compartment.id, name, statements, description, call.now_ms, day)
        made = await attempt("Policy", step)
        return made.id, entity(made, policy_json(made))

    async def again(id: str) -> Response | None:
        found = await policies.get(id)
        return None if found is None else entity(found, policy_json(found))

    return await once(call, make, again)


@operation("ListPolicies", "GET", _POLICIES, query=PAGED, asks=False)
async def list_policies(call: Call) -> Response:
    """Those that are attached to the compartment itself. Errors: AccessDenied, InvalidArgument."""
    compartment = await _compartment_at(call, call.query["compartmentId"])
    policies = await call.services.directory.policies.all(compartment.tenancy)
    found = [policy for policy in policies if policy.compartment == compartment.id]
    return page_of(call, [Row(policy.id, policy.name, policy.created_ms, policy_json(policy)) for policy in found])


@operation("GetPolicy", "GET", _POLICY, asks=False)
async def get_policy(call: Call) -> Response:
    """Errors: AccessDenied."""
    policy = await _policy_of(call)
    return entity(policy, policy_json(policy))


@operation("UpdatePolicy", "PUT", _POLICY, body=UpdatePolicyDetails, conditional=True, asks=False)
async def update_policy(call: Call) -> Response:
    """Errors: AccessDenied, NoEtagMatch, InvalidArgument."""
    given: UpdatePolicyDetails = call.body
    policy = await _policy_of(call)
    check_etag(call, policy)
    changed = policy
    if given.description is not None:
        changed = msgspec.structs.replace(changed, description=checked_description(given.description))
    if given.statements is not None:
        changed = msgspec.structs.replace(changed, statements=await _checked(call, given.statements, policy.tenancy, policy.compartment))
    if given.version_date is not None:
        changed = msgspec.structs.replace(changed, version_date=_version_date(given.version_date))
    after = await attempt("Policy", call.services.directory.policies.change(changed))
    return entity(after, policy_json(after))


@operation("DeletePolicy", "DELETE", _POLICY, conditional=True, asks=False)
async def delete_policy(call: Call) -> Response:
    """What it gave ends at once. Errors: AccessDenied, NoEtagMatch."""
    policy = await _policy_of(call)
    check_etag(call, policy)
    try:
        await call.services.directory.policies.delete(policy.id)
    except Unknown:
        raise AccessDenied from None
    return nothing()
