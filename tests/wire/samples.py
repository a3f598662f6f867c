"""Valid parameters for every operation of the model, and what botocore writes of them."""

from __future__ import annotations

import datetime
import random
from typing import Any

import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.model import Shape
from botocore.serialize import create_serializer

SESSION = botocore.session.Session()
MODEL = SESSION.get_service_model("s3")
AVAILABLE = frozenset(MODEL.operation_names)
SERIALIZER = create_serializer(MODEL.protocol if hasattr(MODEL, "protocol") else "rest-xml", False)
CONFIG = Config()
WORDS = ("a", "photo album", "<&>\"'", "naïve", "日本", "x/y//z", "100%", "a+b=c", "tab\tand\nline", " edge ")
SAFE_WORDS = ("a", "photo album", "x/y//z", "100%", "a+b=c", "q=0.5", "W/\"x\"")


def arguments(name: str, seed: int, *, minimal: bool = False) -> dict[str, Any]:
    """Parameters of operation `name` as boto3 takes them: with `minimal` only the required members."""
    shape = MODEL.operation_model(name).input_shape
    if shape is None:
        return {}
    found = _structure(shape, random.Random(f"{name}{seed}"), minimal, set())
    if "RequestRoute" in found:
        found["RequestRoute"] = "route"
    if "Bucket" in found:
        found["Bucket"] = "photos"
    if "Key" in found:
        found["Key"] = "a/b c+d/é.txt"
    return found


def outputs(name: str, seed: int, *, minimal: bool = False) -> dict[str, Any]:
    """Members of the output of operation `name`, as a handler would give them but in boto3's words."""
    shape = MODEL.operation_model(name).output_shape
    if shape is None:
        return {}
    found = _structure(shape, random.Random(f"{name}{seed}"), minimal, set())
    payload = shape.serialization.get("payload")
    if payload and shape.members[payload].type_name == "blob":
        found.pop(payload, None)  # streams are responses that handlers make themselves
    return found


def _structure(shape: Any, chance: random.Random, minimal: bool, above: set[str]) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items():
        if name in shape.required_members or (not minimal and member.name not in above):
            found[name] = _value(member, chance, minimal, above | {shape.name})
    return found


def _value(shape: Shape, chance: random.Random, minimal: bool, above: set[str]) -> Any:
    kind = shape.type_name
    header = shape.serialization.get("location") in ("header", "headers", "querystring")
    if kind == "structure":
        return _structure(shape, chance, minimal, above)
    if kind == "list":
        return [_value(shape.member, chance, minimal, above) for _ in range(chance.randint(1, 3))]  # type: ignore[attr-defined]
    if kind == "map":
        return {f"key-{n}": chance.choice(SAFE_WORDS) for n in range(chance.randint(1, 3))}
    if kind == "string":
        enum = getattr(shape, "enum", None)
        return chance.choice(enum) if enum else chance.choice(SAFE_WORDS if header else WORDS)
    if kind == "boolean":
        return chance.choice((True, False))
    if kind in ("integer", "long"):
        return chance.randint(0, 2**31 - 1)
    if kind == "timestamp":
        return datetime.datetime.fromtimestamp(chance.randint(0, 4_000_000_000), datetime.UTC)
    if kind == "blob":
        return b"some bytes"
    raise AssertionError(kind)


def serialise(name: str, parameters: dict[str, Any]) -> tuple[str, bytes, dict[bytes, bytes], bytes]:
    """Method, target, headers (lower-case names) and body as botocore sends them, unsigned, path style."""
    made = SERIALIZER.serialize_to_request(parameters, MODEL.operation_model(name))
    request = AWSRequest(
        method=made["method"], url="http://127.0.0.1:9" + made["url_path"], headers=made["headers"], params=made["query_string"], data=made["body"]
    ).prepare()
    url = request.url if isinstance(request.url, str) else request.url.decode()
    body = request.body or b""
    headers = {_bytes(k).lower(): _bytes(v).strip() for k, v in request.headers.items()}
    return request.method, url.removeprefix("http://127.0.0.1:9").encode(), headers, body if isinstance(body, bytes) else bytes(body, "utf-8")


def _bytes(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()
