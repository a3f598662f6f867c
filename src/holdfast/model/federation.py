"""Sign-in by an issuer of another organisation (OpenID Connect): what a provider is set to, and the person that its claims speak of.

Source: OpenID Connect Core 1.0; eduPerson (scoped affiliations). Times are milliseconds since the epoch.
"""

from __future__ import annotations

import msgspec


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One issuer as this store uses it. `name` is part of its redirect URI; `issuer` the URL that ID tokens must name.

    `allow`, and the first halves of `organisations` and `groups`, are values of the claim `groups_claim`, compared in lower case; `*` stands for
    anything in them. `allow` () lets in everybody whom the issuer knows.
    """

    name: str = "oidc"
    title: str = ""
    issuer: str
    client_id: str
    client_secret: str = ""
    ca_file: str = ""
    scope: str = "openid profile email"
    tenancy: str = ""
    name_claim: str = "preferred_username"
    name_suffix: str = ""
    email_claim: str = "email"
    groups_claim: str = "groups"
    allow: tuple[str, ...] = ()
    organisations: tuple[tuple[str, str], ...] = ()
    groups: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        """Without the secret: what is printed ends up in logs."""
        return f"Provider(name={self.name!r}, issuer={self.issuer!r})"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in. `subject` is the issuer and its name for the person, for ever; `email` "" unless the issuer has verified it.

    `organisations` are those that the claims alone open; `groups` those that the claims put him in, of `groups_mapped` that they could.
    """

    subject: str
    name: str
    display_name: str = ""
    email: str = ""
    organisations: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    groups_mapped: tuple[str, ...] = ()


class SignInRefused(Exception):
    """Somebody is not let in. The message is for him; `because` for the audit log. Neither repeats a token, a code or a secret."""

    def __init__(self, message: str, because: str = "", *, status: int = 403) -> None:
        super().__init__(message)
        self.message = message
        self.because = because or message
        self.status = status
