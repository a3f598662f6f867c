"""Pre-authenticated requests made, listed, shown and deleted: by signed requests of the native API, and by the real `oci` command."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.oci.people import CLI, Answer, Person, environment, oci, person, require_client
from tests.oci.requests_made import LATER, Store
from tests.oci.test_par_use import ask, refused

MEMBERS = {"id", "name", "objectName", "bucketListingAction", "accessType", "timeExpires", "timeCreated"}
MILLIS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def ann(store: Store) -> Person:
    return person(store, "par-ann", "all")


def pars(bucket: str, id: str = "") -> str:
    return f"/n/default/b/{bucket}/p" + ("/" + quote(id, safe="") if id else "")


def make(who: Person, bucket: str, **members: Any) -> Answer:
    document = {"name": "n", "accessType": "AnyObjectRead", "timeExpires": LATER, **members}
    return who.ask("POST", pars(bucket), document={name: value for name, value in document.items() if value is not ...})


# ---- the native API ----


def test_made_listed_shown_and_deleted_M55_M66_M67_M110_M111_M112_M114_M115(store: Store, s3: Any, bucket: str, ann: Person) -> None:
    s3.put_object(Bucket=bucket, Key="a b/é", Body=b"hello")
    told = {}
    for access, target in (("ObjectReadWrite", "a b/é"), ("AnyObjectRead", None), ("AnyObjectWrite", "a b"), ("ObjectRead", "gone")):
        answer = make(ann, bucket, name=f"par-{access}", accessType=access, objectName=target, timeExpires="2099-09-01T00:09:51.123+02:00")
        assert answer.status == 200
        made = answer.json
        assert set(made) == MEMBERS | {"accessUri", "fullPath"}
        assert (made["name"], made["accessType"], made["objectName"]) == (f"par-{access}", access, target)
        assert made["bucketListingAction"] == (None if access.startswith("Object") else "Deny")
        assert made["timeExpires"] == "2099-08-31T22:09:51.123Z" and MILLIS.fullmatch(made["timeCreated"])
        name = quote(target, safe="") if access.startswith("Object") and target else ""
        assert re.fullmatch(rf"/p/[A-Za-z0-9_-]{{64}}/n/default/b/{bucket}/o/{re.escape(name)}", made["accessUri"])
        assert made["fullPath"] == store.server.endpoint + made["accessUri"]
        assert re.fullmatch(r"[A-Za-z0-9+/]{64}" + (":" + target if access.startswith("Object") and target else ""), made["id"])
        told[made["id"]] = made
    listed = ann.ask("GET", pars(bucket)).json
    assert {each["id"]: each for each in listed} == {
        id: {name: value for name, value in made.items() if name in MEMBERS} for id, made in told.items()
    }  # fmt: skip
    for id, made in told.items():
        shown = ann.ask("GET", pars(bucket, id))
        assert shown.status == 200 and shown.json == {name: value for name, value in made.items() if name in MEMBERS}
        raw = ann.ask("GET", pars(bucket) + "/" + quote(id, safe="/+:"))
        assert raw.json == shown.json  # ids may be sent with their slashes
    reading, writing = (next(made for made in told.values() if made["accessType"] == access) for access in ("ObjectReadWrite", "AnyObjectWrite"))
    assert ask("GET", reading["fullPath"]) [2] == b"hello"
    assert ask("PUT", writing["fullPath"] + "a%20bc", b"x")[0] == 200
    assert ann.ask("DELETE", pars(bucket, reading["id"])).status == 204
    assert refused(ask("GET", reading["fullPath"]))
    for method in ("GET", "DELETE"):
        again = ann.ask(method, pars(bucket, reading["id"]))
        assert (again.status, again.json["code"]) == (404, "NotFound")
    assert len(ann.ask("GET", pars(bucket)).json) == 3


def test_names_repeat_and_pages_cover_all_M58_M113(store: Store, bucket: str, ann: Person) -> None:
    for target in (None, None, "b/1", "b/2", "a"):
        assert make(ann, bucket, name="same", objectName=target).status == 200
    ids: list[str] = []
    query = "?limit=2"
    while True:
        answer = ann.ask("GET", pars(bucket) + query)
        ids += [each["id"] for each in answer.json]
        if "opc-next-page" not in answer.headers:
            break
        query = "?limit=2&page=" + quote(answer.headers["opc-next-page"], safe="")
    assert len(set(ids)) == len(ids) == 5
    assert [each["objectName"] for each in ann.ask("GET", pars(bucket) + "?objectNamePrefix=b%2F").json] == ["b/1", "b/2"]
    for wrong in ("?limit=0", "?limit=x", "?page=x", "?colour=red"):
        assert ann.ask("GET", pars(bucket) + wrong).status == 400


@pytest.mark.parametrize(
    "members",
    [
        {"timeExpires": ...},
        {"timeExpires": None},
        {"timeExpires": "2001-01-01T00:00:00Z"},
        {"timeExpires": "tomorrow"},
        {"name": ...},
        {"name": "a b"},
        {"accessType": "ObjectDelete"},
        {"accessType": "ObjectRead"},
        {"accessType": "AnyObjectWrite", "bucketListingAction": "ListObjects"},
        {"accessType": "ObjectRead", "objectName": "k", "bucketListingAction": "ListObjects"},
        {"bucketListingAction": "Everything"},
        {"objectName": "x" * 1025},
        {"expires": "never"},
        {"name": 1},
    ],
)
def test_what_cannot_be_made_M60_M94_M106_M107_M108(bucket: str, ann: Person, members: dict[str, Any]) -> None:
    answer = make(ann, bucket, **members)
    assert answer.status == 400 and answer.json["code"] in ("InvalidParameter", "CannotParseRequest", "MissingParameter")
    assert ann.ask("GET", pars(bucket)).json == []


def test_the_document_has_a_limit_and_there_is_no_change_M62(bucket: str, ann: Person) -> None:
    assert make(ann, bucket, name="x" * 3600).status == 413
    id = make(ann, bucket).json["id"]
    for method in ("PUT", "PATCH", "POST"):
        answer = ann.ask(method, pars(bucket, id), document={"name": "other"})
        assert (answer.status, answer.json["code"]) == (405, "MethodNotAllowed")
    assert ann.ask("GET", pars(bucket, id)).json["name"] == "n"
    assert make(ann, bucket, timeExpires="9999-12-31T23:59:59Z").json["timeExpires"] == "9999-12-31T23:59:59.000Z"


def test_to_manage_them_is_a_right_M47(store: Store, bucket: str, ann: Person) -> None:
    group = f"par-{bucket[-8:]}"
    bob = person(store, f"par-bob-{bucket[-8:]}", "none", key=1)
    id = make(ann, bucket).json["id"]

    def statuses() -> list[int]:
        return [
            make(bob, bucket).status,
            bob.ask("GET", pars(bucket)).status,
            bob.ask("GET", pars(bucket, id)).status,
            bob.ask("DELETE", pars(bucket, "none")).status,
        ]

    assert statuses() == [404] * 4
    answer = make(bob, bucket)
    assert answer.json["code"] == "BucketNotFound" and answer.json == json.loads(make(bob, bucket).body)
    joined = store.group(group, f"Allow group {group} to manage objects in tenancy")
    store.join(joined, bob.user.id)
    assert statuses() == [404] * 4
    store.policy(group, f"Allow group {group} to read buckets in tenancy")
    assert statuses() == [404, 200, 200, 404]
    store.policy(group, f"Allow group {group} to manage object-family in tenancy")
    assert statuses() == [200, 200, 200, 404]


RIGHTS = ("OBJECT_READ", "OBJECT_CREATE", "OBJECT_OVERWRITE", "OBJECT_INSPECT")


def test_who_makes_one_needs_what_it_gives_M48(store: Store, bucket: str) -> None:
    """Every subset of the rights, against every access type with and without lists."""
    group = f"sub-{bucket[-8:]}"
    bob = person(store, f"sub-{bucket[-8:]}", "none", key=1)
    store.join(store.group(group, f"Allow group {group} to {{PAR_MANAGE}} in tenancy"), bob.user.id)
    for subset in range(16):
        held = {right for at, right in enumerate(RIGHTS) if subset & 1 << at}
        store.policy(group, f"Allow group {group} to {{{', '.join(['PAR_MANAGE', *sorted(held)])}}} in tenancy")
        for access, needs in (
            ("AnyObjectRead", {"OBJECT_READ"}),
            ("AnyObjectWrite", {"OBJECT_CREATE", "OBJECT_OVERWRITE"}),
            ("AnyObjectReadWrite", {"OBJECT_READ", "OBJECT_CREATE", "OBJECT_OVERWRITE"}),
        ):
            for listing in ("Deny", "ListObjects") if access != "AnyObjectWrite" else ("Deny",):
                wanted = needs | ({"OBJECT_INSPECT"} if listing == "ListObjects" else set())
                assert make(bob, bucket, accessType=access, bucketListingAction=listing).status == (200 if wanted <= held else 404)


def test_a_bucket_with_requests_is_not_deleted_natively_M65(store: Store, s3: Any, ann: Person) -> None:
    name = f"held-{os.urandom(6).hex()}"
    s3.create_bucket(Bucket=name)
    id = make(ann, name, accessType="ObjectRead", objectName="never there").json["id"]
    answer = ann.ask("DELETE", f"/n/default/b/{name}")
    assert (answer.status, answer.json["code"]) == (409, "BucketNotEmpty") and "pre-authenticated request" in answer.json["message"]
    assert ann.ask("DELETE", pars(name, id)).status == 204
    assert ann.ask("DELETE", f"/n/default/b/{name}").status == 204


# ---- the real command ----


@pytest.fixture
def command(ann: Person, store: Store, tmp_path: Path) -> Iterator[Any]:
    require_client()
    config = ann.profile(tmp_path / "oci")

    def run(*arguments: str, ok: bool = True) -> subprocess.CompletedProcess[bytes]:
        done = oci(config, store.server.endpoint, "os", "preauth-request", *arguments)
        assert (done.returncode == 0) is ok, (done.stdout, done.stderr)
        return done

    yield run


def test_the_commands_of_the_document_M105_M109_M110_M114_M115(store: Store, s3: Any, bucket: str, command: Any) -> None:
    s3.put_object(Bucket=bucket, Key="OCI_User_Guide.pdf", Body=b"guide")
    place = ("--namespace", "default", "--bucket-name", bucket)
    everything = json.loads(
        command(
            "create", *place, "--name", "MyAllObjectsReadWritePAR", "--access-type", "AnyObjectReadWrite",
            "--time-expires", "2099-11-21T23:00:00+00:00", "--bucket-listing-action", "ListObjects",
        ).stdout
    )["data"]  # fmt: skip
    single = json.loads(
        command(
            "create", *place, "--name", "MyObjectReadWritePAR", "--access-type", "ObjectReadWrite", "--object-name", "OCI_User_Guide.pdf",
            "--time-expires", "2099-11-21T23:00:00+00:00",
        ).stdout
    )["data"]  # fmt: skip
    prefixed = json.loads(
        command(
            "create", *place, "--name", "PrefixedObjectsReadWritePAR", "--access-type", "AnyObjectReadWrite", "--object-name", "service",
            "--time-expires", "2099-09-01T00:09:51.000+02:00", "--bucket-listing-action", "ListObjects",
        ).stdout
    )["data"]  # fmt: skip
    members = {"access-type", "access-uri", "bucket-listing-action", "full-path", "id", "name", "object-name", "time-created", "time-expires"}
    assert set(everything) == set(single) == set(prefixed) == members
    assert (everything["bucket-listing-action"], everything["object-name"]) == ("ListObjects", None)
    assert (single["bucket-listing-action"], single["object-name"]) == (None, "OCI_User_Guide.pdf")
    assert everything["time-expires"] == "2099-11-21T23:00:00+00:00"
    assert datetime.fromisoformat(prefixed["time-expires"]) == datetime.fromisoformat("2099-08-31T22:09:51+00:00")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", single["time-created"]) or single["time-created"].endswith(":00+00:00")
    assert ask("GET", store.server.endpoint + single["access-uri"])[2] == b"guide"
    assert ask("PUT", store.server.endpoint + prefixed["access-uri"] + "servicediscovery.dita", b"x")[0] == 200
    assert ask("GET", store.server.endpoint + everything["access-uri"])[0] == 200
    listed = json.loads(command("list", *place).stdout)["data"]
    shown = {each["id"]: {name: value for name, value in each.items() if value is not None} for each in listed}
    assert set(shown) == {everything["id"], single["id"], prefixed["id"]}
    got = json.loads(command("get", *place, "--par-id", single["id"]).stdout)["data"]
    assert {name: value for name, value in got.items() if value is not None} == shown[single["id"]]
    assert "access-uri" not in got and "access-uri" not in listed[0]
    unknown = command("get", *place, "--par-id", "none", ok=False)
    assert unknown.returncode == 1 and b'"status": 404' in unknown.stderr
    picked = command("list", *place, "--query", "data[?name=='MyObjectReadWritePAR'].id | [0]", "--raw-output")
    assert picked.stdout.decode().strip() == single["id"]


def test_deleting_asks_first_M116(store: Store, s3: Any, bucket: str, command: Any, ann: Person, tmp_path: Path) -> None:
    place = ("--namespace", "default", "--bucket-name", bucket)
    made = make(ann, bucket, accessType="ObjectRead", objectName="k/+").json
    config = ann.profile(tmp_path / "asking")

    def answered(answer: bytes) -> bytes:
        line = [str(CLI / "oci"), "--config-file", str(config), "--endpoint", store.server.endpoint, "os", "preauth-request", "delete", *place,
                "--par-id", made["id"]]  # fmt: skip
        terminal, other = pty.openpty()
        running = subprocess.Popen(line, stdin=other, stdout=other, stderr=other, env=environment(), close_fds=True)
        os.close(other)
        seen = b""
        while b"[y/N]" not in seen:
            seen += os.read(terminal, 1000)
        os.write(terminal, answer + b"\n")
        running.wait(60)
        os.close(terminal)
        return seen

    assert b"Are you sure you want to delete this resource? [y/N]:" in answered(b"n")
    assert ann.ask("GET", pars(bucket, made["id"])).status == 200
    answered(b"y")
    assert ann.ask("GET", pars(bucket, made["id"])).status == 404
    again = make(ann, bucket).json
    command("delete", *place, "--par-id", again["id"], "--force")
    assert ann.ask("GET", pars(bucket)).json == []


def test_slips_of_usage_are_told_by_the_command_M106_M107(bucket: str, command: Any) -> None:
    place = ("--namespace", "default", "--bucket-name", bucket, "--name", "n", "--time-expires", "2099-11-21T23:00:00+00:00")
    assert command("create", *place, "--access-type", "ObjectDelete", ok=False).returncode == 2
    for wrong in (("--access-type", "ObjectRead"), ("--access-type", "AnyObjectWrite", "--bucket-listing-action", "ListObjects")):
        done = command("create", *place, *wrong, ok=False)
        assert done.returncode == 1 and b'"status": 400' in done.stderr


def test_the_same_fault_in_the_words_of_each_door_M240(store: Store, s3: Any, ann: Person, tmp_path: Path) -> None:
    """A bucket that a request leads to: S3's XML, OCI's JSON, and text with an exit code."""
    name = f"held-{os.urandom(6).hex()}"
    s3.create_bucket(Bucket=name)
    id = make(ann, name).json["id"]
    with pytest.raises(s3.exceptions.ClientError) as caught:
        s3.delete_bucket(Bucket=name)
    assert caught.value.response["Error"]["Code"] == "BucketNotEmpty" and caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    native = ann.ask("DELETE", f"/n/default/b/{name}")
    assert (native.status, set(native.json), native.json["code"]) == (409, {"code", "message"}, "BucketNotEmpty")
    require_client()
    config = ann.profile(tmp_path / "oci")
    done = oci(config, store.server.endpoint, "os", "bucket", "delete", "--namespace", "default", "--bucket-name", name, "--force")
    assert done.returncode == 1 and done.stderr.startswith(b"ServiceError:") and b'"code": "BucketNotEmpty"' in done.stderr
    assert ann.ask("DELETE", pars(name, id)).status == 204
    s3.delete_bucket(Bucket=name)


def test_bucket_delete_empty_takes_the_requests_with_it_M65(store: Store, s3: Any, ann: Person, tmp_path: Path) -> None:
    require_client()
    name = f"emptied-{os.urandom(6).hex()}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    made = make(ann, name, accessType="ObjectRead", objectName="k").json
    config = ann.profile(tmp_path / "oci")
    done = oci(config, store.server.endpoint, "os", "bucket", "delete", "--namespace", "default", "--bucket-name", name, "--empty", "--force")
    assert done.returncode == 0, done.stderr
    assert refused(ask("GET", made["fullPath"]))
    assert ann.ask("GET", f"/n/default/b/{name}").status == 404
