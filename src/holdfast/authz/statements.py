"""OCI's policy language: the text of one statement becomes its tree, or an error that says where and what was expected.

Source: OCI IAM, "Policy Syntax" and "Conditions". `define`, `endorse` and `admit` (between tenancies) and `deny` are recognised and
refused. What names nothing that is known here (a resource type, a permission, a variable) is refused with the nearest name, so that no
statement is stored which silently never applies.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Literal, NoReturn

import msgspec

from holdfast.authz.permissions import PERMISSIONS, RESOURCES, VERBS
from holdfast.authz.variables import TAG_VARIABLE, VARIABLES

CHARACTERS_MAX = 4096
"""The longest statement; what is parsed and compared stays small whoever writes it."""
DEPTH_MAX = 16
"""How deep `any` and `all` may be nested."""


class StatementError(ValueError):
    """A statement that cannot be used. `position` is the offset in characters where it stopped making sense."""

    def __init__(self, message: str, position: int, text: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.text = text

    @property
    def line(self) -> int:
        """From 1."""
        return self.text.count("\n", 0, self.position) + 1

    @property
    def column(self) -> int:
        """From 1, in the line."""
        return self.position - (self.text.rfind("\n", 0, self.position) + 1) + 1

    def excerpt(self) -> str:
        """The words around the position, and a caret under it on a line of its own."""
        start = max(self.position - 30, 0)
        piece = "".join(" " if character.isspace() or not character.isprintable() else character for character in self.text[start : start + 60])
        return f"{piece}\n{' ' * (self.position - start)}^"

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}" if "\n" in self.text else f"character {self.position + 1}"
        return f"{self.message} at {where}"


class Name(msgspec.Struct, frozen=True):
    """A group by its name, or by its OCID."""

    text: str
    by_id: bool = False


class Subject(msgspec.Struct, frozen=True):
    """`any-user` is every caller that proved itself, `any-group` everybody who is in a group; a `service` stands for jobs of the store,
    which need no statement."""

    kind: Literal["any-user", "any-group", "group", "service"]
    names: tuple[Name, ...] = ()


class Location(msgspec.Struct, frozen=True):
    """`path` of compartment names, outermost first; or the compartment's OCID."""

    kind: Literal["tenancy", "path", "id"]
    path: tuple[str, ...] = ()
    id: str = ""


class Value(msgspec.Struct, frozen=True):
    """What a variable is compared with. `pieces` of a pattern are what stands between its asterisks."""

    text: str
    pieces: tuple[str, ...] = ()


class Compare(msgspec.Struct, frozen=True):
    """`operator` one of = != in before after between; the variable in lower case."""

    variable: str
    operator: str
    values: tuple[Value, ...]


class Combine(msgspec.Struct, frozen=True):
    """`any` of the parts, or `all` of them."""

    kind: Literal["any", "all"]
    parts: tuple[Condition, ...]


Condition = Compare | Combine


class Statement(msgspec.Struct, frozen=True):
    """`permissions` are those that it gives: of its verb and resource, or as listed. `verb` and `resource` are "" for a list.

    `names_at` and `location_at` are the offsets of the groups' names and of the location."""

    text: str
    subject: Subject
    verb: str
    resource: str
    permissions: frozenset[str]
    location: Location
    condition: Condition | None = None
    names_at: tuple[int, ...] = ()
    location_at: int = 0


def parse(text: str) -> Statement:
    """The statement that a text says. Errors: StatementError, and nothing else, in time that grows with the length."""
    if len(text) > CHARACTERS_MAX:
        raise StatementError(f"a statement has at most {CHARACTERS_MAX} characters", CHARACTERS_MAX, text)
    return _Parser(text).statement()


_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"""[^\s{}(),:='"/!]+""")
_BARE_VALUE = re.compile(r"""[^\s{}(),='"!]+""")
_OCID = re.compile(r"ocid1\.[a-z]+\.[a-z0-9-]*\.[a-z0-9-]*\.[a-z0-9.-]+\Z")
_REFUSED = {
    "deny": "deny statements are not supported: what no statement allows is refused anyway",
    "define": "statements between tenancies (define, endorse, admit) are not supported",
    "endorse": "statements between tenancies (define, endorse, admit) are not supported",
    "admit": "statements between tenancies (define, endorse, admit) are not supported",
}
_TIME = re.compile(r"\d\d:\d\d(:\d\d)?(\.\d+)?Z?\Z")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(\.\d+)?Z?)?\Z")
_INSTANTS = "request.utc-timestamp"
_TIME_OF_DAY = "request.utc-timestamp.time-of-day"


