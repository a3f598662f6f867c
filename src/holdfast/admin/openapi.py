"""The OpenAPI document of the administration API, made from its routes."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.admin.route import SEGMENT, Route, Shown


class Refused(Shown):
    code: str
    message: str
    status: int
    request_id: str


_REFUSALS = {
    400: "What was sent cannot be used",
    401: "Not proven who asks",
    403: "Not allowed; it does not tell whether there is what was asked for",
    404: "Not there",
    409: "In use, or being changed",
    413: "The body is too large",
}
_LIST_QUERY = {
    "limit": "How many rows at most, 1 to 1000",
    "page": "What next-page of the answer before said",
}
_TENANCY = {"tenancy": "Another tenancy than the caller's, by name or OCID; only for who runs the store"}


def document(routes: tuple[Route, ...], prefix: str) -> dict[str, Any]:
    """An OpenAPI 3.1 document as what JSON can say."""
    types: list[Any] = [Refused]
    for route in routes:
        types += [kind for kind in (route.body, route.shows) if kind is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_type = dict(zip([str(kind) for kind in types], schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(prefix + route.path, {})[route.method.lower()] = _operation(route, by_type)
    found = {
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast administration",
            "version": "1",
            "description": "Signed with Signature Version 4 for the service holdfast (any region; x-amz-content-sha256), or in a session.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "signature": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "AWS4-HMAC-SHA256, service holdfast"},
                "session": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "holdfast_session", "description": "beside the header X-Holdfast-Request"},
            },
        },
        "security": [{"signature": []}, {"session": []}, {"cookie": []}],
    }
    return _portable(found)  # type: ignore[no-any-return]


def _operation(route: Route, by_type: dict[str, Any]) -> dict[str, Any]:
    query = {**dict.fromkeys(route.query, ""), **(_LIST_QUERY if route.lists else {}), **({} if route.open else _TENANCY)}
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in SEGMENT.findall(route.path)
    ]
    for name, says in query.items():
        parameters.append({"name": name, "in": "query", "schema": {"type": "string"}, **({"description": says} if says else {})})
    members: dict[str, Any] = {"data": by_type[str(route.shows)]}
    if route.lists:
        members["next-page"] = {"type": "string"}
    made: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{''.join(part.title() for part in SEGMENT.sub('One', route.path).replace('-', '/').split('/'))}",
        "summary": route.says,
        "x-operation": route.operation,
        "parameters": parameters,
        "responses": {
            str(route.status): {
                "description": route.says,
                "content": _json({"type": "object", "properties": members, "required": ["data"]}),
            },
            **{str(status): {"description": says, "content": _json(by_type[str(Refused)])} for status, says in _REFUSALS.items()},
        },
    }
    if route.body is not None:
        made["requestBody"] = {"required": True, "content": _json(by_type[str(route.body)])}
    if route.open:
        made["security"] = []
    return made


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _portable(found: Any) -> Any:
    """Patterns as other languages read them: the end of a text is "$" there."""
    if isinstance(found, dict):
        return {name: _portable(value) if name != "pattern" else value.replace("\\Z", "$") for name, value in found.items()}
    return [_portable(value) for value in found] if isinstance(found, list) else found
