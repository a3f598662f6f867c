"""The users and service accounts of a bootstrap file, and their credentials."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from holdfast.identities.api_keys import read_public_key
from holdfast.identities.bootstrap_place import Place
from holdfast.identities.declared import DeclaredKey, DeclaredServiceAccount, DeclaredToken, DeclaredUser
from holdfast.identities.documents import Taken, Unknown
from holdfast.identities.first_start import ensure_administrators
from holdfast.model.identity import SERVICE_ACCOUNT, USER, Tenancy, User

Person = DeclaredUser | DeclaredServiceAccount


async def apply_person(wanted: Person, place: Place) -> None:
    """The user or service account itself. Errors: Taken, Unknown."""
    tenancy, users = await place.tenancy(wanted.tenancy), place.directory.users
    kind, compartment, email, word = USER, "", "", "user"
    if isinstance(wanted, DeclaredUser):
        email = wanted.email
    else:
        kind, word = SERVICE_ACCOUNT, "service account"
        compartment = (await place.compartment(tenancy, wanted.compartment)).id
    rights = "none" if wanted.rights == "all" else wanted.rights
    found = await users.by_name(wanted.name, tenancy.id)
    if found is None:
        made = User(
            id="",
            name=wanted.name,
            canonical_id=wanted.canonical_id,
            display_name=wanted.display_name,
            email=email,
            rights=rights,
            tenancy=tenancy.id,
            kind=kind,
            description=wanted.description,
            compartment=compartment,
            status=wanted.status,
            created_ms=place.now_ms,
        )
        user = await users.create_user(made)
        place.changes.append(f"made {word} {wanted.name}")
    elif found.kind != kind:
        raise Taken(f"the name {wanted.name!r} is that of a {found.kind}")
    else:
        user = msgspec.structs.replace(
            found,
            canonical_id=wanted.canonical_id or found.canonical_id,
            display_name=wanted.display_name or wanted.name,
            email=email,
            rights=rights,
            description=wanted.description or found.description,
            compartment=compartment,
            status=wanted.status,
        )
        if user != found:
            await users.change_user(user)
            place.changes.append(f"changed {word} {wanted.name}")
    if wanted.rights == "all":
        await _make_administrator(user, tenancy, place)


async def _make_administrator(user: User, tenancy: Tenancy, place: Place) -> None:
    group = await ensure_administrators(place.directory, tenancy, place.now_ms)
    if all(membership.group != group.id for membership in user.memberships):
        await place.directory.groups.add_user(group.id, user.id, place.now_ms)
        place.changes.append(f"added user {user.name} to group {group.name}")


async def apply_credentials(wanted: Person, place: Place, environ: Mapping[str, str]) -> None:
    """Its keys, API keys, tokens and password. Errors: Taken, Unknown; ValueError for what cannot be one."""
    user = await place.user(await place.tenancy(wanted.tenancy), wanted.name)
    for key in wanted.keys:
        await _apply_key(key, user, place)
    held = {key.fingerprint for key in await place.directory.api_keys.of_user(user.id)}
    for pem in wanted.api_keys:
        fingerprint, _ = read_public_key(pem)
        if fingerprint not in held:
            await place.directory.api_keys.add(user.id, pem, place.now_ms)
            place.changes.append(f"made API key {fingerprint} of {user.name}")
    if isinstance(wanted, DeclaredUser):
        for token in wanted.tokens:
            await _apply_token(token, user, place)
        if wanted.password_env:
            await _apply_password(wanted.password_env, user, place, environ)


async def _apply_key(wanted: DeclaredKey, user: User, place: Place) -> None:
    keys = place.directory.keys
    expires_ms = int(wanted.expires.timestamp() * 1000) if wanted.expires is not None else 0
    credential, found = await keys.credential(wanted.access_key), await keys.get(wanted.access_key)
    if credential is None or found is None:
        await keys.create(user.id, place.now_ms, wanted.access_key, wanted.secret_key, wanted.display_name, expires_ms=expires_ms)
        place.changes.append(f"made key {wanted.access_key}")
        if wanted.status != "ACTIVE":
            await keys.set_status(wanted.access_key, wanted.status)
        return
    if credential.user.id != user.id:
        raise Taken(f"the access key {wanted.access_key!r} belongs to user {credential.user.name!r}")
    if credential.secret != wanted.secret_key:
        await keys.set_secret(wanted.access_key, wanted.secret_key)
        place.changes.append(f"changed the secret of key {wanted.access_key}")
    display_name = wanted.display_name or found.display_name
    if (found.status, found.expires_ms, found.display_name) != (wanted.status, expires_ms, display_name):
        await keys.change(wanted.access_key, status=wanted.status, expires_ms=expires_ms, display_name=display_name)
        place.changes.append(f"changed key {wanted.access_key}")


async def _apply_token(wanted: DeclaredToken, user: User, place: Place) -> None:
    organisation_id = ""
    if wanted.organisation:
        organisation = await place.directory.organisations.by_name(user.tenancy, wanted.organisation)
        if organisation is None:
            raise Unknown(f"there is no organisation {wanted.organisation!r}")
        organisation_id = organisation.id
    found = await place.directory.tokens.find(wanted.token)
    if found is not None and found.user_id != user.id:
        raise Taken("a declared token belongs to somebody else")
    if found is not None and found.organisation == organisation_id:
        return
    if found is not None:
        await place.directory.tokens.revoke(found.id)
    await place.directory.tokens.create(user.id, organisation_id, place.now_ms, text=wanted.token)
    place.changes.append(f"made a token of {user.name}" + (f" in {wanted.organisation}" if wanted.organisation else ""))


async def _apply_password(variable: str, user: User, place: Place, environ: Mapping[str, str]) -> None:
    password = environ.get(variable, "")
    if not password:
        raise Unknown(f"the environment variable {variable} with its password is not set")
    if user.status == "ACTIVE" and await place.directory.passwords.verify(user.id, password):
        return
    if user.status != "ACTIVE" and await place.directory.passwords.has(user.id):
        return
    await place.directory.passwords.set(user.id, password)
    place.changes.append(f"set the password of {user.name}")
