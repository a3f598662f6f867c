"""Website domains among the published endpoints, with what makes a bucket a website (M124, M144, issue 5)."""

from __future__ import annotations

import pytest

from holdfast.admin.snippets import Place
from holdfast.admin.website_snippets import CLIENTS, website_snippet
from tests.administration import Somebody
from tests.serving import Server
from tests.website.visitor import DOMAIN


def test_M124_the_domain_of_ones_own_namespace_is_published(web: Server) -> None:
    root = Somebody(web, web.access_key, web.secret_key)
    status, document = root.ask("GET", "/endpoints")
    assert status == 200
    first, *_ = document["data"]
    port = first["url"].rpartition(":")[2]
    found = [(row["name"], row["url"], row["styles"], row["virtual-hosts"]) for row in document["data"] if row["kind"] == "website"]
    assert found == [("website", f"http://{DOMAIN}:{port}", ["virtual"], [DOMAIN])]
    for client in CLIENTS:
        status, shown = root.ask("GET", f"/endpoints/website/snippets/{client}", bucket="photos")
        text = shown["data"]["text"]
        assert status == 200 and f"http://photos.{DOMAIN}:{port}/" in text and first["url"].removeprefix("http://") in text
    assert root.ask("GET", "/endpoints/website/snippets/restic")[0] == 404


@pytest.mark.parametrize("name", sorted(CLIENTS))
def test_M144_nothing_breaks_out_of_a_snippet(name: str) -> None:
    text = website_snippet(name, Place("https://s3.test:9000", "us-east-1", 'a"\n`rm -rf`$(x)\'\\', 'b"\n`rm`$(x)'), "https://web.test")
    assert "web.test" in text and "amazonaws" not in text
    assert "`" not in text and "$(" not in text and "\nrm" not in text
