"""XML documents by shape: nested dicts with snake_case keys from a request's XML, and XML from an output's members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.model.errors import MalformedXML
from holdfast.wire import values, xml
from holdfast.wire.model import NAMESPACE, Member, Service, Shape

_NAMESPACES = ("", NAMESPACE + xml.SEPARATOR, "http://doc.s3.amazonaws.com/2006-03-01" + xml.SEPARATOR, NAMESPACE.rstrip("/") + xml.SEPARATOR)
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_XSI_PREFIX = _XSI + xml.SEPARATOR
_OPEN_ENUMS = frozenset({"BucketLocationConstraint", "Protocol"})
"""Enumerations of Amazon's own deployment, and those with a refusal of their own: what is allowed here is the operation's to say."""

Convert = Callable[[str], Any]


class Node:
    """One place in a document: a structure, a list, or (with `convert`) a value. Element names carry every accepted namespace."""

    __slots__ = ("attributes", "convert", "element", "element_names", "members", "required", "shape")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.members: dict[str, tuple[str, Node, bool]] | None = None  # element name -> key, node, repeated
        self.attributes: dict[str, tuple[str, Convert]] = {}
        self.required: tuple[str, ...] = ()
        self.element: Node | None = None
        self.element_names: frozenset[str] = frozenset()
        self.convert: Convert | None = None


def _converter(shape: Shape, timestamp_format: str = "") -> Convert:
    if shape.type == "string":
        if shape.enum and shape.name not in _OPEN_ENUMS:
            allowed = frozenset(shape.enum)

            def enumerated(text: str) -> str:
                if text not in allowed:
                    raise ValueError("not in the enumeration")
                return text

            return enumerated
        return str
    if shape.type == "integer":
        return lambda text: values.integer(text.strip())
    if shape.type == "long":
        return lambda text: values.integer(text.strip(), values.LONG_MAX)
    if shape.type == "boolean":
        return lambda text: values.boolean(text.strip())
    if shape.type == "timestamp":
        return lambda text: values.timestamp(text.strip())
    raise TypeError(f"no XML form for {shape.type} ({shape.name})")


def compile_node(service: Service, name: str, seen: dict[str, Node] | None = None) -> Node:
    """The reader's table of a shape and of all below it."""
    seen = {} if seen is None else seen
    if name in seen:
        return seen[name]
    shape = service.shape(name)
    node = seen[name] = Node(shape)
    if shape.type == "structure":
        members: dict[str, tuple[str, Node, bool]] = {}
        for member in shape.members:
            if member.location:
                continue
            target = service.shape(member.shape)
            if member.attribute:
                node.attributes[_XSI_PREFIX + member.wire.partition(":")[2]] = (member.name, _converter(target))
                continue
            repeated = member.flattened and target.type == "list"
            child = compile_node(service, target.element if repeated else member.shape, seen)
            for prefix in _NAMESPACES:
                members[prefix + member.wire] = (member.name, child, repeated)
        node.members = members
        node.required = tuple(m.name for m in shape.members if m.required and not m.location)
    elif shape.type == "list":
        node.element = compile_node(service, shape.element, seen)
        node.element_names = frozenset(prefix + shape.element_wire for prefix in _NAMESPACES)
    else:
        node.convert = _converter(shape)
    return node


class _Reading:
    """The state of one parse: a stack of (node, value, text pieces)."""

    __slots__ = ("result", "root", "root_names", "stack")

    def __init__(self, root: Node, root_names: frozenset[str]) -> None:
        self.root = root
        self.root_names = root_names
        self.stack: list[tuple[Node, Any, str, bool]] = []  # node, value, key in the parent, repeated
        self.result: Any = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        stack = self.stack
        if not stack:
            if name not in self.root_names:
                raise MalformedXML()
            node, key, repeated = self.root, "", False
        else:
            parent, value, _, _ = stack[-1]
            if parent.members is not None:
                entry = parent.members.get(name)
                if entry is None:
                    raise MalformedXML()
                key, node, repeated = entry
                if key in value and not repeated:
                    raise MalformedXML()
            elif parent.element is not None and name in parent.element_names:
                key, node, repeated = "", parent.element, False
            else:
                raise MalformedXML()
        fresh: Any = {} if node.members is not None else []
        if attributes:
            self._attributes(node, fresh, attributes)
        stack.append((node, fresh, key, repeated))

    @staticmethod
    def _attributes(node: Node, value: Any, attributes: dict[str, str]) -> None:
        for name, text in attributes.items():
            entry = node.attributes.get(name)
            if entry is not None:
                try:
                    value[entry[0]] = entry[1](text)
                except ValueError:
                    raise MalformedXML() from None
            elif not name.startswith((_XSI_PREFIX, "http://www.w3.org/XML/1998/namespace ")):
                raise MalformedXML()

    def text(self, piece: str) -> None:
        node, value, _, _ = self.stack[-1]
        if node.convert is not None:
            value.append(piece)
        elif piece.strip(" \t\r\n"):
            raise MalformedXML()

    def end(self, _name: str) -> None:
        node, value, key, repeated = self.stack.pop()
        if node.convert is not None:
            try:
                value = node.convert("".join(value))
            except ValueError:
                raise MalformedXML() from None
        elif node.members is not None:
            for name in node.required:
                if name not in value:
                    raise MalformedXML()
        if not self.stack:
            self.result = value
            return
        parent, into, _, _ = self.stack[-1]
        if parent.element is not None:
            into.append(value)
        elif repeated:
            into.setdefault(key, []).append(value)
        else:
            into[key] = value


