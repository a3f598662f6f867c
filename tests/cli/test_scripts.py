"""The command line as scripts use it: no terminal, options in any order, queries that count, the lines of the guides as they stand there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.administration import Somebody, new_user, refused, unique


def script(root: Somebody, line: str, **streams: Any) -> subprocess.CompletedProcess[str]:
    """One line of a shell script, with nobody at a terminal."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "AWS_"))}
    environ |= {"AWS_ACCESS_KEY_ID": root.access_key, "AWS_SECRET_ACCESS_KEY": root.secret, "CONTROL": root.server.control}
    line = line.replace("holdfast ", f"{sys.executable} -m holdfast ")
    given = {"stdin": subprocess.DEVNULL} | streams
    return subprocess.run(["sh", "-ec", line], env=environ, capture_output=True, text=True, timeout=60, check=False, **given)


def test_m20_m216_a_script_that_takes_away_is_not_asked(root: Somebody) -> None:
    ann = new_user(root, "Allow group G to manage object-family in tenancy")
    group = root.admin("user", "get", "--name", ann.name)["groups"][0]
    policy = root.admin("group", "get", "--name", group)["name"]
    bucket = unique("bucket")
    ann.s3().create_bucket(Bucket=bucket)
    took = script(root, f"export HOLDFAST_CONTROL=$CONTROL; holdfast admin group remove-user --group {group} --user {ann.name}")
    assert (took.returncode, took.stderr) == (0, "")
    with refused("AccessDenied"):
        ann.s3().list_objects_v2(Bucket=bucket)
    root.admin("group", "add-user", "--group", group, "--user", ann.name)
    ann.s3().list_objects_v2(Bucket=bucket)
    took = script(root, f"holdfast admin policy delete --name {policy} --control $CONTROL")
    assert (took.returncode, took.stderr) == (0, "")
    with refused("AccessDenied"):
        ann.s3().list_objects_v2(Bucket=bucket)


def test_m20_a_pipe_that_says_nothing_does_not_hold_a_script_up_and_a_piped_no_counts(root: Somebody) -> None:
    first, other = root.admin("group", "create", "--name", unique("g"))["name"], root.admin("group", "create", "--name", unique("g"))["name"]
    no = script(root, f"echo n | holdfast admin group delete --name {first} --control $CONTROL")
    assert no.returncode == 1 and "[y/N]" in no.stderr and root.admin("group", "get", "--name", first)
    reading, writing = os.pipe()
    try:
        assert script(root, f"holdfast admin group delete --name {other} --control $CONTROL", stdin=reading).returncode == 0
    finally:
        os.close(reading)
        os.close(writing)
    assert root.run("admin", "group", "get", "--name", other).code == 1


@pytest.mark.parametrize(
    "line",
    ["admin --control URL user list", "--control URL admin user list", "admin user --control=URL list", "admin user list --control URL",
     "--query data[].name admin --control URL --output table user list", "session --control URL user get", "sh --control URL volume list",
     "--control URL sh volume list /", "par --control=URL list --bucket-name BUCKET"],
)  # fmt: skip
def test_m10_options_of_every_command_stand_anywhere(root: Somebody, line: str) -> None:
    bucket = unique("bucket")
    root.s3().create_bucket(Bucket=bucket)
    words = [word.replace("URL", root.server.control).replace("BUCKET", bucket) for word in line.split()]
    ran = root.run(*words, HOLDFAST_CONTROL="http://127.0.0.1:1")
    assert ran.code == 0 and ran.out, ran


def test_m10_a_query_may_call_functions_on_what_comes(root: Somebody) -> None:
    name = unique("ann")
    id = root.admin("user", "create", "--name", name)["id"]
    count = len(root.admin("user", "list"))
    assert root.run("admin", "user", "list", "--query", "length(data)").out == f"{count}\n"
    query = "join('=', [data.name, data.id])"
    assert root.run("admin", "user", "get", "--name", name, "--query", query, "--raw-output").out == f"{name}={id}\n"
    nothing = root.run("admin", "user", "get", "--name", name, "--query", "data.nothing", "--raw-output")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "Query returned empty result, no output to show.\n")
    # what was made is shown whole if the query cannot be asked of it: the secret is not lost
    made = root.run("admin", "key", "create", "--user", name, "--query", "length(data.nothing)")
    assert made.code == 2 and "--query" in made.err and json.loads(made.out)["data"]["key"]


def test_m10_sh_picks_from_what_it_prints(root: Somebody) -> None:
    volume = unique("vol")
    assert root.run("sh", "volume", "create", f"/{volume}", "--query", "name", "--raw-output").out == f"{volume}\n"
    assert root.run("sh", "bucket", "create", f"/{volume}/bucket1").out == ""
    assert root.run("sh", "bucket", "list", f"/{volume}", "--query", "[].name | [0]", "--raw-output").out == "bucket1\n"
    assert root.run("sh", "bucket", "info", f"/{volume}/bucket1", "--query", "name").out == '"bucket1"\n'
    assert "| bucket1 " in root.run("sh", "bucket", "list", f"/{volume}", "--output", "table").out
    assert root.run("sh", "bucket", "list", f"/{volume}", "--query", "[").code == 2
    secret = root.run("s3", "getsecret", "-u", new_user(root).name, "--query", 'data."aws-secret"', "--raw-output")
    assert len(secret.out) == 65 and secret.code == 0


