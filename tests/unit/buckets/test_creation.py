"""Creating buckets: names and regions (M29, M156, M236)."""

from __future__ import annotations

import pytest

from holdfast.buckets.creation import check_location
from holdfast.model.buckets import is_bucket_name
from holdfast.model.errors import IllegalLocationConstraintException, InvalidLocationConstraint


@pytest.mark.parametrize("region", ["us-east-1", "ap-hyderabad-1", "local"])
def test_m29_no_location_constraint_is_fine_in_every_region(region: str) -> None:
    check_location(None, region)
    check_location("", region)
    check_location(region, region)


def test_another_region_is_refused() -> None:
    check_location("EU", "eu-west-1")
    for constraint in ("eu-west-1", "EU"):
        with pytest.raises(IllegalLocationConstraintException):
            check_location(constraint, "us-east-1")
    for constraint in ("Mars!", "mars", "EU-WEST-1"):
        with pytest.raises(InvalidLocationConstraint):
            check_location(constraint, "us-east-1")


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("abc", True), ("a" * 63, True), ("my.bucket-1", True), ("0bucket", True),
        ("ab", False), ("a" * 64, False), ("Abc", False), ("a_b_c", False), (".abc", False), ("abc-", False), 
        ("a..b", False), ("a-.b", False), ("a.-b", False), ("a--b.c", True),
        ("192.168.5.4", False), ("xn--abc", False), ("sthree-abc", False), ("abc-s3alias", False), ("abc--ol-s3", False), ("a/b/c", False),
        ("abc\n", False), ("äbc", False), ("", False),
    ],
)  # fmt: skip
def test_m156_m236_bucket_names(name: str, valid: bool) -> None:
    assert is_bucket_name(name) is valid
