"""Nobody gives more than he has: people with rights over identities try to get at rights over data, and at the administrators'."""

from __future__ import annotations

import json

import pytest

from tests.administration import Somebody, new_user, unique


@pytest.fixture(scope="module")
def helper(root: Somebody) -> Somebody:
    """May do everything with people, and nothing with data."""
    return new_user(
        root,
        *(f"Allow group G to manage {what} in tenancy" for what in ("users", "groups", "policies", "service-accounts", "roles", "organisations")),
    )


def refused(somebody: Somebody, *arguments: str) -> str:
    """The words of a command that must be refused with 403."""
    ran = somebody.run("admin", *arguments)
    assert ran.code == 1 and '"status": 403' in ran.err, ran
    return ran.err


def test_a_policy_gives_only_what_its_maker_has(helper: Somebody) -> None:
    group = unique("mine")
    helper.admin("group", "create", "--name", group)
    for given in ("manage objects in tenancy", "read buckets in tenancy", "manage all-resources in tenancy", "use tenancies in tenancy"):
        assert "which you do not have" in refused(
            helper, "policy", "create", "--name", unique("p"), "--statements", json.dumps([f"Allow group {group} to {given}"])
        )
    made = unique("p")
    helper.admin("policy", "create", "--name", made, "--statements", json.dumps([f"Allow group {group} to manage users in tenancy"]))
    refused(helper, "policy", "update", "--name", made, "--statements", json.dumps([f"Allow group {group} to manage objects in tenancy"]))
    assert helper.admin("policy", "get", "--name", made)["statements"] == [f"Allow group {group} to manage users in tenancy"]


def test_membership_of_a_group_with_more_rights_cannot_be_given(root: Somebody, helper: Somebody) -> None:
    refused(helper, "group", "add-user", "--group", "Administrators", "--user", helper.id)
    harmless = unique("harmless")
    helper.admin("group", "create", "--name", harmless)
    helper.admin("group", "add-user", "--group", harmless, "--user", helper.id)
    named = unique("named")
    root.admin("group", "create", "--name", named)
    root.admin("policy", "create", "--name", named, "--statements", json.dumps([f"Allow group {named} to manage objects in tenancy"]))
    root.admin("group", "delete", "--name", named, "--force")
    refused(helper, "group", "update", "--name", harmless, "--new-name", named)  # what the policy says of that name would be his


def test_nobody_gets_a_credential_of_somebody_who_may_more(root: Somebody, helper: Somebody, tmp_path: object) -> None:
    refused(helper, "key", "create", "--user", "administrator")
    refused(helper, "key", "rotate", "--id", root.access_key)
    refused(helper, "token", "create", "--user", "administrator")
    ran = helper.run("admin", "password", "set", "--user", "administrator", "--password-file", "-", stdin="a new password")
    assert ran.code == 1 and '"status": 403' in ran.err
    owner = unique("owner")
    root.admin("user", "create", "--name", owner, "--rights", "own-buckets")
    refused(helper, "key", "create", "--user", owner)
    refused(helper, "user", "create", "--name", unique("u"), "--rights", "own-buckets")
    for whom in ("administrator", owner):  # who may say who signs in as somebody has all that he has
        refused(helper, "user", "update", "--name", whom, "--subject", "https://login.example.org helper")
    harmless = unique("u")
    helper.admin("user", "create", "--name", harmless)
    helper.admin("key", "create", "--user", harmless)


def test_roles_and_enrolments_need_the_rights_that_go_with_them(root: Somebody, helper: Somebody) -> None:
    robot, organisation = unique("robot"), unique("org")
    helper.admin("service-account", "create", "--name", robot)
    refused(helper, "role", "add", "--role", "storage.viewer", "--service-account", robot, "--tenancy")
    helper.admin("organisation", "create", "--name", organisation)
    refused(helper, "organisation", "add-user", "--organisation", organisation, "--user", helper.id)
    root.admin("role", "add", "--role", "storage.viewer", "--service-account", robot, "--tenancy")
    refused(helper, "key", "create", "--service-account", robot)


@pytest.mark.parametrize("role", ["storage.configurer", "storage.uploader", "storage.editor", "storage.admin"])
def test_a_role_is_given_only_by_who_has_what_its_actions_allow(root: Somebody, role: str) -> None:
    """storage.configurer has few permissions, but may write bucket policies, with which one gives oneself everything."""
    reader = new_user(root, "Allow group G to manage roles in tenancy", "Allow group G to read object-family in tenancy")
    robot = root.admin("service-account", "create", "--name", unique("robot"))["name"]
    refused(reader, "role", "add", "--role", role, "--service-account", robot, "--tenancy")
    reader.admin("role", "add", "--role", "storage.viewer", "--service-account", robot, "--tenancy")


def test_m213_who_administers_one_compartment_gives_there_and_not_beside(root: Somebody) -> None:
    here, there = unique("here"), unique("there")
    for name in (here, there):
        root.admin("compartment", "create", "--name", name)
    keeper = new_user(root, f"Allow group G to manage all-resources in compartment {here}")
    robot = unique("robot")
    keeper.admin("service-account", "create", "--name", robot, "--compartment", here)
    keeper.admin("role", "add", "--role", "storage.editor", "--service-account", robot, "--compartment", here)
    refused(keeper, "role", "add", "--role", "storage.editor", "--service-account", robot, "--compartment", there)
    refused(keeper, "role", "add", "--role", "storage.editor", "--service-account", robot, "--tenancy")
    refused(keeper, "service-account", "create", "--name", unique("robot"), "--compartment", there)
    refused(keeper, "compartment", "update", "--name", here, "--parent", there)
    assert [found["name"] for found in keeper.admin("service-account", "list")] == [robot]
    assert [found["name"] for found in keeper.admin("compartment", "list")] == [here]
    refused(keeper, "user", "list")


def test_nobody_locks_himself_out(root: Somebody) -> None:
    me = root.admin("user", "get", "--name", "~")["id"]
    assert root.run("admin", "user", "delete", "--name", me, "--force").code == 1
    assert root.run("admin", "user", "update", "--name", me, "--status", "INACTIVE").code == 1
    assert root.run("admin", "user", "list").code == 0
