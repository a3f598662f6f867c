"""Weaknesses of other servers' bucket policies and cross-origin rules, each by its number, on a running server."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.handlers import validate_bucket_name

from tests.acl.people import ABROAD, ANONYMOUS, DENIED, client, refused
from tests.acl.test_bucket_policies import allow, put
from tests.acl.test_cross_origin import ask
from tests.conftest import make_client
from tests.serving import Server

People = dict[str, Any]


def resident_kib(pids: list[int]) -> int:
    return sum(int(line.split()[1]) for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))


def test_pr_7791_a_variable_is_no_prefix_and_names_are_literal(people: People, anns: str) -> None:
    ann, ben = people["ann"], people["ben"]
    put(people, anns, allow(anns, ["s3:GetObject", "s3:PutObject"], Principal="*", Resource=f"arn:aws:s3:::{anns}/home/${{aws:username}}/*"))
    ben.put_object(Bucket=anns, Key="home/ben/x")
    for key in ("home/benny/x", "home/ben", "home/be/x", "home/*/x", "home/${aws:username}/x", "home//x"):
        ann.put_object(Bucket=anns, Key=key)
        assert refused(ben.get_object, Bucket=anns, Key=key) == DENIED, key
    assert refused(people[ANONYMOUS].get_object, Bucket=anns, Key="home//x") == DENIED


@pytest.mark.parametrize("key", ["public/../private", "public//../private", "public/%2e%2e/private", "./public/../private", "public/..%2fprivate"])
def test_versitygw_cd0b4e6d_the_key_of_the_policy_is_the_key_of_the_store(people: People, anns: str, place: Server, key: str) -> None:
    people["ann"].put_object(Bucket=anns, Key="private", Body=b"secret")
    put(people, anns, allow(anns, Principal="*", Resource=f"arn:aws:s3:::{anns}/public/*"))
    status, _, body = ask(f"{place.endpoint}/{anns}/{key}", "GET")
    assert status in (403, 404) and b"secret" not in body


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP", "x-amz-source-ip"])
def test_cve_2026_21862_the_source_address_is_the_connections(people: People, anns: str, place: Server, header: str) -> None:
    people["ann"].put_object(Bucket=anns, Key="k", Body=b"secret")
    put(people, anns, allow(anns, Principal="*", Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}))
    value = "for=203.0.113.7" if header == "Forwarded" else "203.0.113.7"
    asked = urllib.request.Request(f"{place.endpoint}/{anns}/k", headers={header: value})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(asked)
    assert error.value.code == 403


def test_ghsa_5w8r_p896_6vq2_tags_decide_alike_on_every_way(people: People, anns: str) -> None:
    ann, ben = people["ann"], people["ben"]
    ann.put_bucket_versioning(Bucket=anns, VersioningConfiguration={"Status": "Enabled"})
    public = ann.put_object(Bucket=anns, Key="k", Body=b"p", Tagging="security=public")["VersionId"]
    secret = ann.put_object(Bucket=anns, Key="k", Body=b"s", Tagging="security=secret")["VersionId"]
    both = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectVersionTagging", "s3:PutObject"]
    put(people, anns, allow(anns, both[:3], Condition={"StringEquals": {"s3:ExistingObjectTag/security": "public"}}), allow(anns, "s3:PutObject"))
    assert ben.get_object(Bucket=anns, Key="k", VersionId=public)["Body"].read() == b"p"
    ben.get_object_tagging(Bucket=anns, Key="k", VersionId=public)
    for version in (secret, None):
        given = {"Bucket": anns, "Key": "k", **({"VersionId": version} if version else {})}
        assert refused(ben.get_object, **given) == DENIED
        assert refused(ben.head_object, **given) == (403, "403")
        assert refused(ben.copy_object, Bucket=anns, Key="c", CopySource=given) == DENIED
        url = ben.generate_presigned_url("get_object", Params=given)
        assert ask(url, "GET")[0] == 403
    ben.copy_object(Bucket=anns, Key="c", CopySource={"Bucket": anns, "Key": "k", "VersionId": public})


@pytest.mark.parametrize("chunked", [False, True])
def test_cve_2018_1000538_a_policy_of_five_gibibytes_is_not_taken_in(people: People, anns: str, place: Server, chunked: bool) -> None:
    pids = place.worker_pids()
    before = resident_kib(pids)
    url = urllib.parse.urlsplit(people["ann"].generate_presigned_url("put_bucket_policy", Params={"Bucket": anns, "Policy": "{}"}))
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {5 << 30}"
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=20) as client:
        client.sendall(f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n{framing}\r\n\r\n".encode())
        sent = 0
        try:
            while sent < 64 << 20:
                piece = b"x" * 65536
                client.sendall(b"10000\r\n" + piece + b"\r\n" if chunked else piece)
                sent += len(piece)
        except OSError:
            pass
        else:
            raise AssertionError("the server took in all of it")
    assert resident_kib(pids) - before < 16 * 1024
    assert place.worker_pids() == pids
    assert refused(people["ann"].get_bucket_policy, Bucket=anns) == (404, "NoSuchBucketPolicy")


@pytest.mark.parametrize("name", ["ID", "AllowedHeader", "AllowedMethod", "AllowedOrigin", "ExposeHeader"])
@pytest.mark.parametrize("text", ["a&#13;&#10;Set-Cookie: x=y", "a&#10;b", "a&#13;b", "a\r\nb", "a&#0;b", "a\0b"])
def test_cve_2020_10753_cve_2021_3524_no_line_break_leaves_a_rule(people: People, anns: str, place: Server, name: str, text: str) -> None:
    fields = {"AllowedMethod": "GET", "AllowedOrigin": "http://a", "AllowedHeader": "*", name: text}
    inner = "".join(f"<{each}>{value}</{each}>" for each, value in fields.items())
    document = f"<CORSConfiguration><CORSRule>{inner}</CORSRule></CORSConfiguration>"
    status = put_cors(people, anns, place, document)
    assert status == 400 or name in ("ID", "AllowedHeader", "AllowedOrigin")
    answer = preflight(place, anns, b"http://a")
    assert b"Set-Cookie" not in answer and answer.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize(
    "document",
    ["", "<CORSConfiguration/>", "<CORSConfiguration><CORSRule/></CORSConfiguration>", "<CORSRule/>", "<CORSConfiguration>x</CORSConfiguration>",
     "<CORSConfiguration><CORSRule><AllowedMethod/><AllowedOrigin/></CORSRule></CORSConfiguration>",
     "<CORSConfiguration><CORSRule><CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule></CORSRule></CORSConfiguration>",
     "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>",
     "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>",
     "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin><AlowedHeader>*</AlowedHeader></CORSRule></CORSConfiguration>",
     "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin><MaxAgeSeconds>x</MaxAgeSeconds></CORSRule></CORSConfiguration>",
     "<CORSConfiguration xmlns='http://other/'><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>"],
)  # fmt: skip
def test_cve_2020_12059_documents_of_rules_that_are_none(people: People, anns: str, place: Server, document: str) -> None:
    assert put_cors(people, anns, place, document) == 400
    assert refused(people["ann"].get_bucket_cors, Bucket=anns) == (404, "NoSuchCORSConfiguration")


@pytest.mark.parametrize("origin", [b"", b"x" * 10_000, b"http://a\xff", b"null", b"http://a, http://b", b"http://a\thttp://b", b"*"])
def test_cve_2016_9579_cve_2026_46685_odd_and_evil_origins(people: People, anns: str, place: Server, origin: bytes) -> None:
    pids = place.worker_pids()
    rules = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["http://good"]}]
    people["ann"].put_bucket_cors(Bucket=anns, CORSConfiguration={"CORSRules": rules})
    for method in (b"OPTIONS", b"GET"):
        answer = preflight(place, anns, origin, method)
        assert answer.split()[1] in (b"200", b"400", b"403", b"404", b"431")
        assert b"access-control-allow" not in answer.lower()
    people["ann"].put_bucket_cors(Bucket=anns, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]})
    assert b"allow-credentials" not in preflight(place, anns, origin).lower()
    assert place.worker_pids() == pids


def preflight(place: Server, bucket: str, origin: bytes, method: bytes = b"OPTIONS") -> bytes:
    """The raw answer."""
    url = urllib.parse.urlsplit(place.endpoint)
    head = b"%b /%b/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: a\r\n" % (
        method, bucket.encode()
    )  # fmt: skip
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=20) as client:
        client.sendall(head + b"Origin: " + origin + b"\r\n\r\n")
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        return answer


def put_cors(people: People, bucket: str, place: Server, document: str) -> int:
    """The status of PutBucketCors with these bytes as its body."""
    import base64
    import hashlib

    body = document.encode()
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()
    rules = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
    client = people["ann"]

    def replace(request: Any, **_: Any) -> None:
        request.data = body
        request.headers["Content-MD5"] = digest
        for name in [name for name in request.headers if name.lower().startswith(("x-amz-checksum", "x-amz-sdk-checksum"))]:
            del request.headers[name]

    client.meta.events.register("before-sign.s3.PutBucketCors", replace)
    try:
        return int(client.put_bucket_cors(Bucket=bucket, CORSConfiguration=rules)["ResponseMetadata"]["HTTPStatusCode"])
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    finally:
        client.meta.events.unregister("before-sign.s3.PutBucketCors", replace)


def test_a_policy_with_names_that_are_nearly_right_is_refused(people: People, anns: str) -> None:
    """The map entry "serde": unknown elements are not passed over."""
    for wrong in ({"Conditions": {}}, {"NotAction": "s3:*"}, {"effect": "Deny"}, {"Condition": {"IpAddress ": {"aws:SourceIp": "10.0.0.1"}}}):
        text = json.dumps({"Version": "2012-10-17", "Statement": [{**allow(anns), **wrong}]})
        assert refused(people["ann"].put_bucket_policy, Bucket=anns, Policy=text) == (400, "MalformedPolicy")


CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "s3:GetObject": ("get_object", {"Key": "k"}),
    "s3:PutObject": ("put_object", {"Key": "new"}),
    "s3:DeleteObject": ("delete_object", {"Key": "none"}),
    "s3:ListBucket": ("list_objects_v2", {}),
    "s3:GetBucketAcl": ("get_bucket_acl", {}),
    "s3:PutBucketTagging": ("put_bucket_tagging", {"Tagging": {"TagSet": []}}),
    "s3:GetBucketPolicy": ("get_bucket_policy", {}),
}
NAMED = {"ann": "arn:aws:iam:::user/ann", "ben": "arn:aws:iam:::user/ben", "zoe": "arn:aws:iam:::user/zoe", ABROAD: "arn:aws:iam::elsewhere:user/tom"}


def let_in(caller: str, action: str, effect: str, named: bool) -> bool:
    """The five steps of the decision: a deny; then nobody, the tenancy's own people, people of another tenancy."""
    says = effect if named else ""
    if says == "Deny" and not (caller == "ann" and action == "s3:GetBucketPolicy"):
        return False
    by_identity, by_policy = caller in ("ann", "root", ABROAD), says == "Allow"
    if caller == ANONYMOUS:
        return by_policy
    return by_identity and by_policy if caller == ABROAD else by_identity or by_policy


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize("principal", ["*", *NAMED])
def test_cve_2021_41137_everybody_gets_exactly_what_the_policy_says(people: People, anns: str, place: Server, effect: str, principal: str) -> None:
    """Owner, administrator, users with and without rights, another tenancy and nobody x allowed, denied and not named."""
    ann = people["ann"]
    callers = {**{name: people[name] for name in ("ann", "ben", "zoe", ANONYMOUS)}, ABROAD: client(place, ABROAD), "root": make_client(place)}
    callers[ABROAD].meta.events.unregister("before-parameter-build.s3", validate_bucket_name)
    ann.put_object(Bucket=anns, Key="k")
    who = "*" if principal == "*" else {"AWS": NAMED[principal]}
    for action, (method, given) in CALLS.items():
        for caller, asking in callers.items():
            put(people, anns, allow(anns, action, Effect=effect, Principal=who))
            expected = let_in(caller, action, effect, principal in ("*", caller))
            try:
                getattr(asking, method)(Bucket=f"default:{anns}" if caller == ABROAD else anns, **given)
                found = True
            except ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, (action, caller, error)
                found = False
            assert found is expected, (action, caller)
    ann.delete_bucket_policy(Bucket=anns)
