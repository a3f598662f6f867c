"""Everything that a bootstrap file can declare, on a running server; a second start changes nothing; keys in every state."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_client
from tests.identity.inside import inside
from tests.identity.people import ANN_CHEM, ENV, PASSWORD, WORLD, client, refused
from tests.serving import Server


def test_a_world_applied_twice_changes_nothing(serve: Callable[..., Server]) -> None:
    first = serve(workers=1, bootstrap=WORLD, env=ENV)
    for text in (
        "made tenancy acme", "made compartment projects:alpha", "enrolled Ann in organisation bio", "made ben a manager of organisation chem",
        "bound role storage.editor to robot",
    ):  # fmt: skip
        assert text in first.log.read_text()
    first.finish()

    async def documents(directory: Any) -> list[Any]:
        kinds = ("tenancy", "compartment", "user", "group", "policy", "organisation", "key", "token", "password", "api-key")
        return [[document.revision for document in await directory.registry.all(kind)] for kind in kinds]

    before = inside(first.data_dir, documents)
    again = serve(workers=1, bootstrap=WORLD, env=ENV, data_dir=first.data_dir)
    assert '"changes":"[]"' in again.log.read_text()
    assert client(again, ANN_CHEM).list_buckets()["Owner"]["ID"] == "ann_chem"
    again.finish()
    assert inside(first.data_dir, documents) == before and [len(rows) for rows in before] == [2, 3, 7, 3, 3, 2, 9, 3, 1, 0]


@pytest.mark.parametrize(("text", "says"), [
    ('[[policies]]\nname = "p"\nstatements = ["Allow group Nobodies to read objects in tenancy"]', "policy 'p': .*Nobodies"),
    ('[[policies]]\nname = "p"\nstatements = ["Allow group Administrators to dance"]', "policy 'p': .*dance"),
    ('[[groups]]\nname = "g"\n[[groups.roles]]\nrole = "storage.owner"', "'g': there is no role 'storage.owner'"),
    ('[[groups]]\nname = "g"\nmembers = ["nobody"]', "group 'g': .*'nobody'"),
    ('[[service_accounts]]\nname = "s"\ncompartment = "x:y"', "service account 's': .*'x:y'"),
    ('[[users]]\nname = "u"\napi_keys = ["no pem"]', "user 'u': .*PEM"),
    ('[[users]]\nname = "u"\n[[users.tokens]]\ntoken = "hft_01234567890123456789012345678901"\norganisation = "o"', "user 'u': .*'o'"),
    ('[[tenancies]]\nname = "holdfast"\nnamespace = "other"', "tenancy 'holdfast': its namespace is 'default'"),
    ('[[users]]\nname = "robot"\n[[service_accounts]]\nname = "robot"', "service account 'robot': .*that of a user"),
])  # fmt: skip
def test_what_a_file_cannot_declare_is_refused_in_words(serve: Callable[..., Server], tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "site.toml").write_text(text)
    server = serve(start=False, bootstrap=tmp_path / "site.toml")
    assert server.launch().wait(30) == 1
    log = server.log.read_text()
    assert re.search(says, log) and "Traceback" not in log


def test_a_password_comes_from_the_environment_only(serve: Callable[..., Server]) -> None:
    server = serve(start=False, bootstrap=WORLD)
    assert server.launch().wait(30) == 1
    assert "WORLD_ANN_PASSWORD" in server.log.read_text() and "Traceback" not in server.log.read_text()

    async def verify(directory: Any) -> bool:
        ann = await directory.users.by_name("Ann")
        return bool(await directory.passwords.verify(ann.id, PASSWORD))

    good = serve(workers=1, bootstrap=WORLD, env=ENV)
    good.finish()
    assert inside(good.data_dir, verify)


@pytest.mark.parametrize(("key", "answer"), [
    ("BENS-KEY", (200, "")), ("ANNS-OLD-KEY", (403, "InvalidAccessKeyId")), ("CARLS-KEY", (403, "InvalidAccessKeyId")), ("OLGAS-KEY", (200, "")),
    ("ACMES-KEY", (200, "")), ("ann/host@EXAMPLE.ORG", (403, "AccessDenied")), ("ANNS-KEY", (403, "AccessDenied")),
])  # fmt: skip
@pytest.mark.parametrize("signature", ["s3v4", "s3", "s3v4-query", "s3-query"])
def test_M18_M192_keys_in_every_state(world: Server, key: str, answer: tuple[int, str], signature: str) -> None:
    assert refused(client(world, key, signature=signature).list_buckets) == answer
    assert refused(client(world, key, "wrong-secret-of-nobody", signature).list_buckets) == (
        answer if answer[1] == "InvalidAccessKeyId" else (403, "SignatureDoesNotMatch")
    )


def test_M2_each_tenancy_has_its_own_buckets(world: Server) -> None:
    acme, ben = client(world, "ACMES-KEY"), client(world, "BENS-KEY")
    acme.create_bucket(Bucket="bens-bucket")
    acme.put_object(Bucket="bens-bucket", Key="k", Body=b"acme")
    ben.put_object(Bucket="bens-bucket", Key="k", Body=b"ben")
    assert acme.get_object(Bucket="bens-bucket", Key="k")["Body"].read() == b"acme"
    assert ben.get_object(Bucket="bens-bucket", Key="k")["Body"].read() == b"ben"
    assert refused(acme.create_bucket, Bucket="bens-bucket")[0] in (200, 409)


def test_M21_the_administrators_do_everything_in_their_tenancy_only(world: Server) -> None:
    for admin in (make_client(world), client(world, "OLGAS-KEY")):
        assert "bens-bucket" in [bucket["Name"] for bucket in admin.list_buckets()["Buckets"]]
        admin.put_object(Bucket="bens-bucket", Key="by-admin", Body=b"x")
        admin.delete_object(Bucket="bens-bucket", Key="by-admin")


def test_M18_M20_a_change_counts_at_once_on_every_worker(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(workers=2, bootstrap=WORLD, env=ENV)
    bens, olgas = ([client(server, key) for _ in range(8)] for key in ("BENS-KEY", "OLGAS-KEY"))

    def see(clients: list[Any], bucket: str) -> set[tuple[int, str]]:
        return {refused(each.list_objects_v2, Bucket=bucket) for each in clients}

    assert see(bens, "bens-bucket") == see(olgas, "bens-bucket") == {(200, "")}

    async def out_of_the_group(directory: Any) -> None:
        olga = await directory.users.by_name("olga")
        await directory.groups.remove_user(olga.memberships[0].group, olga.id)

    async def back(directory: Any) -> None:
        olga = await directory.users.by_name("olga")
        group = await directory.groups.by_name(olga.tenancy, "Administrators")
        await directory.groups.add_user(group.id, olga.id, 1)

    for steps, answer in ((out_of_the_group, (403, "AccessDenied")), (back, (200, ""))):
        inside(server.data_dir, steps)
        assert see(olgas, "bens-bucket") == {answer}

    async def asleep(directory: Any) -> None:
        await directory.keys.set_status("BENS-KEY", "INACTIVE")

    async def awake(directory: Any) -> None:
        await directory.keys.set_status("BENS-KEY", "ACTIVE")

    async def user_asleep(directory: Any) -> None:
        await directory.users.set_status((await directory.users.by_name("ben")).id, "INACTIVE")

    for steps, answer in ((asleep, (403, "InvalidAccessKeyId")), (awake, (200, "")), (user_asleep, (403, "InvalidAccessKeyId"))):
        inside(server.data_dir, steps)
        assert see(bens, "bens-bucket") == {answer}
