"""Callers of every kind, and a request for every S3 route that would do harm, were it let in."""

from __future__ import annotations

from typing import Any, NamedTuple

import botocore.session
import msgspec

from holdfast.engine.api import ListQuery
from holdfast.identities.keys import new_secret
from holdfast.model.identity import ACTIVE, INACTIVE, USER, User
from holdfast.s3 import ops
from holdfast.s3.operation import OPERATIONS
from tests.authz.signing import Wire
from tests.authz.town import Town, now_ms

ops.load()
SERVICE = botocore.session.get_session().get_service_model("s3")
SERVED = sorted(name for name in OPERATIONS if name in SERVICE.operation_names)
BUCKET, KEY = "the-matrix", "there/key"
DELETE = b"<Delete><Object><Key>there/key</Key></Object></Delete>"
TAGGING = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
BODIES = {
    "DeleteObjects": DELETE,
    "PutBucketTagging": TAGGING,
    "PutObjectTagging": TAGGING,
    "PutObject": b"another",
    "UploadPart": b"another",
    "PutBucketVersioning": b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    "PutBucketPolicy": b'{"Version":"2012-10-17","Statement":[]}',
    "PutBucketWebsite": b"<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>",
    "CompleteMultipartUpload": b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>",
}
"""What an operation would do harm with, were it let in."""
HEADERS = {
    "CopyObject": {"x-amz-copy-source": f"/{BUCKET}/{KEY}"},
    "UploadPartCopy": {"x-amz-copy-source": f"/{BUCKET}/{KEY}"},
    "GetObjectAttributes": {"x-amz-object-attributes": "ETag"},
    "PutBucketAcl": {"x-amz-acl": "public-read-write"},
    "PutObjectAcl": {"x-amz-acl": "public-read"},
}
NOT_PROVEN = {"SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied", "RequestTimeTooSkewed", "ExpiredToken", "InvalidToken"}
WITHOUT_BUCKET = {"ListBuckets", "CreateBucket"}


class People(NamedTuple):
    """(access key, secret) by kind of caller; for tokens the text and any secret."""

    keys: dict[str, tuple[str, str]]
    tokens: dict[str, tuple[str, str]]
    upload_id: str


def make_people(town: Town) -> People:
    directory = town.directory
    administrators = town.run(directory.groups.by_name(town.tenancy.id, "Administrators"))
    assert administrators is not None
    organisation = town.run(directory.organisations.create(town.tenancy.id, "matrix", "Matrix", "", now_ms()))
    other = town.run(directory.tenancies.create("matrix-other", "matrix-other", now_ms()))
    keys: dict[str, tuple[str, str]] = {}
    tokens: dict[str, tuple[str, str]] = {}
    for kind in ("valid", "wrong secret", "expired", "revoked", "inactive", "inactive user", "nobody", "other tenancy", "late"):
        tenancy = other.id if kind == "other tenancy" else town.tenancy.id
        given = User(id="", name="matrix-" + kind.replace(" ", "-"), canonical_id="", display_name="", tenancy=tenancy, rights="none", kind=USER)
        made = town.run(directory.users.create_user(msgspec.structs.replace(given, rights="all") if kind == "other tenancy" else given))
        if kind not in ("nobody", "other tenancy"):
            town.run(directory.groups.add_user(administrators.id, made.id, now_ms()))
        expires_ms = now_ms() - 1000 if kind == "expired" else 0
        key = town.run(directory.keys.create(made.id, now_ms(), expires_ms=expires_ms))
        keys[kind] = (key.access_key, new_secret() if kind == "wrong secret" else key.secret)
        place = town.run(directory.organisations.create(other.id, "matrix", "", "", now_ms())) if kind == "other tenancy" else organisation
        town.run(directory.organisations.enrol(made.id, place.id, now_ms()))
        token, text = town.run(directory.tokens.create(made.id, place.id, now_ms(), expires_ms))
        tokens[kind] = (text[:-3] + "AAA" if kind == "wrong secret" else text, "any secret")
        if kind == "revoked":
            town.run(directory.keys.delete(key.access_key))
            town.run(directory.tokens.revoke(token.id))
        elif kind in ("inactive", "late"):  # a token has no such state
            del tokens[kind]
            town.run(directory.keys.set_status(key.access_key, INACTIVE if kind == "inactive" else ACTIVE))
        elif kind == "inactive user":
            town.run(directory.users.set_status(made.id, INACTIVE))
    town.bucket(name=BUCKET)
    root = (town.server.access_key, town.server.secret_key)
    wire = Wire(town.server.endpoint, town.server.region)
    assert wire.send("v4-header", "PUT", f"/{BUCKET}/{KEY}", root, {}, b"kept").status == 200
    started = wire.send("v4-header", "POST", f"/{BUCKET}/{KEY}?uploads", root, {}, b"")
    wire.close()
    return People(keys, tokens, started.body.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode())


def request_of(operation: str, people: People, bucket: str = BUCKET, key: str = KEY) -> tuple[str, str, dict[str, str], bytes]:
    """(method, target, headers, body), as the model says."""
    model = SERVICE.operation_model(operation)
    target = model.http["requestUri"].replace("{Bucket}", bucket).replace("{Key+}", key)
    values = {"uploadId": people.upload_id, "partNumber": "1", "id": "x"}
    members = model.input_shape.members if model.input_shape else {}
    for name in model.input_shape.required_members if model.input_shape else []:
        where = members[name].serialization
        if where.get("location") == "querystring":
            target += ("&" if "?" in target else "?") + f"{where['name']}={values[where['name']]}"
    return model.http["method"], target, HEADERS.get(operation, {}), BODIES.get(operation, b"")


def state(town: Town) -> Any:
    """Everything that a request could have changed."""
    catalog = town.engine.catalog
    bucket = town.run(catalog.bucket("default", BUCKET))
    assert bucket is not None
    page = town.run(catalog.list(ListQuery(bucket_id=bucket.id, versions=True)))
    uploads = town.run(catalog.uploads(bucket.id, prefix="", delimiter="", after_key="", after_upload="", limit=100)).uploads
    version = town.run(catalog.version(bucket.id, KEY))
    parts = [town.run(catalog.parts(upload)) for upload in uploads]
    return bucket, page.entries, uploads, parts, version and version.facts
