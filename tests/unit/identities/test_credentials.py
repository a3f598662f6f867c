"""Credentials through their whole life: made, used, inactive, expired, rotated, revoked, and gone with their user."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.authn.sigv4 import usable
from holdfast.authz.gather import ask, rights_of
from holdfast.authz.grants import compile_grants
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.identities.cache import Keys
from holdfast.identities.directory import Directory
from holdfast.identities.documents import Taken, Unknown
from holdfast.identities.first_start import ensure_first
from holdfast.identities.master import MasterKey
from holdfast.identities.retries import OtherRequest
from holdfast.identities.users import User
from holdfast.model.buckets import Bucket
from holdfast.model.errors import InvalidAccessKeyId
from holdfast.model.identity import SERVICE_ACCOUNT, Caller

T = TypeVar("T")


def run(steps: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(steps)


@pytest.fixture
def directory() -> Directory:
    made = Directory(MemoryEngine().registry, MasterKey({"00000001": b"k" * 32}))
    run(ensure_first(made, access_key="ROOT", secret="root-secret", now_ms=1))
    return made


@pytest.fixture
def keys(directory: Directory) -> Keys:
    return Keys(directory.registry, directory, compile_grants)


@pytest.fixture
def ann(directory: Directory) -> User:
    return person(directory, "ann")


def person(directory: Directory, name: str, **given: Any) -> User:
    return run(directory.users.create_user(User(**({"id": "", "name": name, "canonical_id": "", "display_name": "", "rights": "none"} | given))))


def counts(keys: Keys, access_key: str, now_s: float) -> bool:
    try:
        usable(run(keys.find(access_key)), access_key, now_s)
    except InvalidAccessKeyId:
        return False
    return True


def test_M18_a_key_counts_while_it_and_its_user_are_active(directory: Directory, keys: Keys, ann: User) -> None:
    key = run(directory.keys.create(ann.id, 1)).access_key
    assert counts(keys, key, 1)
    for set_status in (directory.keys.set_status, directory.users.set_status):
        of = key if set_status == directory.keys.set_status else ann.id
        run(set_status(of, "INACTIVE"))
        assert not counts(keys, key, 1)
        run(set_status(of, "ACTIVE"))
        assert counts(keys, key, 1)
    run(directory.users.delete_user(ann.id))
    assert not counts(keys, key, 1)


def test_a_key_expires(directory: Directory, keys: Keys, ann: User) -> None:
    key = run(directory.keys.create(ann.id, 1, expires_ms=5000)).access_key
    assert counts(keys, key, 4.999) and not counts(keys, key, 5)


def test_a_rotated_key_overlaps_with_the_new_one(directory: Directory, keys: Keys, ann: User) -> None:
    old = run(directory.keys.create(ann.id, 1, display_name="laptop")).access_key
    new = run(directory.keys.rotate(old, 60_000, 10_000)).access_key
    assert [counts(keys, old, now_s) for now_s in (10, 69, 70)] == [True, True, False] and counts(keys, new, 1000)
    newest = run(directory.keys.rotate(new, 0, 80_000)).access_key
    assert not counts(keys, new, 80) and counts(keys, newest, 80)
    with pytest.raises(Unknown):
        run(directory.keys.rotate(old, 1, 90_000))
    assert {key.display_name for key in run(directory.keys.of_user(ann.id))} == {"laptop"}


def test_a_shorter_life_is_not_made_longer_by_a_rotation(directory: Directory, keys: Keys, ann: User) -> None:
    old = run(directory.keys.create(ann.id, 1, expires_ms=20_000)).access_key
    run(directory.keys.rotate(old, 60_000, 10_000))
    assert not counts(keys, old, 20)


def test_an_access_key_of_a_user_that_is_gone_is_free(directory: Directory, ann: User) -> None:
    run(directory.keys.create(ann.id, 1, access_key="FIXED"))
    run(directory.registry.delete("user", ann.id))  # a crash before the credentials were deleted
    ben = person(directory, "ben")
    assert run(directory.keys.create(ben.id, 1, access_key="FIXED")).user == ben
    with pytest.raises(Taken):
        run(directory.keys.create(ben.id, 1, access_key="hft_" + "x" * 43))


def test_M133_a_new_token_ends_the_old_one(directory: Directory, keys: Keys, ann: User) -> None:
    tenancy = run(directory.tenancies.default_id())
    chem, bio = (run(directory.organisations.create(tenancy, name, "", "", 1)) for name in ("chem", "bio"))
    for organisation in (chem, bio):
        run(directory.organisations.enrol(ann.id, organisation.id, 1))
    first, second = run(directory.tokens.create(ann.id, chem.id, 1))[1], run(directory.tokens.create(ann.id, bio.id, 1))[1]
    assert len(first) == 47 and first.startswith("hft_") and counts(keys, first, 1) and counts(keys, second, 1)
    token, third = run(directory.tokens.create(ann.id, chem.id, 2))
    assert [counts(keys, text, 1) for text in (first, second, third)] == [False, True, True]
    assert [held.organisation for held in run(directory.tokens.of_user(ann.id))] == [bio.id, chem.id]
    run(directory.tokens.revoke(token.id))
    assert not counts(keys, third, 1)
    with pytest.raises(Unknown):
        run(directory.tokens.revoke(token.id))
    run(directory.organisations.leave(ann.id, bio.id))
    assert not counts(keys, second, 1)
    with pytest.raises(Unknown):
        run(directory.tokens.create(ann.id, bio.id, 1))


def test_M134_a_token_is_the_identity_of_its_organisation(directory: Directory, keys: Keys, ann: User) -> None:
    organisation = run(directory.organisations.create(run(directory.tenancies.default_id()), "chem", "", "", 1))
    run(directory.organisations.enrol(ann.id, organisation.id, 1))
    token, text = run(directory.tokens.create(ann.id, organisation.id, 1))
    found = run(keys.find(text))
    assert found is not None and found.grants is not None
    assert (found.user.id, found.user.canonical_id, found.user.display_name) == (ann.id, "ann_chem", "ann_chem")
    assert (found.access_key, found.bearer, found.user.rights) == (f"token:{token.id}", True, "own-buckets")
    assert found.grants == rights_of("own-buckets")
    plain = run(keys.find(run(directory.tokens.create(ann.id, "", 1))[1]))
    assert plain is not None and plain.user == run(directory.users.user(ann.id)) and plain.grants == ()


def test_M246_tokens_are_stored_as_digests_only(directory: Directory, ann: User) -> None:
    _, text = run(directory.tokens.create(ann.id, "", 1))
    session = run(directory.sessions.create(ann.id, 1, 60))
    run(directory.passwords.set(ann.id, "canary-password"))
    store: Any = directory.registry
    everything = b"".join(document.value + document.name.encode() for document in store.documents.values())
    assert text.encode() not in everything and session.encode() not in everything and b"canary-password" not in everything


def test_tokens_expire_and_sleep_with_their_user(directory: Directory, keys: Keys, ann: User) -> None:
    _, text = run(directory.tokens.create(ann.id, "", 1, expires_ms=5000))
    assert counts(keys, text, 4) and not counts(keys, text, 5)
    run(directory.users.set_status(ann.id, "INACTIVE"))
    assert not counts(keys, text, 4)
    assert not counts(keys, "hft_" + "n" * 43, 4) and not counts(keys, "hft_" + "n" * 4000, 4)


def test_what_a_crash_left_of_a_new_token_does_not_count(directory: Directory, keys: Keys, ann: User) -> None:
    _, text = run(directory.tokens.create(ann.id, "", 1))
    put, writes = directory.registry.put, []

    async def crash(kind: str, name: str, value: bytes, expect_revision: int | None = None) -> Any:
        if len(writes) == 2:
            raise SystemError("power cut")
        writes.append(kind)
        return await put(kind, name, value, expect_revision)

    directory.registry.put = crash  # type: ignore[method-assign]
    with pytest.raises(SystemError):
        run(directory.tokens.create(ann.id, "", 2, text="hft_" + "u" * 43))
    directory.registry.put = put  # type: ignore[method-assign]
    assert counts(keys, text, 1) and not counts(keys, "hft_" + "u" * 43, 1)


def test_passwords_are_verified_and_end_with_their_sessions(directory: Directory, ann: User) -> None:
    passwords, sessions = directory.passwords, directory.sessions
    run(passwords.set(ann.id, "first"))
    assert [run(passwords.verify(ann.id, text)) for text in ("first", "", "First", "x" * 5000)] == [True, False, False, False]
    assert not run(passwords.verify("nobody", "first"))
    session = run(sessions.create(ann.id, 1000, 60))
    assert run(sessions.find(session, 60_999)) == ann
    assert [run(sessions.find(text, now_ms)) for text, now_ms in ((session, 61_000), (session + "x", 2), ("", 2), (session[4:], 2))] == [None] * 4
    run(passwords.set(ann.id, "second"))
    assert run(sessions.find(session, 2000)) is None and not run(passwords.verify(ann.id, "first"))
    session = run(sessions.create(ann.id, 1000, 60))
    run(directory.users.set_status(ann.id, "INACTIVE"))
    assert run(sessions.find(session, 2000)) is None and not run(passwords.verify(ann.id, "second"))
    assert run(sessions.purge(60_999)) == 0 and run(sessions.purge(61_000)) == 1
    assert run(passwords.clear(ann.id)) and not run(passwords.has(ann.id))
    for wrong in ("", "x" * 1025):
        with pytest.raises(ValueError, match="characters"):
            run(passwords.set(ann.id, wrong))


def test_M212_a_service_account_has_no_password(directory: Directory) -> None:
    with pytest.raises(Unknown):
        run(directory.passwords.set(person(directory, "robot", kind=SERVICE_ACCOUNT).id, "x"))


def pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def test_api_keys_are_rsa_and_found_by_all_three(directory: Directory, ann: User) -> None:
    key = pem(rsa.generate_private_key(65537, 2048))
    made = run(directory.api_keys.add(ann.id, "\n" + key, 1))
    assert len(made.fingerprint) == 47 and made.public_pem == key and run(directory.api_keys.of_user(ann.id)) == [made]
    assert run(directory.api_keys.find(ann.tenancy, ann.id, made.fingerprint)) == (made, ann)
    assert run(directory.api_keys.find("other", ann.id, made.fingerprint)) is None
    with pytest.raises(Taken):
        run(directory.api_keys.add(ann.id, key, 1))
    for wrong in (pem(rsa.generate_private_key(65537, 1024)), pem(ec.generate_private_key(ec.SECP256R1())), "", "-----BEGIN", "x" * 20_000):
        with pytest.raises(ValueError, match="key"):
            run(directory.api_keys.add(ann.id, wrong, 1))
    run(directory.users.set_status(ann.id, "INACTIVE"))
    assert run(directory.api_keys.find(ann.tenancy, ann.id, made.fingerprint)) is None
    run(directory.api_keys.delete(ann.id, made.fingerprint))
    with pytest.raises(Unknown):
        run(directory.api_keys.delete(ann.id, made.fingerprint))


def test_M20_grants_follow_every_change_at_once_and_are_compiled_once(directory: Directory, ann: User) -> None:
    compiled: list[str] = []

    def compile_counted(user: User, world: Any) -> tuple[Any, ...]:
        compiled.append(user.name)
        return compile_grants(user, world)

    keys = Keys(directory.registry, directory, compile_counted)
    key = run(directory.keys.create(ann.id, 1)).access_key

    def may() -> bool:
        found = run(keys.find(key))
        assert found is not None and found.grants is not None
        caller = Caller(how="v4-header", user=found.user, grants=found.grants)
        return ask(caller, "s3:PutObject", Bucket(namespace="default", name="b", region="r", owner="somebody"), "k").allowed

    group = run(directory.groups.by_name(ann.tenancy, "Administrators"))
    assert group is not None and [may(), may()] == [False, False]
    run(directory.groups.add_user(group.id, ann.id, 1))
    assert [may(), may()] == [True, True]
    run(directory.groups.remove_user(group.id, ann.id))
    assert not may() and compiled == ["ann"] * 3
    run(directory.keys.create(ann.id, 1))  # changes the generation, and nothing that ann's grants depend on
    assert not may() and compiled == ["ann"] * 3
    caller = run(keys.caller_of(ann, "oci-key"))
    assert (caller.how, caller.user, caller.grants, run(keys.grants_of(ann))) == ("oci-key", ann, (), ())


def test_auth_tokens_are_verified_renewed_and_deleted(directory: Directory, ann: User) -> None:
    tokens = directory.auth_tokens
    made, text = run(tokens.create(ann.id, "for a program", 1))
    assert run(tokens.verify(ann.id, text)) and not run(tokens.verify(ann.id, text + "x")) and not run(tokens.verify("nobody", text))
    assert run(tokens.describe(ann.id, made.id, "else")).description == "else"
    _, renewed = run(tokens.renew(ann.id, made.id))
    assert [run(tokens.verify(ann.id, each)) for each in (text, renewed)] == [False, True]
    assert [token.description for token in run(tokens.of_user(ann.id))] == ["else"] and run(tokens.get(ann.id, made.id)) is not None
    run(directory.users.set_status(ann.id, "INACTIVE"))
    assert not run(tokens.verify(ann.id, renewed))
    run(tokens.delete(ann.id, made.id))
    with pytest.raises(Unknown):
        run(tokens.delete(ann.id, made.id))


def test_a_retry_token_leads_to_what_was_made_for_it(directory: Directory) -> None:
    retries, day_ms = directory.retries, 24 * 3600 * 1000
    name, before = run(retries.begin("u", "CreateUser", "t", b"ann", 1000))
    assert before == ""
    with pytest.raises(Taken):
        run(retries.begin("u", "CreateUser", "t", b"ann", 2000))
    run(retries.done(name, "id-of-ann"))
    assert run(retries.begin("u", "CreateUser", "t", b"ann", day_ms)) == (name, "id-of-ann")
    with pytest.raises(OtherRequest):
        run(retries.begin("u", "CreateUser", "t", b"ben", 3000))
    for other in (("v", "CreateUser", "t"), ("u", "CreateGroup", "t"), ("u", "CreateUser", "s")):
        assert run(retries.begin(*other, b"ann", 3000))[1] == ""
    assert run(retries.begin("u", "CreateUser", "t", b"ben", 1000 + day_ms))[1] == ""  # a day later it means nothing any more
    run(retries.failed(name))
    assert run(retries.begin("u", "CreateUser", "t", b"carl", 1000 + day_ms))[1] == ""
