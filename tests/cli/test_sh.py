"""`holdfast sh` and `holdfast s3` against a running server: Ozone's forms, its output, and what S3 then sees (M148, M187, M189-M206)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.administration import Somebody, new_user, s3_client, unique


def code(call: Any, **given: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as error:
        call(**given)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def sh(root: Somebody, *arguments: str) -> str:
    ran = root.run("sh", *arguments)
    assert ran.code == 0, ran
    return ran.out


def test_M200_M202_M203_M204_a_link_shows_a_bucket_of_another_volume(root: Somebody) -> None:
    volume, link = unique("vol"), unique("common")
    assert sh(root, "volume", "create", f"/{volume}") == ""
    sh(root, "bucket", "create", f"/{volume}/bucket1")
    s3 = root.s3()
    assert code(s3.head_bucket, Bucket="bucket1")[0] == 404, "M201"
    sh(root, "bucket", "link", f"/{volume}/bucket1", f"/s3v/{link}")
    s3.put_object(Bucket=link, Key="k", Body=b"through the link")
    assert s3.get_object(Bucket=link, Key="k")["Body"].read() == b"through the link"
    shown = json.loads(sh(root, "bucket", "info", f"/s3v/{link}"))
    assert (shown["link"], shown["sourceVolume"], shown["sourceBucket"]) == (True, volume, "bucket1")
    assert link in [row["Name"] for row in s3.list_buckets()["Buckets"]]
    assert volume in [row["name"] for row in json.loads(sh(root, "volume", "list", "--length", "10000"))]
    refused = root.run("sh", "volume", "delete", f"/{volume}")
    assert refused.code == 1 and "still holds buckets" in refused.err
    refused = root.run("sh", "bucket", "delete", f"/{volume}/bucket1")
    assert refused.code == 1 and "not empty" in refused.err
    sh(root, "bucket", "delete", f"/s3v/{link}")
    assert code(s3.get_object, Bucket=link, Key="k") == (404, "NoSuchBucket")
    again = unique("again")
    sh(root, "bucket", "link", f"{volume}/bucket1", f"s3v/{again}")
    assert s3.get_object(Bucket=again, Key="k")["Body"].read() == b"through the link", "M206: the source stays"


def test_M148_a_bucket_made_by_s3_is_listed_in_s3v(root: Somebody) -> None:
    name = unique("by-s3")
    root.s3().create_bucket(Bucket=name)
    rows = json.loads(sh(root, "bucket", "list", "/s3v", "--prefix", name))
    assert [(row["name"], row["volumeName"], row["link"]) for row in rows] == [(name, "s3v", False)]


@pytest.mark.parametrize(
    "arguments",
    [("volume", "create", "/a/b"), ("bucket", "create", "/only"), ("bucket", "info", "/"), ("bucket", "link", "/a", "/s3v/x"), ("bucket", "no"), ()],
)
def test_wrong_paths_are_wrong_usage(root: Somebody, arguments: tuple[str, ...]) -> None:
    ran = root.run("sh", *arguments)
    assert ran.code == 2 and ran.err.startswith("holdfast: ") and ran.out == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("volume", "info", "/nobodys"), "no volume"), (("bucket", "create", "/nobodys/bucket"), "no volume"),
     (("volume", "create", "/UPPER"), "lower-case"), (("volume", "create", "/s3v", "-u", "~"), "always there"),
     (("bucket", "link", "/nobodys/b", "/s3v/linked"), "no volume"),
     (("bucket", "link", "/s3v/nobodys-bucket", "/s3v/linked"), "no bucket"), (("bucket", "info", "/s3v/nobodys-bucket"), "no bucket")],
)  # fmt: skip
def test_refusals_are_told(root: Somebody, arguments: tuple[str, ...], says: str) -> None:
    ran = root.run("sh", *arguments)
    assert ran.code == 1 and says in ran.err, ran


def test_who_has_no_right_on_volumes_makes_none(root: Somebody) -> None:
    ann = new_user(root)
    for arguments in (
        ("volume", "create", f"/{unique('vol')}"), ("volume", "list"), ("bucket", "create", "/s3v/" + unique("b")), ("bucket", "list", "/s3v"),
        ("bucket", "link", "/s3v/a-bucket", "/s3v/" + unique("l")),
    ):  # fmt: skip
        ran = ann.run("sh", *arguments)
        assert ran.code == 1 and "NotAuthorized" in ran.err


def test_M187_an_encrypted_bucket_is_unreadable_while_its_key_is_disabled(root: Somebody) -> None:
    key, bucket = unique("tde"), unique("secret")
    root.admin("encryption-key", "create", "--id", key)
    sh(root, "bucket", "create", f"/s3v/{bucket}", "-k", key)
    assert json.loads(sh(root, "bucket", "info", f"/s3v/{bucket}"))["encryptionKeyName"] == key
    s3 = root.s3()
    mark = f"a-mark-under-{key}-".encode() * 2000
    s3.put_object(Bucket=bucket, Key="k", Body=mark)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == mark, "transparent"
    data = Path(root.server.data_dir)
    assert not any(mark[:200] in path.read_bytes() for path in data.rglob("*") if path.is_file())
    root.admin("encryption-key", "rotate", "--id", key)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == mark
    root.admin("encryption-key", "update", "--id", key, "--status", "DISABLED")
    for _ in range(8):  # whichever worker answers
        assert code(root.s3().get_object, Bucket=bucket, Key="k") == (400, "KMS.DisabledException")
    assert code(s3.put_object, Bucket=bucket, Key="other", Body=b"x") == (400, "KMS.DisabledException")
    root.admin("encryption-key", "update", "--id", key, "--status", "ENABLED")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == mark
    assert root.run("admin", "encryption-key", "delete", "--id", key, "--force").code == 0
    assert code(s3.get_object, Bucket=bucket, Key="k") == (400, "KMS.NotFoundException")
    ann = new_user(root)
    assert ann.run("admin", "encryption-key", "create", "--id", unique("k")).code == 1


def test_M189_M191_M192_M193_a_secret_is_shown_once_and_signs(root: Somebody) -> None:
    name = f"{unique('testuser')}/scm@EXAMPLE.COM"
    root.admin("user", "create", "--name", name, "--rights", "own-buckets")
    ran = root.run("s3", "getsecret", "-u", name)
    found = re.fullmatch(r"awsAccessKey=(.+)\nawsSecret=([0-9a-f]{64})\n", ran.out)
    assert ran.code == 0 and found is not None and found[1] == name
    again = root.run("s3", "getsecret", "-u", name)
    assert again.code == 1 and again.err.startswith("S3_SECRET_ALREADY_EXISTS ") and again.out == ""
    theirs = s3_client(root.server, name, found[2])
    bucket = unique("by-principal")
    theirs.create_bucket(Bucket=bucket)
    theirs.put_object(Bucket=bucket, Key="k", Body=b"x")

    no = root.run("s3", "revokesecret", "-u", name, stdin="n\n")
    assert no.out.startswith(f"Enter 'y' to confirm S3 secret revocation for '{name}': ") and no.code == 1
    theirs.head_bucket(Bucket=bucket)
    yes = root.run("s3", "revokesecret", "-u", name, stdin="y\n")
    assert yes.out.endswith("S3 secret revoked.\n") and yes.code == 0, "M194"
    assert code(theirs.get_object, Bucket=bucket, Key="k") == (403, "InvalidAccessKeyId"), "M196"
    gone = root.run("s3", "revokesecret", "-u", name, "-y")
    assert gone.code == 1 and "doesn't exist" in gone.err
    other = root.run("s3", "getsecret", "-u", name, "-e")
    assert re.fullmatch(r"export AWS_ACCESS_KEY_ID='.+'\nexport AWS_SECRET_ACCESS_KEY='[0-9a-f]{64}'\n", other.out) and found[2] not in other.out


def test_M195_M197_M198_everybody_has_his_own_and_only_administrators_others(root: Somebody) -> None:
    ann, eve = new_user(root), new_user(root)
    own = ann.run("s3", "getsecret")
    assert own.code == 0 and own.out.startswith(f"awsAccessKey={ann.name}\n")
    for arguments in (("getsecret", "-u", ann.name), ("revokesecret", "-u", ann.name, "-y")):
        refused = eve.run("s3", *arguments)
        assert refused.code == 1 and refused.err.startswith("PERMISSION_DENIED") and refused.out == ""
    assert ann.run("s3", "revokesecret", "-y").out == "S3 secret revoked.\n"
    assert root.run("s3", "getsecret", "-u", ann.name).code == 0
