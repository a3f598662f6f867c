"""The lines of both documents on groups, policies, keys and pre-authenticated requests, by the real `oci` command over http and https."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request

import pytest

from tests.administration import unique
from tests.oci.test_cli import TIME, Shell, shell  # noqa: F401 - a fixture

pytestmark = pytest.mark.client


def status(shell: Shell, method: str, uri: str, body: bytes | None = None) -> int:  # noqa: F811
    """Of a request to an access URI, by somebody without an account."""
    context = ssl.create_default_context(cafile=shell.ca) if shell.ca else None
    request = urllib.request.Request(shell.endpoint + uri, method=method, data=body)
    try:
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_m15_m23_m24_m25_groups_policies_and_secret_keys(shell: Shell) -> None:  # noqa: F811
    tenancy, name = shell.person.user.tenancy, unique("S3Access")
    group = shell.run("iam", "group", "create", "--name", name, "--description", "Group for S3 access")["data"]
    assert group["id"].startswith("ocid1.group.oc1..") and TIME.fullmatch(group["time-created"])
    user = shell.run("iam", "user", "create", "--name", unique("user"), "--description", "for S3")["data"]
    added = shell.run("iam", "group", "add-user", "--user-id", user["id"], "--group-id", group["id"])["data"]
    assert (added["user-id"], added["group-id"]) == (user["id"], group["id"])
    statements = json.dumps([f"Allow group {name} to manage object-family in tenancy"])
    policy = shell.run(
        "iam", "policy", "create", "--compartment-id", tenancy, "--name", name, "--description", "S3 access policy", "--statements", statements
    )["data"]
    assert policy["statements"] == json.loads(statements)
    key = shell.run("iam", "customer-secret-key", "create", "--user-id", user["id"], "--display-name", "S3-Access-Key")["data"]
    assert {"display-name", "id", "key", "lifecycle-state", "time-created", "user-id"} <= set(key) and key["lifecycle-state"] == "ACTIVE"
    listed = shell.run("iam", "customer-secret-key", "list", "--user-id", user["id"])["data"]
    assert [row["id"] for row in listed] == [key["id"]] and "key" not in listed[0], "M16"


def test_m105_m114_m115_m116_the_lines_on_pre_authenticated_requests(shell: Shell) -> None:  # noqa: F811
    bucket = unique("par-lines")
    shell.run("os", "bucket", "create", "--compartment-id", shell.person.user.tenancy, "--name", bucket)
    place = ("--namespace", "default", "--bucket-name", bucket)
    made = shell.run(
        "os", "preauth-request", "create", *place, "--name", "MyAllObjectsReadWritePAR", "--access-type", "AnyObjectReadWrite", "--time-expires",
        "2099-11-21T23:00:00+00:00", "--bucket-listing-action", "ListObjects",
    )["data"]  # fmt: skip
    assert made["access-uri"].startswith("/p/") and made["access-uri"].endswith(f"/n/default/b/{bucket}/o/")
    assert made["full-path"] == shell.endpoint + made["access-uri"]
    assert status(shell, "PUT", made["access-uri"] + "hello.txt", b"hello") == 200
    assert status(shell, "GET", made["access-uri"] + "hello.txt") == 200
    listed = shell.run("os", "preauth-request", "list", *place)["data"]
    assert [row["id"] for row in listed] == [made["id"]]
    got = shell.run("os", "preauth-request", "get", *place, "--par-id", made["id"])["data"]
    assert got["name"] == "MyAllObjectsReadWritePAR" and not got.get("access-uri")
    refused = shell.run("os", "bucket", "delete", "--bucket-name", bucket, "--force", code=1)
    assert refused["status"] == 409, "M65"
    shell.run("os", "preauth-request", "delete", *place, "--par-id", made["id"], "--force")
    assert status(shell, "GET", made["access-uri"] + "hello.txt") == 401
    shell.run("os", "object", "delete", "--bucket-name", bucket, "--object-name", "hello.txt", "--force")
    shell.run("os", "bucket", "delete", "--bucket-name", bucket, "--force")
