"""What a route of the administration API declares, and what its handler is given: the operation stands beside the path, never inside the code."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, get_args
from urllib.parse import unquote_to_bytes

import msgspec

from holdfast.admin.faults import Fault, invalid, missing
from holdfast.admin.throttle import Throttle
from holdfast.authn.negotiate import Acceptor
from holdfast.authz.decide import Target
from holdfast.engine.api import Engine
from holdfast.identities.cache import Keys
from holdfast.identities.directory import Directory
from holdfast.identities.key_service import KeyService
from holdfast.identities.open_door import OpenDoor
from holdfast.model.buckets import Bucket
from holdfast.model.identity import Caller, Tenancy, User, World
from holdfast.model.messages import Request
from holdfast.observe.records import Record

SEGMENT = re.compile(r"\{([a-z-]+)\}")


class Input(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, kw_only=True):
    """What a body may hold: names as they are written there, with hyphens; what is not named is refused."""


class Shown(msgspec.Struct, rename="kebab", kw_only=True):
    """What an answer shows of something."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a request is about, and where it is. `target` is what the decision looks at, `thing` what the handler works with where that is
    something else; None where it is not there, and `words` say then what was looked for."""

    target: Target | None = None
    thing: Any = None
    compartment: str = ""
    bucket: Bucket | None = None
    words: str = ""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of a list, where it is, and how it is shown if the caller may see it."""

    target: Target | None
    compartment: str
    shown: Shown


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What handlers work with. `record` finds what the logs say of a request, by its id, and may wait for a disk."""

    directory: Directory
    keys: Keys
    engine: Engine
    encryption: KeyService
    region: str
    record: Callable[[str], Record | None]
    kerberos: Acceptor | None = None
    open_door: OpenDoor | None = None
    """Where security is off: whose everybody's requests are."""
    endpoints: tuple[tuple[str, str], ...] = ()
    """Name and URL of each, the first one for everybody."""
    domains: tuple[str, ...] = ()
    """Host names below which the first label is a bucket."""
    oci_domain: str = ""
    """That of OCI's hosts, "" for none."""
    websites: dict[str, str] = {}
    """Host names below which the first labels are a bucket whose website is shown, with the namespace of these buckets."""
    throttle: Throttle = msgspec.field(default_factory=Throttle)


class Call(msgspec.Struct, kw_only=True):
    """One request on its way: who asks, in which tenancy, what the path, the query and the body name."""

    request: Request
    caller: Caller
    user: User
    tenancy: Tenancy
    services: Services
    path: dict[str, str]
    query: dict[str, str]
    body: Any = None
    found: Found = msgspec.field(default_factory=Found)
    operation: str = ""
    rule: str = ""
    resource: str = ""
    headers: list[tuple[str, str]] = msgspec.field(default_factory=list)

    @property
    def directory(self) -> Directory:
        return self.services.directory

    @property
    def now_ms(self) -> int:
        return int(time.time() * 1000)

    @property
    def target(self) -> Any:
        """What the path names; it is there."""
        return self.found.target if self.found.thing is None else self.found.thing

    @property
    def abroad(self) -> bool:
        """Whether this is about another tenancy than the caller's."""
        return self.user.tenancy not in ("", self.tenancy.id)

    async def world(self) -> World:
        found = await self.services.keys.world(self.tenancy.id)
        if found is None:
            raise missing("The tenancy is not there any more.")
        return found


