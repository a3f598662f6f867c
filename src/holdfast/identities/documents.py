"""Documents of one kind in the registry, with small documents beside them that lead from a unique name to the id.

A lead counts only if the document that it names says so too: one that was left by a crash between two steps, or by a
deletion, is as good as free. Leads are never deleted but overwritten, so that their revisions only grow and compare-and-set holds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

import msgspec

from holdfast.engine.api import AlreadyExists, Registry, Stale
from holdfast.model.document import Document

T = TypeVar("T", bound=msgspec.Struct)
Lead = tuple[str, str, str]
"""What leads to a document: the kind of the lead, its name, and the words of a refusal ("the user name 'ann'")."""

_TRIES = 8
_PAGE = 500


class Taken(Exception):
    """What must be unique is in use, or what is to be deleted is needed by something else; the message says which."""


class Unknown(Exception):
    """There is no such user, group, key ...; the message says which."""


async def under(registry: Registry, kind: str, prefix: str = "") -> AsyncIterator[Document]:
    """Every document of a kind whose name begins with `prefix`, in order of name. Other tasks get their turn between two pages."""
    after = prefix[:-1]  # what has the name of the prefix itself is among them
    while True:
        page = await registry.all(kind, after=after, limit=_PAGE)
        for document in page:
            if document.name.startswith(prefix):
                yield document
            elif document.name > prefix:
                return
        if len(page) < _PAGE:
            return
        after = page[-1].name
        await asyncio.sleep(0)


class Documents(Generic[T]):
    """Documents of one kind, each under its id."""

    def __init__(self, registry: Registry, kind: str, type: type[T], id_of: Callable[[T], str], leads: Callable[[T], list[Lead]]) -> None:
        self._registry = registry
        self._kind = kind
        self._decode: Callable[[bytes], T] = msgspec.json.Decoder(type).decode
        self._id_of = id_of
        self._leads = leads

    async def get(self, id: str) -> T | None:
        found = await self._registry.get(self._kind, id)
        return None if found is None else self._decode(found.value)

    async def all(self, prefix: str = "") -> list[T]:
        """All of them, in order of id."""
        return [self._decode(document.value) async for document in under(self._registry, self._kind, prefix)]

    async def by_lead(self, kind: str, name: str) -> T | None:
        """The one that a name leads to."""
        found = await self._registry.get(kind, name)
        return None if found is None else await self._led(kind, name, found.value.decode())

    async def create(self, made: T) -> T:
        """Stores a new one. Errors: Taken names what is in use; nothing is stored then."""
        id = self._id_of(made)
        leads = self._leads(made)
        for _ in range(_TRIES):
            if await self._registry.get(self._kind, id) is not None:
                raise Taken(f"the {self._kind} {id!r} is there already")
            claims = await self._claims(id, leads)
            with contextlib.suppress(AlreadyExists, Stale):  # somebody else was faster: look again
                await self._registry.put_all([(self._kind, id, msgspec.json.encode(made), 0), *claims])
                return made
        raise Taken(f"{leads[0][2] if leads else id} is being taken")

    async def amend(self, id: str, change: Callable[[T], T]) -> T:
        """Replaces one by what `change` makes of it, which may be called more than once: nobody else's change is lost.

        Errors: Unknown, Taken, what `change` raises; Stale when others change it all the time.
        """
        for _ in range(_TRIES):
            found = await self._registry.get(self._kind, id)
            if found is None:
                raise Unknown(f"there is no {self._kind} {id!r}")
            before = self._decode(found.value)
            after = change(before)
            if after == before:
                return before
            kept = {(kind, name) for kind, name, _ in self._leads(before)}
            claims = await self._claims(id, [lead for lead in self._leads(after) if lead[:2] not in kept])
            with contextlib.suppress(AlreadyExists, Stale):
                await self._registry.put_all([(self._kind, id, msgspec.json.encode(after), found.revision), *claims])
                return after
        raise Stale(f"{self._kind}/{id}")

    async def delete(self, id: str) -> T | None:
        """Deletes one and gives it back; None where there is none. Its leads stay and lead nowhere."""
        found = await self._registry.get(self._kind, id)
        if found is None or not await self._registry.delete(self._kind, id):
            return None
        return self._decode(found.value)

    async def _led(self, kind: str, name: str, id: str) -> T | None:
        found = await self.get(id)
        return found if found is not None and any(lead[:2] == (kind, name) for lead in self._leads(found)) else None

    async def _claims(self, id: str, leads: list[Lead]) -> list[tuple[str, str, bytes, int | None]]:
        """The puts that make names lead to `id`, as they were found free: they are stored with the document in one step, or not at all.

        Errors: Taken."""
        puts: list[tuple[str, str, bytes, int | None]] = []
        for kind, name, words in leads:
            found = await self._registry.get(kind, name)
            if found is not None and found.value.decode() != id and await self._led(kind, name, found.value.decode()) is not None:
                raise Taken(f"{words} is in use")
            puts.append((kind, name, id.encode(), 0 if found is None else found.revision))
        return puts
