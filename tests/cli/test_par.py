"""`holdfast par` against a running server: the forms of `oci os preauth-request`, what they print, and what is refused."""

from __future__ import annotations

import http.client
import json
import re
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.administration import Somebody, new_user, unique

LATER = "2099-09-01T00:09:51.000+02:00"
MEMBERS = ["id", "name", "access-type", "object-name", "bucket-listing-action", "time-created", "time-expires"]


@pytest.fixture
def bucket(root: Somebody) -> str:
    name = unique("par")
    root.s3().create_bucket(Bucket=name)
    return name


def create(who: Somebody, bucket: str, access: str = "AnyObjectRead", *more: str) -> Any:
    return who.run("par", "create", "--bucket-name", bucket, "--name", "n", "--access-type", access, "--time-expires", LATER, *more)


def fetched(who: Somebody, uri: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(who.server.endpoint).netloc, timeout=20)
    connection.request("GET", uri)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_created_listed_shown_and_deleted_M66_M67_M105_M110_M114_M115(root: Somebody, bucket: str) -> None:
    root.s3().put_object(Bucket=bucket, Key="a/b c", Body=b"hello")
    made = create(root, bucket, "ObjectRead", "--object-name", "a/b c")
    assert "only time that the URL is shown" in made.err
    par = made.data
    assert list(par) == [*MEMBERS, "access-uri"]
    assert (par["name"], par["access-type"], par["object-name"], par["bucket-listing-action"]) == ("n", "ObjectRead", "a/b c", None)
    assert par["time-expires"] == "2099-08-31T22:09:51.000+00:00" and par["id"].endswith(":a/b c")
    assert re.fullmatch(rf"/p/[A-Za-z0-9_-]{{64}}/n/default/b/{bucket}/o/a%2Fb%20c", par["access-uri"])
    assert fetched(root, par["access-uri"]) == (200, b"hello")
    other = create(root, bucket, "AnyObjectReadWrite", "--object-name", "pre", "--bucket-listing-action", "ListObjects").data
    assert (other["bucket-listing-action"], other["access-uri"][-3:]) == ("ListObjects", "/o/")
    listed = root.run("par", "list", "--bucket-name", bucket).data
    assert listed == [{name: each[name] for name in MEMBERS} for each in (par, other)]
    assert [each["id"] for each in root.run("par", "list", "--bucket-name", bucket, "--object-name-prefix", "p").data] == [other["id"]]
    assert root.run("par", "get", "--bucket-name", bucket, "--par-id", par["id"]).data == listed[0]
    picked = root.run("par", "list", "--bucket-name", bucket, "--query", "data[?\"object-name\"=='pre'].id | [0]", "--raw-output")
    assert picked.out == other["id"] + "\n"
    gone = root.run("par", "get", "--bucket-name", bucket, "--par-id", "none")
    assert gone.code == 1 and '"status": 404' in gone.err
    assert root.run("par", "delete", "--bucket-name", bucket, "--par-id", par["id"], "--force").code == 0
    assert fetched(root, par["access-uri"])[0] == 401


def test_deleting_asks_first_M116(root: Somebody, bucket: str) -> None:
    id = create(root, bucket).data["id"]
    asked = root.run("par", "delete", "--bucket-name", bucket, "--par-id", id, stdin="n\n")
    assert asked.code == 1 and "Are you sure you want to delete this resource? [y/N]:" in asked.err
    assert len(root.run("par", "list", "--bucket-name", bucket).data) == 1
    assert root.run("par", "delete", "--bucket-name", bucket, "--par-id", id, stdin="y\n").code == 0
    assert root.run("par", "list", "--bucket-name", bucket).data == []


def test_what_cannot_be_made_is_told_M60_M94_M106_M107_M108(root: Somebody, bucket: str) -> None:
    assert create(root, bucket, "ObjectDelete").code == 2
    assert root.run("par", "create", "--bucket-name", bucket, "--name", "n", "--access-type", "ObjectRead").code == 2
    for wrong in (
        create(root, bucket, "ObjectRead"),
        create(root, bucket, "AnyObjectWrite", "--bucket-listing-action", "ListObjects"),
        create(root, bucket, "ObjectRead", "--object-name", "k", "--bucket-listing-action", "ListObjects"),
        create(root, bucket, "AnyObjectRead", "--name", "a b"),
        create(root, bucket, "AnyObjectRead", "--time-expires", "tomorrow"),
        create(root, bucket, "AnyObjectRead", "--time-expires", "2001-01-01T00:00:00Z"),
    ):
        assert wrong.code == 1 and '"status": 400' in wrong.err and "InvalidParameter" in wrong.err
    assert '"status": 404' in create(root, unique("none")).err
    assert root.run("par", "list", "--bucket-name", bucket).data == []


def test_rights_M47_M48(root: Somebody, bucket: str) -> None:
    id = create(root, bucket).data["id"]
    nobody = new_user(root)
    for ran in (
        create(nobody, bucket),
        nobody.run("par", "list", "--bucket-name", bucket),
        nobody.run("par", "get", "--bucket-name", bucket, "--par-id", id),
        nobody.run("par", "delete", "--bucket-name", bucket, "--par-id", id, "--force"),
    ):
        assert ran.code == 1 and '"status": 403' in ran.err
    manager = new_user(root, "Allow group G to manage buckets in tenancy", "Allow group G to read objects in tenancy")
    assert create(manager, bucket).code == 0
    refused = create(manager, bucket, "AnyObjectWrite")
    assert refused.code == 1 and "OBJECT_CREATE, OBJECT_OVERWRITE" in refused.err
    assert len(manager.run("par", "list", "--bucket-name", bucket).data) == 2
    assert manager.run("par", "delete", "--bucket-name", bucket, "--par-id", id, "--force").code == 0


def test_there_is_no_change_M62(root: Somebody, bucket: str) -> None:
    id = create(root, bucket).data["id"]
    for method in ("PUT", "POST"):
        status, answer = root.ask(method, f"/buckets/{bucket}/pars/{quote(id, safe='')}", {"name": "other"})
        assert (status, answer["code"]) == (405, "MethodNotAllowed")


def test_lists_are_fetched_whole_M58(root: Somebody, bucket: str) -> None:
    body = {"name": "n", "access-type": "AnyObjectRead", "time-expires": LATER}
    for _ in range(30):
        assert root.ask("POST", f"/buckets/{bucket}/pars", body)[0] == 200
    status, first = root.ask("GET", f"/buckets/{bucket}/pars", limit="20")
    assert status == 200 and len(first["data"]) == 20 and "next-page" in first
    assert len(json.loads(root.run("par", "list", "--bucket-name", bucket).out)["data"]) == 30
