"""Who is at the other end of a connection, and how it is secured."""

from __future__ import annotations

import asyncio
from typing import Any


def peer_address(name: Any) -> str:
    """The client's address without its port; IPv4 in its own form also on a dual-stack socket."""
    if not isinstance(name, tuple):
        return ""
    address: str = name[0]
    return address.removeprefix("::ffff:") if "." in address else address


def tls_version(transport: asyncio.BaseTransport) -> str:
    """The version of TLS as policies write it, "1.3"; "" where it is not known."""
    session = transport.get_extra_info("ssl_object")
    version: str = (session.version() if session is not None else None) or ""
    return version.removeprefix("TLSv")