class _Parser:
    """Reads one statement from left to right; `at` is where the next word begins."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.names_at: list[int] = []
        self._space()

    def statement(self) -> Statement:
        self._effect()
        subject = self._subject()
        self._expect("to")
        verb, resource, permissions = self._rights()
        self._expect("in")
        location_at = self.at
        location = self._location()
        condition = None
        if self._keyword("where"):
            condition = self._condition(0)
        if self.at < len(self.text):
            self._fail("the end of the statement" if condition is not None else "where, or the end of the statement")
        return Statement(self.text, subject, verb, resource, permissions, location, condition, tuple(self.names_at), location_at)

    # words

    def _space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _peek(self) -> str:
        """The next word as it stands, or "" before a sign or the end."""
        found = _WORD.match(self.text, self.at)
        return found.group() if found else ""

    def _word(self, expected: str) -> str:
        found = self._peek()
        if not found:
            self._fail(expected)
        self.at += len(found)
        self._space()
        return found

    def _keyword(self, *words: str) -> str:
        """The keyword that comes next, in lower case, if it is one of these; else ""."""
        word = self._peek().lower()
        if word not in words:
            return ""
        self.at += len(word)
        self._space()
        return word

    def _expect(self, *words: str) -> str:
        return self._keyword(*words) or self._fail(_listed(words))

    def _sign(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        self._space()
        return True

    def _expect_sign(self, sign: str) -> None:
        if not self._sign(sign):
            self._fail(f'"{sign}"')

    def _quoted(self) -> str:
        """A text between quotes of one kind; there is no escape."""
        quote, start = self.text[self.at], self.at
        end = self.text.find(quote, start + 1)
        if end < 0:
            self._refuse(f"the quote that opens here is never closed: expected {quote}", start)
        self.at = end + 1
        self._space()
        return self.text[start + 1 : end]

    def _at_quote(self) -> bool:
        return self.text[self.at : self.at + 1] in ("'", '"') and self.at < len(self.text)

    def _fail(self, expected: str) -> NoReturn:
        found = self.text[self.at : self.at + 1] if not self._peek() else self._peek()
        shown = f'"{found[:40]}"' if found else "the end"
        self._refuse(f"expected {expected}, found {shown}", self.at)

    def _refuse(self, message: str, position: int) -> NoReturn:
        raise StatementError(message, position, self.text)

    def _known(self, word: str, known: Iterable[str], what: str, position: int) -> str:
        known = tuple(known)
        if word not in known:
            near = difflib.get_close_matches(word[:60], known, 1)
            self._refuse(f'"{word[:60]}" is no {what}{f"; did you mean {near[0]}?" if near else ""}', position)
        return word

    # who

    def _effect(self) -> None:
        word = self._peek().lower()
        if word in _REFUSED:
            self._refuse(_REFUSED[word], self.at)
        self._expect("allow")

    def _subject(self) -> Subject:
        start = self.at
        kind = self._expect("group", "any-user", "any-group", "service", "dynamic-group")
        if kind == "dynamic-group":
            self._refuse("dynamic groups are not supported: name a group", start)
        if kind == "any-user" or kind == "any-group":
            return Subject("any-user" if kind == "any-user" else "any-group")
        names = [self._name()]
        while self._sign(","):
            names.append(self._name())
        return Subject("service" if kind == "service" else "group", tuple(names))

    def _name(self) -> Name:
        start = self.at
        self.names_at.append(start)
        if self._keyword("id"):
            if self._at_quote():
                return Name(self._quoted(), by_id=True)
            return Name(self._word("an OCID"), by_id=True)
        name = self._quoted() if self._at_quote() else self._word("the name of a group")
        if not self._sign("/"):
            return Name(name) if name else self._refuse("expected the name of a group, found nothing between the quotes", start)
        if name.lower() != "default":
            self._refuse(f'there is one identity domain here, "Default"; found "{name[:40]}"', start)
        return Name(self._quoted() if self._at_quote() else self._word("the name of a group"))

    # what

    def _rights(self) -> tuple[str, str, frozenset[str]]:
        if not self._sign("{"):
            verb = self._expect("inspect", "read", "use", "manage")
            start = self.at
            resource = self._known(self._word("a resource type").lower(), RESOURCES, "resource type", start)
            return verb, resource, VERBS[resource][verb]
        found = set()
        while True:
            start = self.at
            found.add(self._known(self._word("a permission").upper(), PERMISSIONS, "permission", start))
            if not self._sign(","):
                break
        self._expect_sign("}")
        return "", "", frozenset(found)

    # where in the tree

    def _location(self) -> Location:
        if self._expect("tenancy", "compartment") == "tenancy":
            return Location("tenancy")
        start = self.at
        if self._keyword("id"):
            start = self.at
            ocid = self._quoted() if self._at_quote() else self._word("the OCID of a compartment")
            if _OCID.match(ocid.lower()) is None:
                self._refuse(f'"{ocid[:60]}" is no OCID', start)
            return Location("id", id=ocid.lower())
        path = []
        while True:
            start = self.at
            name = self._quoted() if self._at_quote() else self._word("the name of a compartment")
            if not name:
                self._refuse("expected the name of a compartment, found nothing between the quotes", start)
            path.append(name)
            if not self._sign(":"):
                return Location("path", tuple(path))

    # under which conditions

    def _condition(self, depth: int) -> Condition:
        if depth > DEPTH_MAX:
            self._refuse(f"any and all are nested at most {DEPTH_MAX} deep", self.at)
        start = self.at
        kind = self._keyword("any", "all")
        if kind and self._sign("{"):
            parts = [self._condition(depth + 1)]
            while self._sign(","):
                parts.append(self._condition(depth + 1))
            if not self._sign("}"):
                self._fail('"," or "}"')
            return Combine("any" if kind == "any" else "all", tuple(parts))
        self.at = start
        return self._compare()

    def _compare(self) -> Compare:
        start = self.at
        variable = self._word('a variable, or any or all and "{"').lower()
        if not TAG_VARIABLE.match(variable):
            if variable in ("request.networksource.name", "request.ad"):
                self._refuse(f"{variable} is not supported: there are no network sources or availability domains here", start)
            self._known(variable, VARIABLES, "variable", start)
        start = self.at
        operator = self._operator(variable)
        if operator == "in":
            self._expect_sign("(")
            values = [self._value(variable)]
            while self._sign(","):
                values.append(self._value(variable))
            self._expect_sign(")")
            return Compare(variable, "in", tuple(values))
        values = [self._value(variable)]
        if operator == "between":
            self._expect("and")
            values.append(self._value(variable))
        return Compare(variable, operator, tuple(values))

    def _operator(self, variable: str) -> str:
        start = self.at
        for sign in ("!=", "="):
            if self._sign(sign):
                operator = sign
                break
        else:
            operator = self._expect("in", "before", "after", "between") if self._peek() else self._fail("=, !=, in, before, after or between")
        right = ("before", "after") if variable == _INSTANTS else ("between",) if variable == _TIME_OF_DAY else ("=", "!=", "in")
        if operator not in right:
            self._refuse(f"{variable} is compared with {_listed(right)}, not with {operator}", start)
        return operator

    def _value(self, variable: str) -> Value:
        start = self.at
        if self.text.startswith("/", self.at):
            end = self.text.find("/", start + 1)
            if end < 0:
                self._refuse("the pattern that opens here is never closed: expected /", start)
            if variable in (_INSTANTS, _TIME_OF_DAY):
                self._refuse("expected a time, found a pattern", start)
            text = self.text[start + 1 : end]
            self.at = end + 1
            self._space()
            return Value(text, tuple(text.lower().split("*")))
        if self._at_quote():
            text = self._quoted()
        else:
            found = _BARE_VALUE.match(self.text, self.at)
            text = found.group() if found else self._fail("a value")
            self.at += len(text)
            self._space()
        form = _INSTANT if variable == _INSTANTS else _TIME if variable == _TIME_OF_DAY else None
        if form is not None and form.match(text) is None:
            self._refuse(f'"{text[:40]}" is no {"time, like 2026-01-31T00:00:00Z" if form is _INSTANT else "time of day, like 08:30:00Z"}', start)
        return Value(text, tuple(text.lower().split("*")) if "*" in text else ())


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
