"""One S3 operation: its name, what it needs to be allowed, its input and output, and the handler that says what it means."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, TypeVar, get_args

import msgspec

from holdfast.engine.api import Engine
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied
from holdfast.model.identity import Caller
from holdfast.model.messages import Request, Response
from holdfast.model.objects import EXISTING, NEW, Upload, Version
from holdfast.wire.model import OperationModel, service

I = TypeVar("I")  # noqa: E741

Authorize = Callable[..., Awaitable[None]]
"""(Caller, actions, Bucket | None, key, Version | Upload | None, Request, operation, tags=those of the body): may the caller do all these actions on
that bucket and key ("" for none), and on what was found there (left out while nothing was looked up). Errors: AccessDenied."""


WRITE = ("s3:PutObject",)
HALVES = {NEW: ("OBJECT_CREATE",), EXISTING: ("OBJECT_OVERWRITE",)}
"""What the right to write is made of: OCI's permissions for keys that are not there, and for those that are."""


class Call(Generic[I]):
    """All that a handler may use. `bucket` is the bucket that the request names (None for ListBuckets and CreateBucket);
    `now_ms` is the time of the request in milliseconds since the epoch. `pending` are the actions that nothing allows so far: the
    access control list of what the request is about decides (`holdfast.s3.access`); they are () for most callers. `half` says
    which keys the caller may write where it may not write all (`holdfast.s3.write_rights`)."""

    __slots__ = ("authorize", "bucket", "caller", "engine", "half", "input", "judged", "now_ms", "operation", "pending", "request", "settings")

    def __init__(
        self,
        input: I,
        request: Request,
        caller: Caller,
        bucket: Bucket | None,
        engine: Engine,
        now_ms: int,
        settings: Any,
        authorize: Authorize | None = None,
        pending: tuple[str, ...] = (),
        operation: str = "",
        half: str = "",
    ) -> None:
        self.input = input
        self.request = request
        self.caller = caller
        self.bucket = bucket
        self.engine = engine
        self.now_ms = now_ms
        self.settings = settings
        self.authorize = authorize
        self.pending = pending
        self.operation = operation
        self.judged = not pending
        self.half = half

    async def require(self, action: str, bucket: Bucket, key: str) -> None:
        """Asks for a right beyond those that the operation `needs`, on another bucket or key: the source of a copy, each key
        of a bulk delete. Errors: AccessDenied."""
        if self.authorize is None:
            raise AccessDenied
        await self.authorize(self.caller, (action,), bucket, key, None, self.request, self.operation)

    async def judge(
        self, actions: tuple[str, ...], bucket: Bucket, key: str, target: Version | Upload, tags: dict[str, str] | None = None
    ) -> None:
        """Asks for rights on what was looked up; `tags` are those that the request's body gives to it. Errors: AccessDenied."""
        if self.authorize is None:
            raise AccessDenied
        more: dict[str, Any] = {"permissions": HALVES[self.half]} if self.half and actions == WRITE else {}
        if tags is not None:
            more["tags"] = tags
        await self.authorize(self.caller, actions, bucket, key, target, self.request, self.operation, **more)
        self.judged = self.judged or actions is self.pending


Run = Callable[[Call[Any]], Awaitable[Any]]


class Operation(msgspec.Struct, frozen=True):
    """`needs`: the S3 actions ("s3:PutObject") of which the caller needs every one; `input`: the Input class that `run` annotates;
    `judges`: that `run` asks again once it found what the request is about, so that its access control list can allow;
    `of_keys`: the actions that `run` asks for key by key, of which an anonymous caller needs one to be heard at all."""

    name: str
    needs: tuple[str, ...]
    input: type
    run: Run
    ignores: frozenset[str]
    success: int
    judges: bool = False
    of_keys: tuple[str, ...] = ()


OPERATIONS: dict[str, Operation] = {}


def operation(
    name: str, *needs: str, ignores: tuple[str, ...] = (), success: int | None = None, judges: bool = False, of_keys: tuple[str, ...] = ()
) -> Callable[[Run], Run]:
    """Registers the handler of operation `name` of botocore's S3 model.

        class Input(msgspec.Struct, frozen=True, kw_only=True):
            bucket: str
            key: str
            if_match: str | None = None          # a header, a query parameter or an element: the model knows

        @operation("GetObject", "s3:GetObject", ignores=("request_payer",))
        async def get_object(call: Call[Input]) -> Response | Output: ...

    The fields of Input are members of the model's input in snake case; a name that the model does not have fails at import, and the
    required ones have no default. Scalars arrive decoded (str, int, bool, datetime as float seconds since the epoch); `metadata` as
    dict[str, str]; an XML payload as nested dicts with snake_case keys (lists for lists); the streaming member as
    `body: Body`. A member of the model that Input does not name is refused with NotImplemented when a request sends it, unless `ignores` names it
    because leaving it out changes neither meaning nor safety.
    The handler returns a Response, or an Output: a msgspec.Struct (or dict) of the model's output members in snake case, written
    to headers and XML as the model says, with status `success` (the model's own where none is given: 200, or 204 of most deletions);
    None answers an empty body.
    A handler that `judges` finds its version or upload by `holdfast.s3.access`, so that access control lists of objects count.
    """

    def register(run: Run) -> Run:
        input = _input_of(run)
        model = _check(name, input, ignores)
        if name in OPERATIONS:
            raise TypeError(f"{name} has two handlers")
        OPERATIONS[name] = Operation(name, needs, input, run, frozenset(ignores), success or model.status, judges, of_keys)
        return run

    return register


def _input_of(run: Run) -> type:
    """The Input class that the handler's first parameter is annotated with, as `Call[Input]`."""
    annotations = inspect.get_annotations(run)
    if not annotations:
        raise TypeError(f"{run.__qualname__} must annotate its parameter as Call[Input]")
    first = next(iter(annotations.values()))
    if isinstance(first, str):
        first = eval(first, run.__globals__)  # noqa: S307 - the module's own annotation
    arguments = get_args(first)
    if len(arguments) != 1 or not (isinstance(arguments[0], type) and issubclass(arguments[0], msgspec.Struct)):
        raise TypeError(f"{run.__qualname__} must annotate its parameter as Call[Input], Input being a msgspec.Struct")
    return arguments[0]


def _check(name: str, input: type, ignores: tuple[str, ...]) -> OperationModel:
    """Errors: TypeError for an operation or a member that the model does not have, or a required member with a default."""
    api = service()
    if name not in api.names:
        raise TypeError(f"no operation {name} in the model{_nearest(name, api.names)}")
    model = api.operation(name)
    members = {member.name: member for member in model.input.members}
    for field in (*input.__struct_fields__, *ignores):  # type: ignore[attr-defined]
        if field not in members:
            raise TypeError(f"{name} has no member {field}{_nearest(field, members)}")
    if model.input.payload and model.input.payload not in (*input.__struct_fields__, *ignores):  # type: ignore[attr-defined]
        raise TypeError(f"{name} must read its body, {model.input.payload}: nobody else refuses what it says")
    for info in msgspec.structs.fields(input):
        if members[info.name].required and not info.required:
            raise TypeError(f"{name}: {info.name} is required by the model and must not have a default")
        if info.required and not members[info.name].required:
            raise TypeError(f"{name}: {info.name} is optional in the model and needs a default")
    return model


def _nearest(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean {found[0]}?" if found else ""


def response(status: int, *headers: tuple[bytes, bytes]) -> Response:
    """A response without a body."""
    return Response(status, list(headers))
