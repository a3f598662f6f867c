"""The options that every command has may stand anywhere on the command line, also before the command, as with Oracle's `oci`."""

from __future__ import annotations

from collections.abc import Sequence

VALUED = frozenset({"--control", "--profile", "--ca-bundle", "--in-tenancy", "--output", "--query"})
FLAGS = frozenset({"--raw-output"})


def is_one(word: str) -> bool:
    """Whether a word of the command line is such an option: `--control` or `--control=URL`."""
    return word in FLAGS or word.partition("=")[0] in VALUED


def options_last(arguments: Sequence[str]) -> list[str]:
    """The same command line with these options, each with its value, behind everything else but what follows a bare `--`."""
    kept, moved, rest = list[str](), list[str](), list(arguments)
    while rest and rest[0] != "--":
        word = rest.pop(0)
        if not is_one(word):
            kept.append(word)
            continue
        moved.append(word)
        if word in VALUED and rest and rest[0] != "--":
            moved.append(rest.pop(0))
    return [*kept, *moved, *rest]
