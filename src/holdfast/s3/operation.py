"""One S3 operation: its name, what it needs to be allowed, its input and output, and the handler that says what it means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import msgspec

from holdfast.engine.api import Engine
from holdfast.model.buckets import Bucket
from holdfast.model.identity import Caller
from holdfast.model.messages import Request, Response

I = TypeVar("I")  # noqa: E741


class Call(Generic[I]):
    """All that a handler may use. `bucket` is the bucket that the request names (None for ListBuckets and CreateBucket of a new one);
    `now_ms` is the time of the request in milliseconds since the epoch."""

    __slots__ = ("input", "request", "caller", "bucket", "engine", "now_ms", "settings")

    def __init__(self, input: I, request: Request, caller: Caller, bucket: Bucket | None, engine: Engine, now_ms: int, settings: Any) -> None:
        self.input = input
        self.request = request
        self.caller = caller
        self.bucket = bucket
        self.engine = engine
        self.now_ms = now_ms
        self.settings = settings


Run = Callable[[Call[Any]], Awaitable[Any]]


class Operation(msgspec.Struct, frozen=True):
    """`needs`: the S3 actions ("s3:PutObject") of which the caller needs every one; `input`: the Input class that `run` annotates."""

    name: str
    needs: tuple[str, ...]
    input: type
    run: Run
    ignores: frozenset[str]
    success: int


OPERATIONS: dict[str, Operation] = {}


def operation(name: str, *needs: str, ignores: tuple[str, ...] = (), success: int = 200) -> Callable[[Run], Run]:
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
    to headers and XML as the model says, with status `success`; None answers an empty body.
    """

    def register(run: Run) -> Run:
        ...
        return run

    return register


def response(status: int, *headers: tuple[bytes, bytes]) -> Response:
    """A response without a body."""
    return Response(status, list(headers))
