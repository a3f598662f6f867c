"""Access tokens with boto3 on a running server: any secret, an identity in each organisation, and nothing of a token anywhere."""

from __future__ import annotations

import http.client
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import certificates
from tests.identity.inside import inside
from tests.identity.people import ANN_BIO, ANN_CHEM, BEN_CHEM, ENV, PASSWORD, SECRETS, WORLD, client, refused
from tests.serving import Server

SIGNATURES = ("s3v4", "s3", "s3v4-query", "s3-query")


@pytest.fixture(scope="module")
def chems(world: Server) -> str:
    """A bucket of ann in chem, with an object."""
    ann = client(world, ANN_CHEM, "")
    ann.create_bucket(Bucket="anns-of-chem")
    ann.put_object(Bucket="anns-of-chem", Key="k", Body=b"data")
    return "anns-of-chem"


@pytest.mark.parametrize("secret", ["", "kT3-random/9+x=", "not the secret of anything"])
@pytest.mark.parametrize("signature", SIGNATURES)
def test_M129_M130_any_secret_goes_with_a_token(world: Server, chems: str, signature: str, secret: str) -> None:
    ann = client(world, ANN_CHEM, secret, signature)
    assert ann.get_object(Bucket=chems, Key="k")["Body"].read() == b"data"
    if not signature.endswith("-query"):  # with which botocore sends no bodies
        body = secrets.token_bytes(100_000)
        ann.put_object(Bucket=chems, Key="written", Body=body)
        assert ann.get_object(Bucket=chems, Key="written")["Body"].read() == body
    url = ann.generate_presigned_url("get_object", Params={"Bucket": chems, "Key": "k"})
    link = http.client.HTTPConnection(world.endpoint.removeprefix("http://"), timeout=10)
    link.request("GET", "/" + url.split("/", 3)[3])
    assert link.getresponse().read() == b"data"
    link.close()


def test_M131_a_blank_secret_in_the_credentials_file(world: Server, chems: str, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(f"[default]\naws_access_key_id = {ANN_CHEM}\naws_secret_access_key =\n")
    script = (
        "import boto3\n"
        f"s3 = boto3.client('s3', endpoint_url='{world.endpoint}', region_name='{world.region}')\n"
        f"print(s3.get_object(Bucket='{chems}', Key='k')['Body'].read())\n"
    )
    env = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "BOTO_DISABLE_CRT": "true"}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "b'data'", done.stderr


@pytest.mark.parametrize("signature", SIGNATURES)
def test_M132_only_tokens_are_believed_without_their_secret(world: Server, signature: str) -> None:
    wrong = client(world, "BENS-KEY", "wrong-secret-key-1", signature)
    assert refused(wrong.list_objects_v2, Bucket="bens-bucket") == (403, "SignatureDoesNotMatch")
    assert refused(client(world, "hft_" + "x" * 43, "", signature).list_buckets) == (403, "InvalidAccessKeyId")


def test_M134_M136_a_bucket_belongs_to_the_identity_in_the_organisation(world: Server, chems: str) -> None:
    ann, ben = client(world, ANN_CHEM), client(world, BEN_CHEM)
    assert ann.list_buckets()["Owner"] == {"ID": "ann_chem", "DisplayName": "ann_chem"}
    assert ann.get_bucket_acl(Bucket=chems)["Owner"]["ID"] == "ann_chem"
    assert chems in [bucket["Name"] for bucket in ann.list_buckets()["Buckets"]]
    assert chems not in [bucket["Name"] for bucket in ben.list_buckets()["Buckets"]]
    assert refused(ben.get_object, Bucket=chems, Key="k") == (403, "AccessDenied")
    assert refused(ben.list_objects_v2, Bucket=chems) == (403, "AccessDenied")


def test_M135_each_organisation_is_another_identity(world: Server, chems: str) -> None:
    bio = client(world, ANN_BIO)
    bio.create_bucket(Bucket="anns-of-bio")
    assert bio.list_buckets()["Owner"]["ID"] == "ann_bio"
    assert [bucket["Name"] for bucket in bio.list_buckets()["Buckets"]] == ["anns-of-bio"]
    assert refused(bio.get_object, Bucket=chems, Key="k") == (403, "AccessDenied")
    assert refused(client(world, "ANNS-KEY").get_object, Bucket=chems, Key="k") == (403, "AccessDenied")


