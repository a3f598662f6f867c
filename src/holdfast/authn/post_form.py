"""Browser form uploads: who signed the form's policy document (Signature Version 4 or 2), and whether the form keeps to it.

Source: S3 API Reference, "Authenticating Requests: Browser-Based Uploads Using POST" for both versions, "POST Policy", "HTML form fields".
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64decode, b64encode
from hmac import compare_digest
from typing import Any, NamedTuple

from holdfast.authn import times
from holdfast.authn.settings import Settings
from holdfast.authn.signing import signer_for
from holdfast.authn.sigv4 import Finder, parse_scope, usable
from holdfast.model.errors import (
    AccessDenied,
    AuthorizationQueryParametersError,
    InvalidArgument,
    InvalidPolicyDocument,
    InvalidToken,
    SignatureDoesNotMatch,
)
from holdfast.model.identity import ANONYMOUS, Caller, Credential

_V4 = ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
_V2 = ("awsaccesskeyid", "signature")
UNSIGNED_FIELDS = frozenset(("awsaccesskeyid", "signature", "x-amz-signature", "policy", "file"))
_FREE = ("x-ignore-", "x-amz-checksum-")
"""Fields that no condition needs to name, beside those that begin with `_FREE`: a checksum only lets less through."""
SIZE_MAX = 1 << 62

_EXPIRATION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z\Z", re.ASCII)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_HEX_64 = re.compile(r"[0-9a-f]{64}\Z")
_FIELD = re.compile(r"\$(.+)\Z", re.DOTALL)


class Condition(NamedTuple):
    """What a field must be: `kind` "eq" or "starts-with"; `text` is the condition as it was written."""

    kind: str
    field: str
    value: str
    text: str


class Policy(NamedTuple):
    """A policy document, read. The file's size in bytes lies between `bytes_min` and `bytes_max`."""

    expires: float
    conditions: tuple[Condition, ...]
    bytes_min: int
    bytes_max: int


async def authenticate_form(fields: dict[str, str], keys: Finder, now: float, settings: Settings) -> Caller:
    """The caller of a form upload: who signed its policy, or nobody where it has none. `fields` by name in lower case.

    Errors: InvalidArgument (a field that is missing, two signatures), AuthorizationQueryParametersError, InvalidAccessKeyId,
    InvalidToken, SignatureDoesNotMatch. An access token signs nothing, so it is no key here."""
    v4, v2 = any(name in fields for name in _V4), any(name in fields for name in _V2)
    if v4 and v2:
        raise InvalidArgument("Only one auth mechanism allowed; the form holds the fields of two signatures.")
    if not v4 and not v2 and "policy" not in fields:
        return ANONYMOUS
    for name in ("policy", *(_V4 if v4 else _V2)):
        if name not in fields:
            shown = {"awsaccesskeyid": "AWSAccessKeyId"}.get(name, name)
            raise InvalidArgument(
                f"Bucket POST must contain a field named '{shown}'.  If it is specified, please check the order of the fields.",
                ArgumentName=shown, ArgumentValue="",
            )  # fmt: skip
    if "x-amz-security-token" in fields:
        raise InvalidToken
    credential = await (_verify_v4 if v4 else _verify_v2)(fields, keys, now, settings)
    return Caller(how="v4-post" if v4 else "v2-post", user=credential.user, access_key=credential.access_key, grants=credential.grants)


async def _verify_v4(fields: dict[str, str], keys: Finder, now: float, settings: Settings) -> Credential:
    scope = parse_scope(fields["x-amz-credential"].encode())
    if fields["x-amz-algorithm"] != "AWS4-HMAC-SHA256" or scope is None or _HEX_64.match(fields["x-amz-signature"]) is None:
        raise AuthorizationQueryParametersError("The algorithm, credential or signature of the form is malformed.")
    if scope.service != "s3" or scope.region != settings.region:
        raise AuthorizationQueryParametersError(f"The scope of the credential is wrong; expecting region {settings.region!r} and service 's3'.")
    date = fields["x-amz-date"].encode("ascii", "replace")
    if times.iso_basic(date) is None or not date.startswith(scope.date.encode()):
        raise AuthorizationQueryParametersError("X-Amz-Date must be in the ISO8601 Long Format, on the day of the credential.")
    credential = _signing(await keys.find(scope.access_key), scope.access_key, now)
    text = fields["policy"].encode()
    if not compare_digest(signer_for(credential.secret, scope.text).sign(text).encode(), fields["x-amz-signature"].encode()):
        raise _mismatch(credential, fields["policy"], fields["x-amz-signature"])
    return credential


async def _verify_v2(fields: dict[str, str], keys: Finder, now: float, settings: Settings) -> Credential:
    credential = _signing(await keys.find(fields["awsaccesskeyid"]), fields["awsaccesskeyid"], now)
    expected = b64encode(hmac.digest(credential.secret.encode(), fields["policy"].encode(), "sha1"))
    if not compare_digest(expected, fields["signature"].encode("utf-8")):
        raise _mismatch(credential, fields["policy"], fields["signature"])
    return credential


