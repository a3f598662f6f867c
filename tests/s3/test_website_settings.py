"""PutBucketWebsite, GetBucketWebsite and DeleteBucketWebsite with boto3: what is kept, and what is refused in S3's words (M182)."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.s3.test_settings import World

INDEX = {"IndexDocument": {"Suffix": "index.html"}}
REDIRECT = {"HostName": "example.org"}
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def rules(*rows: dict[str, Any]) -> dict[str, Any]:
    return {**INDEX, "RoutingRules": list(rows)}


@pytest.mark.parametrize("given", [
    INDEX,
    {**INDEX, "ErrorDocument": {"Key": "errors/ü & <404>.html"}},
    {"RedirectAllRequestsTo": {"HostName": "www.example.org"}},
    {"RedirectAllRequestsTo": {"HostName": "www.example.org:8443/new", "Protocol": "https"}},
    rules(
        {"Condition": {"KeyPrefixEquals": "docs/"}, "Redirect": {"ReplaceKeyPrefixWith": "documents/"}},
        {"Condition": {"KeyPrefixEquals": "old/", "HttpErrorCodeReturnedEquals": "404"}, "Redirect": {"ReplaceKeyWith": "gone.html"}},
        {"Redirect": {"HostName": "example.org", "Protocol": "https", "HttpRedirectCode": "302", "ReplaceKeyPrefixWith": ""}},
    ),
    rules(*[{"Condition": {"KeyPrefixEquals": f"k{number}"}, "Redirect": REDIRECT} for number in range(50)]),
])  # fmt: skip
def test_M182_a_website_is_kept_as_it_was_given(s3: Any, bucket: str, given: dict[str, Any]) -> None:
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=given)
    found = s3.get_bucket_website(Bucket=bucket)
    del found["ResponseMetadata"]
    assert found == given
    s3.delete_bucket_website(Bucket=bucket)
    with pytest.raises(ClientError) as none:
        s3.get_bucket_website(Bucket=bucket)
    assert none.value.response["Error"]["Code"] == "NoSuchWebsiteConfiguration" and none.value.response["Error"]["BucketName"] == bucket
    s3.delete_bucket_website(Bucket=bucket)


@pytest.mark.parametrize(("given", "code", "said"), [
    ({}, "InvalidArgument", "A value for IndexDocument Suffix must be provided"),
    ({"ErrorDocument": {"Key": "e"}}, "InvalidArgument", "A value for IndexDocument Suffix must be provided"),
    ({"IndexDocument": {"Suffix": ""}}, "InvalidArgument", "The IndexDocument Suffix is not well formed"),
    ({"IndexDocument": {"Suffix": "a/index.html"}}, "InvalidArgument", "The IndexDocument Suffix is not well formed"),
    ({"IndexDocument": {"Suffix": "x" * 1025}}, "KeyTooLongError", ""),
    ({**INDEX, "ErrorDocument": {"Key": "é" * 513}}, "KeyTooLongError", ""),
    ({**INDEX, "RedirectAllRequestsTo": REDIRECT}, "InvalidArgument", "cannot be provided in conjunction with other Routing Rules"),
    ({"RedirectAllRequestsTo": REDIRECT, "RoutingRules": [{"Redirect": REDIRECT}]}, "InvalidArgument", "cannot be provided in conjunction"),
    ({"RedirectAllRequestsTo": {"HostName": ""}}, "MalformedXML", ""),
    ({"RedirectAllRequestsTo": {**REDIRECT, "Protocol": "ftp"}}, "InvalidRequest", "Invalid protocol, protocol can be http or https."),
    ({"RedirectAllRequestsTo": {"HostName": "example.org\nSet-Cookie: a=b"}}, "InvalidArgument", "HostName"),
    ({"RedirectAllRequestsTo": {"HostName": "a b"}}, "InvalidArgument", "HostName"),
    ({"RedirectAllRequestsTo": {"HostName": "good.example@evil.example"}}, "InvalidArgument", "HostName"),
    (rules({"Redirect": {"HostName": "é.example"}}), "InvalidArgument", "HostName"),
    (rules(), "MalformedXML", ""),
    (rules(*[{"Redirect": REDIRECT}] * 51), "InvalidRequest", "limited to 50"),
    (rules({"Redirect": {}}), "MalformedXML", ""),
    (rules({"Condition": {}, "Redirect": REDIRECT}), "InvalidRequest", "Condition cannot be empty"),
    (rules({"Condition": {"HttpErrorCodeReturnedEquals": "302"}, "Redirect": REDIRECT}), "InvalidRequest", "error code (302) is not valid"),
    (rules({"Condition": {"HttpErrorCodeReturnedEquals": "40٤"}, "Redirect": REDIRECT}), "InvalidRequest", "is not valid"),
    (rules({"Redirect": {"HttpRedirectCode": "300"}}), "InvalidRequest", "redirect code (300) is not valid. Valid codes are 3XX except 300."),
    (rules({"Redirect": {"HttpRedirectCode": "200"}}), "InvalidRequest", "redirect code (200) is not valid"),
    (rules({"Redirect": {"HttpRedirectCode": "301\r\nx: y"}}), "InvalidRequest", "is not valid"),
    (rules({"Redirect": {"Protocol": "http2"}}), "InvalidRequest", "Invalid protocol, protocol can be http or https."),
    (rules({"Redirect": {"ReplaceKeyWith": "a", "ReplaceKeyPrefixWith": "b"}}), "InvalidRequest", "You can only define ReplaceKeyPrefix"),
    (rules({"Redirect": {"ReplaceKeyWith": "a" * 1025}}), "KeyTooLongError", ""),
    (rules({"Condition": {"KeyPrefixEquals": "a" * 1025}, "Redirect": REDIRECT}), "KeyTooLongError", ""),
])  # fmt: skip
def test_M182_what_is_no_website_is_refused_and_changes_nothing(s3: Any, bucket: str, given: dict[str, Any], code: str, said: str) -> None:
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=INDEX)
    with pytest.raises(ClientError) as refused:
        s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=given)
    error = refused.value.response["Error"]
    assert error["Code"] == code and said in error["Message"], error
    assert s3.get_bucket_website(Bucket=bucket)["IndexDocument"] == {"Suffix": "index.html"}


def test_a_document_is_read_in_bounded_time_and_space() -> None:
    """Huge documents, deep ones, entities (billion laughs, external ones), and text that is no XML."""
    world = World()
    entity = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    file = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    body = f"<WebsiteConfiguration {NAMESPACE}><IndexDocument><Suffix>%s</Suffix></IndexDocument></WebsiteConfiguration>"
    rule = "<RoutingRule><Redirect><HostName>a</HostName></Redirect></RoutingRule>"
    many = f"<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument><RoutingRules>{rule * 3000}</RoutingRules></WebsiteConfiguration>"
    for text in (
        entity + body % "&b;", file + body % "&a;", body % "&undefined;", body % ("x" * (200 << 10)), many, "<WebsiteConfiguration>" * 100, "x", "",
        "<WebsiteConfiguration><Unknown/></WebsiteConfiguration>", "<CORSConfiguration/>",
        "<WebsiteConfiguration><IndexDocument><Suffix>a</Suffix></IndexDocument><IndexDocument><Suffix>b</Suffix></IndexDocument></WebsiteConfiguration>",
    ):  # fmt: skip
        status, said = world.ask("PUT", "/photos?website", text.encode())
        assert status == 400 and ("<Code>MalformedXML</Code>" in said or "<Code>EntityTooLarge</Code>" in said), (text[:60], said)
    without = (body % "i").replace("</IndexDocument>", "</IndexDocument><ErrorDocument><Key/></ErrorDocument>")
    status, said = world.ask("PUT", "/photos?website", without.encode())
    assert status == 400 and "The ErrorDocument Key is not well formed" in said
    assert "NoSuchWebsiteConfiguration" in world.ask("GET", "/photos?website")[1]
    assert world.ask("PUT", "/photos?website", (body % "index.html").encode()) == (200, "")
    assert world.ask("GET", "/photos?website")[1].count("<IndexDocument><Suffix>index.html</Suffix></IndexDocument>") == 1
    assert world.asked[-1] == ("s3:GetBucketWebsite",) and ("s3:PutBucketWebsite",) in world.asked
    assert world.ask("DELETE", "/photos?website") == (204, "") and world.asked[-1] == ("s3:DeleteBucketWebsite",)
