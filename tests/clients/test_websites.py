"""Websites as people make them: what the store tells them to paste, and the page about websites, typed as they stand (M144, M182, issue 5)."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.administration import Somebody
from tests.clients.place import PYTHON_CLIENTS, Place
from tests.clients.test_snippets import in_shell
from tests.conftest import make_client
from tests.serving import ROOT, Server

Find = Callable[[str], str]
HOME, LOST = "<h1>home</h1>\n", "<h1>lost</h1>\n"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Names below localhost are this machine for curl."""
    running = Server(tmp_path_factory.mktemp("websites"), workers=1, website_domain="web.localhost").start()
    yield running
    running.finish()


@pytest.fixture
def place(web: Server, tmp_path: Path) -> Place:
    made = Place(web, tmp_path)
    folder = tmp_path / "site" / "docs"
    folder.mkdir(parents=True)
    for path, text in (("index.html", HOME), ("error.html", LOST), ("docs/index.html", HOME)):
        (tmp_path / "site" / path).write_text(text)
    (tmp_path / "index.html").write_text(HOME)
    return made


def told(web: Server, place: Place, client: str) -> str:
    root = Somebody(web, web.access_key, web.secret_key)
    given = {"access-key": web.access_key, "bucket": place.bucket}
    status, shown = root.ask("GET", f"/endpoints/website/snippets/{client}", **given)
    assert status == 200, shown
    return str(shown["data"]["text"])


def look(web: Server, bucket: str, path: str = "/") -> tuple[int, str, str]:
    """Status, type and body of a page, as curl gets it."""
    url = f"http://{bucket}.web.localhost:{web.endpoint.rpartition(':')[2]}{path}"
    done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code} %{content_type}", url], capture_output=True, text=True, timeout=20, check=True)
    body, _, rest = done.stdout.rpartition("\n")
    return int(rest[:3]), rest[4:], body


def test_M144_aws(web: Server, place: Place, client: Find) -> None:
    client("curl")
    said = in_shell(place, client("aws"), told(web, place, "aws"))
    assert said.endswith(HOME)
    assert look(web, place.bucket) == (200, "text/html", HOME) and look(web, place.bucket, "/docs/") == (200, "text/html", HOME)
    assert look(web, place.bucket, "/absent") == (403, "text/html", LOST)


def test_M144_boto3(web: Server, place: Place, client: Find) -> None:
    client("curl")
    text = told(web, place, "boto3").replace("SECRET", place.secret_key)
    assert place.bucket in place.run_python(PYTHON_CLIENTS, "        exec(text, {})", text=text).stdout
    assert look(web, place.bucket) == (200, "text/html", "<h1>Hello</h1>")


def test_M144_curl(web: Server, place: Place, client: Find) -> None:
    said = in_shell(place, client("curl"), told(web, place, "curl").replace("SECRET", place.secret_key))
    assert said.endswith(HOME)


def test_M144_s3cmd_and_rclone(web: Server, place: Place, client: Find) -> None:
    """The bucket becomes a website by s3cmd, its pages come by rclone; s3cmd says where it is, and ends it."""
    client("curl")
    s3cmd, rclone = client("s3cmd"), client("rclone")
    settings, _, commands = told(web, place, "s3cmd").replace("secret_key =", f"secret_key = {place.secret_key}").partition("# then:\n")
    (place.home / ".s3cfg").write_text(settings)
    said = in_shell(place, s3cmd, commands)
    assert f"http://{place.bucket}.web.localhost:" in said and re.search(r"Index document: +index\.html\nError document: +error\.html\n", said)
    assert said.endswith(HOME)
    assert look(web, place.bucket) == (200, "text/html", HOME)
    (place.home / "site" / "new.html").write_text("new")
    text = told(web, place, "rclone").replace("secret_access_key =", f"secret_access_key = {place.secret_key}")
    settings, _, commands = text.partition("# rclone copies")
    (place.home / "rclone.conf").write_text(settings)
    lines = "\n".join(line for line in commands.splitlines() if line.startswith(("rclone ", "curl ")))
    assert in_shell(place, rclone, lines, RCLONE_CONFIG=str(place.home / "rclone.conf")).endswith(HOME)
    assert look(web, place.bucket, "/new.html")[2] == "new"
    place.run(s3cmd, "ws-create", "--ws-index=new.html", f"s3://{place.bucket}")
    assert look(web, place.bucket)[2] == "new"
    place.run(s3cmd, "ws-delete", f"s3://{place.bucket}")
    assert "No website configuration found" in place.run(s3cmd, "ws-info", f"s3://{place.bucket}").stdout
    assert look(web, place.bucket)[0] == 404


def test_M182_the_page_about_websites_works_as_it_is_written(web: Server, place: Place, client: Find) -> None:
    """The commands of aws, one after another, with the bucket and the port of this test; then its rules."""
    client("curl")
    aws = client("aws")
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs" / "websites.md").read_text(), re.MULTILINE | re.DOTALL)
    first, *_, rules = blocks
    port = web.endpoint.rpartition(":")[2]
    for block in (first, rules):
        text = block.replace("photos", place.bucket).replace(":9000", f":{port}")
        text = text.replace("AWS_ACCESS_KEY_ID='...' AWS_SECRET_ACCESS_KEY='...'", "")
        given = {"AWS_ENDPOINT_URL_S3": web.endpoint, "AWS_DEFAULT_REGION": web.region}
        words = "".join(f"export {name}='{value}'\n" for name, value in (*given.items(), ("AWS_ACCESS_KEY_ID", web.access_key),
                        ("AWS_SECRET_ACCESS_KEY", web.secret_key)))  # fmt: skip
        said = in_shell(place, aws, words + text)
        assert block is not first or said.endswith(HOME)
    host = f"http://{place.bucket}.web.localhost:{port}"
    for path, location in (("/docs/a", f"{host}/documents/a"), ("/absent", f"{host}/#!/absent")):
        done = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{redirect_url}", host + path], capture_output=True, text=True, timeout=20)
        assert done.stdout == location
    make_client(web).delete_bucket_website(Bucket=place.bucket)
