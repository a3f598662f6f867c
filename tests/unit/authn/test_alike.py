"""Presigned requests of one key, host and second are read once: what is remembered lets nothing through that the first reading would refuse."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from holdfast.authn import presigned
from holdfast.authn.settings import Settings
from holdfast.model.errors import Refusal
from holdfast.model.messages import Request
from tests.unit.authn.signed import ACCESS_KEY, KEYS, NOW, SETTINGS, Keys, sign, verify

URL = "http://127.0.0.1:9000/bucket/"
ASLEEP = Keys(msgspec.structs.replace(KEYS.known[ACCESS_KEY], status="INACTIVE"))
REKEYED = Keys(msgspec.structs.replace(KEYS.known[ACCESS_KEY], secret="another"))


@pytest.fixture(autouse=True)
def remembered() -> None:
    presigned._signed_alike.clear()
    verify(sign("v4-query", "GET", URL + "first"))
    assert len(presigned._signed_alike) == 1


def test_another_key_signed_in_the_same_second_is_known() -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        caller = presigned.verify_alike(sign(how := "v4-query", method, URL + "second"), KEYS, NOW, SETTINGS)
        assert caller is not None and (caller.how, caller.access_key) == (how, ACCESS_KEY)
    assert len(presigned._signed_alike) == 1


def other(change: Callable[[Request], Request]) -> Request:
    return change(sign("v4-query", "GET", URL + "second"))


def again(request: Request, method: str = "", target: bytes = b"", **headers: bytes) -> Request:
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return Request(method or request.method, target or request.target, request.headers | named, request.body, received_at=NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda request: again(request, method="DELETE"),
        lambda request: again(request, target=request.target.replace(b"second", b"first")),
        lambda request: again(request, target=request.target[:-1] + (b"0" if request.target[-1:] != b"0" else b"1")),
        lambda request: again(request, target=request.target[:-64] + request.target[-64:].upper()),
        lambda request: again(request, target=request.target[:-64] + b"\xff" * 64),
        lambda request: again(request, target=request.target + b"&versionId=x"),
        lambda request: again(request, host=b"127.0.0.1:9001"),
        lambda request: again(request, x_amz_acl=b"public-read"),
    ],
)
def test_what_was_not_signed_is_refused(change: Callable[[Request], Request]) -> None:
    with pytest.raises(Refusal):
        verify(other(change))


@pytest.mark.parametrize(
    ("now", "keys", "settings"),
    [
        (NOW + 3601, KEYS, SETTINGS),
        (NOW - SETTINGS.skew_s_max - 1, KEYS, SETTINGS),
        (NOW, ASLEEP, SETTINGS),
        (NOW, REKEYED, SETTINGS),
        (NOW, Keys(), SETTINGS),
        (NOW, KEYS, Settings(region="eu-central-1")),
    ],
)
def test_time_key_and_region_are_looked_at_every_time(now: float, keys: Keys, settings: Settings) -> None:
    with pytest.raises(Refusal):
        verify(sign("v4-query", "GET", URL + "second"), now=now, keys=keys, settings=settings)


def test_a_key_that_expires_is_refused_from_then_on() -> None:
    keys = Keys(msgspec.structs.replace(KEYS.known[ACCESS_KEY], expires_ms=int(NOW * 1000) + 5000))
    presigned._signed_alike.clear()
    verify(sign("v4-query", "GET", URL + "first"), keys=keys)
    assert presigned.verify_alike(sign("v4-query", "GET", URL + "second"), keys, NOW, SETTINGS) is not None
    with pytest.raises(Refusal):
        verify(sign("v4-query", "GET", URL + "second"), now=NOW + 6, keys=keys)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presigned, "_SIGNED_ALIKE_MAX", 3)
    for expires_s in range(100, 110):
        verify(sign("v4-query", "GET", URL + "first", expires_s=expires_s))
    assert len(presigned._signed_alike) == 3
