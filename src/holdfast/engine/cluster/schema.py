"""The database's schema: its versions, applied once each under a lock, and the functions of this release."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Any, cast

import psycopg
from psycopg import sql

from holdfast.engine.api import Unavailable

MIGRATIONS = ("001_tables.sql",)
"""In order; each is applied once. A release that knows more than the database brings it forward; one that knows less does not open it."""
FUNCTIONS = ("functions_versions.sql", "functions_buckets.sql", "functions_listing.sql", "functions_journal.sql")
"""Replaced whenever their text changed."""
SERVER_MIN = 150000
_LOCK = 0x486F6C64


def _text(name: str) -> Any:
    """A file of this package: a constant, which is what psycopg wants a statement to be."""
    return resources.files("holdfast.engine.cluster").joinpath("sql", name).read_text(encoding="utf-8")


def migrate(connection: psycopg.Connection[Any], schema: str) -> None:
    """Brings the schema to this release's; safe beside others that do the same. Errors: Unavailable, psycopg.Error."""
    if connection.info.server_version < SERVER_MIN:
        raise Unavailable(f"PostgreSQL {connection.info.parameter_status('server_version')} is too old; 15 or newer is needed")
    digest = hashlib.sha256("".join(map(_text, FUNCTIONS)).encode()).hexdigest()
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, schema))
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        connection.execute(sql.SQL("SET LOCAL search_path = {}").format(sql.Identifier(schema)))
        connection.execute("CREATE TABLE IF NOT EXISTS schema_versions(name text PRIMARY KEY, value text NOT NULL)")
        known = dict(connection.execute("SELECT name, value FROM schema_versions").fetchall())
        version = int(known.get("tables", "0"))
        if version > len(MIGRATIONS):
            raise Unavailable(f"the database was written by a newer release (schema {version}, this one knows {len(MIGRATIONS)})")
        for number in range(version, len(MIGRATIONS)):
            connection.execute(_text(MIGRATIONS[number]))
        if known.get("functions") != digest:
            if "functions" in known:
                _drop_functions(connection, schema)
            for name in FUNCTIONS:
                connection.execute(_text(name))
        if version != len(MIGRATIONS) or known.get("functions") != digest:
            store = "INSERT INTO schema_versions VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value"
            connection.execute(store, ("tables", str(len(MIGRATIONS))))
            connection.execute(store, ("functions", digest))


def _drop_functions(connection: psycopg.Connection[Any], schema: str) -> None:
    """Another release's functions may answer with other columns, which cannot be replaced in place."""
    found = connection.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = %s", (schema,)
    ).fetchall()
    for (signature,) in found:
        connection.execute(cast(Any, f"DROP FUNCTION {signature} CASCADE"))


def warnings(connection: psycopg.Connection[Any]) -> list[str]:
    """What an operator should know of this server's settings."""
    found = []
    for setting, wanted, why in (
        ("data_checksums", "on", "a flipped bit on its disk would go unnoticed in listings (initdb --data-checksums)"),
        ("fsync", "on", "what is acknowledged may be lost when the power goes"),
        ("full_page_writes", "on", "a torn page after a power cut would not be mended"),
    ):
        row = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
        if row and row[0] != wanted:
            found.append(f"PostgreSQL runs with {setting} = {row[0]}: {why}")
    return found
