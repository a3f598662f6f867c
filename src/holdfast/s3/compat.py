"""The table of what is served: every operation and member of the service model, made from the handlers that are registered.

`python -m holdfast.s3.compat` writes docs/compatibility.md to its standard output.
"""

from __future__ import annotations

import sys

from holdfast.s3 import ops
from holdfast.s3.operation import OPERATIONS, Operation
from holdfast.wire.compile import HARMLESS
from holdfast.wire.model import Member, OperationModel, service

_HEAD = """\
# S3 compatibility

Every operation of the S3 service model and what Holdfast does with it. This page is made from the code by `make docs`: do not edit it.

- **served**: works as the S3 API Reference says, with the members listed.
- **not implemented**: routed, authenticated, and answered with `501 NotImplemented` as XML that names the operation. Nothing is changed.
- A request that sends a *refused* member is answered with `501 NotImplemented`; an *ignored* one changes neither meaning nor safety here.
- `x-amz-expected-bucket-owner`, `x-amz-source-expected-bucket-owner` and the checksums of XML bodies are checked for every operation.
"""


def page() -> str:
    """The page in Markdown."""
    ops.load()
    api = service()
    models = [api.operation(name) for name in api.names if not api.operation(name).deprecated]
    served = [model for model in models if model.name in OPERATIONS]
    missing = [model.name for model in models if model.name not in OPERATIONS]
    out = [_HEAD, f"{len(served)} of {len(models)} operations are served.\n"]
    out += ["## Served\n", "| operation | members | ignored | refused |", "|---|---|---|---|"]
    out += [_row(model, OPERATIONS[model.name]) for model in served]
    out.append("\nPostObject, which is not in the model, is served too: a browser's form whose fields say what the headers of an upload say.")
    out += ["\n## Not implemented\n", ", ".join(missing) + ".\n"]
    return "\n".join(out)


def members(model: OperationModel, operation: Operation) -> tuple[list[Member], list[Member], list[Member]]:
    """The members of the input that the operation reads, ignores and refuses; those checked for all operations are left out."""
    fields = set(operation.input.__struct_fields__)  # type: ignore[attr-defined]
    document = model.input.payload in fields and model.input.payload != "body"
    checked = HARMLESS | ({"content_md5", model.checksum_member} if document else set())
    read, ignored, refused = [], [], []
    for member in model.input.members:
        if member.name in fields:
            read.append(member)
        elif member.name in operation.ignores:
            ignored.append(member)
        elif member.name not in checked:
            refused.append(member)
    return read, ignored, refused


def _row(model: OperationModel, operation: Operation) -> str:
    cells = (" ".join(f"`{member.model}`" for member in group) or "none" for group in members(model, operation))
    return f"| {model.name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(page())
