"""Weaknesses of other servers in who may do what, tried here: rights told by headers, owners by accident, lists that leak, late revocations."""

from __future__ import annotations

import pytest

from tests.authz.callers import BUCKET, KEY, People
from tests.authz.signing import MODES, Wire
from tests.authz.town import Town, client, code, root


@pytest.fixture
def wire(town: Town) -> Wire:
    return Wire(town.server.endpoint, town.server.region)


@pytest.mark.parametrize(
    "headers",
    [
        {"userid": "administrator", "groups": "Administrators", "aws-username": "administrator", "aws-principaltype": "Account"},
        {"x-amz-user": "administrator", "x-forwarded-user": "administrator", "remote-user": "administrator", "x-holdfast-user": "administrator"},
        {"request.user.name": "administrator", "request.groups.id": "Administrators", "x-amz-security-token": "administrator"},
    ],
)
def test_ghsa_6r96_hmgc_726c_no_header_says_who_asks(town: Town, people: People, wire: Wire, headers: dict[str, str]) -> None:
    group = town.group(f"by-headers-{len(headers)}-{next(iter(headers))}")
    town.policy(
        f"Allow group {group.name} to read objects in tenancy where request.user.name = 'administrator'",
        "Allow any-user to read objects in tenancy where all {request.user.name = 'administrator', target.object.name = '/never'}",
    )
    _, key = town.user(group)
    for signer, who in [("", ("", "")), *((mode, (key.access_key, key.secret)) for mode in MODES)]:
        answer = wire.send(signer, "GET", f"/{BUCKET}/{KEY}", who, headers, b"")
        assert answer.status in (400, 403) and b"kept" not in answer.body, (signer, answer)


def test_ghsa_gf2q_q6wc_x7fm_lists_show_only_what_a_right_shows(town: Town) -> None:
    group = town.group("gf2q")
    place = town.compartment("gf2q")
    shown, hidden = town.bucket(place).name, town.bucket().name
    _, key = town.user(group)
    s3 = client(town.server, key)
    assert code(s3.list_buckets) == "AccessDenied"
    town.policy("Allow group gf2q to inspect buckets in compartment gf2q")
    names = {row["Name"] for row in s3.list_buckets()["Buckets"]}
    assert names == {shown} and hidden not in names
    assert {row["Name"] for row in s3.list_buckets(Prefix=hidden[:5])["Buckets"]} <= {shown}


def test_cve_2021_36372_a_right_taken_away_counts_at_the_next_request(town: Town) -> None:
    group = town.group("cve-36372")
    policy = town.policy("Allow group cve-36372 to manage objects in tenancy")
    _, key = town.user(group)
    bucket = town.bucket().name
    s3 = client(town.server, key)
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"x") == ""
    town.run(town.directory.policies.delete(policy.id))
    assert {code(s3.get_object, Bucket=bucket, Key="k") for _ in range(8)} == {"AccessDenied"}
    town.policy("Allow group cve-36372 to manage objects in tenancy")
    assert code(s3.get_object, Bucket=bucket, Key="k") == ""
    town.run(town.directory.keys.set_status(key.access_key, "INACTIVE"))
    assert {code(s3.get_object, Bucket=bucket, Key="k") for _ in range(8)} == {"InvalidAccessKeyId"}


@pytest.mark.parametrize("kind", ["user", "service-account"])
@pytest.mark.parametrize(("statement", "allowed"), [("Allow any-user to read objects in tenancy where request.user.id = '{id}'", True), ("", False)])
def test_cve_2021_41137_nobody_counts_as_owner_by_accident(town: Town, kind: str, statement: str, allowed: bool) -> None:
    user, key = town.user(kind=kind)
    bucket = town.bucket().name
    root(town.server).put_object(Bucket=bucket, Key="k", Body=b"x")
    if statement:
        town.policy(statement.format(id=user.id))
    s3 = client(town.server, key)
    assert code(s3.get_object, Bucket=bucket, Key="k") == ("" if allowed else "AccessDenied")
    for call, given in ((s3.put_object, {"Key": "k", "Body": b"y"}), (s3.delete_object, {"Key": "k"}), (s3.put_bucket_acl, {"ACL": "public-read"})):
        assert code(call, Bucket=bucket, **given) == "AccessDenied"
