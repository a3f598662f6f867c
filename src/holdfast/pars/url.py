"""The URL of a pre-authenticated request: made from its token, and read from the target of an HTTP request, undecoded."""

from __future__ import annotations

import re
from hashlib import sha256
from urllib.parse import quote, unquote_to_bytes

import msgspec

from holdfast.model.pars import SINGLE, Par

TOKEN_BYTES_MAX = 256


class Place(msgspec.Struct, frozen=True, gc=False):
    """What a URL below `/p/` says. `kind`: "o" an object (`key`) or, with key "", the list of objects; "u" the upload `upload_id` of the
    object `key`, and its part `part` ("" for the upload itself); "" is nothing that a pre-authenticated request can be used for."""

    token: bytes = b""
    namespace: str = ""
    bucket: str = ""
    kind: str = ""
    key: str = ""
    upload_id: str = ""
    part: str = ""


NOWHERE = Place()


def digest_of(token: str | bytes) -> bytes:
    """The SHA-256 of a token, which is all that is ever stored of it."""
    return sha256(token if isinstance(token, bytes) else token.encode("ascii")).digest()


_WHOLE = re.compile(rb"/+p/[A-Za-z0-9_-]{43,}/n/[^/]+/b/[^/]+/[ou](/|\Z)")
_BEGINNINGS = (b"p/", b"%70/")
"""The second is for no request, and must not be taken for a bucket: then the token would be told as the name of an object."""


def is_par_path(path: bytes, *, signed: bool = False) -> bool:
    """Whether an undecoded path is for this door: whatever is below /p/, and of a request that is for S3 by its signature or its host (`signed`),
    where a bucket or a key may be called that, only what cannot be anything else."""
    return _WHOLE.match(path) is not None if signed else path.lstrip(b"/").startswith(_BEGINNINGS)


def read_path(path: bytes) -> Place:
    """The place that an undecoded path names; NOWHERE for any that has not this form.

    Names are decoded once; an object's name is all that follows `/o/`, and is read from the right in an upload's, as it may hold `/id/`."""
    parts = path.lstrip(b"/").split(b"/", 7)
    if len(parts) < 7 or (parts[0], parts[2], parts[4]) != (b"p", b"n", b"b") or not 0 < len(parts[1]) <= TOKEN_BYTES_MAX:
        return NOWHERE
    token, kind, rest = parts[1], parts[6], parts[7] if len(parts) > 7 else b""
    try:
        namespace, bucket = unquote_to_bytes(parts[3]).decode(), unquote_to_bytes(parts[5]).decode()
        if kind == b"o":
            return Place(token, namespace, bucket, "o", unquote_to_bytes(rest).decode() if b"%" in rest else rest.decode())
        if kind == b"u":
            before, found, after = rest.rpartition(b"/id/")
            upload_id, _, part = after.partition(b"/")
            if found and before and upload_id and b"/" not in part:
                return Place(token, namespace, bucket, "u", unquote_to_bytes(before).decode(), upload_id.decode("ascii"), part.decode("ascii"))
    except UnicodeDecodeError:
        return NOWHERE
    return Place(token, namespace, bucket)


def access_uri(par: Par, token: str) -> str:
    """What a client puts behind the host: the object's name where there is one only, never a prefix."""
    name = quote(par.target, safe="") if par.access in SINGLE else ""
    return f"/p/{token}/n/{quote(par.namespace, safe='')}/b/{quote(par.bucket, safe='')}/o/{name}"


def upload_uri(par: Par, token: str, key: str, upload_id: str) -> str:
    """Where the parts of an upload go: a part's number is put behind it."""
    return f"/p/{token}/n/{quote(par.namespace, safe='')}/b/{quote(par.bucket, safe='')}/u/{quote(key, safe='')}/id/{upload_id}/"
