"""A server with website hosts, a visitor, and buckets that are websites."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import make_client
from tests.serving import Server
from tests.website.visitor import DOMAIN, NAMED, OTHER_DOMAIN, Visitor

INDEX = {"IndexDocument": {"Suffix": "index.html"}}


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"website_domain": [DOMAIN, f"{OTHER_DOMAIN}=acme"], "website_host": [NAMED, "*.cname.test"], "domain": ["s3.test"]}
    running = Server(tmp_path_factory.mktemp("web"), workers=1, **settings).start()
    yield running
    running.finish()


@pytest.fixture(scope="session")
def visitor(web: Server) -> Visitor:
    return Visitor(web)


@pytest.fixture(scope="session")
def s3(web: Server) -> Any:
    return make_client(web)


class Site:
    """A bucket with a website. `host` is its own."""

    def __init__(self, s3: Any, name: str, domain: str = DOMAIN) -> None:
        self.s3, self.name, self.host = s3, name, f"{name}.{domain}"
        s3.create_bucket(Bucket=name)

    def configure(self, **configuration: Any) -> None:
        self.s3.put_bucket_website(Bucket=self.name, WebsiteConfiguration=configuration or INDEX)

    def put(self, key: str, body: bytes | str = b"", **more: Any) -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=body.encode() if isinstance(body, str) else body, **more)

    def policy(self, *actions: str, **more: Any) -> None:
        """What everybody may do: s3:GetObject on all objects, s3:ListBucket on the bucket."""
        rows = [
            {"Effect": "Allow", "Principal": "*", "Action": action, **more,
             "Resource": f"arn:aws:s3:::{self.name}" + ("" if action == "s3:ListBucket" else "/*")}
            for action in actions
        ]  # fmt: skip
        self.s3.put_bucket_policy(Bucket=self.name, Policy=json.dumps({"Version": "2012-10-17", "Statement": rows}))


@pytest.fixture
def new_site(s3: Any) -> Callable[..., Site]:
    """new_site(*actions of everybody, name=..., **configuration) is a bucket with a website; without actions it is private."""

    def make(*actions: str, name: str = "", **configuration: Any) -> Site:
        made = Site(s3, name or f"site-{uuid.uuid4().hex[:12]}")
        made.configure(**configuration)
        if actions:
            made.policy(*actions)
        return made

    return make


@pytest.fixture
def site(new_site: Callable[..., Site]) -> Site:
    """A public one whose keys may not be listed, with an index document and an error document."""
    made = new_site("s3:GetObject", IndexDocument={"Suffix": "index.html"}, ErrorDocument={"Key": "error.html"})
    made.put("index.html", "<p>home</p>", ContentType="text/html")
    made.put("error.html", "<p>lost</p>", ContentType="text/html", CacheControl="no-store")
    return made
