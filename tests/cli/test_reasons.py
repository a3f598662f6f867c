"""`holdfast explain` and `holdfast why` about what is not there yet, and about callers who are there no more (M215, M241)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.administration import Ran, Somebody, new_user, s3_client, unique


def why(root: Somebody, call: Callable[..., Any], **given: Any) -> Ran:
    """What is told of a request, once the logs have it."""
    try:
        answer = call(**given)
    except ClientError as error:
        answer = error.response
    for _ in range(100):
        ran = root.run("why", answer["ResponseMetadata"]["RequestId"])
        if ran.code == 0 and "answered" in ran.out:
            break
        time.sleep(0.05)  # the logs are written a moment later
    return ran


@pytest.mark.parametrize("action", ["s3:CreateBucket", "CreateBucket"])
def test_m241_a_bucket_that_is_not_there_yet_is_explained(root: Somebody, action: str) -> None:
    ann, name = new_user(root), unique("bucket")
    told = root.run("explain", "--as", ann.name, action, name)
    assert told.code == 0 and f"{ann.name} may not do {action}" in told.out and "BUCKET_CREATE" in told.out
    group = root.run("admin", "user", "get", "--name", ann.name, "--query", "data.groups[0]", "--raw-output").out.strip()
    group = root.admin("group", "get", "--name", group)["name"]
    root.admin("policy", "create", "--name", unique("p"), "--statements", f'["Allow group {group} to manage buckets in tenancy"]')
    assert f"{ann.name} may do {action}" in root.run("explain", "--as", ann.name, action, name).out
    ann.s3().create_bucket(Bucket=name)


def test_m215_m241_why_knows_who_came_with_a_token(root: Somebody) -> None:
    ann, organisation = new_user(root), unique("org")
    root.admin("organisation", "create", "--name", organisation)
    token = root.admin("token", "create", "--user", ann.name, "--organisation", organisation)
    s3, bucket = s3_client(root.server, token["token"], "ignored"), unique("bucket")
    told = why(root, s3.create_bucket, Bucket=bucket)
    assert f"{ann.name} may do CreateBucket" in told.out and "rights: own-buckets" in told.out, told
    told = why(root, s3.put_object, Bucket=bucket, Key="k")
    assert f"{ann.name} may do PutObject on {bucket}/k" in told.out and "rights: own-buckets" in told.out, told


def test_m241_who_is_gone_is_not_called_anonymous(root: Somebody) -> None:
    ann = new_user(root, "Allow group G to inspect buckets in tenancy")
    answer = ann.s3().list_buckets()
    root.admin("key", "delete", "--id", ann.access_key, "--force")
    told = why(root, lambda: answer)
    assert ann.name in told.out and "now:" not in told.out and "anonymous" not in told.out, told


def test_m205_m241_a_link_is_explained_by_its_source(root: Somebody) -> None:
    volume, source, link = unique("vol"), unique("source"), unique("link")
    for words in (f"volume create /{volume}", f"bucket create /{volume}/{source}", f"bucket link /{volume}/{source} /s3v/{link}"):
        assert root.run("sh", *words.split()).code == 0
    ann = new_user(root)
    told = root.run("explain", "--as", ann.name, "s3:PutObject", f"{link}/k")
    assert "may not" in told.out and f"target.bucket.name = '{source}'" in told.out
    statement = told.out.split("to allow ")[1].strip().replace("any-user", f"group {ann.name}")
    root.admin("group", "create", "--name", ann.name)
    root.admin("group", "add-user", "--group", ann.name, "--user", ann.name)
    root.admin("policy", "create", "--name", unique("p"), "--statements", json.dumps([statement]))
    assert f"{ann.name} may do s3:PutObject" in root.run("explain", "--as", ann.name, "s3:PutObject", f"{link}/k").out
    ann.s3().put_object(Bucket=link, Key="k")
    root.s3().delete_object(Bucket=link, Key="k")
    assert root.run("sh", "bucket", "delete", f"/{volume}/{source}").code == 0
    dangling = root.run("explain", "--as", ann.name, "s3:PutObject", f"{link}/k")
    assert dangling.code == 1 and "its source does not exist" in dangling.err


def test_m134_m135_who_has_the_name_of_somebody_who_is_gone_does_not_get_his_buckets(root: Somebody) -> None:
    name, organisation, bucket = unique("ann"), unique("org"), unique("bucket")
    root.admin("organisation", "create", "--name", organisation)
    root.admin("user", "create", "--name", name)
    first = root.admin("token", "create", "--user", name, "--organisation", organisation)
    s3_client(root.server, first["token"], "ignored").create_bucket(Bucket=bucket)
    # who leaves and comes back is the same
    root.admin("organisation", "remove-user", "--organisation", organisation, "--user", name)
    again = root.admin("token", "create", "--user", name, "--organisation", organisation)
    assert [row["Name"] for row in s3_client(root.server, again["token"], "ignored").list_buckets()["Buckets"]] == [bucket]
    # another one of that name is not
    root.admin("user", "delete", "--name", name)
    root.admin("user", "create", "--name", name)
    for command in (("token", "create", "--user", name), ("organisation", "add-user", "--user", name)):
        refusal = root.run("admin", *command, "--organisation", organisation)
        assert refusal.code == 1 and '"status": 409' in refusal.err and f"{name}_{organisation}" in refusal.err, refusal
    assert root.admin("token", "list", "--user", name) == []
    maker = new_user(root, "Allow group G to manage users in tenancy", "Allow group G to manage groups in tenancy")
    assert maker.run("admin", "organisation", "add-user", "--organisation", organisation, "--user", name, "--take-over").code == 1
    # but an administrator can say that it is meant
    root.admin("organisation", "add-user", "--organisation", organisation, "--user", name, "--take-over")
    third = root.admin("token", "create", "--user", name, "--organisation", organisation)
    assert [row["Name"] for row in s3_client(root.server, third["token"], "ignored").list_buckets()["Buckets"]] == [bucket]


def test_m240_a_request_is_found_by_the_id_of_either_door(root: Somebody) -> None:
    told = why(root, root.s3().get_object, Bucket=unique("nobodys"), Key="k")
    id = told.out.split()[1]
    for form in (f"us-east-1-1:{id}", id.lower()):
        assert root.run("why", form).out == told.out
    for form in ("us-east-1-1:", "nothing", id + "0", "../" + id):
        assert root.run("why", form).code == 1
