"""The commands with parsers of their own, each in a module of its own that is loaded when it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from holdfast.cli.anywhere import options_last

ENTRIES = {
    "admin": "admin:main", "par": "par:main", "session": "session:main", "oci": "oci_setup:main", "sh": "sh:main", "s3": "s3_secret:main",
    "migrate": "migrate:main", "backup": "backup:main", "restore": "backup:restore_main",
    "login": "login:main", "logout": "login:logout", "token": "own:tokens", "organisation": "own:organisations",
    "explain": "reasons:explain", "why": "reasons:why",
}  # fmt: skip


def run(name: str, arguments: Sequence[str]) -> int:
    """Runs one of `main.CLIENTS`; its exit code."""
    module, _, function = ENTRIES[name].partition(":")
    entry: Callable[[Sequence[str]], int] = getattr(import_module("holdfast.cli." + module), function)
    return entry(options_last(arguments))
