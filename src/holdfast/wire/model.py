"""botocore's S3 service model, loaded once: operations, shapes, and every member under its name in snake case."""

from __future__ import annotations

import gzip
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One member of a structure: `name` in snake case, `wire` its name on the wire, `location` where it travels.

    `location` is "header", "headers" (a prefix of headers), "querystring", "uri", "statusCode" or "" (the body).
    """

    name: str
    model: str
    wire: str
    location: str
    shape: str
    required: bool
    flattened: bool
    attribute: bool
    streaming: bool


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A type of the model. `element` is the member of a list, and `element_wire` its element name."""

    name: str
    type: str
    members: tuple[Member, ...] = ()
    payload: str = ""
    enum: tuple[str, ...] = ()
    element: str = ""
    element_wire: str = "member"
    flattened: bool = False
    timestamp_format: str = ""


class OperationModel(msgspec.Struct, frozen=True, kw_only=True):
    """One operation: where it is sent, what it takes and gives.

    `query` holds the literals of its request URI ("uploads", or "list-type" with a value); `checksum_required` is the
    model's word that the body must come with a checksum; `checksum_member` names the member that announces its algorithm.
    """

    name: str
    method: str
    level: str  # "service", "bucket" or "object"
    path: str
    query: tuple[tuple[str, str], ...]
    status: int
    input: Shape
    input_root: str  # the element of a body that holds the input's own members (SelectObjectContent)
    output: Shape
    checksum_required: bool
    checksum_member: str
    deprecated: bool


_ACRONYMS = (
    ("ETag", "Etag"), ("SSES3", "SseS3"), ("SSEKMS", "SseKms"), ("CRC32C", "Crc32c"), ("CRC64NVME", "Crc64nvme"), ("XXHASH", "Xxhash"),
)  # fmt: skip
_WORD_AFTER_ACRONYM = re.compile(r"([A-Z]+)([A-Z][a-z])")
_WORD = re.compile(r"([a-z0-9])([A-Z])")


@cache
def snake(name: str) -> str:
    """A member's name in snake case: `ETag` is etag, `SSEKMSKeyId` sse_kms_key_id, `ChecksumCRC32C` checksum_crc32c."""
    for old, new in _ACRONYMS:
        name = name.replace(old, new)
    return _WORD.sub(r"\1_\2", _WORD_AFTER_ACRONYM.sub(r"\1_\2", name)).lower()


class Service:
    """The S3 service model. Shapes are made when first asked for."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self._operations: dict[str, Any] = raw["operations"]
        self._shapes: dict[str, Any] = raw["shapes"]
        self._made: dict[str, Shape] = {}
        self._made_operations: dict[str, OperationModel] = {}
        self.names: tuple[str, ...] = tuple(sorted(self._operations))

    def shape(self, name: str) -> Shape:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._make(name)
        return made

    def operation(self, name: str) -> OperationModel:
        """Errors: KeyError for a name that the model does not have."""
        made = self._made_operations.get(name)
        if made is None:
            made = self._made_operations[name] = self._make_operation(name)
        return made

    def _make(self, name: str) -> Shape:
        raw = self._shapes[name]
        required = set(raw.get("required", ()))
        members = []
        for key, value in raw.get("members", {}).items():
            target = self._shapes[value["shape"]]
            flattened = bool(value.get("flattened") or target.get("flattened"))
            wire = value.get("locationName") or key
            if flattened and target["type"] == "list" and "locationName" not in value:
                wire = target["member"].get("locationName") or key
            members.append(
                Member(
                    name=snake(key), model=key, wire=wire, location=value.get("location", ""), shape=value["shape"], required=key in required,
                    flattened=flattened, attribute=bool(value.get("xmlAttribute")), streaming=bool(value.get("streaming")),
                )
            )
        element = raw.get("member", {})
        return Shape(
            name=name, type=raw["type"], members=tuple(members), payload=snake(raw["payload"]) if "payload" in raw else "",
            enum=tuple(raw.get("enum", ())), element=element.get("shape", ""), element_wire=element.get("locationName", "member"),
            flattened=bool(raw.get("flattened")), timestamp_format=raw.get("timestampFormat", ""),
        )

    def _make_operation(self, name: str) -> OperationModel:
        raw = self._operations[name]
        http = raw["http"]
        path, _, query = http["requestUri"].partition("?")
        pairs = [tuple(piece.partition("=")[::2]) for piece in query.split("&") if piece]
        checksum = raw.get("httpChecksum") or {}
        empty = Shape(name="", type="structure")
        return OperationModel(
            name=name, method=http["method"], level="object" if "{Key" in path else "bucket" if "{Bucket" in path else "service", path=path,
            query=tuple(pairs), status=http.get("responseCode", 200), input=self.shape(raw["input"]["shape"]) if "input" in raw else empty,
            input_root=raw.get("input", {}).get("locationName", ""), output=self.shape(raw["output"]["shape"]) if "output" in raw else empty,
            checksum_required=bool(checksum.get("requestChecksumRequired") or raw.get("httpChecksumRequired")),
            checksum_member=snake(checksum["requestAlgorithmMember"]) if "requestAlgorithmMember" in checksum else "",
            deprecated=bool(raw.get("deprecated")),
        )


@cache
def service() -> Service:
    """The model of the installed botocore, without importing botocore itself (some 20 ms, once a process)."""
    spec = find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("botocore is not installed: it brings the S3 service model")
    folder = Path(spec.submodule_search_locations[0]) / "data" / "s3" / "2006-03-01"
    packed = folder / "service-2.json.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / "service-2.json").read_bytes()
    return Service(msgspec.json.decode(text))
