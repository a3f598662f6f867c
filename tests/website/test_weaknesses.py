"""What has gone wrong in other servers of websites: reflected HTML, signatures that count, answers that tell too much, hosts that mix."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from tests.administration import Somebody, unique
from tests.serving import Server
from tests.website.conftest import Site
from tests.website.visitor import DOMAIN, Visitor

READ, LIST = "s3:GetObject", "s3:ListBucket"
NewSite = Callable[..., Site]


@pytest.mark.parametrize("path", ["/%3Cscript%3Ealert(1)%3C/script%3E", "/<script>alert(1)</script>", "/%22%27%3E%3Csvg%20onload=x%3E", "/&lt;b&gt;"])
def test_no_html_of_a_request_is_in_a_page(new_site: NewSite, visitor: Visitor, path: str) -> None:
    site = new_site(READ, LIST, IndexDocument={"Suffix": "index.html"}, ErrorDocument={"Key": "<b>not there"})
    for method in ("GET", "POST"):
        answer = visitor.ask(site.host, path, method)
        assert answer.status in (404, 405) and answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "<script" not in answer.text.lower() and "<svg" not in answer.text and "<b>" not in answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'none'") and answer.headers["x-content-type-options"] == "nosniff"
    assert "&lt;b&gt;not there" in visitor.ask(site.host, path).text


def test_a_host_with_html_or_controls_is_refused_or_escaped(visitor: Visitor) -> None:
    for host in (f"<script>.{DOMAIN}", f"a'b\"c.{DOMAIN}", f"%3Cscript%3E.{DOMAIN}", f"a&lt.{DOMAIN}", f"{'a' * 250}.{DOMAIN}", f"a/b.{DOMAIN}"):
        answer = visitor.ask(host, "/")
        assert answer.status in (400, 404) and b"<script" not in answer.body and b"c." not in answer.body, host


def test_a_signature_changes_nothing(web: Server, new_site: NewSite, visitor: Visitor) -> None:
    """The administrator's own: what is private stays private, and conditions on how a request is signed are never met."""
    site = new_site()
    site.put("index.html", "secret")
    key = Credentials(web.access_key, web.secret_key)
    signed = AWSRequest("GET", f"http://{site.host}:{visitor.port}/index.html")
    S3SigV4Auth(key, "s3", web.region).add_auth(signed)
    url = boto3.client("s3", endpoint_url=f"http://{site.host}:{visitor.port}", region_name=web.region, aws_access_key_id=web.access_key,
                       aws_secret_access_key=web.secret_key, config=Config(s3={"addressing_style": "path"})
                       ).generate_presigned_url("get_object", Params={"Bucket": "x", "Key": "index.html"})  # fmt: skip
    presigned = f"/index.html?{url.partition('?')[2]}"
    for path, headers in (("/index.html", dict(signed.headers)), (presigned, {}), ("/", {"Authorization": "Signature version"})):
        answer = visitor.ask(f"{site.host}:{visitor.port}", path, headers={name: str(value) for name, value in headers.items() if name != "Host"})
        assert answer.status == 403 and b"secret" not in answer.body
    for condition in (
        {"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}, {"StringEquals": {"s3:authType": "REST-HEADER"}},
        {"StringEquals": {"s3:x-amz-content-sha256": "UNSIGNED-PAYLOAD"}},
    ):  # fmt: skip
        site.policy(READ, Condition=condition)
        headers = {"Authorization": str(signed.headers["Authorization"]), "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
        assert visitor.ask(site.host, "/", headers=headers).status == 403, condition
    site.policy(READ, Condition={"StringLike": {"aws:Referer": f"http://{site.host}/*"}})
    assert visitor.ask(site.host, "/").status == 403
    assert visitor.ask(site.host, "/", headers={"Referer": f"http://{site.host}/page"}).body == b"secret"


def test_a_deny_of_the_policy_holds_and_nothing_is_told_of_what_is_hidden(new_site: NewSite, visitor: Visitor) -> None:
    site = new_site(READ)
    for key in ("index.html", "hidden/there.html", "hidden/index.html", "tagged.html"):
        site.put(key, "x", **({"Tagging": "secret=yes"} if key == "tagged.html" else {}))
    rows = [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{site.name}/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{site.name}/hidden/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{site.name}/*",
         "Condition": {"StringEquals": {"s3:ExistingObjectTag/secret": "yes"}}},
    ]  # fmt: skip
    site.s3.put_bucket_policy(Bucket=site.name, Policy=json.dumps({"Version": "2012-10-17", "Statement": rows}))
    seen = set()
    for path in ("/hidden/there.html", "/hidden/absent.html", "/hidden/", "/hidden", "/absent", "/tagged.html"):
        for headers in ({}, {"If-None-Match": "*"}, {"Range": "bytes=9-"}, {"If-Match": '"x"'}):
            for method in ("GET", "HEAD"):
                answer = visitor.ask(site.host, path, method, headers)
                kept = {name: value for name, value in answer.headers.items() if name not in ("date", "x-amz-request-id")}
                text = answer.text.replace(answer.headers["x-amz-request-id"], "")
                seen.add((method, answer.status, text, tuple(sorted(kept.items()))))
    assert len(seen) == 2 and {status for _, status, _, _ in seen} == {403}
    assert visitor.ask(site.host, "/").status == 200


@pytest.mark.parametrize("path", [
    "/../other/index.html", "/..%2Fother/index.html", "/%2e%2e/%2e%2e/etc/hostname", "/./index.html", "//index.html", "/health/live", "/metrics",
    "/api/v1/endpoints", "/p/token/n/default/b/x/o/y", "/n/default/b/x/o/y", "/n/default/b", "/?acl", "/?policy", "/?website", "/?list-type=2",
    "/?uploads", "/opc/v1/instance/compartmentId", "/?versions", "/?prefix=a&delimiter=/",
])  # fmt: skip
def test_no_other_door_and_no_other_key_is_behind_a_website(site: Site, visitor: Visitor, path: str) -> None:
    """Paths are literal, parameters mean nothing: it is the page, or the error document."""
    answer = visitor.ask(site.host, path)
    assert (answer.status, answer.body) == ((200, b"<p>home</p>") if path.startswith("/?") else (403, b"<p>lost</p>")), answer


def test_the_access_log_names_the_page_and_no_token(web: Server, site: Site, visitor: Visitor) -> None:
    import time

    token = "t" * 43
    visitor.ask(site.host, f"/p/{token}/n/default/b/x/o/y?X-Amz-Signature=canary")
    visitor.ask(site.host, "/index.html")
    time.sleep(0.5)
    lines = [line for line in web.access_log() if line.get("bucket") == site.name and line["operation"] == "GetWebsitePage"]
    assert [line["key"] for line in lines] == ["...", "index.html"] and lines[0]["error"] == "AccessDenied"
    text = (web.data_dir / "logs" / "access.jsonl").read_text() + (web.data_dir / "logs" / "audit.jsonl").read_text()
    assert token not in text and "canary" not in text
    assert '"door":"website"' in text.replace(": ", ":")


def test_the_control_listener_serves_no_website(web: Server, site: Site) -> None:
    from tests.website.visitor import Visitor as Browser

    class Control:
        endpoint, ca = web.control, None

    there = Browser(Control())  # type: ignore[arg-type]
    for headers in ({}, {"Authorization": 'Signature version="1"'}):
        assert b"home" not in there.ask(site.host, "/index.html", headers=headers).body
        assert b"home" not in there.ask(site.host, "/", headers=headers).body


def test_cve_2020_1760_no_parameter_of_a_request_is_in_its_answer(site: Site, visitor: Visitor) -> None:
    plain = visitor.ask(site.host, "/index.html")
    for name, value in (("content-type", "text/x-evil"), ("content-disposition", "%0d%0aSet-Cookie:a=b"), ("expires", "x"), ("cache-control", "x")):
        query = f"response-{name}={value}"
        answer = visitor.ask(site.host, f"/index.html?{query}")
        kept = {name: value for name, value in answer.headers.items() if name not in ("date", "x-amz-request-id")}
        assert answer.status == 200 and kept.items() <= plain.headers.items(), query


def test_cve_2020_10753_cve_2021_3524_no_line_break_leaves_a_routing_rule(new_site: NewSite, visitor: Visitor) -> None:
    """Nor an index document, an error document or an object's own redirect."""
    evil = "a\r\nSet-Cookie: a=b\r\n\r\n<script>"
    for redirect in ({"ReplaceKeyWith": evil}, {"ReplaceKeyPrefixWith": evil}, {"ReplaceKeyPrefixWith": "\\x\t\x7f \u2028"}):
        site = new_site(READ, IndexDocument={"Suffix": "index.html"}, RoutingRules=[{"Condition": {"KeyPrefixEquals": "a"}, "Redirect": redirect}])
        answer = visitor.ask(site.host, "/ab")
        assert answer.status == 301 and answer.location.startswith(f"http://{site.host}/") and answer.body == b""
        assert "set-cookie" not in answer.headers and answer.location.isascii() and answer.location.isprintable() and " " not in answer.location
    site = new_site(READ, IndexDocument={"Suffix": evil.replace("/", "")}, ErrorDocument={"Key": evil})
    answer = visitor.ask(site.host, "/")
    assert answer.status == 403 and "set-cookie" not in answer.headers and b"<script" not in answer.body


def test_cve_2021_3531_odd_slashes_of_a_page(site: Site, visitor: Visitor) -> None:
    for path in ("//", "///", "/a//", "//index.html", "/index.html/", "/index.html//", "/%2F", "/a/%2F/", "/./", "/../", "/%2e%2e/"):
        for method in ("GET", "HEAD"):
            assert visitor.ask(site.host, path, method).status == 403, path
    assert visitor.ask(site.host, "/").status == 200


def test_a_link_shows_the_website_of_its_source(web: Server, s3: Any, visitor: Visitor) -> None:
    root = Somebody(web, web.access_key, web.secret_key)
    volume, name, source = unique("volume"), unique("linked"), unique("source")
    where = f"/{volume}/{source}"
    for words in (("volume", "create", f"/{volume}"), ("bucket", "create", where), ("bucket", "link", where, f"/s3v/{name}")):
        assert root.run("sh", *words).code == 0
    host = f"{name}.{DOMAIN}"
    assert "<li>Code: NoSuchWebsiteConfiguration</li>" in visitor.ask(host, "/").text
    s3.put_bucket_website(Bucket=name, WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}})
    s3.put_object(Bucket=name, Key="i", Body=b"linked")
    assert visitor.ask(host, "/").status == 403
    row = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{source}/*"}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [row]}))
    assert visitor.ask(host, "/").text == "linked"
    assert root.run("sh", "bucket", "delete", f"/s3v/{name}").code == 0
    assert "<li>Code: NoSuchBucket</li>" in visitor.ask(host, "/").text
