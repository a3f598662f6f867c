"""What a trusted proxy says of the client behind it: address and scheme, from X-Forwarded-For and X-Forwarded-Proto.

Nobody else is believed: a request whose connection does not come from a trusted address keeps the facts of its connection. The Host
header is what clients sign, so a proxy must pass it on as it came; X-Forwarded-Host is not read.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from holdfast.model.messages import Request

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """The networks whose word counts, as addresses or in CIDR form. Errors: ValueError names the one that is neither."""

    __slots__ = ("_known", "_networks")

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(text, strict=False) for text in networks)
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, address: str) -> bool:
        """Whether a connection from that address is a trusted proxy's."""
        found = self._known.get(address)
        if found is None:
            try:
                parsed = ipaddress.ip_address(address)
            except ValueError:
                return False
            found = any(parsed in network for network in self._networks)
            if len(self._known) >= 4096:
                self._known.clear()
            self._known[address] = found
        return found

    def apply(self, request: Request) -> None:
        """Sets `peer` and `secure` of a request to what trusted proxies say: the last address in the list that is not one of them."""
        if not self.trusts(request.peer):
            return
        scheme = request.headers.get(b"x-forwarded-proto")
        if scheme is not None:
            request.secure = scheme.rpartition(b",")[2].strip().lower() == b"https"
            request.tls = ""  # the client's is the proxy's to know
        for text in reversed(request.headers.get(b"x-forwarded-for", b"").split(b",")):
            address = _address(text.strip().decode("latin-1"))
            if not address:
                return
            request.peer = address
            if not self.trusts(address):
                return


def _address(text: str) -> str:
    """The address in one entry, without a port; "" for what is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
