"""The condition keys and policy variables that bucket policies may name: what each reads of a question, and the actions it applies to.

Sources: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; IAM User Guide, "AWS global condition context
keys". A value comes from where the store itself takes it, never from a header that is named alike. What cannot be known yet is `Unknown`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from holdfast.authz.actions import KNOWN, UPLOADS
from holdfast.authz.decide import Question
from holdfast.model.buckets import tenancy_namespace
from holdfast.model.identity import User
from holdfast.model.messages import Request
from holdfast.model.objects import Version

STRING, NUMBER, DATE, EPOCH, BOOLEAN, ADDRESS, ARN = "string", "number", "date", "epoch", "boolean", "address", "arn"
Values = tuple[str, ...]


class Unknown(Exception):
    """The value depends on something that was not looked up or read yet: what allows does not allow, and what denies denies."""


class Key(NamedTuple):
    """One key. `read` gives its values, () where the request has none; `actions` None is every action; `many`: it has several values;
    `fixes`: a fixed value of it leaves nothing public (S3 User Guide, "The meaning of public")."""

    kind: str
    read: Callable[[Question], Values]
    actions: frozenset[str] | None = None
    many: bool = False
    fixes: bool = False


_IN_PARTS = frozenset(("CreateMultipartUpload", "UploadPart", "UploadPartCopy"))
_COPIES = frozenset(("CopyObject", "UploadPartCopy"))


def _actions(names: str) -> frozenset[str]:
    return frozenset("s3:" + name for name in names.split())


_LISTING = _actions("ListBucket ListBucketVersions ListBucketMultipartUploads")
_PUT = _actions("PutObject")
_ACL = _actions("PutObject PutObjectAcl PutObjectVersionAcl PutBucketAcl CreateBucket")
_TAGGING = _actions("PutObject PutObjectTagging PutObjectVersionTagging")
_EXISTING = _actions(
    "GetObject GetObjectVersion GetObjectAcl GetObjectVersionAcl GetObjectTagging GetObjectVersionTagging GetObjectAttributes "
    "GetObjectVersionAttributes PutObjectAcl PutObjectVersionAcl PutObjectTagging PutObjectVersionTagging DeleteObjectTagging "
    "DeleteObjectVersionTagging"
)
_VERSIONED = frozenset(action for action in KNOWN if "Version" in action and "Versioning" not in action and action != "s3:ListBucketVersions")


def object_level(action: str) -> bool:
    """Whether the resource of an action is an object; otherwise it is the bucket."""
    return ("Object" in action and "Bucket" not in action) or action in _OBJECT_LEVEL


_OBJECT_LEVEL = _actions("AbortMultipartUpload ListMultipartUploadParts BypassGovernanceRetention")


def _user(question: Question, read: Callable[[User], str]) -> Values:
    user = question.caller.user
    value = "" if user is None else read(user)
    return (value,) if value else ()


def _of_user(read: Callable[[User], str]) -> Callable[[Question], Values]:
    return lambda question: _user(question, read)


def arn_of(user: User) -> str:
    """The ARN by which policies know a user."""
    return f"arn:aws:iam::{user.namespace}:user/{user.name}"


def _of_request(read: Callable[[Request], str]) -> Callable[[Question], Values]:
    def values(question: Question) -> Values:
        value = "" if question.request is None else read(question.request)
        return (value,) if value else ()

    return values


def parameters(request: Request) -> dict[str, str]:
    """The query, decoded; the router refuses a name that comes twice."""
    query = request.query
    return dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="replace")) if query else {}


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def amz(question: Question, name: str) -> str | None:
    """The value of an x-amz-* header. The query may carry it too, and wins there, as it does where operations read it. OCI's API has no
    such headers, whatever is sent."""
    request = question.request
    if request is None or question.native:
        return None
    if request.query:
        given = parameters(request)
        for form in (name, name.title()):
            if form in given:
                return given[form]
    value = request.headers.get(name.encode())
    return None if value is None else _text(value)


def _amz(name: str) -> Callable[[Question], Values]:
    def values(question: Question) -> Values:
        value = amz(question, name)
        return () if value is None else (value,)

    return values


def _header(name: bytes) -> Callable[[Question], Values]:
    def values(question: Question) -> Values:
        request = question.request
        return (_text(request.headers[name]),) if request is not None and name in request.headers else ()

    return values


def _parameter(name: str) -> Callable[[Question], Values]:
    def values(question: Question) -> Values:
        request = question.request
        if request is None or question.key or name not in (given := parameters(request)):
            return ()
        return (given[name],)

    return values


_prefix_given = _parameter("prefix")


_max_keys, _limit = _parameter("max-keys"), _parameter("limit")


def _most(question: Question) -> Values:
    return (_limit if question.native else _max_keys)(question)


def _prefix(question: Question) -> Values:
    """Of a listing; the key itself where the question is whether somebody may learn that it is not there."""
    return (question.key,) if question.key else _prefix_given(question)


def copy_source(question: Question) -> tuple[str, str]:
    """(`bucket/key`, version id or "") of x-amz-copy-source, decoded once; ("", "") where there is none."""
    header = amz(question, "x-amz-copy-source") or ""
    path, _, query = header.removeprefix("/").partition("?")
    return unquote(path), unquote(query.removeprefix("versionId="))


def _copy_source(question: Question) -> Values:
    if question.native and question.operation in _COPIES:
        raise Unknown  # it stands in the body
    path = copy_source(question)[0]
    return (path,) if path else ()


def _version_id(question: Question) -> Values:
    request = question.request
    if question.operation == "DeleteObjects" or request is None:
        raise Unknown
    version_id = copy_source(question)[1] if question.operation in _COPIES else parameters(request).get("versionId", "")
    return (version_id,) if version_id else ()


def existing_tag(name: str) -> Key:
    """The value of one tag of the version that the question is about."""

    def values(question: Question) -> Values:
        if question.operation in UPLOADS and question.action not in ("s3:GetObject", "s3:GetObjectVersion"):
            return ()
        version = question.target
        if not isinstance(version, Version):
            raise Unknown
        return (version.facts.tags[name],) if name in version.facts.tags else ()

    return Key(STRING, values, _EXISTING)


def given_tags(question: Question) -> dict[str, str]:
    """The tags that the request gives to an object. Errors: Unknown while its body is unread."""
    if question.operation == "PutObjectTagging":
        if question.tags is None:
            raise Unknown
        return question.tags
    return dict(parse_qsl(amz(question, "x-amz-tagging") or "", keep_blank_values=True, errors="replace"))


def given_tag(name: str) -> Key:
    """The value of one tag that the request gives."""

    def values(question: Question) -> Values:
        tags = given_tags(question)
        return (tags[name],) if name in tags else ()

    return Key(STRING, values, _TAGGING)


_SIGNATURES = {"v4": "AWS4-HMAC-SHA256", "v2": "AWS"}
_TYPES = {"header": "REST-HEADER", "query": "REST-QUERY-STRING", "post": "POST"}


def _signature(question: Question) -> Values:
    version = _SIGNATURES.get(question.caller.how.partition("-")[0])
    return (version,) if version else ()


def _auth_type(question: Question) -> Values:
    kind = _TYPES.get(question.caller.how.partition("-")[2])
    return (kind,) if kind else ()


def _tls_version(question: Question) -> Values:
    request = question.request
    if request is None or not request.secure:
        return ()
    if not request.tls:
        raise Unknown  # a proxy has the connection to the client
    return (request.tls,)


def _signature_age(question: Question) -> Values:
    """Milliseconds since a Version 4 signature was made."""
    request = question.request
    if request is None or not question.caller.how.startswith("v4-"):
        return ()
    stamp = parameters(request).get("X-Amz-Date") or _text(request.headers.get(b"x-amz-date", b""))
    try:
        made = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return ()
    return (str(max(0, int((request.received_at - made) * 1000))),)


def _principal_type(question: Question) -> Values:
    return ("Anonymous" if question.caller.user is None else "User",)


def _resource_account(question: Question) -> Values:
    return (tenancy_namespace(question.bucket.namespace),) if question.bucket is not None else ()


def _now(request: Request) -> str:
    return datetime.fromtimestamp(request.received_at, UTC).isoformat()


def _creation(question: Question) -> Values:
    return ("false" if question.operation in _IN_PARTS else "true",)


KEYS: dict[str, Key] = {
    "aws:currenttime": Key(DATE, _of_request(_now)),
    "aws:epochtime": Key(EPOCH, _of_request(lambda request: str(int(request.received_at)))),
    "aws:principalaccount": Key(STRING, _of_user(lambda user: user.namespace), fixes=True),
    "aws:principalarn": Key(ARN, _of_user(arn_of), fixes=True),
    "aws:principaltype": Key(STRING, _principal_type),
    "aws:referer": Key(STRING, _header(b"referer")),
    "aws:resourceaccount": Key(STRING, _resource_account),
    "aws:securetransport": Key(BOOLEAN, _of_request(lambda request: "true" if request.secure else "false")),
    "aws:sourceip": Key(ADDRESS, _of_request(lambda request: request.peer), fixes=True),
    "aws:useragent": Key(STRING, _header(b"user-agent")),
    "aws:userid": Key(STRING, _of_user(lambda user: user.id), fixes=True),
    "aws:username": Key(STRING, _of_user(lambda user: user.name), fixes=True),
    "s3:authtype": Key(STRING, _auth_type),
    "s3:delimiter": Key(STRING, _parameter("delimiter"), _LISTING),
    "s3:if-match": Key(STRING, _header(b"if-match"), _PUT),
    "s3:if-none-match": Key(STRING, _header(b"if-none-match"), _PUT),
    "s3:max-keys": Key(NUMBER, _most, _LISTING),
    "s3:objectcreationoperation": Key(BOOLEAN, _creation, _PUT),
    "s3:prefix": Key(STRING, _prefix, _LISTING),
    "s3:requestobjecttagkeys": Key(STRING, lambda question: tuple(given_tags(question)), _TAGGING, many=True),
    "s3:resourceaccount": Key(STRING, _resource_account),
    "s3:signatureage": Key(NUMBER, _signature_age),
    "s3:signatureversion": Key(STRING, _signature),
    "s3:tlsversion": Key(NUMBER, _tls_version),
    "s3:versionid": Key(STRING, _version_id, _VERSIONED),
    "s3:x-amz-acl": Key(STRING, _amz("x-amz-acl"), _ACL),
    "s3:x-amz-content-sha256": Key(STRING, _amz("x-amz-content-sha256")),
    "s3:x-amz-copy-source": Key(STRING, _copy_source, _PUT),
    **{f"s3:{name}": Key(STRING, _amz(name), _ACL) for name in (
        "x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp", "x-amz-grant-write", "x-amz-grant-write-acp",
    )},
    **{f"s3:{name}": Key(STRING, _amz(name), _PUT) for name in (
        "x-amz-metadata-directive", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
        "x-amz-server-side-encryption-customer-algorithm", "x-amz-storage-class", "x-amz-website-redirect-location",
    )},
}  # fmt: skip
"""By name in lower case: names of keys have no case."""

_FAMILIES = {"s3:existingobjecttag/": existing_tag, "s3:requestobjecttag/": given_tag}


def key_named(name: str) -> Key | None:
    """The key of that name; None where there is none. What follows the slash of a family is a tag, with its case."""
    found = KEYS.get(name.lower())
    if found is None:
        family, slash, tag = name.partition("/")
        make = _FAMILIES.get((family + slash).lower())
        return make(tag) if make is not None and tag else None
    return found


def variable(question: Question, name: str) -> str | None:
    """The value of ${name}; None where the request has none."""
    key = key_named(name)
    if key is None or key.many or (key.actions is not None and question.action not in key.actions):
        return None
    try:
        values = key.read(question)
    except Unknown:
        return None
    return values[0] if values else None