class DocumentReader:
    """Reads the XML of one shape. `root` is the element that the document must have."""

    def __init__(self, service: Service, shape: str, root: str) -> None:
        self._node = compile_node(service, shape)
        self._root_names = frozenset(prefix + root for prefix in _NAMESPACES)

    def read(self, data: bytes, limits: xml.Limits = xml.ORDINARY) -> Any:
        """The document as nested dicts and lists. Errors: MalformedXML for anything that the shape does not say."""
        reading = _Reading(self._node, self._root_names)
        xml.parse(data, reading.start, reading.end, reading.text, limits)
        return reading.result


Emit = Callable[[Any, list[str]], None]


def pick(value: Any, name: str) -> Any:
    """A member of an output, which is a dict or a Struct; None when it is not there."""
    return value.get(name) if type(value) is dict else getattr(value, name, None)


def scalar_text(shape: Shape) -> Callable[[Any], str]:
    """How a value of this type is written in XML, before escaping."""
    if shape.type == "boolean":
        return lambda value: "true" if value else "false"
    if shape.type == "timestamp":
        return values.http_date if shape.timestamp_format == "rfc822" else values.iso_date
    return str


def compile_writer(service: Service, name: str, seen: dict[str, Emit] | None = None) -> Emit:
    """A function that appends the content of a value of this shape (without its own element) to a list of text."""
    seen = {} if seen is None else seen
    if name in seen:
        return seen[name]
    shape = service.shape(name)
    if shape.type == "structure":
        steps: list[Callable[[Any, list[str]], None]] = []

        def structure(value: Any, out: list[str]) -> None:
            for step in steps:
                step(value, out)

        seen[name] = structure
        steps.extend(member_writer(service, m, seen) for m in shape.members if not m.location and not m.attribute)
        return structure
    if shape.type == "list":
        element = _wrap(service, shape.element_wire, shape.element, seen)

        def items(value: Any, out: list[str]) -> None:
            for item in value:
                element(item, out)

        return items
    to_text = scalar_text(shape)
    escape = xml.escape
    return lambda value, out: out.append(value if value.__class__ is xml.Written else escape(to_text(value)))


def _wrap(service: Service, wire: str, name: str, seen: dict[str, Emit]) -> Emit:
    inner = compile_writer(service, name, seen)
    shape = service.shape(name)
    attributes = [m for m in shape.members if m.attribute]
    opening, closing = f"<{wire}>", f"</{wire}>"
    if not attributes:

        def plain(value: Any, out: list[str]) -> None:
            out.append(opening)
            inner(value, out)
            out.append(closing)

        return plain

    def with_attributes(value: Any, out: list[str]) -> None:
        written = "".join(f' {m.wire}="{xml.escape(str(pick(value, m.name)))}"' for m in attributes if pick(value, m.name) is not None)
        out.append(f'<{wire} xmlns:xsi="{_XSI}"{written}>')
        inner(value, out)
        out.append(closing)

    return with_attributes


def member_writer(service: Service, member: Member, seen: dict[str, Emit]) -> Emit:
    """Writes one member of a structure, with its element, when the value has it."""
    name = member.name
    target = service.shape(member.shape)
    if target.type == "list" and member.flattened:
        element = _wrap(service, member.wire, target.element, seen)

        def repeated(value: Any, out: list[str]) -> None:
            for item in pick(value, name) or ():
                element(item, out)

        return repeated
    wrapped = _wrap(service, member.wire, member.shape, seen)

    def single(value: Any, out: list[str]) -> None:
        found = pick(value, name)
        if found is not None:
            wrapped(found, out)

    return single
