"""Tokens, organisations, service accounts, roles and API keys from the command line, used by real clients at once; secrets once."""

from __future__ import annotations

import json
import re
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.admin.routes import ROUTES
from holdfast.cli.commands import COMMANDS
from tests.administration import CONNECTIONS, Somebody, everywhere, refused, s3_client, unique


def test_m128_m130_m133_m134_m135_a_token_is_its_s3_user_with_any_secret_until_the_next_one(root: Somebody) -> None:
    name, physics, maths = unique("Ann"), unique("Physics"), unique("Maths")
    root.admin("user", "create", "--name", name)
    for organisation in (physics, maths):
        root.admin("organisation", "create", "--name", organisation, "--display-name", organisation)
    made = root.run("admin", "token", "create", "--user", name, "--organisation", physics)
    assert "only time" in made.err
    token, s3_user = made.data["token"], made.data["s3-user"]
    assert s3_user == f"{name}_{physics}".lower()
    assert made.data["display-name"] == f"S3 Access key for {physics} COU ({s3_user})"
    bucket = unique("bucket")
    for secret in ("anything", "something else"):
        assert s3_client(root.server, token, secret).list_buckets()["Owner"]["ID"] == s3_user
    s3_client(root.server, token, "x").create_bucket(Bucket=bucket)
    other = root.admin("token", "create", "--user", name, "--organisation", maths)
    assert other["s3-user"] == f"{name}_{maths}".lower()
    with refused("AccessDenied"):
        s3_client(root.server, other["token"], "x").list_objects_v2(Bucket=bucket)
    assert {each["s3-user"] for each in root.admin("token", "list", "--user", name)} == {s3_user, other["s3-user"]}
    again = root.admin("token", "create", "--user", name, "--organisation", physics)
    assert everywhere(s3_client(root.server, token, "x").list_buckets) == ["InvalidAccessKeyId"] * CONNECTIONS
    s3 = s3_client(root.server, again["token"], "x")
    s3.delete_bucket(Bucket=bucket)
    root.admin("token", "delete", "--user", name, "--organisation", physics, "--force")
    assert everywhere(s3.list_buckets) == ["InvalidAccessKeyId"] * CONNECTIONS
    assert root.run("admin", "user", "list", AWS_ACCESS_KEY_ID=other["token"]).code == 1  # data, not administration


