"""Makes a store hold what a bootstrap file declares: tenancies, compartments, people, groups, policies, organisations and buckets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from holdfast.engine.api import AlreadyExists, Catalog, Stale
from holdfast.identities.bootstrap_people import Person, apply_credentials, apply_person
from holdfast.identities.bootstrap_place import Place
from holdfast.identities.declared import BootstrapError as BootstrapError
from holdfast.identities.declared import (
    Declared,
    DeclaredBucket,
    DeclaredCompartment,
    DeclaredGroup,
    DeclaredOrganisation,
    DeclaredPolicy,
    DeclaredRole,
    DeclaredTenancy,
)
from holdfast.identities.declared import parse as parse
from holdfast.identities.declared import read as read
from holdfast.identities.directory import Directory
from holdfast.identities.documents import Taken, Unknown
from holdfast.identities.first_start import ensure_administrators
from holdfast.identities.key_service import KeyService
from holdfast.model.buckets import Bucket
from holdfast.model.identity import Group, Tenancy, User, World

Row = TypeVar("Row", bound=msgspec.Struct)

CheckStatement = Callable[[str, str, World], object]
"""Refuses a statement of a policy that is attached to the compartment of that id, with an exception that says why."""
FindRole = Callable[[str], object]
"""The role of that name, None where there is none."""


async def apply(
    declared: Declared,
    directory: Directory,
    catalog: Catalog,
    *,
    region: str,
    now_ms: int,
    environ: Mapping[str, str] | None = None,
    check_statement: CheckStatement | None = None,
    find_role: FindRole | None = None,
) -> list[str]:
    """Nothing is taken away. Says what was changed: a second time, nothing. `environ` holds the passwords.

    Errors: BootstrapError when something else already has a declared name, id or key, or something named is not there; EngineError.
    """
    place = Place(directory, now_ms)
    holders: list[Person | DeclaredGroup] = [*declared.users, *declared.service_accounts, *declared.groups]
    for holder in holders:
        for role in holder.roles:
            if find_role is not None and find_role(role.role) is None:
                raise BootstrapError(f"{holder.name!r}: there is no role {role.role!r}")
    await _each("tenancy", declared.tenancies, lambda row: _apply_tenancy(row, place))
    await _each("compartment", declared.compartments, lambda row: _apply_compartment(row, place))
    for wanted in declared.tenancies:
        if wanted.s3_compartment:
            await _each("tenancy", [wanted], lambda row: _apply_s3_compartment(row, place))
    await _each("user", declared.users, lambda row: apply_person(row, place))
    await _each("service account", declared.service_accounts, lambda row: apply_person(row, place))
    await _each("organisation", declared.organisations, lambda row: _apply_organisation(row, place))
    await _each("user", declared.users, lambda row: apply_credentials(row, place, environ or {}))
    await _each("service account", declared.service_accounts, lambda row: apply_credentials(row, place, environ or {}))
    await _each("group", declared.groups, lambda row: _apply_group(row, place))
    await _each("policy", declared.policies, lambda row: _apply_policy(row, place, check_statement))
    await _each("bucket", declared.buckets, lambda row: _apply_bucket(row, place, catalog, region))
    await _each("user", declared.users, lambda row: _apply_roles(row, place, catalog))
    await _each("service account", declared.service_accounts, lambda row: _apply_roles(row, place, catalog))
    await _each("group", declared.groups, lambda row: _apply_group_roles(row, place, catalog))
    return place.changes


async def _each(what: str, rows: Sequence[Row], apply_row: Callable[[Row], Awaitable[None]]) -> None:
    for row in rows:
        name = getattr(row, "name", "") or getattr(row, "path", "")
        try:
            await apply_row(row)
        except (Taken, Unknown, Stale, ValueError) as error:
            raise BootstrapError(f"{what} {name!r}: {error or 'it changes at the same time'}") from None


async def _apply_tenancy(wanted: DeclaredTenancy, place: Place) -> None:
    tenancies = place.directory.tenancies
    found = await tenancies.by_name(wanted.name)
    if found is None:
        found = await tenancies.create(wanted.name, wanted.namespace, place.now_ms, wanted.description)
        place.changes.append(f"made tenancy {wanted.name}")
    elif found.namespace != wanted.namespace:
        raise Taken(f"its namespace is {found.namespace!r} and stays")
    elif wanted.description and found.description != wanted.description:
        await tenancies.change(msgspec.structs.replace(found, description=wanted.description))
        place.changes.append(f"changed tenancy {wanted.name}")
    await ensure_administrators(place.directory, found, place.now_ms)


async def _apply_s3_compartment(wanted: DeclaredTenancy, place: Place) -> None:
    tenancy = await place.tenancy(wanted.name)
    compartment = await place.compartment(tenancy, wanted.s3_compartment)
    if tenancy.s3_compartment != compartment.id:
        await place.directory.tenancies.change(msgspec.structs.replace(tenancy, s3_compartment=compartment.id))
        place.changes.append(f"changed the compartment of S3 of tenancy {wanted.name}")


async def _apply_compartment(wanted: DeclaredCompartment, place: Place) -> None:
    tenancy, compartments = await place.tenancy(wanted.tenancy), place.directory.compartments
    found = await compartments.by_path(tenancy.id, wanted.path)
    if found is None:
        above, _, name = wanted.path.rpartition(":")
        parent = await place.compartment(tenancy, above)
        await compartments.create(tenancy.id, parent.id, name, wanted.description, place.now_ms)
        place.changes.append(f"made compartment {wanted.path}")
    elif wanted.description and found.description != wanted.description:
        await compartments.change(msgspec.structs.replace(found, description=wanted.description))
        place.changes.append(f"changed compartment {wanted.path}")


async def _apply_organisation(wanted: DeclaredOrganisation, place: Place) -> None:
    tenancy, organisations = await place.tenancy(wanted.tenancy), place.directory.organisations
    found = await organisations.by_name(tenancy.id, wanted.name)
    if found is None:
        found = await organisations.create(tenancy.id, wanted.name, wanted.display_name, wanted.description, place.now_ms, wanted.joining or "closed")
        place.changes.append(f"made organisation {wanted.name}")
    else:
        changed = msgspec.structs.replace(
            found, display_name=wanted.display_name or found.display_name, description=wanted.description or found.description,
            joining=wanted.joining or found.joining,
        )  # fmt: skip
        if changed != found:
            await organisations.change(changed)
            place.changes.append(f"changed organisation {wanted.name}")
    for name in wanted.members:
        user = await place.user(tenancy, name)
        if all(enrolment.organisation != found.id for enrolment in user.enrolments):
            await organisations.enrol(user.id, found.id, place.now_ms, take_over=True)  # the file says who it is
            place.changes.append(f"enrolled {name} in organisation {wanted.name}")
    for name in wanted.managers:
        user = await place.user(tenancy, name)
        if not any(enrolment.organisation == found.id and enrolment.manager for enrolment in user.enrolments):
            await organisations.set_manager(user.id, found.id, True)
            place.changes.append(f"made {name} a manager of organisation {wanted.name}")


async def _apply_group(wanted: DeclaredGroup, place: Place) -> None:
    tenancy, groups = await place.tenancy(wanted.tenancy), place.directory.groups
    found = await groups.by_name(tenancy.id, wanted.name)
    if found is None:
        found = await groups.create(tenancy.id, wanted.name, wanted.description, place.now_ms)
        place.changes.append(f"made group {wanted.name}")
    elif wanted.description and found.description != wanted.description:
        await groups.change(msgspec.structs.replace(found, description=wanted.description))
        place.changes.append(f"changed group {wanted.name}")
    for name in wanted.members:
        user = await place.user(tenancy, name)
        if all(membership.group != found.id for membership in user.memberships):
            await groups.add_user(found.id, user.id, place.now_ms)
            place.changes.append(f"added user {name} to group {wanted.name}")


async def _apply_policy(wanted: DeclaredPolicy, place: Place, check_statement: CheckStatement | None) -> None:
    tenancy, policies = await place.tenancy(wanted.tenancy), place.directory.policies
    compartment = await place.compartment(tenancy, wanted.compartment)
    if check_statement is not None:
        world = await place.directory.world(tenancy.id)
        for statement in wanted.statements:
            try:
                check_statement(statement, compartment.id, world)
            except Exception as error:
                raise BootstrapError(f"policy {wanted.name!r}: {error}") from None
    found = await policies.by_name(tenancy.id, wanted.name)
    if found is None:
        text, date = wanted.description, wanted.version_date
        await policies.create(tenancy.id, compartment.id, wanted.name, wanted.statements, text, place.now_ms, date)
        place.changes.append(f"made policy {wanted.name}")
        return
    if found.compartment != compartment.id:
        raise Taken("a policy of that name is attached to another compartment")
    changed = msgspec.structs.replace(
        found, statements=wanted.statements, description=wanted.description or found.description, version_date=wanted.version_date
    )
    if changed != found:
        await policies.change(changed)
        place.changes.append(f"changed policy {wanted.name}")


async def _apply_bucket(wanted: DeclaredBucket, place: Place, catalog: Catalog, region: str) -> None:
    tenancy = await place.tenancy(wanted.tenancy)
    owner = await place.user(tenancy, wanted.owner)
    found = await catalog.bucket(tenancy.namespace, wanted.name)
    if found is None:
        bucket = Bucket(
            namespace=tenancy.namespace,
            name=wanted.name,
            region=region,
            owner=owner.canonical_id,
            compartment=(await place.compartment(tenancy, wanted.compartment)).id if wanted.compartment else "",
            created_ms=place.now_ms,
            versioning=wanted.versioning,
        )
        try:
            await catalog.create_bucket(bucket)
        except AlreadyExists:
            raise Taken("it is being made at the same time") from None
        place.changes.append(f"made bucket {wanted.name}")
        return
    if found.owner != owner.canonical_id:
        raise Taken(f"it exists and belongs to somebody else than {wanted.owner!r}")
    if wanted.versioning and found.versioning != wanted.versioning:
        await catalog.change_bucket(msgspec.structs.replace(found, versioning=wanted.versioning))
        place.changes.append(f"changed bucket {wanted.name}")


async def _apply_roles(wanted: Person, place: Place, catalog: Catalog) -> None:
    tenancy = await place.tenancy(wanted.tenancy)
    await _bind(await place.user(tenancy, wanted.name), tenancy, wanted.roles, place, catalog)


async def _apply_group_roles(wanted: DeclaredGroup, place: Place, catalog: Catalog) -> None:
    tenancy = await place.tenancy(wanted.tenancy)
    group = await place.directory.groups.by_name(tenancy.id, wanted.name)
    if group is not None:
        await _bind(group, tenancy, wanted.roles, place, catalog)


async def _bind(holder: User | Group, tenancy: Tenancy, roles: Sequence[DeclaredRole], place: Place, catalog: Catalog) -> None:
    for role in roles:
        binding = await place.binding(tenancy, role, catalog)
        if all((has.role, has.scope, has.target) != (binding.role, binding.scope, binding.target) for has in holder.roles):
            await place.directory.roles.bind(holder.id, binding)
            place.changes.append(f"bound role {role.role} to {holder.name}")


async def apply_encryption_keys(declared: Declared, service: KeyService, now_ms: int) -> list[str]:
    """Makes the keys of the key service that the file declares and that are not there. Says which. Errors: BootstrapError; EngineError."""
    changes: list[str] = []
    for wanted in declared.encryption_keys:
        try:
            await service.create(wanted.id, now_ms, wanted.description)
            changes.append(f"made encryption key {wanted.id}")
        except Taken:
            continue
        except ValueError as error:
            raise BootstrapError(f"encryption_keys: {error}") from None
    return changes
