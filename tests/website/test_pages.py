"""What visitors of a website see: pages, index and error documents, conditions and ranges, and what private things tell them (M182, issue 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.website.conftest import Site
from tests.website.visitor import DOMAIN, Visitor

READ, LIST = "s3:GetObject", "s3:ListBucket"
NewSite = Callable[..., Site]


def test_M182_index_documents_of_root_and_folders(site: Site, visitor: Visitor) -> None:
    site.put("docs/index.html", "<p>docs</p>", ContentType="text/html")
    site.put("docs/a b/ü.txt", "text", ContentType="text/plain")
    for path, body in (("/", b"<p>home</p>"), ("/index.html", b"<p>home</p>"), ("/?a=b&versionId=x", b"<p>home</p>"), ("/docs/", b"<p>docs</p>")):
        answer = visitor.ask(site.host, path)
        assert (answer.status, answer.body, answer.headers["content-type"]) == (200, body, "text/html"), path
    assert visitor.ask(site.host, "/docs/a%20b/%C3%BC.txt").body == b"text"
    assert visitor.ask(site.host.upper() + ":1234", "/docs/").body == b"<p>docs</p>"
    for path, location in (("/docs", "/docs/"), ("/docs?x=y", "/docs/")):
        answer = visitor.ask(site.host, path)
        assert (answer.status, answer.location, answer.body) == (302, location, b""), path


def test_M182_the_error_document_comes_with_the_status_of_the_error(site: Site, new_site: NewSite, visitor: Visitor) -> None:
    """403 where keys may not be listed, whether something is there or not: nobody learns which; 404 where they may."""
    site.put("private.html", "secret", Tagging="hidden=yes")
    site.policy(READ, Condition={"StringNotEquals": {"s3:ExistingObjectTag/hidden": "yes"}})
    seen = set()
    for path in ("/absent", "/private.html", "/folder/"):
        answer = visitor.ask(site.host, path)
        assert answer.body == b"<p>lost</p>" and answer.headers["content-type"] == "text/html" and answer.headers["cache-control"] == "no-store"
        assert not {"etag", "last-modified", "accept-ranges"} & answer.headers.keys()
        del answer.headers["x-amz-request-id"], answer.headers["date"]
        seen.add((answer.status, tuple(sorted(answer.headers.items()))))
    assert {status for status, _ in seen} == {403} and len(seen) == 1
    site.policy(READ, LIST)
    assert visitor.ask(site.host, "/absent").status == 404
    assert visitor.ask(site.host, "/absent").body == b"<p>lost</p>"
    assert visitor.ask(site.host, "/absent", headers={"Range": "bytes=0-1", "If-None-Match": "*"}).status == 404


def test_M182_without_an_error_document_it_is_a_small_page(new_site: NewSite, visitor: Visitor) -> None:
    site = new_site(READ, LIST)
    answer = visitor.ask(site.host, "/absent")
    assert answer.status == 404 and answer.headers["content-type"] == "text/html; charset=utf-8"
    for line in ("<h1>404 Not Found</h1>", "<li>Code: NoSuchKey</li>", "<li>Key: absent</li>", "<title>404 Not Found</title>"):
        assert line in answer.text
    assert answer.headers["x-amz-error-code"] == "NoSuchKey"
    site.policy(READ)
    answer = visitor.ask(site.host, "/absent")
    assert answer.status == 403 and "<li>Code: AccessDenied</li>" in answer.text and "absent" not in answer.text
    site.configure(IndexDocument={"Suffix": "index.html"}, ErrorDocument={"Key": "not-there.html"})
    answer = visitor.ask(site.host, "/absent")
    assert answer.status == 403 and "An Error Occurred While Attempting to Retrieve a Custom Error Document" in answer.text


def test_M182_private_buckets_and_buckets_without_a_website(new_site: NewSite, s3: Any, visitor: Visitor) -> None:
    private = new_site()
    private.put("index.html", "secret")
    for path in ("/", "/index.html", "/absent"):
        answer = visitor.ask(private.host, path)
        assert answer.status == 403 and "<li>Code: AccessDenied</li>" in answer.text and b"secret" not in answer.body
    private.s3.delete_bucket_website(Bucket=private.name)
    private.policy(READ)
    answer = visitor.ask(private.host, "/")
    assert answer.status == 404 and "<li>Code: NoSuchWebsiteConfiguration</li>" in answer.text
    for host in (f"never-there.{DOMAIN}", DOMAIN, f"a.b.{DOMAIN}", f"..{DOMAIN}"):
        answer = visitor.ask(host, "/")
        assert answer.status == 404 and "<li>Code: NoSuchBucket</li>" in answer.text, host


def test_M182_lists_of_objects_and_the_block_of_public_access_count(new_site: NewSite, s3: Any, visitor: Visitor) -> None:
    site = new_site()
    s3.put_bucket_ownership_controls(Bucket=site.name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    site.put("index.html", "home", ACL="public-read")
    site.put("other.html", "secret")
    assert visitor.ask(site.host, "/").body == b"home"
    assert visitor.ask(site.host, "/other.html").status == 403
    s3.put_bucket_acl(Bucket=site.name, ACL="public-read")
    assert visitor.ask(site.host, "/absent").status == 404
    assert visitor.ask(site.host, "/other.html").status == 403
    blocked = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=site.name, PublicAccessBlockConfiguration=blocked)
    assert visitor.ask(site.host, "/").status == 403
    s3.delete_public_access_block(Bucket=site.name)
    assert visitor.ask(site.host, "/").status == 200
    s3.put_public_access_block(Bucket=site.name, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    s3.put_bucket_acl(Bucket=site.name, ACL="private")
    other = new_site(READ)
    other.put("index.html", "home")
    assert visitor.ask(other.host, "/").status == 200
    s3.put_public_access_block(Bucket=other.name, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    assert visitor.ask(other.host, "/").status == 403


def test_M182_conditions_ranges_and_heads(site: Site, visitor: Visitor) -> None:
    body = bytes(range(256)) * 4000
    site.put("big.bin", body, ContentType="application/x-test", ContentLanguage="de", ContentDisposition="inline", CacheControl="max-age=60",
             Metadata={"who": "me"}, StorageClass="STANDARD_IA", ChecksumAlgorithm="SHA256", Tagging="a=b")  # fmt: skip
    whole = visitor.ask(site.host, "/big.bin")
    assert whole.status == 200 and whole.body == body and whole.headers["content-length"] == str(len(body))
    wanted = {"content-type": "application/x-test", "content-language": "de", "content-disposition": "inline", "cache-control": "max-age=60"}
    assert wanted.items() <= whole.headers.items() and whole.headers["accept-ranges"] == "bytes"
    assert [name for name in whole.headers if name.startswith("x-amz")] == ["x-amz-request-id"]
    head = visitor.ask(site.host, "/big.bin", "HEAD")
    assert head.status == 200 and head.body == b"" and head.headers["etag"] == whole.headers["etag"]
    assert head.headers["content-length"] == str(len(body))
    part = visitor.ask(site.host, "/big.bin", headers={"Range": "bytes=1000-1999"})
    assert (part.status, part.body, part.headers["content-range"]) == (206, body[1000:2000], f"bytes 1000-1999/{len(body)}")
    past = visitor.ask(site.host, "/big.bin", headers={"Range": f"bytes={len(body)}-"})
    assert past.status == 416 and past.headers["content-range"] == f"bytes */{len(body)}" and "<li>Code: InvalidRange</li>" in past.text
    etag, modified = whole.headers["etag"], whole.headers["last-modified"]
    for headers, status in (
        ({"If-None-Match": etag}, 304), ({"If-None-Match": "*"}, 304), ({"If-Modified-Since": modified}, 304), ({"If-None-Match": '"x"'}, 200),
        ({"If-Modified-Since": "Thu, 01 Jan 2015 12:00:00 GMT"}, 200), ({"If-Modified-Since": "yesterday"}, 200), ({"If-Match": '"x"'}, 412),
        ({"If-Unmodified-Since": "Thu, 01 Jan 2015 12:00:00 GMT"}, 412), ({"If-Match": etag}, 200),
        ({"Range": "bytes=0-0", "If-Range": '"x"'}, 200), ({"Range": "bytes=0-0", "If-Range": etag}, 206),
    ):  # fmt: skip
        for method in ("GET", "HEAD"):
            answer = visitor.ask(site.host, "/big.bin", method, headers)
            assert answer.status == status, (headers, method)
            assert status != 304 or (answer.headers["etag"] == etag and answer.headers["cache-control"] == "max-age=60" and answer.body == b"")


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_M182_only_get_and_head_are_served(site: Site, visitor: Visitor, s3: Any, method: str) -> None:
    answer = visitor.ask(site.host, "/index.html", method, {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}, b"another")
    assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD" and "<li>Code: MethodNotAllowed</li>" in answer.text
    assert visitor.ask(site.host, "/").body == b"<p>home</p>"


def test_M182_encrypted_objects_are_shown(site: Site, visitor: Visitor) -> None:
    site.put("sealed.html", "sealed", ServerSideEncryption="AES256")
    answer = visitor.ask(site.host, "/sealed.html")
    assert answer.body == b"sealed" and "x-amz-server-side-encryption" not in answer.headers


def test_M182_of_versions_the_latest_is_shown_and_nothing_of_a_deleted_one(site: Site, visitor: Visitor, s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=site.name, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=site.name, Key="a", Body=b"one")["VersionId"]
    site.put("a", "two")
    assert visitor.ask(site.host, f"/a?versionId={first}").body == b"two"
    s3.delete_object(Bucket=site.name, Key="a")
    site.policy(READ, LIST)
    answer = visitor.ask(site.host, "/a")
    assert answer.status == 404 and "x-amz-delete-marker" not in answer.headers and "x-amz-version-id" not in answer.headers
