"""One OCI operation: its name, where it is, what it takes, and the handler that says what it means."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from holdfast.authz.gather import asks_again, authorize_operation, permits_operation
from holdfast.engine.api import Engine
from holdfast.identities.cache import Keys
from holdfast.identities.directory import Directory
from holdfast.model.buckets import Bucket
from holdfast.model.errors import InvalidArgument, NoSuchBucket
from holdfast.model.identity import Caller, User
from holdfast.model.messages import Request, Response
from holdfast.model.objects import Version
from holdfast.oci.keys import SigningKeys

BODY_BYTES_MAX = 256 * 1024
T = TypeVar("T", bound=msgspec.Struct)


class Services(msgspec.Struct, frozen=True):
    """What every operation may use: one engine, its identities, and the settings (`region` and `put_bytes_max` among them)."""

    engine: Engine
    settings: Any
    directory: Directory
    keys: Keys
    signing: SigningKeys


class Call:
    """One request on its way. `names` are the decoded names of its path, `query` its decoded parameters; `bucket` is the one that it names;
    `body` the decoded document of an operation that has one."""

    __slots__ = ("body", "bucket", "caller", "engine", "names", "now_ms", "operation", "query", "request", "services")

    def __init__(self, request: Request, caller: Caller, operation: str, names: dict[str, str], query: dict[str, str], services: Services) -> None:
        self.request = request
        self.caller = caller
        self.operation = operation
        self.names = names
        self.query = query
        self.services = services
        self.engine = services.engine
        self.now_ms = int(request.received_at * 1000)
        self.bucket: Bucket | None = None
        self.body: Any = None

    @property
    def user(self) -> User:
        """Who asks; never anonymous where this is used. Errors: NoSuchBucket, as for everything that an anonymous caller may not."""
        if self.caller.user is None:
            raise NoSuchBucket
        return self.caller.user

    @property
    def key(self) -> str:
        """The object's name."""
        return self.names.get("objectName", "")

    @property
    def region(self) -> str:
        region: str = self.services.settings.region
        return region

    def place(self) -> Bucket:
        """The bucket that the request names. Errors: NoSuchBucket."""
        if self.bucket is None:
            raise NoSuchBucket
        return self.bucket

    async def require(self, operation: str = "", *, bucket: Bucket | None = None, key: str = "", **more: Any) -> None:
        """Asks for the right to do an operation, by default this one. Errors: AccessDenied."""
        await authorize_operation(self.caller, operation or self.operation, bucket=bucket, key=key, request=self.request, **more)

    async def require_of(self, version: Version, operation: str, *, bucket: Bucket, key: str, **more: Any) -> None:
        """Asks again, with the version that was found, for a right that the owner of a bucket has only on his own. Errors: AccessDenied."""
        if asks_again(self.caller, bucket, version):
            await self.require(operation, bucket=bucket, key=key, target=version, **more)

    def may(self, operation: str = "", *, bucket: Bucket | None = None, key: str = "", **more: Any) -> bool:
        """As `require`, answered."""
        return permits_operation(self.caller, operation or self.operation, bucket=bucket, key=key, request=self.request, **more).allowed

    def header(self, name: bytes) -> str:
        """The text of a header, or ""."""
        return self.request.headers.get(name, b"").decode("latin-1")


Run = Callable[[Call], Awaitable[Response]]


class Operation(msgspec.Struct, frozen=True):
    """`path` is OCI's template; `query` the parameters that it takes, a required one with "!" behind it. `body`: the struct of its document,
    of at most `body_bytes_max` bytes. `streams`: its body is the object's, and need not be signed. `asks`: False where `run` asks for rights
    itself. `conditional`: it heeds If-Match and If-None-Match;
    `encrypts`: keys in opc-sse headers. `public`: anonymous callers are heard."""

    name: str
    method: str
    path: str
    run: Run
    query: tuple[str, ...] = ()
    body: type[msgspec.Struct] | None = None
    body_bytes_max: int = BODY_BYTES_MAX
    asks: bool = True
    streams: bool = False
    conditional: bool = False
    encrypts: bool = False
    public: bool = False

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(name.rstrip("!") for name in self.query)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(name[:-1] for name in self.query if name.endswith("!"))


OPERATIONS: dict[str, Operation] = {}


def operation(name: str, method: str, path: str, **more: Any) -> Callable[[Run], Run]:
    """Registers the handler of an operation.

        @operation("GetBucket", "GET", "/n/{namespaceName}/b/{bucketName}", query=("fields",), conditional=True)
        async def get_bucket(call: Call) -> Response: ...

    A path that names a bucket has it looked up and the caller's right to the operation asked for before `run`, unless it says `asks=False`.
    What a request sends and the operation does not take is refused, never ignored."""

    def register(run: Run) -> Run:
        if name in OPERATIONS:
            raise TypeError(f"{name} has two handlers")
        if not inspect.iscoroutinefunction(run):
            raise TypeError(f"{name} must be async")
        OPERATIONS[name] = Operation(name, method, path, run, **more)
        return run

    return register


def whole_number(text: str | None, name: str, low: int, high: int, default: int) -> int:
    """A number of a query, bounded by `high`. Errors: InvalidArgument."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= low):
        raise InvalidArgument(f"{name} must be a number from {low}.", ArgumentName=name)
    return min(int(text), high)
