"""PostObject: an upload from a browser's form, which becomes what PutObject does with the same headers.

Source: S3 API Reference, "POST Object". The operation is none of the service model's, so it has no row among the others.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from holdfast.authn.post_form import check_form, read_policy
from holdfast.engine.api import Engine
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied, InvalidArgument, KeyTooLongError, NotImplemented
from holdfast.model.identity import Caller
from holdfast.model.messages import Request, Response
from holdfast.objects.tags import tags_of_document
from holdfast.s3.operation import WRITE, Authorize, Call
from holdfast.s3.place import expect_owner
from holdfast.s3.route import Place, Route
from holdfast.s3.router import KEY_BYTES_MAX, POST_FORM, Match
from holdfast.s3.write_rights import half_of_write
from holdfast.wire import xml
from holdfast.wire.compile import CONTENT_TYPE_XML
from holdfast.wire.form import Form, boundary_of
from holdfast.wire.values import header_text, is_header_name

_AS_HEADERS = frozenset(
    ("cache-control", "content-disposition", "content-encoding", "content-language", "content-md5", "content-type", "expires")
)
_SIGNING = frozenset(("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature", "x-amz-security-token"))
_OF_A_BODY = ("x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-tagging", "x-amz-trailer")
_CONDITIONS = (b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"content-range")
_KEPT = (b"host", b"referer", b"user-agent", b"content-length", b"transfer-encoding")
_EXPECTED_OWNER = b"x-amz-expected-bucket-owner"
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_URL = re.compile(r"https?://[^\s\x00-\x1f\x7f/]+[^\s\x00-\x1f\x7f]*\Z", re.IGNORECASE)
_STATUSES = {"200": 200, "201": 201, "204": 204}


class Door(Protocol):
    """The S3 dialect, as a form sees it: see `holdfast.s3.handle.S3`."""

    engine: Engine
    settings: Any
    authorize: Authorize
    routes: dict[str, Route]
    authenticate_form: Callable[[dict[str, str], Request], Awaitable[Caller]]

    async def locate(self, route: Route, match: Match, caller: Caller) -> Bucket | None: ...


async def post_object(s3: Door, request: Request, match: Match, caller: Caller, place: Place | None) -> Response:
    """Stores the file of a form (S3 API Reference, "POST Object").

    Errors: those of `wire.form`, `authn.post_form` and PutObject; InvalidArgument, NotImplemented (headers and parameters that a form has
    fields for), NoSuchBucket, AccessDenied."""
    _refuse_strange(request, match, caller)
    form = Form(request.body, boundary_of(request.headers.get(b"content-type", b"")))
    fields = await form.fields()
    if "key" not in fields:
        raise InvalidArgument(
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
            ArgumentName="key", ArgumentValue="",
        )  # fmt: skip
    caller = await s3.authenticate_form(fields, request)
    fields["key"] = key = fields["key"].replace("${filename}", form.filename or "")
    if "policy" in fields:
        policy = read_policy(fields["policy"])
        check_form(policy, fields, match.bucket, request.received_at)
        form.expect(policy.bytes_min, policy.bytes_max)
    elif fields.get("bucket", match.bucket) != match.bucket:
        raise AccessDenied
    if not key or "\0" in key:
        raise InvalidArgument("User key must have a length greater than 0.", ArgumentName="key", ArgumentValue="")
    if len(key.encode()) > KEY_BYTES_MAX:
        raise KeyTooLongError(Size=str(len(key.encode())), MaxSizeAllowed=str(KEY_BYTES_MAX))
    seen: Any = request.seen
    if seen is not None:
        seen.key = key
        if caller.user is not None:
            seen.access_key, seen.user, seen.principal = caller.access_key, caller.user.name, caller.user.id
    bucket = await s3.locate(s3.routes["PutObject"], match, caller)
    if place is not None:
        place.bucket = bucket
    if _EXPECTED_OWNER in request.headers:
        expect_owner(bucket, request.headers[_EXPECTED_OWNER])
    as_put = Request(
        "POST", request.path, _headers(s3, request, fields), form, peer=request.peer, secure=request.secure, received_at=request.received_at,
        id=request.id,
    )  # fmt: skip
    as_put.tls = request.tls
    stored = await _put(s3, as_put, caller, bucket, match.bucket, key)
    return _answer(request, match, fields, key, stored)


def _refuse_strange(request: Request, match: Match, caller: Caller) -> None:
    """A form says everything in its fields: what its request says beside them is not passed over."""
    if caller.user is not None or b"authorization" in request.headers:
        raise InvalidArgument("Only one auth mechanism allowed; a form is signed by its policy.", ArgumentName="Authorization")
    for name in request.headers:
        if name in _CONDITIONS or (name.startswith(b"x-amz-") and name != _EXPECTED_OWNER):
            raise NotImplemented(Header=header_text(name))
    for name in match.params:
        if name.lower().startswith(b"x-amz-") or name in (b"versionId", b"partNumber"):
            raise InvalidArgument("A form upload does not accept this parameter.", ArgumentName=header_text(name))


def _headers(s3: Door, request: Request, fields: dict[str, str]) -> dict[bytes, bytes]:
    """The headers of a PutObject that says the same. Errors: InvalidArgument; those of `tags_of_document`."""
    found = {name: request.headers[name] for name in _KEPT if name in request.headers}
    for name, value in fields.items():
        if name in _OF_A_BODY or name.startswith(("x-amz-copy-source", "if-")):
            raise InvalidArgument("A form upload does not accept this field.", ArgumentName=name)
        header = "x-amz-acl" if name == "acl" else name
        if header not in _AS_HEADERS and (not header.startswith("x-amz-") or header in _SIGNING):
            continue
        if _CONTROL.search(value) is not None or not is_header_name(header):
            raise InvalidArgument("The field holds a character that no header can have.", ArgumentName=name)
        found[header.encode()] = value.strip(" \t").encode()
    if "tagging" in fields:
        document = s3.routes["PutObjectTagging"].reader.document
        assert document is not None
        tags = tags_of_document(document.read(fields["tagging"].encode(), xml.ORDINARY))
        if tags:
            found[b"x-amz-tagging"] = urlencode(tags).encode()
    return found


async def _put(s3: Door, request: Request, caller: Caller, bucket: Bucket | None, name: str, key: str) -> Response:
    """What PutObject answers. Errors: as `post_object`."""
    half = ""
    try:
        await s3.authorize(caller, WRITE, bucket, key, None, request, POST_FORM)
    except AccessDenied:
        half = await half_of_write(s3.authorize, caller, bucket, key, request, POST_FORM)
        if not half:
            raise
    route = s3.routes["PutObject"]
    given = route.reader.complete(route.reader.scalars(request.headers, {}, name, key, request.body))
    now_ms = int(request.received_at * 1000)
    call = Call(given, request, caller, bucket, s3.engine, now_ms, s3.settings, s3.authorize, (), POST_FORM, half)
    stored: Response = await route.run(call)
    return stored


def _answer(request: Request, match: Match, fields: dict[str, str], key: str, stored: Response) -> Response:
    """204, the status that was asked for, or a redirect that tells bucket, key and ETag."""
    head = stored.headers
    etag = header_text(dict(head)[b"ETag"])
    location = _location(request, match, key)
    redirect = fields.get("success_action_redirect", fields.get("redirect", ""))
    if _URL.match(redirect) is not None and redirect.isascii():
        url, mark, fragment = redirect.partition("#")
        told = urlencode({"bucket": match.bucket, "key": key, "etag": etag}, quote_via=quote, safe="")
        return Response(303, [*head, (b"Location", f"{url}{'&' if '?' in url else '?'}{told}{mark}{fragment}".encode("ascii"))])
    head.append((b"Location", location.encode("ascii")))
    status = _STATUSES.get(fields.get("success_action_status", ""), 204)
    if status != 201:
        return Response(status, head)
    text = (
        f"{xml.DECLARATION}<PostResponse><Location>{xml.escape(location)}</Location><Bucket>{xml.escape(match.bucket)}</Bucket>"
        f"<Key>{xml.escape(key)}</Key><ETag>{xml.escape(etag)}</ETag></PostResponse>"
    )
    return Response(201, [*head, CONTENT_TYPE_XML], text.encode())


def _location(request: Request, match: Match, key: str) -> str:
    host = quote(header_text(request.headers.get(b"host", b"localhost")), safe=":[].-_")
    path = "" if match.host_bucket else "/" + quote(match.bucket)
    return f"{'https' if request.secure else 'http'}://{host}{path}/{quote(key)}"
