"""What is known of an operation before any request, and of where one request went."""

from __future__ import annotations

from holdfast.authz.actions import VERSIONED
from holdfast.model.buckets import Bucket
from holdfast.observe.audit import Audit
from holdfast.s3.audited import audited
from holdfast.s3.operation import WRITE, Operation
from holdfast.wire.compile import Reader, Writer
from holdfast.wire.model import OperationModel, service


class Route:
    """An operation with its compiled reader and writer."""

    __slots__ = (
        "creates", "judges", "may_be_alike", "model", "needs", "needs_body", "needs_of_version", "of_link", "operation", "own_headers", "reader",
        "run", "success", "writer", "writes",
    )  # fmt: skip

    def __init__(self, operation: Operation, audit: Audit | None = None) -> None:
        self.operation = operation
        self.model: OperationModel = service().operation(operation.name)
        self.reader = Reader(self.model, operation.input, operation.ignores)
        self.writer = Writer(self.model)
        self.run = audited(operation, audit)
        self.success = operation.success
        self.judges = operation.judges
        self.needs = operation.needs
        self.needs_of_version = tuple(VERSIONED.get(action, action) for action in operation.needs)
        self.writes = operation.needs == WRITE
        self.creates = operation.name == "CreateBucket"
        self.may_be_alike = operation.name in ("GetObject", "HeadObject")
        self.of_link = operation.name == "DeleteBucket"
        self.needs_body = self.reader.reads_body
        self.own_headers = self.reader.header_names


class Place:
    """Where a request went: its bucket, None until it is known."""

    __slots__ = ("bucket",)

    def __init__(self) -> None:
        self.bucket: Bucket | None = None
