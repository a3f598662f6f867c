"""The names of identities, from one to the other: what answers show beside canonical ids, and whose an e-mail address is."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Registry
from holdfast.model.identity import User

_USER = msgspec.json.Decoder(User)


async def display_name(registry: Registry, canonical_id: str) -> str | None:
    """The display name of the user with that canonical id, or of the identity that it is in an organisation; None for nobody (any more)."""
    lead = await registry.get("canonical", canonical_id)
    found = None if lead is None else await registry.get("user", lead.value.decode())
    if found is None:
        return None
    user = _USER.decode(found.value)
    if user.canonical_id == canonical_id:
        return user.display_name
    return next((enrolment.display_name for enrolment in user.enrolments if enrolment.canonical_id == canonical_id), None)


async def canonical_id_of_email(registry: Registry, email: str) -> str | None:
    """The canonical id of the user with that e-mail address (compared in lower case); None for nobody."""
    lead = await registry.get("email", email.lower())
    found = None if lead is None else await registry.get("user", lead.value.decode())
    if found is None:
        return None
    user = _USER.decode(found.value)
    return user.canonical_id if user.email.lower() == email.lower() else None