About = Callable[[Call], Awaitable[Found]]
Handler = Callable[[Call], Awaitable[Any]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One route. `about` finds what it is about before anybody is let in; `operation` is what the caller must be allowed to do to that, and
    `of_robot` where it is a service account's.

    `body` is what the body must be; `query` the parameters that it takes; `shows` the type of the answer's data. `lists`: the handler
    gives every `Listed`, and the caller sees those that he may. `secret`: the answer holds what is shown only once. `open`: nobody has to prove
    who he is, and the handler lets in whom it will.
    """

    method: str
    path: str
    operation: str
    says: str
    does: Handler
    about: About
    of_robot: str = ""
    body: type[Input] | None = None
    query: tuple[str, ...] = ()
    shows: Any = None
    status: int = 200
    lists: bool = False
    secret: bool = False
    open: bool = False

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.strip("/").split("/"))


class Router:
    """Finds the route of a method and a raw path; names in paths are percent-encoded, a slash in them too."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self.routes = routes
        self._open = frozenset((route.method, route.path.encode()) for route in routes if route.open)
        self._by_length: dict[int, list[Route]] = {}
        for route in routes:
            self._by_length.setdefault(len(route.segments), []).append(route)

    def opened(self, method: str, raw_path: bytes) -> bool:
        """Whether this is a route for which nobody has to prove who he is."""
        return (method, raw_path) in self._open

    def find(self, method: str, raw_path: bytes) -> tuple[Route, dict[str, str]]:
        """Errors: Fault for no route, a method that it has not, a path that is no text."""
        pieces = raw_path.removeprefix(b"/").split(b"/")
        allowed: set[str] = set()
        for route in self._by_length.get(len(pieces), ()):
            arguments = _match(route.segments, pieces)
            if arguments is None:
                continue
            if route.method == method:
                return route, arguments
            allowed.add(route.method)
        if allowed:
            raise Fault(405, "MethodNotAllowed", f"{method} is not possible here.", headers=(("allow", ", ".join(sorted(allowed))),))
        raise missing("There is no such route.")


def _match(segments: tuple[str, ...], pieces: list[bytes]) -> dict[str, str] | None:
    arguments: dict[str, str] = {}
    for segment, piece in zip(segments, pieces, strict=True):
        named = SEGMENT.fullmatch(segment)
        if named is None:
            if segment.encode() != piece:
                return None
            continue
        try:
            text = unquote_to_bytes(piece).decode()
        except UnicodeDecodeError:
            raise invalid("The path is not UTF-8.") from None
        if not text:
            return None
        arguments[named[1]] = text
    return arguments


def parameters(query: bytes, allowed: tuple[str, ...]) -> dict[str, str]:
    """The parameters of a query, each known and given once. Errors: Fault."""
    found: dict[str, str] = {}
    for pair in query.split(b"&") if query else ():
        raw, _, value = pair.partition(b"=")
        try:
            name = unquote_to_bytes(raw.replace(b"+", b" ")).decode()
            text = unquote_to_bytes(value.replace(b"+", b" ")).decode()
        except UnicodeDecodeError:
            raise invalid("The query is not UTF-8.") from None
        if name not in allowed:
            raise invalid(f"The query has no parameter {name[:40]!r}; it takes {', '.join(allowed) or 'none'}.")
        if name in found:
            raise invalid(f"The parameter {name} is given twice.")
        found[name] = text
    return found


def read(data: bytes, kind: type[Input]) -> Input:
    """A body, read strictly. Errors: Fault names the member and the fault."""
    try:
        return msgspec.json.decode(data or b"{}", type=kind)
    except msgspec.ValidationError as error:
        fault, _, place = str(error).partition(" - at `$")
        member = place.rstrip("`").lstrip(".")
        raise invalid(f"{member}: {_in_words(kind, member, fault)}" if member else fault) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise invalid("The body is not JSON.") from None
    except RecursionError:
        raise invalid("The body is nested too deeply.") from None


def _in_words(kind: type[Input], member: str, fault: str) -> str:
    """What a member has to be as its type describes it, in place of the pattern or the length that it does not have."""
    if "matching regex" not in fault and "of length" not in fault:
        return fault
    asked: list[Any] = [field.type for field in msgspec.structs.fields(kind) if field.encode_name == member]
    for one in asked:
        asked.extend(get_args(one))
        if isinstance(one, msgspec.Meta) and one.description:
            first = one.description[0] if one.description[1:2].isupper() else one.description[0].lower()
            return f"it has to be {first}{one.description[1:]}"
    return fault


def changes(body: Input, names: Mapping[str, str]) -> dict[str, Any]:
    """The members of a body that were given (not None), under the names that the model has for them."""
    return {there: getattr(body, here) for here, there in names.items() if getattr(body, here) is not None}
