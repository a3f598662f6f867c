"""Published weaknesses of access control lists, policies, cross-origin rules and stored metadata, each from outside."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.wire.model import service
from tests.oci.requests_made import Store
from tests.security.raw import Raw, Reply
from tests.serving import Server

BOOTSTRAP = """
[[users]]
name = "eve"
[[users.keys]]
access_key = "EVESKEY00001"
secret_key = "eves-secret-00001"
"""


@pytest.fixture(scope="module")
def eve_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("open-buckets")
    (home / "site.toml").write_text(BOOTSTRAP)
    server = Server(home, bootstrap=home / "site.toml").start()
    yield server
    server.finish()


@pytest.fixture(scope="module")
def raw(eve_server: Server) -> Raw:
    return Raw(eve_server)


EVE = {"access_key": "EVESKEY00001", "secret_key": "eves-secret-00001"}


def anonymous(raw: Raw, method: str, target: str, headers: dict[str, str] | None = None) -> Reply:
    return raw.exchange(raw.head(method, target, {"host": raw.hostport, "content-length": "0", **(headers or {})}), method)


def bucket(raw: Raw, name: str, *, acls: bool = False) -> str:
    assert raw.send("PUT", f"/{name}", {"x-amz-object-ownership": "ObjectWriter"} if acls else {}).status == 200
    if acls:
        assert raw.send("DELETE", f"/{name}?publicAccessBlock").status in (204, 404)
    return name


def policy(raw: Raw, name: str, *statements: dict[str, Any]) -> int:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", **one} for one in statements]}
    return raw.send("PUT", f"/{name}?policy", {}, json.dumps(document).encode()).status


def requests() -> Iterator[tuple[str, str]]:
    """A request for each operation of the model."""
    for name in service().names:
        model = service().operation(name)
        path = {"service": "/", "bucket": "/private", "object": "/private/k"}[model.level]
        query = "&".join(f"{key}={value}" if value else key for key, value in model.query)
        yield model.method, f"{path}?{query}" if query else path


def test_cve_2020_17517_anonymous_callers_get_nothing_from_any_operation(raw: Raw) -> None:
    """A fresh bucket, and every operation of the model without a signature."""
    bucket(raw, "private")
    assert raw.send("PUT", "/private/k", {}, b"x").status == 200
    asked = 0
    for method, target in requests():
        reply = anonymous(raw, method, target)
        assert reply.status in (400, 403, 404, 405, 411, 501), (method, target, reply.raw[:200])
        assert b"<Contents>" not in reply.body and b"<Owner>" not in reply.body
        asked += 1
    assert asked > 80
    assert raw.send("GET", "/private/k").body == b"x"


def test_cve_2016_7031_authenticated_read_is_not_for_anonymous_callers(raw: Raw) -> None:
    name = bucket(raw, "for-members", acls=True)
    assert raw.send("PUT", f"/{name}?acl", {"x-amz-acl": "authenticated-read"}).status == 200
    assert raw.send("PUT", f"/{name}/k", {"x-amz-acl": "authenticated-read"}, b"x").status == 200
    assert anonymous(raw, "GET", f"/{name}").code == "AccessDenied"
    assert anonymous(raw, "GET", f"/{name}/k").code == "AccessDenied"
    assert raw.send("GET", f"/{name}", **EVE).status == 200
    assert raw.send("GET", f"/{name}/k", **EVE).status == 200


def test_ghsa_x298_9x87_fvjq_a_restricted_bucket_lists_no_versions_to_anonymous_callers(raw: Raw) -> None:
    name = bucket(raw, "restricted")
    assert raw.send("DELETE", f"/{name}?publicAccessBlock").status in (204, 404)
    assert policy(raw, name, {"Action": ["s3:ListBucket", "s3:ListBucketVersions"], "Resource": f"arn:aws:s3:::{name}"}) == 204
    asked = (f"/{name}", f"/{name}?list-type=2", f"/{name}?versions")
    assert [anonymous(raw, "GET", target).status for target in asked] == [200, 200, 200]
    block = b"<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"
    assert raw.send("PUT", f"/{name}?publicAccessBlock", {}, block).status == 200
    assert [anonymous(raw, "GET", target).code for target in asked] == ["AccessDenied"] * 3


def test_ghsa_3ppv_fx5m_m749_a_version_needs_the_right_to_versions(raw: Raw) -> None:
    name = bucket(raw, "versioned")
    on = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert raw.send("PUT", f"/{name}?versioning", {}, on).status == 200
    id = raw.send("PUT", f"/{name}/k", {}, b"x").headers["x-amz-version-id"]
    assert policy(raw, name, {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}) == 204
    mine = "eves-copies"
    assert raw.send("PUT", f"/{mine}", **EVE).status == 200
    assert raw.send("GET", f"/{name}/k", **EVE).status == 200
    for method in ("GET", "HEAD"):
        assert raw.send(method, f"/{name}/k?versionId={id}", **EVE).status == 403
    assert raw.send("PUT", f"/{mine}/k", {"x-amz-copy-source": f"/{name}/k"}, **EVE).status == 200
    assert raw.send("PUT", f"/{mine}/k", {"x-amz-copy-source": f"/{name}/k?versionId={id}"}, **EVE).code == "AccessDenied"
    upload = re.search(rb"<UploadId>([^<]+)", raw.send("POST", f"/{mine}/parts?uploads", **EVE).body)
    assert upload is not None
    part = f"/{mine}/parts?partNumber=1&uploadId={upload[1].decode()}"
    assert raw.send("PUT", part, {"x-amz-copy-source": f"/{name}/k?versionId={id}"}, **EVE).code == "AccessDenied"
    assert raw.send("PUT", part, {"x-amz-copy-source": f"/{name}/k"}, **EVE).status == 200


def test_ghsa_mx42_j6wv_px98_a_part_is_copied_only_from_what_may_be_read(raw: Raw) -> None:
    name, mine = bucket(raw, "closed"), "eves-parts"
    assert raw.send("PUT", f"/{name}/k", {}, b"x").status == 200
    assert raw.send("PUT", f"/{mine}", **EVE).status == 200
    upload = re.search(rb"<UploadId>([^<]+)", raw.send("POST", f"/{mine}/parts?uploads", **EVE).body)
    assert upload is not None
    for source in (f"/{name}/k", f"{name}/k", f"/{name}/not-there", f"/{name}/%6b"):
        reply = raw.send("PUT", f"/{mine}/parts?partNumber=1&uploadId={upload[1].decode()}", {"x-amz-copy-source": source}, **EVE)
        assert reply.code == "AccessDenied", source
        assert raw.send("PUT", f"/{mine}/copy", {"x-amz-copy-source": source}, **EVE).code == "AccessDenied", source


@pytest.mark.parametrize("name", ["x-forwarded-for", "x-real-ip", "forwarded", "true-client-ip", "x-client-ip", "cf-connecting-ip", "via"])
def test_cve_2026_21862_an_address_that_a_client_claims_is_not_its_own(raw: Raw, name: str) -> None:
    where = {"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.7/32"}}}
    target = bucket(raw, f"by-address-{name}")
    assert policy(raw, target, {"Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{target}", **where}) == 204
    for value in ("203.0.113.7", "for=203.0.113.7", "203.0.113.7, 127.0.0.1"):
        assert raw.send("GET", f"/{target}", {name: value}, **EVE).code == "AccessDenied"
        assert anonymous(raw, "GET", f"/{target}", {name: value}).code == "AccessDenied"


RULE = "<CORSRule><AllowedOrigin>https://good.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod>{}</CORSRule>"


def cors(raw: Raw, name: str, more: str = "") -> Reply:
    return raw.send("PUT", f"/{name}?cors", {}, f"<CORSConfiguration>{RULE.format(more)}</CORSConfiguration>".encode())


@pytest.mark.parametrize("text", ["a&#13;b: c", "a&#10;b: c", "a\nb", "a\r\nset-cookie: x=1", "&#0;", "a b", "x:y"])
def test_cve_2020_10753_cve_2021_3524_cors_rules_put_no_line_into_an_answer(raw: Raw, text: str) -> None:
    name = bucket(raw, f"cors-{abs(hash(text)) % 10**9}")
    for element in ("ExposeHeader", "AllowedHeader"):
        reply = cors(raw, name, f"<{element}>{text}</{element}>")
        origin = {"origin": "https://good.example", "access-control-request-method": "GET", "access-control-request-headers": "b"}
        for answer in (anonymous(raw, "OPTIONS", f"/{name}/k", origin), anonymous(raw, "GET", f"/{name}/k", origin)):
            names = {line.partition(b":")[0].lower() for line in answer.raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]}
            assert not names & {b"b", b"set-cookie"} and b"x=1" not in answer.raw.partition(b"\r\n\r\n")[0]
        assert reply.status in (200, 400)


def test_cve_2016_9579_cve_2026_46685_odd_origins_crash_nothing_and_are_not_reflected(raw: Raw, eve_server: Server) -> None:
    before = eve_server.worker_pids()
    name = bucket(raw, "cors-odd")
    assert cors(raw, name).status == 200
    for origin in ("", "null", "x" * 10_000, "https://evil.example", "https://good.example.evil", "http://good.example", "*", "https://good.example,x"):
        for method in ("OPTIONS", "GET"):
            headers = {"origin": origin, "access-control-request-method": "GET"}
            reply = anonymous(raw, method, f"/{name}/k", headers)
            assert reply.status in (400, 403, 404)
            assert "access-control-allow-origin" not in reply.headers and "access-control-allow-credentials" not in reply.headers
    good = anonymous(raw, "OPTIONS", f"/{name}/k", {"origin": "https://good.example", "access-control-request-method": "GET"})
    assert good.headers["access-control-allow-origin"] == "https://good.example"
    assert eve_server.worker_pids() == before


INTERNAL = (
    "x-timestamp", "x-amz-replication-status", "x-minio-source-mtime", "x-minio-replication-ssec-crc", "x-minio-internal-x", "x-backend-timestamp",
    "x-container-host", "x-container-device", "x-object-manifest", "x-symlink-target", "x-amz-website-redirect", "opc-meta-a", "opc-content-md5-x",
    "x-holdfast-envelope", "x-amz-restore", "x-copy-from", "x-delete-at", "x-object-sysmeta-a", "x-rgw-internal",
    "x-amz-server-side-encryption-sealed",
)  # fmt: skip


@pytest.mark.parametrize("name", INTERNAL)
def test_cve_2026_34204_cve_2026_50221_cve_2026_71192_cve_2013_4155_internal_headers_change_nothing(raw: Raw, name: str) -> None:
    """Headers of other products, of other dialects and of servers among themselves are neither stored nor heeded."""
    if raw.send("HEAD", "/internals").status == 404:
        bucket(raw, "internals")
    plain = raw.send("PUT", f"/internals/plain-{name}", {}, b"x")
    given = raw.send("PUT", f"/internals/{name}", {name: "1000000000.00000"}, b"x")
    assert plain.status == 200 and given.status in (200, 400, 501)
    if given.status != 200:
        assert raw.send("GET", f"/internals/{name}").status == 404
        return
    one, other = (raw.send("GET", f"/internals/{key}").headers for key in (f"plain-{name}", name))
    changing = {"x-amz-request-id", "date", "last-modified", "x-amz-version-id"}
    assert {k: v for k, v in one.items() if k not in changing} == {k: v for k, v in other.items() if k not in changing}
    assert "2001" not in other["last-modified"]


def test_cve_2014_7960_limits_hold_over_many_requests(raw: Raw) -> None:
    name = bucket(raw, "limits")
    assert raw.send("PUT", f"/{name}/k", {"x-amz-meta-a": "v" * 2000}, b"x").status == 200
    assert raw.send("PUT", f"/{name}/k", {"x-amz-meta-a": "v" * 1200, "x-amz-meta-b": "v" * 1200}, b"x").code == "MetadataTooLarge"
    more = {"x-amz-copy-source": f"/{name}/k", "x-amz-metadata-directive": "REPLACE", "x-amz-meta-c": "v" * 3000}
    assert raw.send("PUT", f"/{name}/k", more).code == "MetadataTooLarge"
    tags = "".join(f"<Tag><Key>k{number}</Key><Value>v</Value></Tag>" for number in range(11))
    for _ in range(2):
        reply = raw.send("PUT", f"/{name}/k?tagging", {}, f"<Tagging><TagSet>{tags}</TagSet></Tagging>".encode())
        assert reply.status == 400
    assert raw.send("GET", f"/{name}/k?tagging").body.count(b"<Tag>") == 0


@pytest.mark.parametrize("text", ["%22%3E%3Cscript%3E", "%27%20onload=", "%3C%2FMessage%3E%3CCode%3EOK", "%5D%5D%3E", "%26lt;"])
def test_cve_2014_3497_what_is_reflected_is_escaped(raw: Raw, text: str) -> None:
    for target in (f"/no-such-{text[-3:].lower().strip('%=;')}/{text}", f"/{text}", f"/limits-none?prefix={text}&max-keys={text}"):
        reply = anonymous(raw, "GET", target)
        assert reply.status in (400, 403, 404)
        assert b"<script" not in reply.body and b"<Code>OK" not in reply.body
        assert reply.body.count(b"<Error>") == 1 and reply.body.count(b"<Code>") == 1


@pytest.mark.parametrize("name", [".minio.sys", ".sys", "..", ".", "minio-meta", "holdfast", "catalog.db", "blobs", "registry", "logs"])
def test_cve_2023_28434_no_name_reaches_what_is_the_stores_own(raw: Raw, eve_server: Server, name: str) -> None:
    before = sorted(path.name for path in eve_server.data_dir.iterdir())
    for method, target in (("GET", f"/{name}"), ("GET", f"/{name}/catalog.db"), ("PUT", f"/{name}/x"), ("GET", f"/{name}/master.key")):
        assert raw.send(method, target, **EVE).status in (400, 403, 404)
    assert sorted(path.name for path in eve_server.data_dir.iterdir()) == before


COPIES = (
    "x-amz-copy-source", "x-copy-from", "opc-copy-source", "x-object-manifest", "x-symlink-target", "x-amz-website-redirect-location", "destination",
)  # fmt: skip


@pytest.mark.parametrize("name", COPIES)
def test_cve_2015_5223_cve_2026_97149_who_may_write_by_a_link_copies_nothing(raw: Raw, eve_server: Server, name: str) -> None:
    """A pre-authenticated request to write, and a presigned PUT, with what would make it a copy of something that its holder may not read."""
    store = Store(eve_server)
    if raw.send("HEAD", "/links").status == 404:
        bucket(raw, "links")
        assert raw.send("PUT", "/links/hidden", {}, b"what is hidden").status == 200
    _, url = store.par("links", "AnyObjectWrite")
    target = url.partition(eve_server.endpoint)[2] + name
    reply = anonymous(raw, "PUT", target, {name: "/links/hidden"})
    assert reply.status in (200, 400, 401, 501)
    stored = raw.send("GET", f"/links/{name}")
    assert stored.status == 404 or stored.body == b""


def test_cve_2026_39414_select_reads_nothing(raw: Raw) -> None:
    name = bucket(raw, "selected")
    assert raw.send("PUT", f"/{name}/k", {}, b'"' + b"x" * 1_000_000).status == 200
    document = b"<SelectObjectContentRequest><Expression>select * from S3Object</Expression></SelectObjectContentRequest>"
    assert raw.send("POST", f"/{name}/k?select&select-type=2", {}, document).code == "NotImplemented"