def test_m200_m203_the_commands_of_the_guide_run_as_they_stand_there(root: Somebody) -> None:
    volume, link = unique("vol"), unique("common")
    guide = """
        export HOLDFAST_CONTROL=$CONTROL
        holdfast sh volume create /s3v
        holdfast sh volume create /vol1

        holdfast sh bucket create /vol1/bucket1
        holdfast sh bucket link /vol1/bucket1 /s3v/common-bucket
    """
    ran = script(root, guide.replace("vol1", volume).replace("common-bucket", link))
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    root.s3().put_object(Bucket=link, Key="k", Body=b"x")


@pytest.mark.parametrize("length", ["0", "-1", "two", "1.5"])
def test_m148_a_list_has_one_row_or_more(root: Somebody, length: str) -> None:
    ran = root.run("sh", "bucket", "list", "/s3v", f"--length={length}")
    assert ran.code == 2 and length in ran.err


def test_m202_what_is_there_is_not_made_again(root: Somebody) -> None:
    volume = unique("vol")
    root.run("sh", "volume", "create", f"/{volume}")
    assert root.run("sh", "bucket", "create", f"/{volume}/bucket1").code == 0
    again = root.run("sh", "bucket", "create", f"/{volume}/bucket1")
    assert again.code == 1 and "exists already" in again.err
    assert root.run("sh", "bucket", "link", f"/{volume}/bucket1", f"/{volume}/link1").code == 0
    again = root.run("sh", "bucket", "link", f"/{volume}/bucket1", f"/{volume}/link1")
    assert again.code == 1 and "exists already" in again.err


def test_m194_whoever_does_not_confirm_keeps_his_secret(root: Somebody) -> None:
    ann = new_user(root)
    assert ann.run("s3", "getsecret").code == 0
    for answer in ("n\n", "\n", "", "yes please\n"):
        ran = ann.run("s3", "revokesecret", stdin=answer)
        assert ran.out == f"Enter 'y' to confirm S3 secret revocation for '{ann.name}': Operation cancelled.\n"
    ran = ann.run("s3", "revokesecret", stdin="y\n")
    assert (ran.code, ran.out) == (0, f"Enter 'y' to confirm S3 secret revocation for '{ann.name}': S3 secret revoked.\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("user", "create", "--name", "Ünï cöde"), "name: it has to be 1 to 100 letters, digits and"),
     (("user", "create", "--name", ""), "name: it has to be 1 to 100 letters, digits and"),
     (("user", "create", "--name", "x", "--email", "nonsense"), "email: it has to be an e-mail address"),
     (("user", "create", "--name", "x", "--canonical-id", "zz"), "canonical-id: it has to be 64 hexadecimal digits"),
     (("organisation", "create", "--name", "Your Org"), "name: it has to be 1 to 63 letters"),
     (("tenancy", "create", "--name", "x", "--namespace", "Bad NS"), "namespace: it has to be 3 to 63 lower-case"),
     (("policy", "create", "--name", "x", "--statements", '["x"]', "--version-date", "now"), "version-date: it has to be YYYY-MM-DD")],
)  # fmt: skip
def test_m240_a_name_that_does_not_fit_is_told_what_fits_in_words(root: Somebody, arguments: tuple[str, ...], says: str) -> None:
    ran = root.run("admin", *arguments)
    assert ran.code == 1 and says in ran.err and "regex" not in ran.err


def test_m13_m213_a_bucket_is_made_for_somebody_in_a_folder(root: Somebody) -> None:
    """What the bootstrap file can declare of a bucket, the command line can too."""
    folder, robot, other, bucket = unique("folder"), unique("robot"), unique("robot"), unique("bucket")
    place = root.admin("compartment", "create", "--name", folder)["id"]
    made = {}
    for name in (robot, other):
        root.admin("service-account", "create", "--name", name)
        key = root.admin("key", "create", "--service-account", name)
        made[name] = Somebody(root.server, key["id"], key["key"])
    root.admin("role", "add", "--role", "storage.editor", "--service-account", robot, "--compartment", folder)
    shown = root.admin("bucket", "create", "--name", bucket, "--compartment", folder, "--versioning", "Enabled")
    assert (shown["name"], shown["compartment-id"], shown["versioning"], shown["volume"]) == (bucket, place, "Enabled", "s3v")
    assert root.admin("bucket", "get", "--name", bucket) == shown and shown in root.admin("bucket", "list")
    made[robot].s3().put_object(Bucket=bucket, Key="k")
    assert root.s3().get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    with refused("AccessDenied"):
        made[other].s3().put_object(Bucket=bucket, Key="k")
    again = root.run("admin", "bucket", "create", "--name", bucket)
    assert again.code == 1 and "exists already" in again.err
    assert root.run("admin", "bucket", "delete", "--name", bucket, "--force").code == 1, "it is not empty"


