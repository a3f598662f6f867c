"""Master key, users and keys, the cache of keys, and the bootstrap file."""

from __future__ import annotations

import asyncio
import re
import stat
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from holdfast.authz.grants import compile_grants
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.identities import master
from holdfast.identities.bootstrap import BootstrapError, apply, parse, read
from holdfast.identities.cache import Keys
from holdfast.identities.directory import Directory
from holdfast.identities.documents import Taken, Unknown
from holdfast.identities.first_start import FirstStartError, ensure_first
from holdfast.identities.keys import new_access_key, new_secret, secrets_exist
from holdfast.identities.master import MasterKey, MasterKeyError
from holdfast.identities.users import Users
from holdfast.model.identity import User

T = TypeVar("T")
S3TESTS = Path(__file__).parents[2] / "s3tests.bootstrap.toml"
ALICE = User(id="u1", name="alice", canonical_id="c1", display_name="Alice", email="Alice@Example.com")


def run(steps: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(steps)


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def directory(engine: MemoryEngine) -> Directory:
    return Directory(engine.registry, MasterKey({"00000001": b"k" * 32}))


@pytest.fixture
def started(directory: Directory) -> Directory:
    """After the first start."""
    run(ensure_first(directory, access_key="", secret="", now_ms=1))
    return directory


@pytest.fixture
def users(directory: Directory) -> Users:
    return directory.users


def test_a_master_key_is_made_once_private_and_durable(tmp_path: Path) -> None:
    path = tmp_path / master.FILE_NAME
    first = master.load_or_create(path, secrets_exist=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == [master.FILE_NAME]
    sealed = first.seal("key", "A", b"secret")
    assert master.load_or_create(path, secrets_exist=True).open("key", "A", sealed) == b"secret"
    with pytest.raises(FileExistsError):
        master.create(path)


def test_a_lost_master_key_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError, match="missing"):
        master.load_or_create(tmp_path / master.FILE_NAME, secrets_exist=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "nonsense", "0000000a " + "0" * 63, f"0000000a {'0' * 64}\n0000000a {'1' * 64}", "ü"])
def test_a_broken_master_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "master.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(MasterKeyError):
        master.load(path)


def test_a_master_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    master.create(path)
    path.chmod(0o640)
    with pytest.raises(MasterKeyError, match="600"):
        master.load(path)


