"""What authentication must be told about this deployment."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`region` is the one that signatures must name, "" for any, and `service` too; `skew_s_max` how far a client's clock may be off.

    `token_transport` says how access tokens may come: "tls", "loopback" (TLS, or in clear from this machine) or "any".
    `unhashed_body_bytes_max` bounds the body that must be read before a signature without x-amz-content-sha256 can be verified.
    """

    region: str = "us-east-1"
    service: str = "s3"
    skew_s_max: int = 900
    token_transport: str = "loopback"  # noqa: S105
    expires_s_max: int = 604800
    unhashed_body_bytes_max: int = 16 * 1024 * 1024