def test_m136_a_bucket_for_somebody_is_his_and_nobody_makes_one_in_the_name_of_who_may_more(root: Somebody) -> None:
    ann, bucket = new_user(root), unique("bucket")
    root.admin("bucket", "create", "--name", bucket, "--owner", ann.name)
    owner = root.s3().get_bucket_acl(Bucket=bucket)["Owner"]["ID"]
    assert owner == root.admin("user", "get", "--name", ann.name)["canonical-id"]
    assert root.run("admin", "bucket", "delete", "--name", bucket, "--force").code == 0
    maker, folder = new_user(root, "Allow group G to manage buckets in tenancy"), unique("folder")
    root.admin("compartment", "create", "--name", folder)
    assert maker.run("admin", "bucket", "create", "--name", unique("b"), "--compartment", folder).code == 0
    refusal = maker.run("admin", "bucket", "create", "--name", unique("b"), "--owner", "administrator")
    assert refusal.code == 1 and '"status": 403' in refusal.err
    narrow = new_user(root, f"Allow group G to manage buckets in compartment {folder}")
    assert narrow.run("admin", "bucket", "create", "--name", unique("b"), "--compartment", folder).code == 0
    for arguments in ((), ("--compartment", "nowhere")):
        assert narrow.run("admin", "bucket", "create", "--name", unique("b"), *arguments).code == 1
    for arguments in (("--owner", "ghost"), ("--compartment", "nowhere"), ("--encryption-key", "none")):
        ran = root.run("admin", "bucket", "create", "--name", unique("b"), *arguments)
        assert ran.code == 1 and '"status": 4' in ran.err, ran


@pytest.mark.parametrize(
    ("line", "near"),
    [("admin encryption-key update --id k --status disabled", "Did you mean DISABLED?"), ("admin usr list", "Did you mean user?"),
     ("admin user lst", "Did you mean list?"), ("admin user list --output tabel", "Did you mean table?")],
)  # fmt: skip
def test_m240_what_is_nearest_is_of_the_same_option(root: Somebody, line: str, near: str) -> None:
    ran = root.run(*line.split())
    assert ran.code == 2 and near in ran.err


def test_m125_a_store_without_an_issuer_sends_nobody_to_a_page_that_is_not_there(root: Somebody) -> None:
    ran = root.run("login", "--no-browser", "--wait-s", "30")
    assert ran.code == 1 and "no issuer" in ran.err and "Open this address" not in ran.err
    nowhere = root.run("login", "--no-browser", "--control", "http://127.0.0.1:1")
    assert nowhere.code == 1 and "cannot be reached" in nowhere.err


def test_m191_m193_nobody_takes_the_access_key_that_is_somebody_elses_name(root: Somebody, tmp_path: Path) -> None:
    (secret := tmp_path / "secret").write_text("a-secret-of-ones-own")
    ann, ben, coming = new_user(root), new_user(root), unique("coming")
    taken = ben.run("admin", "key", "create", "--id", ann.name, "--key-file", str(secret))
    assert taken.code == 1 and '"status": 409' in taken.err and "of that name" in taken.err
    assert ann.run("s3", "getsecret").out.startswith(f"awsAccessKey={ann.name}\n")
    # what was taken before there was a user of the name is said, not called a secret of his
    assert ben.run("admin", "key", "create", "--id", coming, "--key-file", str(secret)).code == 0
    root.admin("user", "create", "--name", coming)
    blocked = root.run("s3", "getsecret", "-u", coming)
    assert blocked.code == 1 and blocked.err.startswith("Conflict ") and "deleted before" in blocked.err
    assert root.run("admin", "key", "delete", "--id", coming, "--force").code == 0
    assert root.run("s3", "getsecret", "-u", coming).code == 0
    again = root.run("s3", "getsecret", "-u", coming)
    assert again.code == 1 and again.err.startswith("S3_SECRET_ALREADY_EXISTS ")


def test_m187_what_would_make_bytes_unreadable_is_asked_about_always(root: Somebody) -> None:
    key = unique("k")
    root.admin("encryption-key", "create", "--id", key)
    ran = script(root, f"holdfast admin encryption-key delete --id {key} --control $CONTROL")
    assert ran.returncode == 1 and "[y/N]" in ran.stderr and root.admin("encryption-key", "get", "--id", key)["id"] == key
    assert script(root, f"holdfast admin encryption-key delete --id {key} --control $CONTROL --force").returncode == 0


@pytest.mark.parametrize("path", ["/users/%0a", "/users/%0a/keys", "/volumes/%0A/buckets/b%0a", "/%0a"])
def test_m240_the_api_answers_in_its_own_words_whatever_the_path_holds(root: Somebody, path: str) -> None:
    status, document = root.ask("GET", path)
    assert status == 404 and document["code"] == "NotFound"
