"""What versioning means, without an engine (M183)."""

from __future__ import annotations

import pytest

from holdfast.model.buckets import Bucket
from holdfast.model.errors import IllegalVersioningConfigurationException, MalformedXML, NotImplemented
from holdfast.objects.versioning import change_versioning, new_version_id, plan_deletion, shown_version_id


def bucket(state: str) -> Bucket:
    return Bucket(namespace="n", name="b", region="r", owner="o", versioning=state)


def test_new_objects_have_an_id_of_their_own_only_while_versioning_is_enabled() -> None:
    assert new_version_id(bucket("")) == new_version_id(bucket("Suspended")) == "null"
    ids = {new_version_id(bucket("Enabled")) for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(each) == 32 and each.isalnum() for each in ids)


def test_the_id_null_is_not_shown() -> None:
    assert shown_version_id("null") is None
    assert shown_version_id("abc") == "abc"


@pytest.mark.parametrize("state", ["", "Enabled", "Suspended"])
def test_a_named_version_is_deleted_for_good(state: str) -> None:
    plan = plan_deletion(bucket(state), "k", "abc", "o", 1)
    assert (plan.expunge, plan.commit) == ("abc", None)


def test_a_delete_without_version_leaves_a_marker_where_versioning_was_ever_on() -> None:
    assert plan_deletion(bucket(""), "k", None, "o", 1).expunge == "null"
    enabled = plan_deletion(bucket("Enabled"), "k", None, "o", 5).commit
    assert enabled is not None and enabled.is_delete_marker and enabled.version_id != "null" and enabled.modified_ms == 5
    suspended = plan_deletion(bucket("Suspended"), "k", None, "o", 5).commit
    assert suspended is not None and suspended.is_delete_marker and suspended.version_id == "null"


def test_versioning_goes_on_and_to_suspended_never_off() -> None:
    assert change_versioning("Enabled", None) == "Enabled"
    assert change_versioning("Suspended", "Disabled") == "Suspended"
    with pytest.raises(IllegalVersioningConfigurationException):
        change_versioning(None, None)
    for status in ("", "Off", "enabled"):
        with pytest.raises(MalformedXML):
            change_versioning(status, None)
    with pytest.raises(MalformedXML):
        change_versioning("Enabled", "On")
    with pytest.raises(NotImplemented):
        change_versioning("Enabled", "Enabled")