def test_m212_m213_m214_a_service_account_with_a_role_on_one_folder_and_not_the_next(root: Somebody) -> None:
    here, there, robot = unique("here"), unique("there"), unique("robot")
    for name in (here, there):
        root.admin("compartment", "create", "--name", name)
    root.admin("service-account", "create", "--name", robot, "--compartment", here)
    key = root.admin("key", "create", "--service-account", robot)
    assert "key" not in root.admin("key", "list", "--service-account", robot)[0]
    s3 = s3_client(root.server, key["id"], key["key"])
    bucket = unique("bucket")
    with refused("AccessDenied"):
        s3.create_bucket(Bucket=bucket)
    root.admin("role", "add", "--role", "storage.editor", "--service-account", robot, "--compartment", here)
    assert everywhere(s3.list_buckets) == [""] * CONNECTIONS
    s3.create_bucket(Bucket=bucket)  # in the compartment of the service account
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    root.admin("role", "remove", "--role", "storage.editor", "--service-account", robot, "--compartment", here, "--force")
    assert everywhere(partial(s3.put_object, Bucket=bucket, Key="a", Body=b"a")) == ["AccessDenied"] * CONNECTIONS
    root.admin("role", "add", "--role", "editor", "--service-account", robot, "--compartment", there)
    with refused("AccessDenied"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    root.admin("role", "add", "--role", "storage.uploader", "--service-account", robot, "--bucket", bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    with refused("AccessDenied"):
        s3.delete_object(Bucket=bucket, Key="a")
    assert {(each["role"], each["scope"]) for each in root.admin("role", "list", "--service-account", robot)} == {
        ("storage.editor", "compartment"), ("storage.uploader", "bucket"),
    }  # fmt: skip
    assert root.run("admin", "role", "add", "--role", "storage.uploader", "--service-account", robot, "--bucket", bucket).code == 1
    root.admin("service-account", "delete", "--name", robot, "--force")
    full = root.run("admin", "compartment", "delete", "--name", here, "--force")
    assert full.code == 1 and bucket in full.err
    root.s3().delete_object(Bucket=bucket, Key="a")
    root.s3().delete_bucket(Bucket=bucket)
    root.admin("compartment", "delete", "--name", here, "--force")


def test_an_api_key_is_kept_by_its_public_half(root: Somebody, tmp_path: Path) -> None:
    name, file = unique("ann"), tmp_path / "public.pem"
    root.admin("user", "create", "--name", name)
    file.write_bytes(rsa.generate_private_key(65537, 2048).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    made = root.admin("api-key", "create", "--user", name, "--key-file", str(file))
    assert re.fullmatch(r"([0-9a-f]{2}:){15}[0-9a-f]{2}", made["fingerprint"])
    assert made["key-id"].endswith(f"/{made['user-id']}/{made['fingerprint']}")
    assert root.run("admin", "api-key", "create", "--user", name, "--key-file", str(file)).code == 1
    assert root.admin("api-key", "list", "--user", name) == [made]
    root.admin("api-key", "delete", "--user", name, "--fingerprint", made["fingerprint"], "--force")
    assert root.admin("api-key", "list", "--user", name) == []
    file.write_text("no key")
    assert root.run("admin", "api-key", "create", "--user", name, "--key-file", str(file)).code == 1
    assert root.run("admin", "api-key", "create", "--user", name, "--key-file", str(tmp_path / "none")).code == 2


SECRETS: dict[str, tuple[str, Any]] = {
    "POST /users/{user}/keys": ("key", lambda root, user: [f"/users/{user}/keys", {}]),
    "POST /keys/{key}/rotate": ("key", lambda root, user: [f"/keys/{root.admin('key', 'create', '--user', user)['id']}/rotate", {}]),
    "POST /users/{user}/tokens": ("token", lambda root, user: [f"/users/{user}/tokens", {}]),
    "POST /users/{user}/s3-secret": ("aws-secret", lambda root, user: [f"/users/{user}/s3-secret", None]),
    "POST /tenancies": ("administrator", lambda root, user: ["/tenancies", {"name": user, "namespace": user, "administrator": "boss"}]),
    "POST /buckets/{bucket}/pars": ("access-uri", None),  # tests/cli/test_par.py
    "POST /sessions": ("token", None),  # tests/admin/test_sessions.py
    "POST /sessions/exchange": ("token", None),  # tests/oidc/test_command_line.py
}


def test_m242_every_route_with_a_one_time_secret_is_listed_here() -> None:
    assert {f"{route.method} {route.path}" for route in ROUTES if route.secret} == set(SECRETS)
    assert {command.once for command in COMMANDS if command.once} <= {once for once, _ in SECRETS.values()}


@pytest.mark.parametrize("route", [route for route, (_, ask) in SECRETS.items() if ask is not None])
def test_m16_m242_a_secret_is_in_the_answer_that_made_it_and_nowhere_else(root: Somebody, route: str) -> None:
    """Not in any list, not in the database, not in any log."""
    user = unique("owner")
    root.admin("user", "create", "--name", user)
    member, asked = SECRETS[route]
    status, answer = root.ask("POST", *asked(root, user))
    assert status == 200, answer
    secret = answer["data"][member]["key"] if member == "administrator" else answer["data"][member]
    assert len(secret) >= 40
    for path in ("/users", f"/users/{user}", f"/users/{user}/keys", f"/users/{user}/tokens", "/tenancies", "/groups", "/policies"):
        assert secret not in json.dumps(root.ask("GET", path)[1])
    s3_client(root.server, secret if member == "token" else "NOSUCH", secret)
    files = [path for path in root.server.data_dir.rglob("*") if path.is_file()] + [root.server.log, root.server.out]
    assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_m17_secrets_hold_the_characters_that_clients_must_escape(root: Somebody) -> None:
    user = unique("owner")
    root.admin("user", "create", "--name", user, "--rights", "own-buckets")
    secrets = ""
    for _ in range(40):
        made = root.admin("key", "create", "--user", user)
        s3_client(root.server, made["id"], made["key"]).list_buckets()
        secrets += made["key"]
        if "+" in secrets and "/" in secrets:
            break
        time.sleep(0.05)  # the logs are written a moment later
    assert "+" in secrets and "/" in secrets


def test_what_is_brought_along_is_kept_an_access_key_a_secret_a_canonical_id(root: Somebody, tmp_path: Path) -> None:
    user, id, secret = unique("owner"), unique("KEY").upper(), "brought/along+and=kept"
    canonical_id = "5f" * 16 + user.encode().hex()[-32:]
    assert root.admin("user", "create", "--name", user, "--rights", "own-buckets", "--canonical-id", canonical_id)["canonical-id"] == canonical_id
    ran = root.run("admin", "key", "create", "--user", user, "--id", id, "--key-file", "-", stdin=secret + "\n")
    assert (ran.data["id"], ran.data["key"]) == (id, secret)
    assert s3_client(root.server, id, secret).list_buckets()["Owner"]["ID"] == canonical_id
    taken = root.run("admin", "key", "create", "--user", user, "--id", id, "--key-file", "-", stdin=secret)
    assert taken.code == 1 and '"status": 409' in taken.err
    short = root.run("admin", "key", "create", "--user", user, "--key-file", "-", stdin="short")
    assert short.code == 1 and "short" not in short.err.replace("shorter", "")
    assert root.run("admin", "user", "create", "--name", unique("thief"), "--canonical-id", canonical_id).code == 1


def test_explain_and_why_name_the_rule_and_the_least_that_would_allow_it(root: Somebody, bucket: str) -> None:
    name = unique("ann")
    root.admin("user", "create", "--name", name)
    key = root.admin("key", "create", "--user", name)
    s3 = s3_client(root.server, key["id"], key["key"])
    told = root.run("explain", "--as", name, "s3:GetObject", f"{bucket}/a").out
    assert f"{name} may not do s3:GetObject on {bucket}/a" in told and "OBJECT_READ" in told and "Allow " in told
    with pytest.raises(Exception) as denied:
        s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    request_id = denied.value.response["ResponseMetadata"]["RequestId"]  # type: ignore[attr-defined]
    for _ in range(40):
        ran = root.run("why", request_id)
        if ran.code == 0 and "PutObject" in ran.out and "now:" in ran.out:
            break
        time.sleep(0.05)  # the logs are written a moment later
    assert ran.code == 0 and name in ran.out and "AccessDenied" in ran.out and "Allow " in ran.out, ran
    data = json.loads(root.run("why", request_id, "--output", "json").out)["data"]
    statement = data["explained"]["suggestion"]
    policy = unique("p")
    root.admin("policy", "create", "--name", policy, "--statements", json.dumps([statement]))
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")  # what it says is enough
    root.admin("policy", "delete", "--name", policy, "--force")  # it is for any user: other tests share the server
    assert root.run("why", "0" * 16).code == 1
    assert root.run("why", "no-id").code == 1
    assert root.run("explain", "--as", "nobody-at-all", "s3:GetObject", bucket).code == 1
    assert "anonymous may not" in root.run("explain", "--as", "anonymous", "s3:GetObject", f"{bucket}/a").out


def test_explain_knows_whose_an_object_is(root: Somebody) -> None:
    name, mine = unique("ann"), unique("bucket")
    root.admin("user", "create", "--name", name, "--rights", "own-buckets")
    key = root.admin("key", "create", "--user", name)
    s3 = s3_client(root.server, key["id"], key["key"])
    s3.create_bucket(Bucket=mine)
    s3.put_object(Bucket=mine, Key="own")
    s3_client(root.server, root.server.access_key, root.server.secret_key).put_object(Bucket=mine, Key="roots")
    expected = {"own": ("", ""), "roots": ("not ", "")}
    for key, rights in expected.items():
        for action, may in zip(("s3:GetObject", "s3:DeleteObject"), rights, strict=True):
            assert f"{name} may {may}do {action} on {mine}/{key}" in root.run("explain", "--as", name, action, f"{mine}/{key}").out
    with pytest.raises(Exception) as denied:
        s3.get_object(Bucket=mine, Key="roots")
    for _ in range(40):
        told = root.run("why", denied.value.response["ResponseMetadata"]["RequestId"])  # type: ignore[attr-defined]
        if told.code == 0 and "now:" in told.out:
            break
        time.sleep(0.05)  # the logs are written a moment later
    assert told.code == 0 and f"{name} may not do GetObject on {mine}/roots" in told.out, told
    for key in expected:
        s3.delete_object(Bucket=mine, Key=key)
    s3.delete_bucket(Bucket=mine)


def test_each_change_and_refusal_is_in_the_audit_log_without_secrets(root: Somebody) -> None:
    name = unique("ann")
    root.admin("user", "create", "--name", name)
    key = root.admin("key", "create", "--user", name)
    Somebody(root.server, key["id"], key["key"]).run("admin", "user", "list")
    path = root.server.data_dir / "logs" / "audit.jsonl"
    for _ in range(200):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found = {line["action"]: line for line in lines if line.get("door") == "admin" and (name in json.dumps(line))}
        if {"CreateUser", "CreateCustomerSecretKey", "ListUsers"} <= set(found):
            break
        time.sleep(0.05)  # the logs are written a moment later
    assert found["CreateUser"]["decision"] == "allow" and found["CreateUser"]["who"] == "administrator"
    assert "policy Administrators" in found["CreateUser"]["rule"]
    assert found["ListUsers"]["decision"] == "deny" and found["ListUsers"]["who"] == name
    assert key["key"] not in path.read_text()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.noun} {command.verb}")
def test_every_command_explains_itself(root: Somebody, command: Any) -> None:
    ran = root.run("admin", command.noun, command.verb, "--help")
    assert ran.code == 0
    text = " ".join(ran.out.split())
    assert all(option.flag in text for option in command.options)
    assert any(command.method == route.method and command.path == route.path for route in ROUTES)
    if command.example:
        assert command.example in root.run("admin", command.noun, "--help").out


def test_M241_every_kind_of_identity_meets_the_one_decision(root: Somebody, bucket: str) -> None:
    """Users in groups, service accounts with roles, members of organisations, principals with a secret of their own, and nobody."""
    user, robot, organisation = unique("ann"), unique("robot"), unique("chem")
    principal = f"{unique('svc')}/scm@EXAMPLE.COM"
    root.admin("user", "create", "--name", user)
    root.admin("group", "create", "--name", user)
    root.admin("group", "add-user", "--group", user, "--user", user)
    root.admin("policy", "create", "--name", user, "--statements", json.dumps([f"Allow group {user} to read objects in tenancy"]))
    root.admin("service-account", "create", "--name", robot)
    root.admin("role", "add", "--role", "storage.viewer", "--service-account", robot, "--bucket", bucket)
    root.admin("organisation", "create", "--name", organisation)
    member = root.admin("token", "create", "--user", user, "--organisation", organisation)["s3-user"]
    root.admin("user", "create", "--name", principal, "--rights", "own-buckets")
    assert root.run("s3", "getsecret", "-u", principal).code == 0
    expected = {
        user: (True, False), robot: (True, False), member: (True, False), principal: (False, False), "anonymous": (False, False),
        "administrator": (True, True),
    }  # fmt: skip
    for who, rights in expected.items():
        for action, allowed in zip(("s3:GetObject", "s3:PutObject"), rights, strict=True):
            ran = root.run("explain", "--as", who, action, f"{bucket}/k")
            assert ran.code == 0 and (f"may {'' if allowed else 'not '}do {action}" in ran.out), (who, action, ran)
