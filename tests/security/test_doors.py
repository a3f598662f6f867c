"""One door must not open what another keeps shut: what S3 refuses by policy or role cannot be had through OCI's API, by no name of the operation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.model.identity import Binding
from tests.oci.people import Person, person
from tests.oci.requests_made import Store
from tests.security.raw import Raw
from tests.serving import Server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    server = Server(tmp_path_factory.mktemp("doors")).start()
    yield Store(server)
    server.finish()


@pytest.fixture(scope="module")
def raw(store: Store) -> Raw:
    return Raw(store.server)


@pytest.fixture(scope="module")
def manager(store: Store) -> Person:
    """Somebody whose policy lets him manage all buckets and objects."""
    made = person(store, "manager", rights="none", key=1)
    store.join(store.group("managers", "Allow group managers to manage object-family in tenancy"), made.user.id)
    return made


@pytest.fixture(scope="module")
def editor(store: Store) -> Person:
    made = person(store, "editor", rights="none", key=2)

    async def bind(engine: Any, directory: Any) -> None:
        await directory.roles.bind(made.user.id, Binding(role="storage.editor", scope="tenancy", target=made.user.tenancy))

    store.do(bind)
    return made


def bucket(raw: Raw, name: str, *statements: dict[str, Any]) -> str:
    assert raw.send("PUT", f"/{name}").status == 200
    assert raw.send("DELETE", f"/{name}?publicAccessBlock").status in (204, 404)
    if statements:
        document = {"Version": "2012-10-17", "Statement": [{"Principal": "*", **one} for one in statements]}
        assert raw.send("PUT", f"/{name}?policy", {}, json.dumps(document).encode()).status == 204
    return name


def anonymous(raw: Raw, method: str, target: str) -> Any:
    return raw.exchange(f"{method} {target} HTTP/1.1\r\nhost: {raw.hostport}\r\n\r\n".encode(), method)


def native(version: str) -> str:
    return "-".join((version[:8], version[8:12], version[12:16], version[16:20], version[20:]))


def test_ghsa_3ppv_fx5m_m749_a_public_object_has_no_public_versions_at_any_door(raw: Raw) -> None:
    name = bucket(raw, "doors-versions", {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::doors-versions/*"})
    on = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert raw.send("PUT", f"/{name}?versioning", {}, on).status == 200
    old = raw.send("PUT", f"/{name}/k", {}, b"what was there").headers["x-amz-version-id"]
    assert raw.send("PUT", f"/{name}/k", {}, b"what is there").status == 200
    assert anonymous(raw, "GET", f"/n/default/b/{name}/o/k").body == b"what is there"
    for id in (old, native(old)):
        for method in ("GET", "HEAD"):
            reply = anonymous(raw, method, f"/n/default/b/{name}/o/k?versionId={id}")
            assert reply.status in (401, 404) and b"what was" not in reply.body
            assert anonymous(raw, method, f"/{name}/k?versionId={id}").status == 403


def test_what_denies_versions_denies_them_to_who_manages_everything(raw: Raw, manager: Person) -> None:
    deny = {"Effect": "Deny", "Action": "s3:GetObjectVersion", "Resource": "arn:aws:s3:::doors-denied/*"}
    name = bucket(raw, "doors-denied", deny)
    on = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert raw.send("PUT", f"/{name}?versioning", {}, on).status == 200
    old = native(raw.send("PUT", f"/{name}/k", {}, b"what was there").headers["x-amz-version-id"])
    assert raw.send("PUT", f"/{name}/k", {}, b"what is there").status == 200
    assert manager.ask("GET", f"/n/default/b/{name}/o/k").body == b"what is there"
    assert manager.ask("GET", f"/n/default/b/{name}/o/k?versionId={old}").status == 404
    assert manager.ask("HEAD", f"/n/default/b/{name}/o/k?versionId={old}").status == 404
    assert _copy(manager, name, "k", sourceVersionId=old).status == 404
    assert _copy(manager, name, "k").status == 202


def _copy(who: Person, name: str, key: str, **more: str) -> Any:
    document = {
        "sourceObjectName": key, "destinationRegion": who.server.region, "destinationNamespace": "default", "destinationBucket": name,
        "destinationObjectName": "copy", **more,
    }  # fmt: skip
    return who.ask("POST", f"/n/default/b/{name}/actions/copyObject", document=document)


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:DeleteObject"])
def test_what_may_not_be_read_or_deleted_is_not_renamed_either(raw: Raw, manager: Person, action: str) -> None:
    name = f"doors-{action[3:].lower()}"
    bucket(raw, name, {"Effect": "Deny", "Action": action, "Resource": f"arn:aws:s3:::{name}/private/*"})
    for key in ("private/x", "public/y"):
        assert raw.send("PUT", f"/{name}/{key}", {}, b"x").status == 200
    rename = f"/n/default/b/{name}/actions/renameObject"
    assert manager.ask("POST", rename, document={"sourceName": "private/x", "newName": "public/x"}).status == 404
    assert raw.send("GET", f"/{name}/public/x").status == 404
    assert manager.ask("POST", rename, document={"sourceName": "public/y", "newName": "public/z"}).status == 200


def test_where_nothing_may_be_written_nothing_is_renamed_to(raw: Raw, manager: Person) -> None:
    bucket(raw, "doors-write", {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::doors-write/kept/*"})
    assert raw.send("PUT", "/doors-write/x", {}, b"x").status == 200
    document = {"sourceName": "x", "newName": "kept/x"}
    assert manager.ask("POST", "/n/default/b/doors-write/actions/renameObject", document=document).status == 404
    assert raw.send("GET", "/doors-write/x").status == 200


def test_who_edits_makes_no_bucket_public_by_any_name(store: Store, raw: Raw, editor: Person, manager: Person) -> None:
    name = bucket(raw, "doors-public")
    assert raw.send("PUT", f"/{name}/k", {}, b"x").status == 200
    for kind in ("ObjectRead", "ObjectReadWithoutList"):
        assert editor.ask("POST", f"/n/default/b/{name}", document={"publicAccessType": kind}).status == 404
        made = {"name": f"doors-{kind.lower()}", "compartmentId": editor.user.tenancy, "publicAccessType": kind}
        assert editor.ask("POST", "/n/default/b", document=made).status in (404, 409)
    assert anonymous(raw, "GET", f"/{name}/k").status == 403
    assert editor.ask("POST", f"/n/default/b/{name}", document={"versioning": "Enabled"}).status == 200
    assert manager.ask("POST", f"/n/default/b/{name}", document={"publicAccessType": "ObjectRead"}).status == 200
    assert anonymous(raw, "GET", f"/{name}/k").status == 200
    assert editor.ask("POST", f"/n/default/b/{name}", document={"publicAccessType": "NoPublicAccess"}).status == 200


def test_a_block_of_public_access_holds_against_every_door(raw: Raw, manager: Person) -> None:
    name = bucket(raw, "doors-blocked")
    block = b"<PublicAccessBlockConfiguration><BlockPublicPolicy>true</BlockPublicPolicy></PublicAccessBlockConfiguration>"
    assert raw.send("PUT", f"/{name}?publicAccessBlock", {}, block).status == 200
    assert manager.ask("POST", f"/n/default/b/{name}", document={"publicAccessType": "ObjectRead"}).status == 404
    assert anonymous(raw, "GET", f"/n/default/b/{name}/o").status == 404
