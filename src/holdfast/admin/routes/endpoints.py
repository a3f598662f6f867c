"""The endpoints of this deployment, published to its users, with the settings and first lines of each client for them."""

from __future__ import annotations

from urllib.parse import urlsplit

from holdfast.admin import find
from holdfast.admin.faults import missing
from holdfast.admin.published import VIRTUAL, WEBSITE, published
from holdfast.admin.route import Call, Route, Shown
from holdfast.admin.snippets import CLIENTS, Place, snippet
from holdfast.admin.website_snippets import CLIENTS as OF_WEBSITES
from holdfast.admin.website_snippets import website_snippet


class ShownEndpoint(Shown):
    name: str
    url: str
    region: str
    kind: str
    """s3; compat, which is S3 on the host of your namespace; native, which is OCI's API; or website, which browsers read."""
    styles: list[str]
    """path, and virtual where a bucket has a host of its own below that of the URL."""
    virtual_hosts: list[str]
    """The host name below which the first label is a bucket, if this is one."""


class ShownSnippet(Shown):
    client: str
    endpoint: str
    text: str


async def list_endpoints(call: Call) -> list[ShownEndpoint]:
    return [
        ShownEndpoint(
            name=one.name, url=one.url, region=call.services.region, kind=one.kind, styles=list(one.styles),
            virtual_hosts=[urlsplit(one.url).hostname or ""] if VIRTUAL in one.styles else [],
        )
        for one in published(call.services, call.tenancy.namespace)
    ]  # fmt: skip


async def get_snippet(call: Call) -> ShownSnippet:
    name, client = call.path["endpoint"], call.path["client"]
    found = {one.name: one for one in published(call.services, call.tenancy.namespace)}
    if name not in found:
        raise missing(f"There is no endpoint {name!r}; there are {', '.join(found)}.")
    endpoint = found[name]
    clients = OF_WEBSITES if endpoint.kind == WEBSITE else CLIENTS
    if client not in clients:
        raise missing(f"There is no snippet for {client!r}; there are {', '.join(clients)}.")
    access_key, bucket = call.query.get("access-key", "ACCESS_KEY"), call.query.get("bucket", "my-bucket")
    place = Place(url=endpoint.url, region=call.services.region, access_key=access_key, bucket=bucket)
    if endpoint.kind == WEBSITE:  # it is filled by the first endpoint
        first = next(iter(found.values()))
        text = website_snippet(client, place._replace(url=first.url), endpoint.url)
    else:
        text = snippet(client, place)
    return ShownSnippet(client=client, endpoint=name, text=text)


ROUTES = (
    Route(method="GET", path="/endpoints", operation="HoldfastWhoAmI", says="Lists the endpoints that clients use", does=list_endpoints,
          about=find.in_tenancy, shows=list[ShownEndpoint]),
    Route(method="GET", path="/endpoints/{endpoint}/snippets/{client}", operation="HoldfastWhoAmI",
          says="Says how a client is told to use an endpoint, ready to paste", does=get_snippet, about=find.in_tenancy,
          query=("access-key", "bucket"), shows=ShownSnippet),
)  # fmt: skip
