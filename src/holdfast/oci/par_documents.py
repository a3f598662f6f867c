"""The JSON of pre-authenticated requests: what a client asks for, and what it is told, with the URL once and never again.

Source: OCI, CreatePreauthenticatedRequestDetails, PreauthenticatedRequest and PreauthenticatedRequestSummary.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import msgspec

from holdfast.model.errors import InvalidArgument
from holdfast.model.pars import SINGLE, Par
from holdfast.pars.creation import DENY, LIST_OBJECTS, Asked
from holdfast.pars.url import access_uri


class Details(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """CreatePreauthenticatedRequestDetails."""

    name: str | None = None
    access_type: str | None = None
    time_expires: str | None = None
    object_name: str | None = None
    bucket_listing_action: str | None = None


def asked_of(given: Details) -> Asked:
    """What a document asks for. Errors: InvalidArgument names the member that is missing."""
    for member, value in (("name", given.name), ("accessType", given.access_type), ("timeExpires", given.time_expires)):
        if not value:
            raise InvalidArgument(f"{member} is required.", ArgumentName=member)
    return Asked(
        name=given.name or "",
        access_type=given.access_type or "",
        time_expires=given.time_expires or "",
        object_name=given.object_name or "",
        listing=given.bucket_listing_action or "",
    )


def summary(par: Par) -> dict[str, Any]:
    """PreauthenticatedRequestSummary: all that can be read of it later."""
    return {
        "id": par.id,
        "name": par.name,
        "objectName": par.target or None,
        "bucketListingAction": None if par.access in SINGLE else LIST_OBJECTS if par.listing else DENY,
        "accessType": par.access,
        "timeExpires": instant(par.expires_ms),
        "timeCreated": instant(par.created_ms),
    }


def created(par: Par, token: str, host_url: str) -> dict[str, Any]:
    """PreauthenticatedRequest: with the URL, relative and whole. `host_url` is scheme and host, as the client reaches this store."""
    uri = access_uri(par, token)
    return {**summary(par), "accessUri": uri, "fullPath": host_url + uri}


def instant(moment_ms: int) -> str:
    """RFC 3339 with milliseconds, in UTC."""
    seconds, milliseconds = divmod(moment_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def page_token(last: Par) -> str:
    """Where the next page of a list goes on."""
    return urlsafe_b64encode(f"{last.number}:{last.target}".encode()).decode("ascii")


def page_place(token: str) -> tuple[str, int]:
    """The place of `page_token`. Errors: InvalidArgument for one that was never given out."""
    try:
        number, colon, target = urlsafe_b64decode(token.encode("ascii")).decode().partition(":")
        if not colon or not number.isdigit() or len(number) > 18:
            raise ValueError
    except (ValueError, binascii.Error):
        raise InvalidArgument("The page is not one that was given out.", ArgumentName="page") from None
    return target, int(number)
