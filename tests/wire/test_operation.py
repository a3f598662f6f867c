"""The decorator of operations refuses what the model does not know, when the module is imported."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from holdfast.s3.operation import OPERATIONS, Call, operation


class Good(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    if_match: str | None = None


class Misspelt(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    if_mach: str | None = None


class Defaulted(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str = ""
    key: str


class Bodiless(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


@pytest.fixture(autouse=True)
def _empty_registry() -> Iterator[None]:
    saved = dict(OPERATIONS)
    OPERATIONS.clear()
    yield
    OPERATIONS.clear()
    OPERATIONS.update(saved)


async def good(call: Call[Good]) -> None: ...


async def misspelt(call: Call[Misspelt]) -> None: ...


async def defaulted(call: Call[Defaulted]) -> None: ...


async def bodiless(call: Call[Bodiless]) -> None: ...


def test_an_operation_may_not_overlook_its_body() -> None:
    with pytest.raises(TypeError, match="access_control_policy"):
        operation("PutBucketAcl", "s3:PutBucketAcl")(bodiless)


def test_a_handler_is_registered_with_its_input_and_the_models_status() -> None:
    operation("DeleteObject", "s3:DeleteObject")(good)
    assert OPERATIONS["DeleteObject"].input is Good
    assert OPERATIONS["DeleteObject"].success == 204


def test_a_misspelt_field_fails_and_the_nearest_is_named() -> None:
    with pytest.raises(TypeError, match="if_match"):
        operation("GetObject", "s3:GetObject")(misspelt)


def test_a_required_member_must_not_have_a_default() -> None:
    with pytest.raises(TypeError, match="bucket is required"):
        operation("GetObject", "s3:GetObject")(defaulted)


def test_an_unknown_operation_and_an_unknown_ignored_member_fail() -> None:
    with pytest.raises(TypeError, match="GetObject"):
        operation("GetObjec")(good)
    with pytest.raises(TypeError, match="no member nonsense"):
        operation("GetObject", ignores=("nonsense",))(good)


def test_two_handlers_of_one_operation_fail() -> None:
    operation("GetObject")(good)
    with pytest.raises(TypeError, match="two handlers"):
        operation("GetObject")(good)
