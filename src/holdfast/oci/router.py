"""From a method and an undecoded path to an operation of OCI and the names in its path, each decoded exactly once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from holdfast.model.errors import InvalidArgument, InvalidURI, MethodNotAllowed
from holdfast.model.messages import Request
from holdfast.oci.operation import Operation

_REST = frozenset(("objectName", "parId"))
"""Names that may hold "/": everything that follows is theirs."""


class Match(NamedTuple):
    """An operation, and the names in its path."""

    operation: Operation
    names: dict[str, str]


class _Node:
    __slots__ = ("literal", "methods", "name", "named", "rest")

    def __init__(self) -> None:
        self.literal: dict[bytes, _Node] = {}
        self.named: _Node | None = None
        self.name = ""
        self.rest = False
        self.methods: dict[str, Operation] = {}


class Router:
    """A tree of path segments, made once from the templates of the operations."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Node()
        for each in operations:
            self._add(each)

    def _add(self, operation: Operation) -> None:
        node = self._root
        for segment in operation.path.strip("/").split("/"):
            if not segment.startswith("{"):
                node = node.literal.setdefault(segment.encode("ascii"), _Node())
                continue
            name = segment[1:-1]
            if node.named is None:
                node.named = _Node()
                node.name, node.rest = name, name in _REST
            elif node.name != name:
                raise TypeError(f"{operation.path}: {name} is called {node.name} elsewhere")
            node = node.named
        if operation.method in node.methods:
            raise TypeError(f"{operation.method} {operation.path} has two operations")
        node.methods[operation.method] = operation

    def match(self, request: Request) -> Match | None:
        """None where nothing is at that path. Any number of slashes may lead; one may follow.

        Errors: MethodNotAllowed; InvalidURI for names that are no UTF-8; InvalidArgument for names that nothing can have."""
        segments = request.path.lstrip(b"/").split(b"/")
        node, names, at = self._root, dict[str, str](), 0
        while at < len(segments):
            segment = segments[at]
            following = node.literal.get(segment)
            if following is None:
                if not segment and at == len(segments) - 1:
                    break
                following = node.named
                if following is None:
                    return None
                raw = b"/".join(segments[at:]) if node.rest else segment
                names[node.name] = _decoded(raw)
                if node.rest:
                    at = len(segments)
            node = following
            at += 1
        if not node.methods:
            return None
        found = node.methods.get(request.method)
        if found is None:
            raise MethodNotAllowed(headers=((b"allow", ",".join(sorted(node.methods)).encode("ascii")),), Method=request.method)
        return Match(found, names)


def _decoded(raw: bytes) -> str:
    try:
        text = (unquote_to_bytes(raw) if b"%" in raw else raw).decode()
    except UnicodeDecodeError:
        raise InvalidURI("A name in the path is not UTF-8.") from None
    if "\0" in text or "\r" in text or "\n" in text:
        raise InvalidArgument("A name in the path has a NUL, carriage return or line feed.")
    return text