def test_M137_M139_a_grant_to_an_identity_lets_it_in_until_it_is_taken_back(world: Server) -> None:
    ann, ben = client(world, ANN_CHEM), client(world, BEN_CHEM)
    ann.create_bucket(Bucket="shared-of-chem", ObjectOwnership="ObjectWriter")
    ann.put_object(Bucket="shared-of-chem", Key="k", Body=b"data")
    assert refused(ben.list_objects_v2, Bucket="shared-of-chem") == (403, "AccessDenied")
    ann.put_bucket_acl(Bucket="shared-of-chem", GrantRead='id="ben_chem"')
    ann.put_object_acl(Bucket="shared-of-chem", Key="k", GrantRead='id="ben_chem"')
    assert [found["Key"] for found in ben.list_objects_v2(Bucket="shared-of-chem")["Contents"]] == ["k"]
    assert ben.get_object(Bucket="shared-of-chem", Key="k")["Body"].read() == b"data"
    assert refused(ann.put_bucket_acl, Bucket="shared-of-chem", GrantRead='id="nobody_chem"') == (400, "InvalidArgument")
    ann.put_bucket_acl(Bucket="shared-of-chem", ACL="private")
    assert refused(ben.list_objects_v2, Bucket="shared-of-chem") == (403, "AccessDenied")


def test_M133_a_token_in_clear_is_refused_where_only_tls_will_do(
    serve: Callable[..., Server], certs: certificates.Certificates, tmp_path: Path
) -> None:
    plain = serve(workers=1, bootstrap=WORLD, env=ENV, token_transport="tls")
    assert refused(client(plain, ANN_CHEM).list_buckets) == (403, "AccessDenied")
    assert refused(client(plain, "hft_" + "x" * 43).list_buckets) == (403, "AccessDenied")
    assert refused(client(plain, "BENS-KEY").list_buckets) == (200, "")
    tls = serve(workers=1, bootstrap=WORLD, env=ENV, token_transport="tls", ca=str(certs.ca), tls_cert=certs.cert, tls_key=certs.key)
    assert client(tls, ANN_CHEM).list_buckets()["Owner"]["ID"] == "ann_chem"


def test_M133_a_new_token_ends_the_old_one_at_once_on_every_worker(serve: Callable[..., Server]) -> None:
    server = serve(workers=2, bootstrap=WORLD, env=ENV)
    clients = [client(server, ANN_CHEM) for _ in range(8)]  # each has its connection: both workers know the token
    assert all(refused(each.list_buckets) == (200, "") for each in clients)

    async def regenerate(directory: Any) -> str:
        ann = await directory.users.by_name("Ann")
        organisation = await directory.organisations.by_name(ann.tenancy, "chem")
        return str((await directory.tokens.create(ann.id, organisation.id, 1))[1])

    text = inside(server.data_dir, regenerate)
    assert {refused(each.list_buckets) for each in clients} == {(403, "InvalidAccessKeyId")}
    assert {refused(client(server, text).list_buckets) for _ in range(4)} == {(200, "")}


def test_M246_no_token_secret_or_password_is_in_logs_metrics_errors_or_database(world: Server, chems: str) -> None:
    unknown = "hft_UNKNOWN-CANARY-TOKEN-000000000000000000000004"
    answers = []
    for token in (ANN_CHEM, unknown):
        for header in (
            f"AWS {token}:c2ln", f"AWS4-HMAC-SHA256 Credential={token}/20260101/x/s3/aws4_request, SignedHeaders=host, Signature={'0' * 64}",
            f"AWS4-HMAC-SHA256 Credential={token}/bad, SignedHeaders=host, Signature=0", f"Bearer {token}",
        ):  # fmt: skip
            answers.append(ask(world, "/b/k", {"Authorization": header, "Date": "Thu, 01 Jan 2026 12:00:00 GMT"}))
        for query in (f"AWSAccessKeyId={token}&Signature=x&Expires=9999999999", f"X-Amz-Credential={token}%2Fx&X-Amz-Signature=1", f"x={token}"):
            answers.append(ask(world, "/b/k?" + query, {}))
    refused(client(world, unknown).list_buckets)
    metrics = world.get("/metrics")[1]
    import time

    time.sleep(0.3)  # the access log is flushed ten times a second
    written = [path.read_bytes() for path in world.data_dir.rglob("*") if path.is_file()]
    everything = b"\n".join([*answers, metrics.encode(), world.out.read_bytes(), world.log.read_bytes(), *written])
    for canary in (ANN_CHEM, ANN_BIO, BEN_CHEM, unknown, PASSWORD, *SECRETS.values()):
        assert canary.encode() not in everything, canary
    assert any(line.get("access_key", "").startswith("token:ocid1.credential.") for line in world.access_log())


def ask(server: Server, target: str, headers: dict[str, str]) -> bytes:
    link = http.client.HTTPConnection(server.endpoint.removeprefix("http://"), timeout=10)
    link.request("GET", target, headers=headers)
    answer = link.getresponse()
    found = answer.read() + str(answer.headers).encode()
    link.close()
    assert answer.status < 500
    return found