def test_what_is_sealed_is_bound_to_its_place_and_whole() -> None:
    key = MasterKey({"00000001": b"k" * 32})
    sealed = key.seal("key", "A", b"secret")
    assert b"secret" not in sealed
    assert key.seal("key", "A", b"secret") != sealed
    for kind, id in [("key", "B"), ("user", "A")]:
        with pytest.raises(MasterKeyError):
            key.open(kind, id, sealed)
    for at in range(len(sealed)):
        with pytest.raises(MasterKeyError):
            key.open("key", "A", sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
        with pytest.raises(MasterKeyError):
            key.open("key", "A", sealed[:at])


def test_a_rotated_master_key_still_opens_what_the_old_one_sealed() -> None:
    sealed = MasterKey({"00000001": b"k" * 32}).seal("key", "A", b"secret")
    rotated = MasterKey({"00000002": b"n" * 32, "00000001": b"k" * 32})
    assert rotated.open("key", "A", sealed) == b"secret"
    assert rotated.seal("key", "A", b"secret")[1:5] == bytes.fromhex("00000002")


def test_M17_keys_look_like_keys() -> None:
    assert re.fullmatch("[A-Z2-7]{20}", new_access_key())
    made = [new_secret() for _ in range(200)]
    assert all(len(secret) == 40 for secret in made)
    assert any("+" in secret for secret in made)
    assert any("/" in secret for secret in made)
    assert len(set(made)) == 200


def test_users_are_found_by_what_names_them(users: Users) -> None:
    run(users.create_user(ALICE))
    assert run(users.user("u1")) == ALICE
    assert run(users.by_name("alice")) == ALICE
    assert run(users.by_canonical_id("c1")) == ALICE
    assert run(users.by_email("aLICE@example.COM")) == ALICE
    assert run(users.by_email("bob@example.com")) is None


@pytest.mark.parametrize("change", [{"id": "u1"}, {"name": "alice"}, {"canonical_id": "c1"}, {"email": "alice@example.com"}])
def test_what_names_a_user_is_unique(users: Users, change: dict[str, str]) -> None:
    run(users.create_user(ALICE))
    bob = {"id": "u2", "name": "bob", "canonical_id": "c2", "display_name": "Bob", "email": "bob@example.com"} | change
    with pytest.raises(Taken):
        run(users.create_user(User(**bob)))


def test_a_changed_user_leaves_its_old_names(users: Users) -> None:
    run(users.create_user(ALICE))
    run(users.change_user(msgspec.structs.replace(ALICE, name="alicia", email="")))
    assert run(users.by_name("alice")) is None
    assert run(users.by_email("alice@example.com")) is None
    assert run(users.by_name("alicia")) is not None
    run(users.create_user(User(id="u2", name="alice", canonical_id="c2", display_name="A", email="alice@example.com")))
    with pytest.raises(Unknown):
        run(users.change_user(msgspec.structs.replace(ALICE, id="nobody")))


def test_names_left_by_a_crash_are_free(users: Users, engine: MemoryEngine) -> None:
    run(engine.registry.put("name", "alice", b"never-made"))
    assert run(users.by_name("alice")) is None
    run(users.create_user(ALICE))
    assert run(users.by_name("alice")) == ALICE


def test_M16_secrets_are_stored_sealed(directory: Directory, engine: MemoryEngine) -> None:
    run(directory.users.create_user(ALICE))
    assert not run(secrets_exist(engine.registry))
    made = run(directory.keys.create("u1", 5, secret="canary-secret"))
    assert run(secrets_exist(engine.registry))
    stored = run(engine.registry.all("key"))
    assert b"canary-secret" not in b"".join(document.value for document in stored)
    assert run(directory.keys.credential(made.access_key)) == made
    with pytest.raises(Taken):
        run(directory.keys.create("u1", 5, access_key=made.access_key))
    with pytest.raises(Unknown):
        run(directory.keys.create("nobody", 5))


def test_M18_the_cache_sees_every_change_at_once(directory: Directory, engine: MemoryEngine) -> None:
    keys = Keys(engine.registry, directory, compile_grants)
    assert run(keys.find("K")) is None
    run(directory.users.create_user(ALICE))
    run(directory.keys.create("u1", 5, access_key="K", secret="one"))
    first = run(keys.find("K"))
    assert first is not None
    assert first.secret == "one"
    assert run(keys.find("K")) is first
    run(directory.keys.set_secret("K", "two"))
    second = run(keys.find("K"))
    assert second is not None
    assert second.secret == "two"
    run(directory.keys.set_status("K", "INACTIVE"))
    third = run(keys.find("K"))
    assert third is not None
    assert third.status == "INACTIVE"
    run(directory.keys.delete("K"))
    assert run(keys.find("K")) is None


def test_the_cache_does_not_wait_for_what_it_knows_and_is_bounded(directory: Directory, engine: MemoryEngine) -> None:
    run(directory.users.create_user(ALICE))
    run(directory.keys.create("u1", 5, access_key="K", secret="one"))
    keys = Keys(engine.registry, directory)
    run(keys.find("K"))
    asked: list[str] = []

    async def credential(access_key: str) -> None:
        asked.append(access_key)

    directory.keys.credential = credential  # type: ignore[method-assign,assignment]
    for _ in range(3):
        assert run(keys.find("K")) is not None
        assert run(keys.find("missing")) is None
    assert asked == ["missing"]

    async def flood() -> None:
        for number in range(10_000):
            await keys.find(f"no-{number}")

    run(flood())
    assert len(keys._unknown) <= 4096


BOOTSTRAP = """
[[users]]
name = "alice"
display_name = "Alice"
canonical_id = "c1"
email = "alice@example.com"
[[users.keys]]
access_key = "AK1"
secret_key = "secret-one"
[[users]]
name = "bob"
rights = "none"
[[buckets]]
name = "first-bucket"
owner = "alice"
versioning = "Enabled"
"""


def test_the_bootstrap_file_applied_twice_changes_nothing(started: Directory, engine: MemoryEngine) -> None:
    declared = parse(BOOTSTRAP, "site.toml")
    assert len(run(apply(declared, started, engine.catalog, region="r", now_ms=1))) == 4
    generation = engine.registry.generation()
    assert run(apply(declared, started, engine.catalog, region="r", now_ms=2)) == []
    assert engine.registry.generation() == generation
    bucket = run(engine.catalog.bucket("default", "first-bucket"))
    assert bucket is not None
    assert (bucket.owner, bucket.versioning, bucket.region) == ("c1", "Enabled", "r")


def test_a_changed_bootstrap_file_is_an_update(started: Directory, engine: MemoryEngine) -> None:
    run(apply(parse(BOOTSTRAP, "site.toml"), started, engine.catalog, region="r", now_ms=1))
    changed = BOOTSTRAP.replace("secret-one", "secret-two").replace('rights = "none"', 'rights = "all"').replace("Enabled", "Suspended")
    assert run(apply(parse(changed, "site.toml"), started, engine.catalog, region="r", now_ms=2)) == [
        "added user bob to group Administrators",
        "changed the secret of key AK1",
        "changed bucket first-bucket",
    ]
    found = run(started.keys.credential("AK1"))
    assert found is not None
    assert found.secret == "secret-two"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[users]]\nname = "a"\ncolour = "red"', r"users\[0\].*colour"),
        ('[[users]]\nname = "a"\n[[users.keys]]\naccess_key = "A"\nsecret_key = "12345678"\nx = 1', r"users\[0\]\.keys\[0\].*`x`"),
        ("[[users]]\nname = 1", r"users\[0\]\.name"),
        ('[[users]]\ndisplay_name = "a"', r"users\[0\].*name"),
        ('[[users]]\nname = "a"\nrights = "root"', r"users\[0\]\.rights"),
        ('[[users]]\nname = "a"\n[[users]]\nname = "a"', r"users\[1\]\.name.*twice"),
        ('[[users]]\nname = "administrator"', r"users\[0\]\.name"),
        ('[[users]]\nname = "a"\n[[users.keys]]\naccess_key = "A"\nsecret_key = "short"', r"users\[0\]\.keys\[0\]"),
        ('[[buckets]]\nname = "UPPER"\nowner = "a"', r"buckets\[0\]\.name"),
        ('[[users]]\nname = "a b"', r"users\[0\]\.name: 'a b' cannot be a name: it has 1 to 100 letters"),
        ('[[users]]\nname = ""', r"users\[0\]\.name"),
        ('[[service_accounts]]\nname = "ocid1.x"', r"service_accounts\[0\]\.name"),
        ('[[groups]]\nname = "a/b"', r"groups\[0\]\.name"),
        ('[[organisations]]\nname = "a_b"', r"organisations\[0\]\.name.*1 to 63"),
        ('[[compartments]]\npath = "a::b"', r"compartments\[0\]\.path"),
        ('[[compartments]]\npath = "a:b c"', r"compartments\[0\]\.path"),
        ("[[users]", "line 1"),
        ("user = 1", "user"),
    ],
)
def test_a_bootstrap_file_is_read_strictly(text: str, says: str) -> None:
    with pytest.raises(BootstrapError, match=says) as caught:
        parse(text, "site.toml")
    assert str(caught.value).startswith("site.toml: ")


