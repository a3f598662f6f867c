"""Whom X-Forwarded-For and X-Forwarded-Proto are believed from, and whom not."""

from __future__ import annotations

import pytest

from holdfast.http.body import EMPTY
from holdfast.http.proxies import Proxies
from holdfast.model.messages import Request


def seen(peer: str, *trusted: str, secure: bool = False, **headers: str) -> tuple[str, bool]:
    fields = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    request = Request("GET", b"/", fields, EMPTY, peer=peer, secure=secure)
    Proxies(trusted).apply(request)
    return request.peer, request.secure


@pytest.mark.parametrize(
    ("peer", "given", "peer_seen"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # what the client itself wrote is on the left, and not believed
        ("10.0.0.1", "203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.8, 10.0.0.7", "10.0.0.8"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("", "203.0.113.9", ""),
    ],
)
def test_the_last_address_that_is_no_proxy_is_the_client(peer: str, given: str, peer_seen: str) -> None:
    assert seen(peer, "10.0.0.0/8", x_forwarded_for=given)[0] == peer_seen


def test_the_scheme_counts_only_from_a_trusted_proxy() -> None:
    assert seen("10.0.0.1", "10.0.0.1", x_forwarded_proto="https") == ("10.0.0.1", True)
    assert seen("10.0.0.1", "10.0.0.1", x_forwarded_proto="https, http") == ("10.0.0.1", False)
    assert seen("10.0.0.2", "10.0.0.1", x_forwarded_proto="https") == ("10.0.0.2", False)
    assert seen("10.0.0.1", "10.0.0.1", secure=True, x_forwarded_proto="http") == ("10.0.0.1", False)
    assert seen("::1", "::1", secure=True) == ("::1", True)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="example"):
        Proxies(["example.org"])
    assert not Proxies(())
