"""The real `oci` command and its SDK on the identity API: as the administrator of the store would use them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.identity.people import client, refused
from tests.oci.identity_people import pem_of, signer
from tests.oci.people import CLI, Person, environment, new_key, oci, require_client
from tests.serving import Server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require_client()
    running = Server(tmp_path_factory.mktemp("oci-identity-clients")).start()
    yield running
    running.finish()


@pytest.fixture(scope="module")
def root(store: Server) -> Person:
    return signer(store, "administrator", 0)


@pytest.fixture(scope="module")
def config(root: Person, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return root.profile(tmp_path_factory.mktemp("profile"))


def iam(store: Server, config: Path, *arguments: str) -> Any:
    done = oci(config, store.endpoint, "iam", *arguments)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout).get("data") if done.stdout.strip() else None


def test_M15_to_M27_a_key_of_a_user_of_a_group_with_a_policy(store: Server, root: Person, config: Path) -> None:
    user = iam(store, config, "user", "create", "--name", "ann", "--description", "d")
    group = iam(store, config, "group", "create", "--name", "Devs", "--description", "d")
    assert "Devs" in [found["name"] for found in iam(store, config, "group", "list")]
    membership = iam(store, config, "group", "add-user", "--user-id", user["id"], "--group-id", group["id"])
    assert membership["lifecycle-state"] == "ACTIVE"
    again = oci(config, store.endpoint, "iam", "group", "add-user", "--user-id", user["id"], "--group-id", group["id"])
    assert again.returncode == 1 and '"status": 409' in again.stderr.decode()
    assert [found["name"] for found in iam(store, config, "group", "list-users", "--group-id", group["id"])] == ["ann"]
    key = iam(store, config, "customer-secret-key", "create", "--user-id", user["id"], "--display-name", "laptop")
    assert {"display-name", "id", "key", "lifecycle-state", "time-created", "user-id"} <= set(key)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", key["time-created"])
    (listed,) = iam(store, config, "customer-secret-key", "list", "--user-id", user["id"])
    assert "key" not in listed
    s3 = client(store, key["id"], key["key"])
    assert refused(s3.create_bucket, Bucket="anns-bucket") == (403, "AccessDenied")
    statements = '["Allow group Devs to manage object-family in tenancy"]'
    place = ("--compartment-id", root.user.tenancy, "--name", "devs", "--description", "d")
    policy = iam(store, config, "policy", "create", *place, "--statements", statements)
    assert refused(s3.create_bucket, Bucket="anns-bucket") == (200, "")
    s3.put_object(Bucket="anns-bucket", Key="k", Body=b"x")
    iam(store, config, "policy", "update", "--policy-id", policy["id"], "--force", "--version-date", "",
        "--statements", '["Allow group Devs to manage objects in tenancy"]')  # fmt: skip
    assert refused(s3.put_object, Bucket="anns-bucket", Key="k", Body=b"x") == (200, "")
    assert refused(s3.create_bucket, Bucket="another-bucket") == (403, "AccessDenied")
    iam(store, config, "group", "remove-user", "--user-id", user["id"], "--group-id", group["id"], "--force")
    assert refused(s3.get_object, Bucket="anns-bucket", Key="k") == (403, "AccessDenied")
    broken = oci(config, store.endpoint, "iam", "policy", "create", "--compartment-id", root.user.tenancy, "--name", "broken", "--description", "d",
                 "--statements", '["Allow group Devs to dance in tenancy"]')  # fmt: skip
    assert broken.returncode == 1 and '"status": 400' in broken.stderr.decode() and "character" in broken.stderr.decode()
    iam(store, config, "customer-secret-key", "delete", "--user-id", user["id"], "--customer-secret-key-id", key["id"], "--force")
    assert refused(s3.list_buckets) == (403, "InvalidAccessKeyId")


def test_compartments_regions_and_the_tenancy(store: Server, root: Person, config: Path) -> None:
    made = iam(store, config, "compartment", "create", "--compartment-id", root.user.tenancy, "--name", "alpha", "--description", "d")
    found = iam(store, config, "compartment", "list", "--include-root", "--compartment-id-in-subtree", "true", "--access-level", "ACCESSIBLE")
    assert {"alpha", "holdfast"} <= {each["name"] for each in found}
    assert iam(store, config, "region", "list") == [{"key": "EAS", "name": "us-east-1"}]
    assert iam(store, config, "region-subscription", "list")[0]["status"] == "READY"
    assert iam(store, config, "tenancy", "get", "--tenancy-id", root.user.tenancy)["name"] == "holdfast"
    assert len(iam(store, config, "availability-domain", "list")) == 1
    iam(store, config, "compartment", "delete", "--compartment-id", made["id"], "--force", "--wait-for-state", "SUCCEEDED")
    gone = oci(config, store.endpoint, "iam", "compartment", "get", "--compartment-id", made["id"])
    assert gone.returncode == 1 and '"code": "NotAuthorizedOrNotFound"' in gone.stderr.decode()


def test_credentials_of_a_user_by_the_command(store: Server, config: Path, tmp_path: Path) -> None:
    user = iam(store, config, "user", "create", "--name", "cleo", "--description", "d", "--email", "cleo@example.org")
    public = tmp_path / "public.pem"
    public.write_text(pem_of(new_key(5)))
    key = iam(store, config, "user", "api-key", "upload", "--user-id", user["id"], "--key-file", str(public))
    assert [found["key-id"] for found in iam(store, config, "user", "api-key", "list", "--user-id", user["id"])] == [key["key-id"]]
    iam(store, config, "user", "api-key", "delete", "--user-id", user["id"], "--fingerprint", key["fingerprint"], "--force")
    token = iam(store, config, "auth-token", "create", "--user-id", user["id"], "--description", "swift")
    assert token["token"] and iam(store, config, "auth-token", "list", "--user-id", user["id"])[0]["token"] is None
    assert iam(store, config, "user", "ui-password", "create-or-reset", "--user-id", user["id"])["password"]
    assert iam(store, config, "user", "list-groups", "--user-id", user["id"]) is None  # the command prints nothing for an empty list
    assert iam(store, config, "user", "update", "--user-id", user["id"], "--description", "new", "--force")["description"] == "new"
    assert "Administrators" in [found["name"] for found in iam(store, config, "policy", "list", "--compartment-id", user["compartment-id"])]
    iam(store, config, "user", "delete", "--user-id", user["id"], "--force")


SCRIPT = """
import oci, sys, json
config = oci.config.from_file(sys.argv[1])
iam = oci.identity.IdentityClient(config, service_endpoint=sys.argv[2] + "/20160918")
T = config["tenancy"]
m = oci.identity.models
user = iam.create_user(m.CreateUserDetails(compartment_id=T, name="sdk", description="d"), opc_retry_token="x" * 20).data
again = iam.create_user(m.CreateUserDetails(compartment_id=T, name="sdk", description="d"), opc_retry_token="x" * 20).data
assert user.id == again.id and user.time_created.tzinfo is not None
names = [found.name for found in oci.pagination.list_call_get_all_results(iam.list_users, T, limit=1, sort_by="NAME", sort_order="ASC").data]
assert names == sorted(names, key=str.lower) and {"sdk", "administrator"} <= set(names), names
etag = iam.get_user(user.id).headers["etag"]
iam.update_user(user.id, m.UpdateUserDetails(description="new"), if_match=etag)
try:
    iam.update_user(user.id, m.UpdateUserDetails(description="newer"), if_match=etag)
    raise SystemExit("an old etag was accepted")
except oci.exceptions.ServiceError as error:
    assert (error.status, error.code) == (412, "NoEtagMatch"), error
token = iam.create_auth_token(m.CreateAuthTokenDetails(description="t"), user.id).data
assert token.token and iam.list_auth_tokens(user.id).data[0].token is None
for key in iam.list_api_keys(config["user"]).data:
    assert key.fingerprint == config["fingerprint"] and key.key_id.endswith(key.fingerprint)
iam.delete_user(user.id)
print("done")
"""


def test_the_sdk(store: Server, config: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [str(CLI / "python"), str(tmp_path / "script.py"), str(config), store.endpoint]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "done", done.stderr