def test_a_bootstrap_file_does_not_take_over(started: Directory, engine: MemoryEngine) -> None:
    run(apply(parse(BOOTSTRAP, "site.toml"), started, engine.catalog, region="r", now_ms=1))
    for text in [
        '[[users]]\nname = "eve"\n[[users.keys]]\naccess_key = "AK1"\nsecret_key = "evil-secret"',
        '[[users]]\nname = "eve"\ncanonical_id = "c1"',
        '[[users]]\nname = "eve"\n[[buckets]]\nname = "first-bucket"\nowner = "eve"',
        '[[buckets]]\nname = "other"\nowner = "nobody"',
    ]:
        with pytest.raises(BootstrapError):
            run(apply(parse(text, "site.toml"), started, engine.catalog, region="r", now_ms=2))
    found = run(started.keys.credential("AK1"))
    assert found is not None
    assert (found.secret, found.user.name) == ("secret-one", "alice")


def test_the_administrators_key_is_made_and_shown_once(directory: Directory, engine: MemoryEngine) -> None:
    made = run(ensure_first(directory, access_key="", secret="", now_ms=1))
    credential = run(directory.keys.credential(made.access_key))
    assert credential is not None
    assert (credential.secret, credential.user.name) == (made.secret, "administrator")
    again = run(ensure_first(directory, access_key="", secret="", now_ms=2))
    assert (again.access_key, again.secret) == (made.access_key, "")


def test_the_administrators_key_can_be_fixed_and_changed(directory: Directory, engine: MemoryEngine) -> None:
    for secret in ("first-secret", "first-secret", "second-secret"):
        found = run(ensure_first(directory, access_key="ROOTKEY", secret=secret, now_ms=1))
        assert (found.access_key, found.secret) == ("ROOTKEY", "")
        credential = run(directory.keys.credential("ROOTKEY"))
        assert credential is not None
        assert credential.secret == secret
    run(apply(parse(BOOTSTRAP, "site.toml"), directory, engine.catalog, region="r", now_ms=1))
    with pytest.raises(FirstStartError):
        run(ensure_first(directory, access_key="AK1", secret="takes-over", now_ms=1))


def test_the_users_of_s3_tests(started: Directory, engine: MemoryEngine) -> None:
    declared = read(S3TESTS)
    assert len(declared.users) == 6
    assert {user.rights for user in declared.users} == {"own-buckets"}
    assert len(run(apply(declared, started, engine.catalog, region="r", now_ms=1))) == 13
    main = run(started.keys.credential("0555b35654ad1656d804"))
    assert main is not None
    assert (main.user.canonical_id, main.user.display_name, main.user.email) == ("testid", "M. Tester", "tester@ceph.com")
