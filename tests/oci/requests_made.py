"""Pre-authenticated requests made straight in a running server's store, and people whose rights can change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from holdfast.engine.api import Engine
from holdfast.identities.directory import Directory
from holdfast.identities.master import MasterKey, load
from holdfast.model.identity import Credential, User
from holdfast.model.pars import Par
from holdfast.pars.creation import Asked, new_par
from holdfast.pars.url import access_uri
from tests.serving import Server, store_of

LATER = "2099-01-01T00:00:00Z"


class Store:
    """A server's store, opened beside it as another process would: what is done here counts there at once."""

    def __init__(self, server: Server) -> None:
        self.server = server
        key = load(server.data_dir / "master.key")
        assert key is not None
        self.master: MasterKey = key

    def do(self, what: Callable[[Engine, Directory], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            async with store_of(self.server.data_dir) as engine:
                return await what(engine, Directory(engine.registry, self.master))

        return asyncio.run(run())

    def user(self, name: str, rights: str = "all") -> User:
        """A user, made or changed to have these rights."""

        async def make(engine: Engine, directory: Directory) -> User:
            found = await directory.users.by_name(name)
            if found is not None:
                return await directory.users.change_user(msgspec.structs.replace(found, rights=rights))
            tenancy = await directory.tenancies.by_namespace("default")
            assert tenancy is not None
            made = User(
                id=f"ocid1.user.oc1..{name:a>60}", name=name, canonical_id=f"{name:0>64}", display_name=name, rights=rights, tenancy=tenancy.id
            )  # fmt: skip
            return await directory.users.create_user(made)

        found: User = self.do(make)
        return found

    def par(self, bucket: str, access: str, target: str = "", *, listing: bool = False, creator: str = "", expires: str = LATER) -> tuple[Par, str]:
        """The request and its URL."""
        creator = creator or self.user("par-creator").id

        async def make(engine: Engine, directory: Directory) -> tuple[Par, str]:
            found = await engine.catalog.bucket("default", bucket)
            assert found is not None
            asked = Asked(name="n", access_type=access, time_expires=expires, object_name=target, listing="ListObjects" if listing else "")
            new, token = new_par(asked, found, creator, int(time.time() * 1000))
            stored = await engine.catalog.create_par(new)
            return stored, self.server.endpoint + access_uri(stored, token)

        made: tuple[Par, str] = self.do(make)
        return made

    def many(self, bucket: str, count: int) -> list[str]:
        """The paths of as many requests to read everything."""
        creator = self.user("par-creator").id

        async def make(engine: Engine, directory: Directory) -> list[str]:
            found = await engine.catalog.bucket("default", bucket)
            assert found is not None
            asked = Asked(name="n", access_type="AnyObjectRead", time_expires=LATER)
            made = [new_par(asked, found, creator, int(time.time() * 1000)) for _ in range(count)]
            for first in range(0, count, 500):
                await asyncio.gather(*[engine.catalog.create_par(par) for par, _ in made[first : first + 500]])
            return [access_uri(par, token) for par, token in made]

        paths: list[str] = self.do(make)
        return paths

    def group(self, name: str, statement: str) -> str:
        """The id of a new group, and a policy of the same name."""

        async def make(engine: Engine, directory: Directory) -> str:
            tenancy = await directory.tenancies.by_namespace("default")
            assert tenancy is not None
            made = await directory.groups.create(tenancy.id, name, "", 1)
            await directory.policies.create(tenancy.id, tenancy.id, name, (statement,), "", 1)
            return made.id

        id: str = self.do(make)
        return id

    def policy(self, name: str, statement: str) -> None:
        """Gives the policy another statement."""

        async def change(engine: Engine, directory: Directory) -> None:
            tenancy = await directory.tenancies.by_namespace("default")
            assert tenancy is not None
            found = await directory.policies.by_name(tenancy.id, name)
            assert found is not None
            await directory.policies.change(msgspec.structs.replace(found, statements=(statement,)))

        self.do(change)

    def join(self, group: str, user: str) -> None:
        self.do(lambda engine, directory: directory.groups.add_user(group, user, 1))

    def leave(self, group: str, user: str) -> None:
        self.do(lambda engine, directory: directory.groups.remove_user(group, user))

    def delete_user(self, user: str) -> None:
        self.do(lambda engine, directory: directory.users.delete_user(user))

    def new_key(self, user: str) -> str:
        """Its access key."""
        made: Credential = self.do(lambda engine, directory: directory.keys.create(user, 1))
        return made.access_key

    def delete_key(self, access_key: str) -> None:
        self.do(lambda engine, directory: directory.keys.delete(access_key))

    def delete(self, par: Par) -> None:
        async def remove(engine: Engine, directory: Directory) -> None:
            assert await engine.catalog.delete_par(par.bucket_id, par.id)

        self.do(remove)
