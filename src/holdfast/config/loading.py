"""How the value of every setting is found: defaults, a TOML file, ozone-site.xml, the environment, the command line."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.config import ozone_site
from holdfast.config.checks import check
from holdfast.config.settings import TABLE, Settings
from holdfast.config.values import ConfigError, nearest, typed_value


class Loaded(NamedTuple):
    """The settings, for each name where its value came from, and remarks worth printing."""

    settings: Settings
    origins: dict[str, str]
    remarks: list[str]


def load(arguments: Mapping[str, Any], environ: Mapping[str, str], config: str = "") -> Loaded:
    """Finds every setting. `arguments` holds only what the command line gave, by setting name (strings, or lists of strings).

    `config` names a TOML file; without it HOLDFAST_CONFIG may. Errors: ConfigError.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(TABLE, "default")
    remarks: list[str] = []
    path = config or environ.get("HOLDFAST_CONFIG", "")
    for origin, found in (
        (f"file {path}", _from_file(path) if path else {}),
        ("environment", _from_environment(environ, remarks)),
        ("command line", dict(arguments)),
    ):
        for name, raw in found.items():
            row = TABLE[name]
            where = {"environment": f"environment variable {row.env}", "command line": row.flag}.get(origin, f"{name} in {path}")
            values[name] = typed_value(row, raw, where)
            origins[name] = f"environment {row.env}" if origin == "environment" else origin
    if values.get("ozone_site"):
        _add_ozone_site(values, origins, remarks)
    settings = Settings(**values)
    check(settings)
    return Loaded(settings, origins, remarks)


def _add_ozone_site(values: dict[str, Any], origins: dict[str, str], remarks: list[str]) -> None:
    """What ozone-site.xml says, where nothing else was said. Errors: ConfigError."""
    path = values["ozone_site"]
    try:
        found, said = ozone_site.read(path)
    except ozone_site.BadOzoneSite as error:
        raise ConfigError(f"ozone_site: {error}") from None
    remarks += said
    for name, raw in found.items():
        if name not in values:
            values[name] = typed_value(TABLE[name], raw, f"{name} in {path}")
            origins[name] = f"file {path}"
        else:
            remarks.append(f"{path}: what it says of {name} is not used, because {origins[name]} says otherwise")


def _from_file(path: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration file {path} is not TOML: {error}") from error
    for name in document:
        row = TABLE.get(name)
        if row is None:
            raise ConfigError(f"unknown setting {name} in {path}.{nearest(name, TABLE)} (holdfast config lists them all)")
        if row.about.secret:
            raise ConfigError(f"{name} in {path}: a secret does not belong into a file that people copy; set {row.env} instead")
    return document


def _from_environment(environ: Mapping[str, str], remarks: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, raw in environ.items():
        if not variable.startswith("HOLDFAST_") or variable in ("HOLDFAST_CONFIG", "HOLDFAST_CONTROL") or variable.startswith("HOLDFAST_TEST_"):
            continue
        name = variable[len("HOLDFAST_") :].lower()
        if name in TABLE:
            found[name] = raw
            continue
        # Orchestrators inject variables named after services (HOLDFAST_PORT=tcp://...): only what looks like a slip is refused.
        if difflib.get_close_matches(name, list(TABLE), n=1, cutoff=0.75):
            raise ConfigError(f"unknown environment variable {variable}.{nearest(variable, [row.env for row in TABLE.values()])}")
        remarks.append(f"environment variable {variable} is not a setting and is not used")
    return found
