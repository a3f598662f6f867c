"""The endpoints of this deployment, published to its users, with the settings and first lines of each client for them."""

from __future__ import annotations

from holdfast.admin import find
from holdfast.admin.faults import missing
from holdfast.admin.route import Call, Route, Shown
from holdfast.admin.snippets import CLIENTS, Place, snippet


class ShownEndpoint(Shown):
    name: str
    url: str
    region: str
    virtual_hosts: list[str]
    """Host names below which the first label is a bucket."""


class ShownSnippet(Shown):
    client: str
    endpoint: str
    text: str


async def list_endpoints(call: Call) -> list[ShownEndpoint]:
    services = call.services
    return [ShownEndpoint(name=name, url=url, region=services.region, virtual_hosts=list(services.domains)) for name, url in services.endpoints]


async def get_snippet(call: Call) -> ShownSnippet:
    name, client = call.path["endpoint"], call.path["client"]
    url = dict(call.services.endpoints).get(name)
    if url is None:
        raise missing(f"There is no endpoint {name!r}; there are {', '.join(dict(call.services.endpoints))}.")
    if client not in CLIENTS:
        raise missing(f"There is no snippet for {client!r}; there are {', '.join(CLIENTS)}.")
    access_key, bucket = call.query.get("access-key", "ACCESS_KEY"), call.query.get("bucket", "my-bucket")
    place = Place(url=url, region=call.services.region, access_key=access_key, bucket=bucket)
    return ShownSnippet(client=client, endpoint=name, text=snippet(client, place))


ROUTES = (
    Route(method="GET", path="/endpoints", operation="HoldfastWhoAmI", says="Lists the endpoints that clients use", does=list_endpoints,
          about=find.in_tenancy, shows=list[ShownEndpoint]),
    Route(method="GET", path="/endpoints/{endpoint}/snippets/{client}", operation="HoldfastWhoAmI",
          says="Says how a client is told to use an endpoint, ready to paste", does=get_snippet, about=find.in_tenancy,
          query=("access-key", "bucket"), shows=ShownSnippet),
)  # fmt: skip
