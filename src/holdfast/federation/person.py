"""Claims to a person: the name that he gets here, his e-mail address, and what his groups and affiliations open. Pure.

Source: OpenID Connect Core 1.0, 5.1 (standard claims); eduPersonScopedAffiliation (one value or many, `member@example.org`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from holdfast.model.federation import Person, Provider, SignInRefused

VALUES_MAX = 1000
_NAME = re.compile(r"(?!ocid1\.)(?!\.{1,2}\Z)[a-z0-9_.+@-]{1,100}\Z")
_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+\Z")
_EMAIL_CHARACTERS_MAX, _DISPLAY_CHARACTERS_MAX = 254, 200


def person_of(claims: dict[str, Any], provider: Provider) -> Person:
    """Who the claims speak of. Names are lower case here, as S3 identities are. Errors: SignInRefused."""
    values = values_of(claims.get(provider.groups_claim))
    if provider.allow and not _mapped(values, [(value, "x") for value in provider.allow]):
        raise SignInRefused("Your organisation has not opened this store to you.", f"no value of {provider.groups_claim} is allowed")
    given = claims.get(provider.name_claim)
    if not isinstance(given, str) or not given:
        raise SignInRefused(
            "The sign-in service did not say your name; ask an administrator.", f"there is no claim {provider.name_claim}"
        )
    name = given.lower() + provider.name_suffix
    if _NAME.match(name) is None:
        raise SignInRefused("Your name there cannot be a name here; ask an administrator.", f"the claim {provider.name_claim} is no user name")
    shown = claims.get("name")
    display = "".join(letter for letter in shown if letter.isprintable())[:_DISPLAY_CHARACTERS_MAX] if isinstance(shown, str) else ""
    return Person(
        subject=f"{provider.issuer} {claims['sub']}",
        name=name,
        display_name=display or name,
        email=_email_of(claims, provider),
        organisations=_mapped(values, provider.organisations),
        groups=_mapped(values, provider.groups),
        groups_mapped=tuple(dict.fromkeys(group for _, group in provider.groups)),
    )


def values_of(claim: Any) -> tuple[str, ...]:
    """The values of a claim in lower case: a list of texts, or one text with semicolons between them."""
    found: Iterable[Any] = claim.split(";") if isinstance(claim, str) else claim if isinstance(claim, list) else ()
    return tuple(value.strip().lower() for value in list(found)[:VALUES_MAX] if isinstance(value, str) and value.strip())


def _mapped(values: tuple[str, ...], table: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    found = [there for pattern, there in table if any(_like(value, pattern.lower()) for value in values)]
    return tuple(dict.fromkeys(found))


def _like(value: str, pattern: str) -> bool:
    """`*` stands for anything; nothing else is special."""
    return value == pattern if "*" not in pattern else fnmatchcase(value, pattern.replace("[", "[[]").replace("?", "[?]"))


def _email_of(claims: dict[str, Any], provider: Provider) -> str:
    """Only an address that the issuer has verified: rights may be granted to it."""
    email = claims.get(provider.email_claim)
    if not isinstance(email, str) or len(email) > _EMAIL_CHARACTERS_MAX or _EMAIL.match(email) is None:
        return ""
    return email if claims.get("email_verified") in (True, "true") else ""
