"""Ozone's own settings file, `ozone-site.xml`: the properties that have a meaning here become settings, the others are named in remarks.

Source: Apache Ozone, "Configuration" (a `<configuration>` of `<property>` with `<name>` and `<value>`) and ozone-default.xml (ozone.s3g.*).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast.model.errors import MalformedXML
from holdfast.wire import xml

Value = Callable[[str], Any]


class BadOzoneSite(Exception):
    """The file cannot be used; the message names it and says why."""


def _port_of(bind: str) -> str:
    host, _, port = bind.rpartition(":")
    return f"{host or '0.0.0.0'}:{port}"  # noqa: S104 - what the file says


def _security(value: str) -> str:
    return "on" if value.strip().lower() == "true" else "off"


MEANINGS: dict[str, tuple[str, Value]] = {
    "ozone.s3g.domain.name": ("domain", str),
    "ozone.s3g.http-address": ("data_listen", _port_of),
    "ozone.s3g.webadmin.http-address": ("control_listen", _port_of),
    "ozone.security.enabled": ("security", _security),
    "ozone.s3g.region": ("region", str),
    "ozone.metadata.dirs": ("data_dir", str),
}
"""A property of Ozone's to the setting here, and how its value reads there."""

HARMLESS = frozenset(("ozone.enabled", "ozone.s3g.http.enabled", "ozone.s3g.volume.name"))
"""Properties that say what is so anyway."""


def read(path: str) -> tuple[dict[str, Any], list[str]]:
    """The settings in the file, and a remark for each property that has no meaning here. Errors: BadOzoneSite."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BadOzoneSite(f"{path} cannot be read: {error.strerror}") from None
    found: dict[str, Any] = {}
    remarks: list[str] = []
    try:
        properties = _properties(data)
    except MalformedXML as error:
        raise BadOzoneSite(f"{path} is not a configuration of Ozone's: {error.message}") from None
    for name, value in properties:
        if name in MEANINGS:
            setting, reads = MEANINGS[name]
            found[setting] = reads(value)
        elif name not in HARMLESS:
            remarks.append(f"{path}: {name} has no meaning here and is not used")
    return found, remarks


def _properties(data: bytes) -> list[tuple[str, str]]:
    """(name, value) of each property, in order. Errors: MalformedXML."""
    path: list[str] = []
    found: list[tuple[str, str]] = []
    texts: dict[str, str] = {}

    def start(name: str, attributes: dict[str, str]) -> None:
        path.append(name)
        if name == "property":
            texts.clear()

    def text(piece: str) -> None:
        if path[-2:-1] == ["property"]:
            texts[path[-1]] = texts.get(path[-1], "") + piece

    def end(name: str) -> None:
        if path in (["configuration", "property"], ["property"]):  # guides show one property alone
            if not texts.get("name", "").strip():
                raise MalformedXML("a property has no name")
            found.append((texts["name"].strip(), texts.get("value", "").strip()))
        elif len(path) == 1 and name != "configuration":
            raise MalformedXML("the root element must be configuration, or one property")
        path.pop()

    xml.parse(data, start, end, text)
    return found
