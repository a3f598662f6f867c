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

from holdfast.engine.api import AlreadyExists, Document, Registry, Stale

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
        if await self._registry.get(self._kind, id) is not None:
            raise Taken(f"the {self._kind} {id!r} is there already")
        leads = self._leads(made)
        await self._claim(id, leads)
        try:
            await self._registry.put(self._kind, id, msgspec.json.encode(made), expect_revision=0)
        except (AlreadyExists, Stale):
            raise Taken(f"the {self._kind} {id!r} is there already") from None
        for kind, name, words in leads:
            if not await self._leads_to(kind, name, id):  # two who claimed it at once: at most one of them stays
                await self._registry.delete(self._kind, id)
                raise Taken(f"{words} is being taken")
        return made

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
            fresh = [lead for lead in self._leads(after) if lead[:2] not in kept]
            await self._claim(id, fresh)
            try:
                await self._registry.put(self._kind, id, msgspec.json.encode(after), expect_revision=found.revision)
            except (Stale, AlreadyExists):
                continue
            for kind, name, words in fresh:
                if not await self._leads_to(kind, name, id):
                    await self._registry.put(self._kind, id, found.value, expect_revision=found.revision + 1)
                    raise Taken(f"{words} is being taken")
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

    async def _leads_to(self, kind: str, name: str, id: str) -> bool:
        found = await self._registry.get(kind, name)
        return found is not None and found.value.decode() == id

    async def _claim(self, id: str, leads: list[Lead]) -> None:
        for kind, name, words in leads:
            for _ in range(_TRIES):
                found = await self._registry.get(kind, name)
                holder = "" if found is None else found.value.decode()
                if holder == id:
                    break
                if found is not None and await self._led(kind, name, holder) is not None:
                    raise Taken(f"{words} is in use")
                try:
                    mine = await self._registry.put(kind, name, id.encode(), expect_revision=0 if found is None else found.revision)
                except (AlreadyExists, Stale):
                    continue
                if holder and await self._led(kind, name, holder) is not None:  # it was stored just now: give it back
                    await self._give_back(mine, holder)
                    raise Taken(f"{words} is in use")
                break
            else:
                raise Taken(f"{words} is being taken")

    async def _give_back(self, mine: Document, holder: str) -> None:
        with contextlib.suppress(AlreadyExists, Stale):  # somebody else decided already
            await self._registry.put(mine.kind, mine.name, holder.encode(), expect_revision=mine.revision)
