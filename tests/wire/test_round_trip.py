"""botocore writes and we read, we write and botocore reads: every operation of the model, nothing lost and nothing changed."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser

from holdfast.wire.compile import Reader, Writer
from holdfast.wire.model import Shape, service, snake
from holdfast.wire.query import EMPTY, split
from holdfast.wire.values import timestamp
from tests.wire.samples import AVAILABLE, MODEL, arguments, outputs, serialise

API = service()
NAMES = [name for name in API.names if name in AVAILABLE and not API.operation(name).deprecated]
PARSER = create_parser("rest-xml")
UNREADABLE = {"SelectObjectContent"}  # its answer is a stream of events, not a document


def everything(name: str) -> type:
    """An Input that names every member of the operation."""
    shape = API.operation(name).input
    fields: list[Any] = [(m.name, Any) if m.required else (m.name, Any, None) for m in shape.members]
    return msgspec.defstruct("Input", fields, kw_only=True)


def plain(value: Any) -> Any:
    """What boto3 takes or gives, in our form: snake case, times as seconds."""
    if isinstance(value, dict):
        return {snake(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    return value


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", NAMES)
def test_what_botocore_writes_is_read_back(name: str, seed: int) -> None:
    given = arguments(name, seed, minimal=seed == 0)
    _, target, headers, body = serialise(name, given)
    reader = Reader(API.operation(name), everything(name))
    params = split(target.partition(b"?")[2]) if b"?" in target else EMPTY
    found = reader.scalars(headers, params, given.get("Bucket", ""), given.get("Key", ""), body)  # type: ignore[arg-type]
    if reader.reads_body:
        reader.body(body, found)
    made = reader.complete(found)
    metadata = given.pop("Metadata", None)
    expected = plain(given)
    if metadata is not None:
        expected["metadata"] = metadata
    got = {field: getattr(made, field) for field in made.__struct_fields__ if getattr(made, field) is not None}
    for field in ("content_length", "checksum_algorithm"):  # botocore itself adds or reads these
        if field not in expected or expected[field] == got.get(field):
            got.pop(field, None)
            expected.pop(field, None)
    if "expires" in got:
        got["expires"] = timestamp(got["expires"])  # kept as it was sent: S3 gives back what it got
    if got.get("body") == b"" and "body" not in expected:
        got.pop("body")  # there is always a body to read, perhaps an empty one
    if "content_md5" not in expected:
        got.pop("content_md5", None)
    assert {k: v for k, v in got.items() if v != {}} == {k: v for k, v in expected.items() if v != {}}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", NAMES)
def test_what_we_write_botocore_reads_back(name: str, seed: int) -> None:
    if name in UNREADABLE:
        pytest.skip("an event stream")
    given = outputs(name, seed, minimal=seed == 0)
    metadata = given.pop("Metadata", None)
    output = plain(given)
    if metadata is not None:
        output["metadata"] = metadata
    response = Writer(API.operation(name)).write(output, 200)
    body = response.body if isinstance(response.body, bytes) else b""
    headers = {key.decode().lower(): value.decode() for key, value in response.headers}
    shape = MODEL.operation_model(name).output_shape
    parsed = PARSER.parse({"status_code": 200, "headers": HeadersDict(headers), "body": body}, shape) if shape else {}
    parsed.pop("ResponseMetadata", None)
    got_metadata = parsed.pop("Metadata", None)
    assert (got_metadata or None) == (metadata or None)
    output.pop("metadata", None)
    got = plain(parsed)
    if name == "GetBucketLocation":
        assert body.endswith(f'">{output.get("location_constraint", "")}</LocationConstraint>'.encode())  # botocore has a reader of its own for it
        return
    assert without_empty(API.operation(name).output, got) == without_empty(API.operation(name).output, output)


def without_empty(shape: Shape, value: Any) -> Any:
    """botocore gives empty structures for absent lists and the like; an empty member says nothing."""
    if isinstance(value, dict):
        return {k: kept for k, item in value.items() if (kept := without_empty(shape, item)) not in ({}, [], "", b"")}
    if isinstance(value, list):
        return [without_empty(shape, item) for item in value]
    return value
