"""S3 on the host of one namespace, `<namespace>.compat.objectstorage.<region>.<domain>`: bucket names are that namespace's, whoever asks.

Source: OCI, "Amazon S3 Compatibility API": path style only.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied
from holdfast.model.identity import Caller
from holdfast.s3.handle import S3
from holdfast.s3.hosts import Hosts
from holdfast.s3.route import Route
from holdfast.s3.router import Match, Router


class HostedS3(S3):
    """The dialect of another instance, with which it shares everything but where names are looked up."""

    def __init__(self, origin: S3, namespace: str) -> None:
        self.__dict__.update(origin.__dict__)
        self.namespace = self.of_host = namespace
        self.namespace_claimed = None
        self.router = Router(Hosts())

    def namespace_of(self, caller: Caller) -> str:
        return self.namespace

    def locate(self, route: Route, match: Match, caller: Caller) -> Coroutine[Any, Any, Bucket | None]:
        """As `S3.locate`; nobody lists or makes buckets at the host of somebody else's namespace. Errors: AccessDenied."""
        if (not match.bucket or route.creates) and (caller.user is None or caller.user.namespace != self.namespace):
            raise AccessDenied
        return super().locate(route, match, caller)
