"""People who sign requests of the identity API, and what its answers look like."""

from __future__ import annotations

import re
import time
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.identities.directory import Directory
from holdfast.model.identity import User
from tests.identity.inside import inside
from tests.oci.people import Answer, Person, new_key
from tests.serving import Server

V = "/20160918"


def pem_of(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def signer(server: Server, name: str, key: int) -> Person:
    """A user of the tenancy of the first start with an API key; made, without rights, where it is not there."""

    async def add(directory: Directory) -> tuple[User, str]:
        user = await directory.users.by_name(name)
        if user is None:
            user = await directory.users.create_user(User(id="", name=name, canonical_id="", display_name="", rights="none", created_ms=1))
        for held in await directory.api_keys.of_user(user.id):
            return user, held.fingerprint
        return user, (await directory.api_keys.add(user.id, pem_of(new_key(key)), int(time.time() * 1000))).fingerprint

    user, fingerprint = inside(server.data_dir, add)
    return Person(server, user, new_key(key), fingerprint)


def good(answer: Answer, status: int = 200) -> Any:
    assert answer.status == status, answer.body
    assert re.search(r"\S", answer.headers["opc-request-id"])
    return answer.json if answer.body else None


def bad(answer: Answer) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/json" and set(answer.json) == {"code", "message"}
    return answer.status, answer.json["code"]


def make(root: Person, path: str, **given: Any) -> Any:
    given = {"compartmentId": root.user.tenancy, "description": "d"} | given
    return good(root.ask("POST", V + path, document=given))
