"""Headers and parameters that mean something to other operations: one that would not hold them refuses them, as S3 does, and never
passes over a condition, a range or a version in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from holdfast.model.errors import InvalidArgument, NotImplemented, Refusal
from holdfast.wire.model import OperationModel, service

_CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "content-range")
"""A writer who sends one of them wants less to happen than would (RFC 9110, 13.1 and 14.4)."""
_TARGETS = ("versionId", "partNumber")
_COPIES = ("CopyObject", "UploadPartCopy")

Refuse = Callable[[bytes], Any]


def strange_headers(operation: OperationModel) -> Iterator[tuple[bytes, Refuse]]:
    """The headers that an operation does not have and must not ignore, each with a function that refuses it (NotImplemented)."""
    if operation.method not in ("PUT", "POST", "DELETE"):
        return
    own = {member.wire.lower() for member in operation.input.members if member.location == "header"}
    names = set(_CONDITIONS)
    if operation.name in ("PutObject", "UploadPart", *_COPIES):
        every = [member for name in _COPIES for member in service().operation(name).input.members]
        names |= {member.wire.lower() for member in every if member.name.startswith("copy_source") and member.location == "header"}
    for name in sorted(names - own):
        yield name.encode(), _refuser(partial(NotImplemented, Header=name))


def strange_parameters(operation: OperationModel) -> Iterator[tuple[bytes, Refuse]]:
    """As `strange_headers`, for the parameters that say which version or part is meant (InvalidArgument, as S3 answers)."""
    if operation.method not in ("PUT", "POST", "DELETE"):
        return
    own = {member.wire for member in operation.input.members if member.location == "querystring"}
    for name in _TARGETS:
        if name not in own:
            yield name.encode(), _refuser(partial(InvalidArgument, f"This operation does not accept a {name}.", ArgumentName=name))


def _refuser(refusal: Callable[[], Refusal]) -> Refuse:
    def refuse(_value: bytes) -> Any:
        raise refusal()

    return refuse
