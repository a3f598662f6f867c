"""The real `oci` command, over http and https: every line of the documents about object storage, and what people do with it besides."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.oci.people import Person, oci, person, require_client
from tests.oci.requests_made import Store
from tests.serving import Server

pytestmark = pytest.mark.client
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")


class Shell(NamedTuple):
    """The command, as one person uses it."""

    person: Person
    config: Path
    endpoint: str
    ca: str | None
    tag: str

    def run(self, *arguments: str, code: int = 0, stdin: bytes = b"") -> Any:
        """What it prints, read; for another exit `code` the error that it shows."""
        done = oci(self.config, self.endpoint, *arguments, ca=self.ca, stdin=stdin)
        assert done.returncode == code, done.stdout.decode() + done.stderr.decode()
        if code == 1 and b"ServiceError" in done.stderr:
            return json.loads(done.stderr.partition(b"ServiceError:")[2])
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout.decode()


@pytest.fixture(scope="module", params=["http", "https"])
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    require_client()
    server: Server = request.getfixturevalue("server" if request.param == "http" else "server_tls")
    who = person(Store(server), "cli-ann")
    return Shell(who, who.profile(tmp_path_factory.mktemp("cli")), server.endpoint, server.ca, request.param)


def test_m3_m12_m13_the_lines_of_the_document_on_s3(shell: Shell) -> None:
    assert shell.run("os", "ns", "get", "--query", "data", "--raw-output") == "default\n"
    assert shell.run("os", "ns", "get") == {"data": "default"}
    made = shell.run("os", "bucket", "create", "--compartment-id", shell.person.user.tenancy, "--name", "my-s3-bucket")
    data = made["data"]
    assert made["etag"] == data["etag"] and TIME.fullmatch(data["time-created"])
    assert {name: data[name] for name in ("name", "namespace", "compartment-id", "created-by", "versioning", "public-access-type")} == {
        "name": "my-s3-bucket", "namespace": "default", "compartment-id": shell.person.user.tenancy, "created-by": shell.person.user.id,
        "versioning": "Disabled", "public-access-type": "NoPublicAccess",
    }  # fmt: skip
    assert set(data) == {
        "approximate-count", "approximate-size", "auto-tiering", "bucket-scope", "compartment-id", "created-by", "defined-tags", "etag",
        "freeform-tags", "id", "is-bucket-key-enabled", "is-read-only", "kms-key-id", "metadata", "name", "namespace", "object-events-enabled",
        "object-lifecycle-policy-etag", "public-access-type", "replication-enabled", "storage-tier", "time-created", "versioning",
    }  # fmt: skip
    assert re.fullmatch(r"ocid1\.bucket\.oc1\.[a-z0-9-]+\.[a-z2-7]{60}", data["id"])
    again = shell.run("os", "bucket", "create", "--compartment-id", shell.person.user.tenancy, "--name", "my-s3-bucket", code=1)
    assert (again["status"], again["code"]) == (409, "BucketAlreadyExists")
    shell.run("os", "bucket", "create", "--name", "x", code=1)
    shell.run("os", "bucket", "delete", "--bucket-name", "my-s3-bucket", "--force")


def test_m239_objects_put_got_listed_renamed_copied_and_deleted(shell: Shell, tmp_path: Path) -> None:
    tenancy, name = shell.person.user.tenancy, f"cli-objects-{shell.tag}"
    shell.run("os", "bucket", "create", "--compartment-id", tenancy, "--name", name)
    small, back = tmp_path / "small", tmp_path / "back"
    small.write_bytes(b"small")
    put = shell.run("os", "object", "put", "-bn", name, "--file", str(small), "--name", "a b+ü.txt", "--metadata", '{"colour":"blue"}')
    assert set(put) >= {"etag", "last-modified", "opc-content-md5"}
    head = shell.run("os", "object", "head", "-bn", name, "--name", "a b+ü.txt")
    assert (head["opc-meta-colour"], head["content-length"], head["etag"]) == ("blue", "5", put["etag"])
    shell.run("os", "object", "put", "-bn", name, "--file", str(small), "--name", "a b+ü.txt", "--no-overwrite")
    shell.run("os", "object", "get", "-bn", name, "--name", "a b+ü.txt", "--file", str(back))
    assert back.read_bytes() == b"small"
    shell.run("os", "object", "rename", "-bn", name, "--name", "a b+ü.txt", "--new-name", "d/new")
    copied = shell.run(
        "os", "object", "copy", "-bn", name, "--source-object-name", "d/new", "--destination-bucket", name, "--destination-object-name", "d/two"
    )
    request = shell.run("os", "work-request", "get", "--work-request-id", copied["opc-work-request-id"])["data"]
    assert (request["operation-type"], request["status"]) == ("COPY_OBJECT", "COMPLETED")
    listed = shell.run("os", "object", "list", "-bn", name, "--all", "--page-size", "1")
    assert [row["name"] for row in listed["data"]] == ["d/new", "d/two"]
    assert set(listed["data"][0]) == {"archival-state", "etag", "md5", "name", "size", "storage-tier", "time-created", "time-modified"}
    assert shell.run("os", "object", "list", "-bn", name, "--delimiter", "/")["prefixes"] == ["d/"]
    refused = shell.run("os", "bucket", "delete", "--bucket-name", name, "--force", code=1)
    assert (refused["status"], refused["code"]) == (409, "BucketNotEmpty")
    shell.run("os", "bucket", "delete", "--bucket-name", name, "--empty", "--force")
    gone = shell.run("os", "object", "list", "-bn", name, code=1)
    assert (gone["status"], gone["code"]) == (404, "BucketNotFound")


def test_m239_parts_streams_folders_and_a_resumed_upload(shell: Shell, tmp_path: Path) -> None:
    if shell.tag == "https":
        pytest.skip("large bodies go over http here; the wire is the same")
    tenancy, name = shell.person.user.tenancy, "cli-large"
    shell.run("os", "bucket", "create", "--compartment-id", tenancy, "--name", name)
    size = int(os.environ.get("HOLDFAST_TEST_LARGE_MIB", "40")) << 20
    large, back = tmp_path / "large", tmp_path / "back"
    large.write_bytes(os.urandom(1 << 20) * (size >> 20))
    put = shell.run("os", "object", "put", "-bn", name, "--file", str(large), "--part-size", "16", "--force", "--verify-checksum")
    assert re.search(r"-\d+$", put["opc-multipart-md5"])
    shell.run("os", "object", "get", "-bn", name, "--name", "large", "--file", str(back))
    assert back.stat().st_size == size and back.read_bytes() == large.read_bytes()
    shell.run("os", "object", "put", "-bn", name, "--file", "-", "--name", "streamed", stdin=b"from stdin" * 1000)
    folder, target = tmp_path / "folder", tmp_path / "target"
    for path in ("a", "d/b", "d/e/c"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    (folder / "empty").write_bytes(b"")
    shell.run("os", "object", "bulk-upload", "-bn", name, "--src-dir", str(folder), "--object-prefix", "up/")
    shell.run("os", "object", "bulk-download", "-bn", name, "--download-dir", str(target), "--prefix", "up/")
    assert {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()} == {"up/a", "up/d/b", "up/d/e/c", "up/empty"}
    (folder / "a").write_text("changed")
    (folder / "d/b").unlink()
    shell.run("os", "object", "sync", "-bn", name, "--src-dir", str(folder), "--prefix", "up/", "--delete")
    names = [row["name"] for row in shell.run("os", "object", "list", "-bn", name, "--prefix", "up/")["data"]]
    assert names == ["up/a", "up/d/e/c", "up/empty"]
    upload = shell.person.ask("POST", f"/n/default/b/{name}/u", document={"object": "resumed"}).json["uploadId"]
    half = large.read_bytes()[: 16 << 20]
    first = shell.person.ask("PUT", f"/n/default/b/{name}/u/resumed?uploadId={upload}&uploadPartNum=1", data=half)
    assert first.status == 200
    assert [row["upload-id"] for row in shell.run("os", "multipart", "list", "-bn", name)["data"]] == [upload]
    shell.run("os", "object", "resume-put", "-bn", name, "--file", str(large), "--name", "resumed", "--upload-id", upload, "--part-size", "16")
    assert shell.run("os", "object", "head", "-bn", name, "--name", "resumed")["content-length"] == str(size)
    shell.run("os", "object", "bulk-delete", "-bn", name, "--force")
    shell.run("os", "bucket", "delete", "--bucket-name", name, "--force")
