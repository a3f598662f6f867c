"""Who signs in by an issuer becomes a user of a tenancy, and is kept as the issuer's claims say."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from holdfast.identities.directory import Directory
from holdfast.identities.documents import Taken, Unknown
from holdfast.model.federation import Person, SignInRefused
from holdfast.model.identity import ACTIVE, User


class Arrival(NamedTuple):
    """Who came, and what was changed for it ("made", "enrolled in physics", "joined group x", "left group x"; "no organisation x")."""

    user: User
    changes: list[str]


async def arrive(directory: Directory, person: Person, tenancy_id: str, now_ms: int) -> Arrival:
    """The user that a person is, made at the first sign-in. A name that somebody else has is never taken over.

    Errors: SignInRefused; EngineError.
    """
    changes: list[str] = []
    users = directory.users
    user = await users.by_subject(person.subject)
    if user is None:
        user = await _made(directory, person, tenancy_id, now_ms)
        changes.append("made")
    if user.tenancy != tenancy_id:
        raise SignInRefused("You belong to another tenancy of this store.", "the user is of another tenancy")
    if user.status != ACTIVE:
        raise SignInRefused("Your account here is switched off; ask an administrator.", "the user is not active")
    user = await _refreshed(directory, user, person)
    await _enrol(directory, user, person, now_ms, changes)
    await _follow_groups(directory, user, person, now_ms, changes)
    found = await users.user(user.id)
    if found is None:
        raise SignInRefused("Your account here was just deleted.")
    return Arrival(found, changes)


async def _made(directory: Directory, person: Person, tenancy_id: str, now_ms: int) -> User:
    made = User(
        id="", name=person.name, canonical_id="", display_name=person.display_name, email=await _free_email(directory, person, ""),
        rights="none", tenancy=tenancy_id, created_ms=now_ms, subject=person.subject,
    )  # fmt: skip
    try:
        return await directory.users.create_user(made)
    except Taken:
        found = await directory.users.by_subject(person.subject)  # two first requests at once
        if found is not None:
            return found
        raise SignInRefused(
            f"The name {person.name} is somebody else's here; ask an administrator.", f"the name {person.name!r} is in use"
        ) from None


async def _refreshed(directory: Directory, user: User, person: Person) -> User:
    """E-mail address and display name as the issuer has them now."""
    email = await _free_email(directory, person, user.id)
    if (user.display_name, user.email) == (person.display_name, email):
        return user
    try:
        return await directory.users.amend(
            user.id, lambda before: msgspec.structs.replace(before, display_name=person.display_name, email=email)
        )
    except Taken:
        return user


async def _free_email(directory: Directory, person: Person, user_id: str) -> str:
    """The address, unless it is another user's."""
    holder = await directory.users.by_email(person.email) if person.email else None
    return person.email if holder is None or holder.id == user_id else ""


async def _enrol(directory: Directory, user: User, person: Person, now_ms: int, changes: list[str]) -> None:
    """What the claims open is entered. What they open no more is left by an administrator only: buckets are there."""
    for name in person.organisations:
        organisation = await directory.organisations.by_name(user.tenancy, name)
        if organisation is None:
            changes.append(f"no organisation {name}")
            continue
        if any(enrolment.organisation == organisation.id for enrolment in user.enrolments):
            continue
        try:
            await directory.organisations.enrol(user.id, organisation.id, now_ms)
            changes.append(f"enrolled in {name}")
        except Taken as error:
            changes.append(f"not enrolled in {name}: {error}")
        if await directory.enrolment_requests.get(user.id, organisation.id) is not None:
            await directory.enrolment_requests.forget(user.id, organisation.id)


async def _follow_groups(directory: Directory, user: User, person: Person, now_ms: int, changes: list[str]) -> None:
    """Groups that claims are mapped to follow the claims, both ways; others are not touched."""
    for name in person.groups_mapped:
        group = await directory.groups.by_name(user.tenancy, name)
        if group is None:
            if name in person.groups:
                changes.append(f"no group {name}")
            continue
        inside, wanted = any(membership.group == group.id for membership in user.memberships), name in person.groups
        try:
            if wanted and not inside:
                await directory.groups.add_user(group.id, user.id, now_ms)
                changes.append(f"joined group {name}")
            elif inside and not wanted:
                await directory.groups.remove_user(group.id, user.id)
                changes.append(f"left group {name}")
        except (Taken, Unknown) as error:
            changes.append(f"group {name}: {error}")
