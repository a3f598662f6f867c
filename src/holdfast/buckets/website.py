"""The website of a bucket: its document checked and kept, and compiled once for each revision for the door that serves it.

Source: S3 API Reference, PutBucketWebsite and its data types; S3 User Guide, "Hosting a static website" and "Configuring a redirect".
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from holdfast.model.buckets import Bucket
from holdfast.model.errors import InvalidArgument, InvalidRequest, KeyTooLongError, MalformedXML

SETTING = "website"
RULES_MAX = 50
KEY_BYTES_MAX = 1024
REDIRECT_CODE = 301

_PROTOCOLS = ("http", "https")
_HOST = re.compile(r"[A-Za-z0-9._~-]{1,253}(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?\Z")
_REDIRECT_CODE = re.compile(r"3(?!00)[0-9]{2}\Z", re.ASCII)
_ERROR_CODE = re.compile(r"[45][0-9]{2}\Z", re.ASCII)
_COMPILED_MAX = 1024


class Rule(NamedTuple):
    """One redirect. It is for keys that begin with `prefix`, and for answers with `status`, 0 before anything is looked up. `host` and `protocol` are
    "" where those of the request stay; `new_prefix` takes the place of `prefix`, `new_key` that of the whole key, None where neither."""

    prefix: str
    status: int
    host: str
    protocol: str
    code: int
    new_prefix: str | None
    new_key: str | None


class Website(NamedTuple):
    """`suffix`: what is added to "" and to keys that end with a slash; `error`: the key of the error document, "" for none; `elsewhere`: where all
    requests are sent to, and then there is nothing else."""

    suffix: str
    error: str
    elsewhere: Rule | None
    rules: tuple[Rule, ...]

    def rule(self, key: str, status: int = 0) -> Rule | None:
        """The first rule for a key and the status of its answer; without one, those that ask for none."""
        for rule in self.rules:
            if rule.status == status and key.startswith(rule.prefix):
                return rule
        return None


def stored(configuration: dict[str, Any]) -> str:
    """The stored form of a WebsiteConfiguration. Errors: InvalidArgument, InvalidRequest, KeyTooLongError, MalformedXML."""
    everything, index, error = (configuration.get(name) for name in ("redirect_all_requests_to", "index_document", "error_document"))
    rules = configuration.get("routing_rules")
    if everything is not None:
        if index is not None or error is not None or rules is not None:
            message = "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."
            raise InvalidArgument(message, ArgumentName="RedirectAllRequestsTo", ArgumentValue="not null")
        if not everything.get("host_name"):
            raise MalformedXML
        _check_place(everything)
    else:
        if index is None:
            message = "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty"
            raise InvalidArgument(message, ArgumentName="IndexDocument", ArgumentValue="null")
        suffix = index.get("suffix") or ""
        if not suffix or "/" in suffix:
            raise InvalidArgument("The IndexDocument Suffix is not well formed", ArgumentName="IndexDocument", ArgumentValue=suffix)
        _check_key(suffix)
        if error is not None:
            if not error.get("key"):
                raise InvalidArgument("The ErrorDocument Key is not well formed", ArgumentName="ErrorDocument", ArgumentValue="")
            _check_key(error["key"])
        if rules is not None:
            _check_rules(rules)
    return msgspec.json.encode(configuration).decode()


def _check_rules(rules: list[dict[str, Any]]) -> None:
    if not rules:
        raise MalformedXML
    if len(rules) > RULES_MAX:
        raise InvalidRequest(
            f"{len(rules)} routing rules provided, the number of routing rules in a website configuration is limited to {RULES_MAX}."
        )
    for rule in rules:
        condition, redirect = rule.get("condition"), rule.get("redirect")
        if not redirect:
            raise MalformedXML
        if condition is not None and not condition:
            raise InvalidRequest(
                "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present."
            )
        status = (condition or {}).get("http_error_code_returned_equals")
        if status is not None and _ERROR_CODE.match(status) is None:
            raise InvalidRequest(f"The provided HTTP error code ({status}) is not valid. Valid codes are 4XX or 5XX.")
        code = redirect.get("http_redirect_code")
        if code is not None and _REDIRECT_CODE.match(code) is None:
            raise InvalidRequest(f"The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX except 300.")
        if "replace_key_prefix_with" in redirect and "replace_key_with" in redirect:
            raise InvalidRequest("You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
        _check_place(redirect)
        for key in ((condition or {}).get("key_prefix_equals"), redirect.get("replace_key_prefix_with"), redirect.get("replace_key_with")):
            _check_key(key or "")


def _check_place(redirect: dict[str, Any]) -> None:
    """Host name and protocol of a redirect, which become part of a header."""
    if redirect.get("protocol") not in (None, *_PROTOCOLS):
        raise InvalidRequest("Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.")
    host = redirect.get("host_name")
    if host is not None and _HOST.match(host) is None:
        raise InvalidArgument("The HostName is not well formed", ArgumentName="HostName", ArgumentValue=host)


def _check_key(key: str) -> None:
    size = len(key.encode())
    if size > KEY_BYTES_MAX:
        raise KeyTooLongError(Size=str(size), MaxSizeAllowed=str(KEY_BYTES_MAX))


def given_of(text: str) -> dict[str, Any]:
    """The document as it was given, from its stored form."""
    given: dict[str, Any] = msgspec.json.decode(text)
    return given


def _rule(condition: dict[str, Any], redirect: dict[str, Any]) -> Rule:
    return Rule(
        prefix=condition.get("key_prefix_equals") or "",
        status=int(condition.get("http_error_code_returned_equals") or 0),
        host=redirect.get("host_name") or "",
        protocol=redirect.get("protocol") or "",
        code=int(redirect.get("http_redirect_code") or REDIRECT_CODE),
        new_prefix=redirect.get("replace_key_prefix_with"),
        new_key=redirect.get("replace_key_with"),
    )


def compiled(text: str) -> Website:
    """The website that a stored document says."""
    given = given_of(text)
    everything = given.get("redirect_all_requests_to")
    return Website(
        suffix=(given.get("index_document") or {}).get("suffix", ""),
        error=(given.get("error_document") or {}).get("key", ""),
        elsewhere=_rule({}, everything) if everything is not None else None,
        rules=tuple(_rule(row.get("condition") or {}, row["redirect"]) for row in given.get("routing_rules") or ()),
    )


_compiled: dict[tuple[int, str], tuple[str, Website]] = {}


def website_of(bucket: Bucket) -> Website | None:
    """The website of a bucket; None where nobody set one."""
    text = bucket.settings.get(SETTING)
    if text is None:
        return None
    place = (bucket.id, bucket.namespace)
    found = _compiled.get(place)
    if found is None or found[0] != text:
        if len(_compiled) >= _COMPILED_MAX:
            del _compiled[next(iter(_compiled))]
        found = _compiled[place] = (text, compiled(text))
    return found[1]
