"""Access control lists as data: canned lists, what they permit, and their stored form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.model import acl
from holdfast.model.acl import ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY, Grant, to
from holdfast.model.buckets import Bucket
from holdfast.model.ownership import ENFORCED, OWNERSHIP, PREFERRED, WRITER, acls_count, owner_of, owner_of_new
from holdfast.model.public_access import SWITCHES, stored, switches_of

FULL = to("own", "FULL_CONTROL")
GRANTS = st.builds(
    Grant, st.sampled_from(sorted(acl.GROUPS)) | st.text(min_size=1, max_size=8).map(lambda name: "=" + name), st.sampled_from(acl.PERMISSIONS)
)


@given(st.lists(GRANTS, max_size=8))
def test_a_list_is_read_as_it_was_stored_groups_first(grants: list[Grant]) -> None:
    found = acl.grants_of(acl.stored(grants, "own"), "own")
    assert set(found) == set(grants) and len(found) == len(set(grants))
    assert [grant.canonical_id == "" for grant in found] == sorted((grant.canonical_id == "" for grant in found), reverse=True)


def test_the_private_list_is_stored_as_nothing_and_an_empty_one_is_not_private() -> None:
    assert acl.stored([FULL], "own") == "" and acl.grants_of("", "own") == (FULL,)
    assert acl.grants_of(acl.stored([], "own"), "own") == ()
    assert acl.stored([FULL], "another") != ""


@pytest.mark.parametrize(
    ("name", "grants"),
    [
        ("private", (FULL,)),
        ("public-read", (Grant(ALL_USERS, "READ"), FULL)),
        ("public-read-write", (Grant(ALL_USERS, "READ"), Grant(ALL_USERS, "WRITE"), FULL)),
        ("authenticated-read", (Grant(AUTHENTICATED_USERS, "READ"), FULL)),
        ("log-delivery-write", (Grant(LOG_DELIVERY, "WRITE"), Grant(LOG_DELIVERY, "READ_ACP"), FULL)),
        ("aws-exec-read", (FULL,)),
        ("bucket-owner-read", (FULL, to("bucket", "READ"))),
        ("bucket-owner-full-control", (FULL, to("bucket", "FULL_CONTROL"))),
    ],
)
def test_canned_lists(name: str, grants: acl.Acl) -> None:
    assert acl.canned(name, "own", "bucket") == grants
    assert name in acl.CANNED_FOR_BUCKETS | acl.CANNED_FOR_OBJECTS
    if name.startswith("bucket-owner"):
        assert acl.canned(name, "own", "own") == (FULL,)


@pytest.mark.parametrize("permission", acl.PERMISSIONS)
@pytest.mark.parametrize("wanted", acl.PERMISSIONS[:4])
def test_m138_a_grant_permits_what_it_says_and_full_control_everything(permission: str, wanted: str) -> None:
    allowed = permission in (wanted, "FULL_CONTROL")
    assert acl.permits((to("ben", permission),), wanted, "ben") is allowed
    assert not acl.permits((to("ben", permission),), wanted, "eve")
    assert not acl.permits((to("ben", permission),), wanted, "")
    assert acl.permits((Grant(ALL_USERS, permission),), wanted, "") is allowed
    assert acl.permits((Grant(ALL_USERS, permission),), wanted, "eve") is allowed
    assert acl.permits((Grant(AUTHENTICATED_USERS, permission),), wanted, "eve") is allowed
    assert not acl.permits((Grant(AUTHENTICATED_USERS, permission),), wanted, "")
    assert not acl.permits((Grant(LOG_DELIVERY, permission),), wanted, "eve")
    assert not acl.permits((Grant(LOG_DELIVERY, permission),), wanted, "")


@given(st.lists(GRANTS, max_size=6), st.sampled_from(acl.PERMISSIONS[:4]), st.sampled_from(["", "ben", "eve"]))
def test_without_public_grants_only_named_identities_get_in(grants: list[Grant], wanted: str, who: str) -> None:
    named = tuple(grant for grant in grants if grant.canonical_id)
    assert acl.permits(tuple(grants), wanted, who, public=False) is acl.permits(named, wanted, who)


@pytest.mark.parametrize(
    ("ownership", "canned", "writer", "owner"),
    [
        (None, None, "ben", "ben"), (None, "bucket-owner-full-control", "ben", "ben"), (None, None, "", "ann"),
        (WRITER, "bucket-owner-full-control", "ben", "ben"), (PREFERRED, None, "ben", "ben"), (PREFERRED, "private", "ben", "ben"),
        (PREFERRED, "bucket-owner-full-control", "ben", "ann"), (ENFORCED, None, "ben", "ann"), (ENFORCED, None, "", "ann"),
    ],
)  # fmt: skip
def test_who_owns_a_new_object(ownership: str | None, canned: str | None, writer: str, owner: str) -> None:
    bucket = Bucket(namespace="n", name="b", region="r", owner="ann", settings={OWNERSHIP: ownership} if ownership else {})
    assert owner_of_new(bucket, writer, canned) == owner
    assert acls_count(bucket) is (ownership != ENFORCED)
    assert owner_of(bucket, "ben") == ("ann" if ownership == ENFORCED else "ben") and owner_of(bucket, "") == "ann"


@given(st.dictionaries(st.sampled_from(sorted(SWITCHES)), st.booleans()))
def test_a_public_access_block_is_read_as_it_was_stored(switches: dict[str, bool]) -> None:
    text = stored(switches)
    assert text and switches_of(text) == {name: switches.get(name, False) for name in SWITCHES}
