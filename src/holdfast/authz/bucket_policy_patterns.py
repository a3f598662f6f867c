"""Patterns of bucket policies: `*` and `?` as wildcards, and policy variables like ${aws:username} that each request fills in.

Source: IAM User Guide, "IAM JSON policy elements: Resource" and "IAM policy elements: Variables and tags". Matching is leftmost-first over
the pieces between stars, so that no pattern costs more than its length times the text's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

Lookup = Callable[[str], str | None]
"""The value of a variable for one request; None where it has none."""

_TOKEN = re.compile(r"\$\{([^}]*)\}")
_VARIABLE = re.compile(r"\s*([A-Za-z0-9:/_.+=@-]+)\s*(?:,\s*'([^']*)'\s*)?\Z")
_ESCAPES = {"*": "*", "?": "?", "$": "$"}


class Variable(NamedTuple):
    """A variable, and the text in its place for a request that has no value for it (None: nothing matches then)."""

    name: str
    default: str | None


class _Any:
    """The `?` of a pattern."""


ANY = _Any()
Item = str | _Any | Variable


class Run(NamedTuple):
    """A piece with question marks: an expression of one fixed length."""

    expression: re.Pattern[str]
    length: int


Piece = str | Run


class BadVariable(ValueError):
    """`${` that opens no variable."""


def _items(text: str, variables: bool, wildcards: bool) -> list[list[Item]]:
    """The pieces between stars, each a list of literals, `ANY` and variables. Errors: BadVariable."""
    pieces: list[list[Item]] = [[]]
    at = 0
    for found in _TOKEN.finditer(text) if variables else ():
        _plain(text[at : found.start()], pieces, wildcards)
        at = found.end()
        inner = found.group(1)
        if inner in _ESCAPES:
            pieces[-1].append(_ESCAPES[inner])
            continue
        named = _VARIABLE.match(inner)
        if named is None:
            raise BadVariable(inner)
        pieces[-1].append(Variable(named.group(1), named.group(2)))
    _plain(text[at:], pieces, wildcards)
    return pieces


def _plain(text: str, pieces: list[list[Item]], wildcards: bool) -> None:
    if not wildcards:
        pieces[-1].append(text)
        return
    for number, run in enumerate(text.split("*")):
        if number:
            pieces.append([])
        for place, literal in enumerate(run.split("?")):
            if place:
                pieces[-1].append(ANY)
            if literal:
                pieces[-1].append(literal)


def _piece(items: list[Item]) -> Piece:
    """A piece without variables, ready to look for."""
    if ANY not in items:
        return "".join(str(item) for item in items)
    expression = re.compile("".join("." if item is ANY else re.escape(str(item)) for item in items), re.DOTALL)
    return Run(expression, sum(1 if item is ANY else len(str(item)) for item in items))


class Pattern:
    """One pattern, compiled. `fold`: case does not count. `wild`: it has wildcards; `variables`: the names of its variables."""

    __slots__ = ("_fold", "_items", "_pieces", "text", "variables", "wild")

    def __init__(self, text: str, *, variables: bool = False, wildcards: bool = True, fold: bool = False) -> None:
        """Errors: BadVariable."""
        self.text = text
        self._fold = fold
        items = _items(text, variables, wildcards)
        if fold:
            items = [[item.casefold() if isinstance(item, str) else item for item in piece] for piece in items]
        self._items = items
        self.variables = tuple(item.name for piece in items for item in piece if isinstance(item, Variable))
        self.wild = len(items) > 1 or any(item is ANY for piece in items for item in piece)
        self._pieces: tuple[Piece, ...] | None = None if self.variables else tuple(_piece(piece) for piece in items)

    def matches(self, text: str, lookup: Lookup) -> bool:
        """Whether the whole text fits; a variable without a value fits nothing."""
        if self._fold:
            text = text.casefold()
        pieces = self._pieces
        if pieces is None:
            filled = self._filled(lookup)
            if filled is None:
                return False
            pieces = filled
        return _matches(pieces, text)

    def _filled(self, lookup: Lookup) -> tuple[Piece, ...] | None:
        values: dict[str, str] = {}
        for piece in self._items:
            for item in piece:
                if isinstance(item, Variable):
                    value = lookup(item.name)
                    value = item.default if value is None else value
                    if value is None:
                        return None
                    values[item.name] = value.casefold() if self._fold else value
        return tuple(_piece([values[item.name] if isinstance(item, Variable) else item for item in piece]) for piece in self._items)


def _matches(pieces: tuple[Piece, ...], text: str) -> bool:
    first = pieces[0]
    if len(pieces) == 1:
        return text == first if isinstance(first, str) else first.expression.fullmatch(text) is not None
    at = _after(first, text, 0)
    if at < 0:
        return False
    for piece in pieces[1:-1]:
        if isinstance(piece, str):
            place = text.find(piece, at)
            if place < 0:
                return False
            at = place + len(piece)
        else:
            found = piece.expression.search(text, at)
            if found is None:
                return False
            at = found.end()
    last = pieces[-1]
    length = len(last) if isinstance(last, str) else last.length
    return len(text) - at >= length and _after(last, text, len(text) - length) >= 0


def _after(piece: Piece, text: str, at: int) -> int:
    """Where the piece that stands at `at` ends; -1 if it does not stand there."""
    if isinstance(piece, str):
        return at + len(piece) if text.startswith(piece, at) else -1
    found = piece.expression.match(text, at)
    return -1 if found is None else found.end()
