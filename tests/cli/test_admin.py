"""`holdfast admin` against a running server: the forms that others script, what they print, and what they leave."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import partial
from typing import Any

import pytest

from tests.administration import CONNECTIONS, Somebody, everywhere, new_user, refused, s3_client, unique

OCID = re.compile(r"ocid1\.[a-z]+\.oc1\.[a-z0-9-]*\.[a-z2-7]{60}\Z")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00\Z")
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


def names_of(found: Any) -> set[str]:
    if isinstance(found, dict):
        return set(found) | {name for value in found.values() for name in names_of(value)}
    return {name for value in found for name in names_of(value)} if isinstance(found, list) else set()


def test_m7_m10_every_answer_is_data_with_kebab_case_names_and_ocids(root: Somebody) -> None:
    name = unique("all")
    made = [
        root.run("admin", "user", "create", "--name", name),
        root.run("admin", "group", "create", "--name", name),
        root.run("admin", "group", "add-user", "--group", name, "--user", name),
        root.run("admin", "compartment", "create", "--name", name),
        root.run("admin", "service-account", "create", "--name", name + "-robot", "--compartment", name),
        root.run("admin", "policy", "create", "--name", name, "--statements", json.dumps([f"Allow group {name} to read buckets in tenancy"])),
        root.run("admin", "key", "create", "--user", name),
        *(root.run("admin", noun, "list") for noun in ("user", "group", "compartment", "policy", "service-account", "key")),
    ]
    for ran in made:
        document = json.loads(ran.out)
        assert set(document) == {"data"}
        assert all(KEBAB.match(member) for member in names_of(document)), ran.out
    assert all(OCID.match(ran.data["id"]) for ran in made[:6])
    for noun in ("user", "group", "compartment", "policy"):
        by_name, id = root.admin(noun, "get", "--name", name), root.admin(noun, "get", "--name", name)["id"]
        assert by_name == root.admin(noun, "get", "--id", id)


def test_m10_a_query_picks_and_raw_output_is_bare(root: Somebody) -> None:
    name = unique("ann")
    id = root.admin("user", "create", "--name", name)["id"]
    assert root.run("admin", "user", "get", "--name", name, "--query", "data.id", "--raw-output").out == id + "\n"
    assert root.run("admin", "user", "get", "--name", name, "--query", "data.id").out == f'"{id}"\n'
    assert root.run("admin", "user", "list", "--query", f"data[?name=='{name}'].id").out == json.dumps([id], indent=2) + "\n"
    assert re.search(rf"^\| id +\| {id} +\|$", root.run("admin", "user", "get", "--name", name, "--output", "table").out, re.MULTILINE)
    wrong = root.run("admin", "user", "create", "--name", unique("never"), "--query", "data[")
    assert wrong.code == 2 and "JMESPath" in wrong.err


def test_m15_m16_m18_m19_m45_a_key_is_shown_once_signs_at_once_and_ends_at_once(root: Somebody) -> None:
    name = unique("ann")
    id = root.admin("user", "create", "--name", name, "--rights", "own-buckets")["id"]
    ran = root.run("admin", "key", "create", "--user", name, "--display-name", "laptop")
    assert "only time" in ran.err
    made = ran.data
    assert (made["user-id"], made["display-name"], made["lifecycle-state"], made["time-expires"]) == (id, "laptop", "ACTIVE", None)
    assert MOMENT.match(made["time-created"])
    again = root.run("admin", "key", "list", "--user", name)
    assert [key["id"] for key in again.data] == [made["id"]] and "key" not in again.data[0] and made["key"] not in again.out
    assert made["key"] not in root.run("admin", "key", "get", "--id", made["id"]).out
    s3 = s3_client(root.server, made["id"], made["key"])
    assert everywhere(s3.list_buckets) == [""] * CONNECTIONS
    root.admin("key", "update", "--id", made["id"], "--status", "INACTIVE")
    assert everywhere(s3.list_buckets) == ["InvalidAccessKeyId"] * CONNECTIONS
    root.admin("key", "update", "--id", made["id"], "--status", "ACTIVE")
    assert everywhere(s3.list_buckets) == [""] * CONNECTIONS
    root.admin("key", "delete", "--id", made["id"], "--force")
    assert everywhere(s3.list_buckets) == ["InvalidAccessKeyId"] * CONNECTIONS


def test_m20_m22_m24_membership_and_policies_switch_rights_on_and_off_at_once(root: Somebody, bucket: str) -> None:
    ann = new_user(root)
    s3, group = ann.s3(), unique("writers")
    root.admin("group", "create", "--name", group, "--description", "who writes")
    with refused("AccessDenied"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    root.admin("policy", "create", "--name", group, "--statements", json.dumps([f"Allow group {group} to manage objects in tenancy"]))
    root.admin("group", "add-user", "--group", group, "--user", ann.name)
    put = partial(s3.put_object, Bucket=bucket, Key="a", Body=b"a")
    assert everywhere(put) == [""] * CONNECTIONS
    twice = root.run("admin", "group", "add-user", "--group", group, "--user", ann.name)
    assert twice.code == 1 and json.loads(twice.err.removeprefix("ServiceError:\n"))["status"] == 409
    assert [user["name"] for user in root.admin("group", "list-users", "--group", group)] == [ann.name]
    root.admin("group", "remove-user", "--group", group, "--user", ann.name, "--force")
    assert everywhere(put) == ["AccessDenied"] * CONNECTIONS
    root.admin("group", "add-user", "--group", group, "--user", ann.name)
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    root.admin("policy", "delete", "--name", group, "--force")
    assert everywhere(partial(s3.get_object, Bucket=bucket, Key="a")) == ["AccessDenied"] * CONNECTIONS


def test_m23_a_group_is_made_listed_and_deleted_when_it_is_empty(root: Somebody) -> None:
    name = unique("group")
    made = root.admin("group", "create", "--name", name, "--description", "for a test")
    assert OCID.match(made["id"])
    assert made in root.admin("group", "list")
    user = root.admin("user", "create", "--name", unique("user"))
    root.admin("group", "add-user", "--group", name, "--user", user["id"])
    assert root.run("admin", "group", "delete", "--name", name, "--force").code == 1
    root.admin("user", "delete", "--name", user["id"], "--force")
    root.admin("group", "delete", "--name", name, "--force")
    assert root.run("admin", "group", "get", "--name", name).code == 1


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        ("[", "not JSON"),
        ('"Allow any-user to read buckets in tenancy"', "array"),
        ("[]", "length"),
        ('["Allow any-user to reed buckets in tenancy"]', "character 19"),
        ('["Allow group nobody-knows to read buckets in tenancy"]', "nobody-knows"),
        ('["Allow any-user to read buckets in compartment nowhere"]', "nowhere"),
    ],
)
def test_m25_a_policy_with_bad_json_or_grammar_is_refused_and_says_where(root: Somebody, statements: str, said: str) -> None:
    name = unique("bad")
    ran = root.run("admin", "policy", "create", "--name", name, "--statements", statements)
    assert ran.code in (1, 2) and said in ran.err
    assert root.run("admin", "policy", "get", "--name", name).code == 1


def test_m9_m12_m13_the_tenancy_is_the_root_compartment_and_a_missing_option_is_wrong_usage(root: Somebody) -> None:
    name = unique("folder")
    tenancy = root.admin("user", "list")[0]["compartment-id"]
    assert root.admin("compartment", "create", "--name", name, "--parent", tenancy)["compartment-id"] == tenancy
    below = root.admin("compartment", "create", "--name", "below", "--parent", name)
    assert root.admin("compartment", "get", "--name", f"{name}:below") == below
    assert root.run("admin", "compartment", "delete", "--name", name, "--force").code == 1
    missing = root.run("admin", "user", "create")
    assert missing.code == 2 and "--name" in missing.err


def test_deletions_ask_and_anything_but_yes_deletes_nothing(root: Somebody) -> None:
    name = unique("group")
    root.admin("group", "create", "--name", name)
    for answer in ("n\n", "\n", "maybe\n"):
        ran = root.run("admin", "group", "delete", "--name", name, stdin=answer)
        assert ran.code == 1 and "Are you sure you want to delete this resource? [y/N]:" in ran.err
    assert root.admin("group", "get", "--name", name)["name"] == name
    assert root.run("admin", "group", "delete", "--name", name, stdin="y\n").code == 0
    assert root.run("admin", "group", "get", "--name", name).code == 1


def test_what_cannot_be_asked_is_said_in_words(root: Somebody, tmp_path: Any) -> None:
    nobody = root.run("admin", "user", "list", HOLDFAST_CONTROL="http://127.0.0.1:1")
    assert nobody.code == 1 and "cannot be reached" in nobody.err
    no_key = root.run("admin", "user", "list", AWS_ACCESS_KEY_ID="", AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "none"))
    assert no_key.code == 1 and "AWS_ACCESS_KEY_ID" in no_key.err
    typo = root.run("admin", "user", "crate")
    assert typo.code == 2 and "create" in typo.err
    wrong = root.run("admin", "user", "list", AWS_SECRET_ACCESS_KEY="wrong")
    assert wrong.code == 1 and '"status": 401' in wrong.err


def test_a_profile_of_the_credentials_file_is_used(root: Somebody, tmp_path: Any) -> None:
    file = tmp_path / "credentials"
    file.write_text(f"[store]\naws_access_key_id = {root.access_key}\naws_secret_access_key = {root.secret}\n")
    env = {"AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    assert root.run("admin", "user", "list", "--profile", "store", **env).code == 0
    assert root.run("admin", "user", "list", AWS_PROFILE="store", **env).code == 0
    assert root.run("admin", "user", "list", "--profile", "other", **env).code == 1


def test_the_command_starts_without_what_it_does_not_need() -> None:
    """Start-up stays fast as long as nothing heavy is imported."""
    code = (
        "import sys; from holdfast.cli.main import main\n"
        "try: main(['admin', 'user', 'list', '--control', 'http://127.0.0.1:1'])\nexcept SystemExit: pass\n"
        "print([name for name in ('botocore', 'boto3', 'starlette', 'cryptography', 'apsw', 'holdfast.server', 'jmespath') if name in sys.modules])"
    )
    env = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env).stdout == "[]\n"


def test_the_control_listener_over_tls_is_asked_only_with_a_certificate_that_is_trusted(serve: Any, certs: Any) -> None:
    server = serve(workers=1, control_tls_cert=certs.cert, control_tls_key=certs.key)
    control = server.control.replace("127.0.0.1", "localhost")
    root = Somebody(server, server.access_key, server.secret_key)
    assert root.run("admin", "user", "list", "--control", control, "--ca-bundle", str(certs.ca)).code == 0
    assert root.run("admin", "user", "list", "--control", control, AWS_CA_BUNDLE=str(certs.ca)).code == 0
    for wrong in (("--control", control), ("--control", control.replace("https", "http")), ("--control", control, "--ca-bundle", "/no/file")):
        assert root.run("admin", "user", "list", *wrong).code == 1
