"""What is said of a version whose bytes are lost: to the client as little as possible, to the log all that it takes to find it."""

from __future__ import annotations

import logging
from typing import Any

from holdfast.model.buckets import Bucket
from holdfast.model.errors import InternalError, Refusal
from holdfast.model.objects import Version
from holdfast.s3.operation import Call

log = logging.getLogger("holdfast.s3")


class Attempts:
    """The tries of one request to use the bytes of a version. Bytes that are gone were overwritten or deleted after the look-up, and
    what is there now counts; but when the next look-up finds the same version again, the store has lost them."""

    __slots__ = ("_call", "_seq")

    def __init__(self, call: Call[Any]) -> None:
        self._call = call
        self._seq = -1

    def failed(self, bucket: Bucket, version: Version) -> None:
        """To be called when the bytes of the version just found were gone. Errors: InternalError, logged once as damage."""
        if version.seq == self._seq:
            raise self._lost(bucket, version)
        self._seq = version.seq

    def _lost(self, bucket: Bucket, version: Version) -> Refusal:
        log.error(
            "damaged: the bytes of bucket %s, key %r, version %s are missing",
            bucket.name, version.key, version.version_id, extra={"request_id": self._call.request.id},
        )  # fmt: skip
        return InternalError()
