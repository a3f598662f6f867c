"""Plain curl: the whole cycle signed by curl itself (SigV4) and by openssl (SigV2), presigned URLs, and the answers to the header."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from xml.etree import ElementTree

import boto3
import pytest
from botocore.config import Config

from tests.clients.place import Place

Find = Callable[[str], str]
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
KEY = "new-prefix/sample-object.txt"


class Answer:
    """What curl got: status, headers (lower-case names) and body."""

    def __init__(self, head: str, body: bytes) -> None:
        last = [part for part in head.replace("\r", "").split("\n\n") if part.startswith("HTTP/")][-1].split("\n")
        self.spoken, self.status = last[0].split()[0], int(last[0].split()[1])
        self.headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in last[1:] if line)}
        self.body = body

    def xml(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.body)


def v4(place: Place, method: str, path: str, file: Path | None) -> list[str]:
    """curl 7.88 signs the request itself, and sends no x-amz-content-sha256."""
    return ["--user", f"{place.access_key}:{place.secret_key}", "--aws-sigv4", f"aws:amz:{place.region}:s3"]


def v2(place: Place, method: str, path: str, file: Path | None) -> list[str]:
    """The header that a shell makes with `date -R` and openssl: VERB, empty MD5, content type, date, resource without its query."""
    date = formatdate(localtime=True)
    string_to_sign = f"{method}\n\n\n{date}\n{path.partition('?')[0]}"
    signature = base64.b64encode(hmac.new(place.secret_key.encode(), string_to_sign.encode(), hashlib.sha1).digest()).decode()
    host = place.hostport
    return ["--header", f"Host: {host}", "--header", f"Date: {date}", "--header", f"Authorization: AWS {place.access_key}:{signature}"]


def curl(
    place: Place, client: Find, sign: Callable[[Place, str, str, Path | None], list[str]], method: str, path: str, file: Path | None = None
) -> Answer:
    upload = ["--upload-file", str(file)] if file else []
    signed = sign(place, method, path, file)
    place.run(
        client("curl"),
        "--silent",
        "--show-error",
        "--request",
        method,
        *place.curl_options,
        *upload,
        *signed,
        "--dump-header",
        place.out / "head",
        "--output",
        place.out / "body",
        place.endpoint + path,
    )
    body = place.out / "body"
    answer = Answer((place.out / "head").read_text(), body.read_bytes() if body.exists() else b"")
    body.unlink(missing_ok=True)
    assert re.fullmatch("[0-9A-F]{16}", answer.headers["x-amz-request-id"]), "M235"
    assert answer.headers["date"].endswith("GMT") and answer.headers["server"]
    return answer


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize("sign", [v4, v2])
def test_m210_m217_m218_m224_cycle(place: Place, client: Find, sign: Callable[[Place, str, str, Path | None], list[str]], version: str) -> None:
    """M210, M217 to M234, M238: create, upload, list, download, delete object, delete bucket; HTTP/2 over TLS by ALPN."""
    place.curl_options = [version]
    bucket = f"/{place.bucket}"
    created = curl(place, client, sign, "PUT", bucket)
    assert (created.status, created.headers["location"]) == (200, bucket), "M222, M223"
    assert (created.spoken == "HTTP/2") is (version == "--http2" and place.endpoint.startswith("https:")), "M224"

    put = curl(place, client, sign, "PUT", f"{bucket}/{KEY}", place.small)
    md5 = hashlib.md5(place.small.read_bytes(), usedforsecurity=False).hexdigest()
    assert (put.status, put.headers["etag"]) == (200, f'"{md5}"'), "M225"
    assert curl(place, client, sign, "PUT", f"{bucket}/big.bin", place.big).status == 200

    listed = curl(place, client, sign, "GET", f"{bucket}?list-type=2")
    assert (
        listed.status == 200
        and listed.headers["content-type"].startswith("application/xml")
        and int(listed.headers["content-length"]) == len(listed.body)
    ), "M228"
    assert listed.body.startswith(b"<?xml") and listed.xml().tag == f"{NAMESPACE}ListBucketResult", "M229"
    values = {name: listed.xml().findtext(NAMESPACE + name) or "" for name in ("KeyCount", "Name", "Prefix", "MaxKeys", "IsTruncated")}
    assert values == {"KeyCount": "2", "Name": place.bucket, "Prefix": "", "MaxKeys": "1000", "IsTruncated": "false"}, "M230"
    entry = listed.xml().findall(f"{NAMESPACE}Contents")[1]
    found = {child.tag.removeprefix(NAMESPACE): child.text for child in entry}
    assert (found["Key"], found["ETag"], found["Size"], found["StorageClass"]) == (KEY, f'"{md5}"', str(place.small.stat().st_size), "STANDARD"), (
        "M226, M231"
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["LastModified"] or "")

    got = curl(place, client, sign, "GET", f"{bucket}/{KEY}")
    assert got.body == place.small.read_bytes()
    assert (got.headers["content-type"], got.headers["accept-ranges"], got.headers["etag"]) == ("text/plain", "bytes", f'"{md5}"'), "M227, M232"
    assert got.headers["last-modified"].endswith("GMT") and int(got.headers["content-length"]) == len(got.body)
    assert curl(place, client, sign, "GET", f"{bucket}/big.bin").body == place.big.read_bytes()

    assert curl(place, client, sign, "DELETE", bucket).status == 409, "M234"
    for key in (KEY, "big.bin"):
        assert curl(place, client, sign, "DELETE", f"{bucket}/{key}").status == 204, "M233"
    assert curl(place, client, sign, "DELETE", bucket).status == 204, "M234"
    assert curl(place, client, sign, "GET", f"{bucket}/{KEY}").status == 404


@pytest.mark.parametrize("sign", [v4, v2])
def test_m44_wrong_secret_is_refused_in_xml(plain_place: Place, client: Find, sign: Callable[[Place, str, str, Path | None], list[str]]) -> None:
    plain_place.secret_key = "wrong" * 8
    refused = curl(plain_place, client, sign, "GET", "/")
    assert (refused.status, refused.xml().findtext("Code")) == (403, "SignatureDoesNotMatch")
    assert refused.xml().findtext("StringToSign") and refused.xml().findtext("RequestId") == refused.headers["x-amz-request-id"]


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_m180_m41_m42_presigned_urls(place: Place, client: Find, version: str) -> None:
    """M180: every kind of presigned URL by curl; M41, M42: both query forms up to seven days; M43: tampering is refused."""
    s3 = boto3.client(
        "s3",
        endpoint_url=place.endpoint,
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        region_name=place.region,
        verify=place.ca,
        config=Config(signature_version=version, s3={"addressing_style": "path"}),
    )
    s3.create_bucket(Bucket=place.bucket)

    def fetch(
        operation: str, *more: str, method: str = "GET", lifetime_s: int = 3600, change: Callable[[str], str] = lambda url: url, **params: object
    ) -> Answer:
        url = change(s3.generate_presigned_url(operation, Params={"Bucket": place.bucket, **params}, ExpiresIn=lifetime_s))
        place.run(
            client("curl"),
            "-sS",
            *(["--head"] if method == "HEAD" else ["--request", method]),
            *more,
            "--dump-header",
            place.out / "head",
            "--output",
            place.out / "body",
            url,
        )
        return Answer((place.out / "head").read_text(), (place.out / "body").read_bytes() if (place.out / "body").exists() else b"")

    key = "a b/ü+%.txt"
    assert fetch("put_object", "--upload-file", str(place.small), method="PUT", Key=key).status == 200
    assert fetch("get_object", lifetime_s=604800, Key=key).body == place.small.read_bytes()
    assert fetch("head_object", method="HEAD", Key=key).headers["content-length"] == str(place.small.stat().st_size)
    assert fetch("head_bucket", method="HEAD").status == 200
    upload_id = fetch("create_multipart_upload", method="POST", Key="multi").xml().findtext(f"{NAMESPACE}UploadId")
    part = fetch("upload_part", "--upload-file", str(place.big), method="PUT", Key="multi", UploadId=upload_id, PartNumber=1)
    body = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part></CompleteMultipartUpload>"
    content_type = ("--header", "Content-Type:") if version == "s3" else ()
    assert fetch("complete_multipart_upload", "--data", body, *content_type, method="POST", Key="multi", UploadId=upload_id).status == 200
    assert fetch("get_object", Key="multi").body == place.big.read_bytes()
    assert fetch("get_object", change=lambda url: url.replace("multi", "other"), Key="multi").status == 403
    assert fetch("get_object", method="DELETE", Key="multi").status == 403
    if version == "s3v4":
        assert fetch("get_object", lifetime_s=604801, Key="multi").status == 400
    for gone in (key, "multi"):
        assert fetch("delete_object", method="DELETE", Key=gone).status == 204
    s3.delete_bucket(Bucket=place.bucket)
