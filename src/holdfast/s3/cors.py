"""Cross-origin rules of a bucket: read from their document, compiled once for each revision, and what they add to answers.

Source: S3 User Guide, "Using cross-origin resource sharing (CORS)"; S3 API Reference, "OPTIONS object"; Fetch Standard, "HTTP CORS protocol".
The first rule that fits origin, method and headers decides.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessForbidden, InvalidRequest, MalformedXML
from holdfast.model.messages import Request, Response
from holdfast.wire.values import header_text, is_header_name

SETTING = "cors"
RULES_MAX = 100
ID_CHARACTERS_MAX = 255
METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")

_VARY = (b"Vary", b"Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
_COMPILED_MAX = 1024
_REQUESTED_MAX = 64
_NOT_ALLOWED = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
    "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)


class Glob(NamedTuple):
    """Text with one star at most."""

    start: str
    end: str | None

    def fits(self, text: str) -> bool:
        if self.end is None:
            return text == self.start
        return len(text) >= len(self.start) + len(self.end) and text.startswith(self.start) and text.endswith(self.end)


def _glob(text: str) -> Glob:
    start, star, end = text.partition("*")
    return Glob(start, end if star else None)


class Rule(NamedTuple):
    """One rule, compiled; names of headers in lower case."""

    origins: tuple[Glob, ...]
    methods: tuple[str, ...]
    headers: tuple[Glob, ...]
    exposed: bytes
    max_age_s: int | None

    def admits(self, origin: str, method: str, headers: list[str]) -> bool:
        return (
            method in self.methods
            and any(glob.fits(origin) for glob in self.origins)
            and all(any(glob.fits(name) for glob in self.headers) for name in headers)
        )

    def answer(self, origin: bytes) -> list[tuple[bytes, bytes]]:
        """The headers of every answer that the rule is for. A rule for every origin tells no credentials."""
        everybody = any(glob == Glob("", "") for glob in self.origins)
        head = [(b"Access-Control-Allow-Origin", b"*" if everybody else origin)]
        if not everybody:
            head.append((b"Access-Control-Allow-Credentials", b"true"))
        head.append((b"Access-Control-Allow-Methods", ", ".join(self.methods).encode()))
        if self.exposed:
            head.append((b"Access-Control-Expose-Headers", self.exposed))
        if self.max_age_s is not None:
            head.append((b"Access-Control-Max-Age", b"%d" % self.max_age_s))
        head.append(_VARY)
        return head


def stored(configuration: dict[str, Any]) -> str:
    """The stored form of a CORSConfiguration. Errors: MalformedXML, InvalidRequest."""
    rows = configuration.get("cors_rules") or []
    if not 1 <= len(rows) <= RULES_MAX:
        raise MalformedXML
    for row in rows:
        _check(row)
    return msgspec.json.encode(rows).decode()


def _check(row: dict[str, Any]) -> None:
    methods, origins = row.get("allowed_methods") or [], row.get("allowed_origins") or []
    if not methods or not origins or not all(origins) or len(row.get("id") or "") > ID_CHARACTERS_MAX:
        raise MalformedXML
    for method in methods:
        if method not in METHODS:
            raise InvalidRequest(f"Found unsupported HTTP method in CORS config. Unsupported method is {method}")
    for name, texts in (("AllowedOrigin", origins), ("AllowedHeader", row.get("allowed_headers") or [])):
        for text in texts:
            if text.count("*") > 1:
                raise InvalidRequest(f'{name} "{text}" can not have more than one wildcard.')
    for text in row.get("expose_headers") or []:
        if "*" in text:
            raise InvalidRequest(f'ExposeHeader "{text}" contains wildcard. We currently do not support wildcard for ExposeHeader.')
        if not is_header_name(text):
            raise InvalidRequest(f'ExposeHeader "{text}" contains invalid character.')
    if (row.get("max_age_seconds") or 0) < 0:
        raise InvalidRequest("MaxAgeSeconds must not be negative.")


def rows_of(text: str) -> list[dict[str, Any]]:
    """The rules as they were given."""
    rows: list[dict[str, Any]] = msgspec.json.decode(text)
    return rows


def _compile(row: dict[str, Any]) -> Rule:
    return Rule(
        tuple(_glob(text) for text in row["allowed_origins"]),
        tuple(dict.fromkeys(row["allowed_methods"])),
        tuple(_glob(text.lower()) for text in row.get("allowed_headers") or ()),
        ", ".join(row.get("expose_headers") or ()).encode("ascii"),
        row.get("max_age_seconds"),
    )


_compiled: dict[tuple[int, str], tuple[str, tuple[Rule, ...]]] = {}


def rules_of(bucket: Bucket | None) -> tuple[Rule, ...]:
    """The rules of a bucket; () where nobody set any."""
    text = bucket.settings.get(SETTING) if bucket is not None else None
    if bucket is None or text is None:
        return ()
    place = (bucket.id, bucket.namespace)
    found = _compiled.get(place)
    if found is None or found[0] != text:
        if len(_compiled) >= _COMPILED_MAX:
            del _compiled[next(iter(_compiled))]
        found = _compiled[place] = (text, tuple(_compile(row) for row in rows_of(text)))
    return found[1]


def preflight(request: Request, bucket: Bucket | None) -> Response:
    """The answer to OPTIONS, which the router has seen to name an origin and a method. Errors: AccessForbidden."""
    rules = rules_of(bucket)
    if not rules:
        raise AccessForbidden
    headers = request.headers
    origin = headers[b"origin"]
    method = header_text(headers[b"access-control-request-method"])
    requested = [name.strip().lower() for name in header_text(headers.get(b"access-control-request-headers", b"")).split(",") if name.strip()]
    if len(requested) <= _REQUESTED_MAX and all(is_header_name(name) for name in requested):
        for rule in rules:
            if rule.admits(header_text(origin), method, requested):
                head = rule.answer(origin)
                if requested:
                    head.insert(1, (b"Access-Control-Allow-Headers", ", ".join(requested).encode("ascii")))
                return Response(200, head)
    raise AccessForbidden(_NOT_ALLOWED)


def share(request: Request, bucket: Bucket | None) -> list[tuple[bytes, bytes]]:
    """What a request that names its origin finds in its answer besides, whatever came of it; [] where no rule fits."""
    origin = request.headers[b"origin"]
    method = header_text(request.headers.get(b"access-control-request-method", b"")) or request.method
    for rule in rules_of(bucket):
        if rule.admits(header_text(origin), method, []):
            return rule.answer(origin)
    return []
