"""Requests of the administration API as anybody could send them: unsigned, wrongly signed, odd."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from holdfast.admin.route import Route
from tests.serving import Server


def send(server: Server, method: str, path: str, data: bytes | None = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """Status, document and headers of one unsigned request. Header names with underscores for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if data is not None:
        named.setdefault("content-type", "application/json")
    request = urllib.request.Request(server.control + "/api/v1" + path, data, named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read()), {name.lower(): value for name, value in answer.headers.items()}
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), {name.lower(): value for name, value in error.headers.items()}


def path_of(route: Route, **names: str) -> str:
    """The path of a route with names in it: those given (`service_account`), else one that is nobody's."""
    return re.sub(r"\{([a-z-]+)\}", lambda found: quote(names.get(found[1].replace("-", "_"), "nobody-at-all"), safe=""), route.path)


def body_of(route: Route) -> Any:
    """A body that the route accepts as far as its form goes."""
    return None if route.body is None else dict(BODIES.get(route.path, {}))


BODIES: dict[str, dict[str, Any]] = {
    "/sessions": {"user": "nobody-at-all", "password": "wrong password"},
    "/tenancies": {"name": "not-to-be", "namespace": "not-to-be"},
    "/compartments": {"name": "not-to-be"},
    "/users": {"name": "not-to-be"},
    "/users/{user}/password": {"password": "a new password"},
    "/users/{user}/api-keys": {"key": "no key"},
    "/service-accounts": {"name": "not-to-be"},
    "/groups": {"name": "not-to-be"},
    "/groups/{group}/members": {"user": "administrator"},
    "/policies": {"name": "not-to-be", "statements": ["Allow any-user to manage all-resources in tenancy"]},
    "/role-bindings": {"role": "storage.admin", "user": "administrator", "tenancy-wide": True},
    "/buckets/{bucket}/pars": {"name": "not-to-be", "access-type": "AnyObjectRead", "time-expires": "2099-01-01T00:00:00Z"},
    "/volumes": {"name": "not-to-be"},
    "/volumes/{volume}/buckets": {"name": "not-to-be"},
    "/volumes/{volume}/links": {"name": "not-to-be", "source": "/s3v/not-to-be"},
    "/encryption-keys": {"id": "not-to-be"},
    "/encryption-keys/{encryption-key}": {"status": "DISABLED"},
    "/organisations": {"name": "not-to-be"},
    "/organisations/{organisation}/members": {"user": "administrator"},
    "/organisations/{organisation}/members/{user}": {"manager": True},
    "/users/{user}/enrolment-requests": {"organisation": "nobody-at-all"},
    "/sessions/exchange": {"code": "c" * 43, "verifier": "v" * 43},
}
QUERIES: dict[tuple[str, str], dict[str, str]] = {
    ("DELETE", "/role-bindings"): {"role": "storage.admin", "user": "administrator", "tenancy-wide": "true"},
    ("GET", "/explain"): {"as": "administrator", "action": "s3:ListAllMyBuckets"},
}
