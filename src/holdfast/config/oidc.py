"""The sign-in settings as providers: those of the rows `oidc_...`, and those of the tables of a file."""

from __future__ import annotations

import re
import ssl
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from holdfast.config.settings import Settings
from holdfast.model.federation import Provider

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")
_SUFFIX = re.compile(r"[a-z0-9_.+@-]{0,60}\Z")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
SECRET_BYTES_MAX = 4096


class BadProvider(Exception):
    """A sign-in setting that cannot be used; the message says which and why."""


class Table(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One `[[providers]]` of the file `oidc_providers`: names as those of the rows, without `oidc_`."""

    name: str
    title: str = ""
    issuer: str
    client_id: str
    client_secret_file: str = ""
    ca_file: str = ""
    scope: str = "openid profile email"
    tenancy: str = ""
    name_claim: str = "preferred_username"
    name_suffix: str = ""
    email_claim: str = "email"
    groups_claim: str = "groups"
    allow: list[str] = []
    organisation: list[str] = []
    group: list[str] = []


class _File(msgspec.Struct, forbid_unknown_fields=True):
    providers: list[Table]


def providers_of(settings: Settings, *, secrets: bool = True) -> tuple[Provider, ...]:
    """Every provider, each by a name of its own; () where sign-in is not set up. Reads files, those with secrets only with `secrets`.

    Errors: BadProvider."""
    tables: list[Table] = []
    if settings.oidc_issuer:
        tables.append(Table(
            name="oidc", title=settings.oidc_title, issuer=settings.oidc_issuer, client_id=settings.oidc_client_id,
            client_secret_file=settings.oidc_client_secret_file, ca_file=settings.oidc_ca_file, scope=settings.oidc_scope,
            tenancy=settings.oidc_tenancy, name_claim=settings.oidc_name_claim, name_suffix=settings.oidc_name_suffix,
            email_claim=settings.oidc_email_claim, groups_claim=settings.oidc_groups_claim, allow=list(settings.oidc_allow),
            organisation=list(settings.oidc_organisation), group=list(settings.oidc_group),
        ))  # fmt: skip
    if settings.oidc_providers:
        tables += _of_file(settings.oidc_providers)
    if tables and not settings.control_url and not _on_loopback(settings.control_listen):
        raise BadProvider("control_url is needed for sign-in: the URL by which browsers reach the control listener")
    found = tuple(_provider(table, secrets) for table in tables)
    for key in ("name", "issuer"):
        if len({getattr(provider, key) for provider in found}) != len(found):
            raise BadProvider(f"two providers have the same {key}")
    return found


def check_url(url: str) -> None:
    """`control_url`: https, or http on loopback, without a path. Errors: BadProvider."""
    at = urlsplit(url)
    if at.path or at.query or at.fragment or at.username or not at.hostname or url != url.lower():
        raise BadProvider(f"control_url: {url!r} is not https://HOST or https://HOST:PORT")
    if at.scheme != "https" and not (at.scheme == "http" and at.hostname in _LOOPBACK):
        raise BadProvider(f"control_url: {url!r} must begin with https:// (http only on loopback)")


def _of_file(path: str) -> list[Table]:
    try:
        return msgspec.convert(tomllib.loads(Path(path).read_text(encoding="utf-8")), _File).providers
    except OSError as error:
        raise BadProvider(f"oidc_providers: {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BadProvider(f"oidc_providers: {path}: {error}") from None


def _provider(table: Table, secrets: bool) -> Provider:
    said = f"oidc provider {table.name!r}"
    if _NAME.match(table.name) is None:
        raise BadProvider(f"{said}: a name is 1 to 32 lower-case letters, digits and hyphens")
    at = urlsplit(table.issuer)
    clear = at.scheme == "http" and at.hostname in _LOOPBACK
    if not at.hostname or at.query or at.fragment or at.username or not (at.scheme == "https" or clear):
        raise BadProvider(f"{said}: the issuer {table.issuer!r} is no https URL (http only on loopback)")
    if not table.client_id:
        raise BadProvider(f"{said}: oidc_client_id is missing")
    if "openid" not in table.scope.split():
        raise BadProvider(f"{said}: the scope must hold openid")
    if _SUFFIX.match(table.name_suffix.lower()) is None:
        raise BadProvider(f"{said}: the name suffix {table.name_suffix!r} cannot be part of a name")
    try:
        ssl.create_default_context(cafile=table.ca_file or None)
    except OSError as error:
        raise BadProvider(f"{said}: the certificates in {table.ca_file} cannot be used: {error}") from None
    given: dict[str, Any] = {name: getattr(table, name) for name in table.__struct_fields__}
    path = given.pop("client_secret_file")
    if path and not Path(path).is_file():
        raise BadProvider(f"{said}: client secret file: there is no file {path}")
    given["client_secret"] = _secret(said, path) if secrets and path else ""
    given["name_suffix"] = table.name_suffix.lower()
    given["allow"] = tuple(table.allow)
    given["organisations"] = tuple(_pair(said, text) for text in given.pop("organisation"))
    given["groups"] = tuple(_pair(said, text) for text in given.pop("group"))
    return Provider(**given)


def _secret(said: str, path: str) -> str:
    try:
        text = Path(path).read_bytes()[: SECRET_BYTES_MAX + 1].decode().strip()
    except OSError as error:
        raise BadProvider(f"{said}: client secret file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadProvider(f"{said}: client secret file {path} is not text") from None
    if not text or len(text) > SECRET_BYTES_MAX or not text.isprintable():
        raise BadProvider(f"{said}: client secret file {path} holds no secret of one line")
    return text


def _pair(said: str, text: str) -> tuple[str, str]:
    value, equals, name = text.rpartition("=")
    if not equals or not value.strip() or not name.strip():
        raise BadProvider(f"{said}: {text!r} is not VALUE=NAME, for example member@example.org=physics")
    return value.strip(), name.strip()


def _on_loopback(listen: str) -> bool:
    return listen.rpartition(":")[0].strip("[]") in _LOOPBACK
