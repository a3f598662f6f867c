"""Which door a host leads to: websites at theirs, S3 unchanged at all others; over TLS by name, and over HTTP/2 (M122, M182, issue 5)."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import urlopen

import boto3
import pytest
from botocore.config import Config

from tests import certificates
from tests.administration import Somebody
from tests.conftest import make_client
from tests.http.h2_client import Client
from tests.serving import Server
from tests.website.conftest import Site
from tests.website.visitor import DOMAIN, NAMED, OTHER_DOMAIN, Visitor

READ = "s3:GetObject"
NewSite = Callable[..., Site]


def test_M122_a_buckets_whole_name_is_its_host_where_the_settings_say_so(new_site: NewSite, visitor: Visitor) -> None:
    for name in (NAMED, "a.b.cname.test"):
        site = new_site(READ, name=name)
        site.put("index.html", name)
        for host in (name, f"{name}:80", f"{name}.{DOMAIN}", name.upper()):
            answer = visitor.ask(host, "/")
            assert (answer.status, answer.text) == (200, name), host
    missing = visitor.ask("never.cname.test", "/")
    assert missing.status == 404 and "<li>Code: NoSuchBucket</li>" in missing.text
    assert "<Error>" in visitor.ask("www.unnamed.test", "/").text  # S3's own words: path style


def test_M122_the_other_addresses_of_a_bucket_are_as_before(web: Server, site: Site, visitor: Visitor) -> None:
    """Path style by any name and address, and the virtual host, are S3: they list, and refuse in XML. Rights are the same."""
    for host, path in (("127.0.0.1", f"/{site.name}/index.html"), ("some.name", f"/{site.name}/index.html"), (f"{site.name}.s3.test", "/index.html")):
        answer = visitor.ask(host, path)
        assert (answer.status, answer.body) == (200, b"<p>home</p>") and "x-amz-id-2" in answer.headers
        refused = visitor.ask(host, path.removesuffix("index.html"))
        assert refused.status == 403 and "<Code>AccessDenied</Code>" in refused.text
    s3 = boto3.client("s3", endpoint_url=f"http://s3.test:{visitor.port}", region_name=web.region, aws_access_key_id=web.access_key,
                      aws_secret_access_key=web.secret_key, config=Config(s3={"addressing_style": "virtual"}))  # fmt: skip
    at = s3.generate_presigned_url("get_object", Params={"Bucket": site.name, "Key": "index.html"})
    for _ in range(3):  # the later ones are like one before
        answer = visitor.ask(f"{site.name}.s3.test:{visitor.port}", "/index.html?" + at.partition("?")[2])
        assert (answer.status, answer.body) == (200, b"<p>home</p>")
        answer = visitor.ask(f"{site.host}:{visitor.port}", "/error.html?" + at.partition("?")[2])
        assert (answer.status, answer.body) == (200, b"<p>lost</p>") and "x-amz-id-2" not in answer.headers


def test_M122_websites_of_another_tenancy_have_a_domain_of_their_own(web: Server, site: Site, visitor: Visitor) -> None:
    root = Somebody(web, web.access_key, web.secret_key)
    made = root.admin("tenancy", "create", "--name", "acme", "--namespace", "acme", "--administrator", "boss")["administrator"]
    s3 = boto3.client("s3", endpoint_url=web.endpoint, region_name=web.region, aws_access_key_id=made["id"],
                      aws_secret_access_key=made["key"], config=Config(s3={"addressing_style": "path"}))  # fmt: skip
    theirs = Site(s3, site.name, OTHER_DOMAIN)  # of the same name
    theirs.configure()
    theirs.policy(READ)
    theirs.put("index.html", "theirs")
    assert visitor.ask(theirs.host, "/").text == "theirs" and visitor.ask(site.host, "/").text == "<p>home</p>"
    status, document = Somebody(web, made["id"], made["key"], made["user-id"], "boss").ask("GET", "/endpoints")
    assert status == 200 and [row["virtual-hosts"] for row in document["data"] if row["kind"] == "website"] == [[OTHER_DOMAIN]]


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Any]]:
    """Over TLS: a certificate for S3, and in the directory another one for websites."""
    home = tmp_path_factory.mktemp("secure-web")
    made = certificates.make(home / "tls", "store", ("localhost", "s3.test"))
    folder = home / "more"
    sites = certificates.make(folder, "sites", (DOMAIN, f"*.{DOMAIN}", NAMED), "")
    for old, new in ((sites.cert, "sites.pem"), (sites.key, "sites.key")):
        old.rename(folder / new)
    authorities = home / "both.pem"
    authorities.write_bytes(made.ca.read_bytes() + sites.ca.read_bytes())
    sites.ca.unlink()
    running = Server(
        home, workers=1, ca=str(authorities), tls_cert=made.cert, tls_key=made.key, tls_dir=folder, website_domain=DOMAIN, website_host=NAMED,
        endpoint=["global=https://s3.test:9000"],
    )  # fmt: skip
    yield running.start(), authorities
    running.finish()


@pytest.fixture(scope="module")
def secure_site(secure: tuple[Server, Any]) -> Site:
    made = Site(make_client(secure[0]), "secure-site")
    moved = {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}}
    made.configure(RoutingRules=[moved], IndexDocument={"Suffix": "i"})
    made.policy(READ)
    made.put("i", "<p>home</p>", ContentType="text/html")
    made.put("big", b"0123456789" * 200_000)
    made.put("sealed", "sealed", SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32)
    return made


def test_M122_M123_over_tls_each_website_has_its_certificate_by_name(secure: tuple[Server, Any], secure_site: Site) -> None:
    """curl, which checks the name; and openssl, for names that no certificate may be good for."""
    server, authorities = secure
    port = server.endpoint.rpartition(":")[2]
    host = secure_site.host
    for words in ([], ["--http2"], ["--http1.1"], ["--tlsv1.3"]):
        ran = subprocess.run(
            ["curl", "-sS", "-o", "-", "-w", " %{http_code} %{http_version}", "--cacert", str(authorities), *words,
             "--connect-to", f"::127.0.0.1:{port}", f"https://{host}:{port}/"], capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert ran.stdout.startswith("<p>home</p> 200 "), (words, ran)
    for name, good in ((host, True), (DOMAIN, True), (NAMED, True), (f"a.b.{DOMAIN}", False), ("s3.test", False)):
        said = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", host, "-CAfile", str(authorities), "-verify_return_error",
             "-brief", "-verify_hostname", name], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert (said.returncode == 0) is good, f"{name}: {said.stderr}"


def test_M182_over_tls_redirects_stay_on_tls_and_clients_keys_are_no_visitors(secure: tuple[Server, Any], secure_site: Site) -> None:
    visitor = Visitor(secure[0])
    assert visitor.ask(secure_site.host, "/old/a").location == f"https://{secure_site.host}/new/a"
    for method in ("GET", "HEAD"):
        answer = visitor.ask(secure_site.host, "/sealed", method, {"x-amz-server-side-encryption-customer-algorithm": "AES256"})
        assert answer.status == 400 and b"sealed" not in answer.body and answer.headers["x-amz-error-code"] == "InvalidRequest"
    assert urlopen(f"{secure[0].endpoint}/secure-site/i", context=ssl.create_default_context(cafile=str(secure[1]))).read() == b"<p>home</p>"


def test_M182_over_http2(secure: tuple[Server, Any], secure_site: Site) -> None:
    server, authorities = secure

    async def run() -> None:
        async with Client(int(server.endpoint.rpartition(":")[2]), authorities) as client:
            asked = [client.request(method, path, *more, authority=secure_site.host) for method, path, *more in (
                ("GET", "/"), ("GET", "/big"), ("HEAD", "/big"), ("GET", "/big", ("range", "bytes=0-9")), ("GET", "/absent"), ("GET", "/old/x"),
                ("DELETE", "/i"), ("HEAD", "/absent"),
            )]  # fmt: skip
            seen = [await client.answer(stream) for stream in asked]
            assert [each.status for each in seen] == [200, 200, 200, 206, 403, 301, 405, 403]
            assert bytes(seen[0].body) == b"<p>home</p>" and len(seen[1].body) == 2_000_000 and bytes(seen[3].body) == b"0123456789"
            assert not seen[2].body and seen[2].headers["content-length"] == "2000000" and not seen[7].body
            assert seen[5].headers["location"] == f"https://{secure_site.host}/new/x"

    asyncio.run(run())


def test_the_name_of_an_endpoint_is_no_website(secure: tuple[Server, Any]) -> None:
    assert "<Error>" in Visitor(secure[0]).ask("s3.test:9000", "/absent/x").text