def _signing(credential: Credential | None, access_key: str, now: float) -> Credential:
    return usable(None if credential is None or credential.bearer else credential, access_key, now)


def _mismatch(credential: Credential, policy: str, signature: str) -> SignatureDoesNotMatch:
    return SignatureDoesNotMatch(AWSAccessKeyId=credential.access_key, StringToSign=policy, SignatureProvided=signature)


def read_policy(encoded: str) -> Policy:
    """Errors: InvalidPolicyDocument for everything that is not understood."""
    try:
        text = b64decode(encoded.encode("ascii"), validate=True).decode()
        document = json.loads(_ESCAPE.sub(_unescape, text), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise InvalidPolicyDocument("Invalid Policy: Invalid JSON.") from None
    if not isinstance(document, dict):
        raise InvalidPolicyDocument("Invalid Policy: Invalid JSON.")
    for name in ("expiration", "conditions"):
        if name not in document:
            raise InvalidPolicyDocument(f"Invalid Policy: Policy missing {name}.")
    for name in document.keys() - {"expiration", "conditions"}:
        raise InvalidPolicyDocument(f"Invalid Policy: Unexpected: '{name}'")
    expiration, rows = document["expiration"], document["conditions"]
    if not isinstance(expiration, str) or _EXPIRATION.match(expiration) is None:
        raise InvalidPolicyDocument(f"Invalid Policy: Invalid 'expiration' value: '{expiration}'")
    expires = times.iso_basic(re.sub(r"[-:]|\.\d+", "", expiration).encode())
    if expires is None or not isinstance(rows, list):
        raise InvalidPolicyDocument(f"Invalid Policy: Invalid '{'conditions' if expires else 'expiration'}' value.")
    conditions: list[Condition] = []
    least, most = 0, SIZE_MAX
    for row in rows:
        if isinstance(row, list) and row and isinstance(row[0], str) and row[0].lower() == "content-length-range":
            low, high = _range(row)
            least, most = max(least, low), min(most, high)
        else:
            conditions.append(_condition(row))
    return Policy(float(expires), tuple(conditions), least, most)


def _unescape(found: re.Match[str]) -> str:
    """The escapes that the policy language has beside JSON's: a dollar and a vertical tab."""
    return {"$": "$", "v": "\\u000b"}.get(found.group(1), found.group(0))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _range(row: list[Any]) -> tuple[int, int]:
    """Whole numbers, or the text of one, as some clients write them."""
    bounds = [int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19 else value for value in row[1:]]
    if len(bounds) != 2 or not all(type(bound) is int and bound >= 0 for bound in bounds):
        raise InvalidPolicyDocument("Invalid Policy: Invalid content-length-range condition.")
    return bounds[0], bounds[1]


def _condition(row: Any) -> Condition:
    text = json.dumps(row)
    if isinstance(row, dict):
        if len(row) != 1:
            raise InvalidPolicyDocument("Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
        ((field, value),) = row.items()
        if not isinstance(value, str) or not field:
            raise InvalidPolicyDocument("Invalid Policy: Invalid Simple-Condition: value must be a string.")
        return Condition("eq", field.lower(), value, text)
    if not isinstance(row, list) or len(row) != 3 or not all(isinstance(each, str) for each in row):
        raise InvalidPolicyDocument(f"Invalid Policy: Invalid condition: {text[:200]}")
    named = _FIELD.match(row[1])
    if row[0].lower() not in ("eq", "starts-with") or named is None:
        raise InvalidPolicyDocument(f"Invalid Policy: Invalid condition: {text[:200]}")
    return Condition(row[0].lower(), named.group(1).lower(), row[2], text)


def check_form(policy: Policy, fields: dict[str, str], bucket: str, now: float) -> None:
    """Whether the form keeps to its policy: in time, every condition met, and no field that no condition names. `fields` are those that
    will count, `${filename}` filled in; `bucket` is where the form was sent, which a condition must name like any field.

    Errors: AccessDenied."""
    if now >= policy.expires:
        raise AccessDenied("Invalid according to Policy: Policy expired.")
    given = {**fields, "bucket": bucket}
    if fields.get("bucket", bucket) != bucket:
        raise AccessDenied('Invalid according to Policy: Policy Condition failed: ["eq", "$bucket"]')
    for condition in policy.conditions:
        value = given.get(condition.field, "")
        if not (value == condition.value if condition.kind == "eq" else value.startswith(condition.value)):
            raise AccessDenied(f"Invalid according to Policy: Policy Condition failed: {condition.text[:1000]}")
    named = {condition.field for condition in policy.conditions}
    extra = sorted(name for name in given if name not in named and name not in UNSIGNED_FIELDS and not name.startswith(_FREE))
    if extra:
        raise AccessDenied(f"Invalid according to Policy: Extra input fields: {', '.join(extra)[:1000]}")
