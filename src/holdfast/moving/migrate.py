"""A migration: passes while the source serves, then a short time in which it only reads, a last pass, and a comparison of both sides.

What is where is read from the two stores each time, so a migration that was cut off anywhere is begun again by the same command. What
it has to remember is a document on each side: in the source its name, in the target what it is filled from and how far that is.
"""

from __future__ import annotations

import asyncio
import secrets
import time

import msgspec

from holdfast.engine.api import Damaged, Engine, Gone
from holdfast.model.objects import Blob, Part
from holdfast.moving import bodies, walks
from holdfast.moving.lanes import Lanes
from holdfast.moving.passes import Outcome, Pass
from holdfast.moving.progress import Progress
from holdfast.moving.totals import Totals, totals

PASSES_MAX = 6
SHORT_PASS_S = 5.0
"""A pass that took no longer than this is short enough to be the last one."""
NO_SHORTER = 0.8
"""Where a pass takes more than this share of the one before, further ones bring nothing: clients write as fast as is copied."""
COPYING, DONE = "copying", "done"


class MigrationError(Exception):
    """The migration cannot go on; the message is for the person who started it."""


class Note(msgspec.Struct, frozen=True, rename="kebab"):
    """What the target remembers of the migration that fills it."""

    store: str
    source: str
    phase: str = COPYING
    passes: int = 0
    things: int = 0
    at_ms: int = 0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`source`, `target`: how the two are called in what people read. `lanes`: bodies copied at once."""

    source: str
    target: str
    lanes: int = 16
    verify: bool = False
    cutover: bool = True


class Report(msgspec.Struct, rename="kebab", omit_defaults=True):
    """What came of it. `cut_over`: the source is read-only and the target complete; `frozen_s` for how long it has been until then."""

    cut_over: bool = False
    already: bool = False
    passes: list[Outcome] = []
    source: Totals | None = None
    target: Totals | None = None
    verified: int = 0
    verified_bytes: int = 0
    frozen_s: float = 0.0
    seconds: float = 0.0


class Migration:
    """A migration of everything from one opened engine to another."""

    def __init__(self, source: Engine, target: Engine, options: Options, progress: Progress | None = None) -> None:
        self._source = source
        self._target = target
        self._options = options
        self._progress = progress or Progress(quiet=True)
        self._note = Note("", options.source)
        self._verified_to = 0
        self._verified_parts: set[tuple[str, int, int, str]] = set()
        self._frozen = False
        self.report = Report()

    async def run(self) -> Report:
        """Errors: MigrationError; Full, Unavailable, Damaged of either side. Unless it was cut over, the source serves on afterwards."""
        begun = time.monotonic()
        note = await self._begin()
        if note.phase == DONE:
            if not await self._source.moving.frozen():
                raise MigrationError(f"{self._options.target} was filled from {note.source} and is complete; the source was released since")
            await self._target.moving.release()
            self.report.already = self.report.cut_over = True
            return self.report
        self._note = note
        await self._online()
        if self._options.verify:
            await self._verify()
            if self._options.cutover:
                await self._online()  # what was written meanwhile, so that the cut-over is short
        if self._options.cutover:
            await self._cut_over()
        self.report.seconds = round(time.monotonic() - begun, 3)
        return self.report

    async def _begin(self) -> Note:
        """Whether these two are a pair, and the target ready to be filled. Errors: MigrationError."""
        reason = await self._source.moving.frozen()
        if reason.startswith(FILLED):
            raise MigrationError(f"{self._options.source} is read-only ({reason}): it is not a whole store yet")
        stored = await self._target.registry.get(walks.OWN_KIND, "target")
        store = await store_id(self._source, self._target)
        if stored is None:
            await _require_empty(self._target, self._options.target)
            note = Note(store, self._options.source)
        else:
            note = msgspec.json.decode(stored.value, type=Note)
            if note.store != store:
                raise MigrationError(f"{self._options.target} is filled from another store, {note.source}")
            if note.phase == DONE:
                return note
        await self._target.moving.fill(f"{FILLED} {self._options.source} by holdfast migrate")
        await self._remember(note)
        return note

    async def _remember(self, note: Note) -> None:
        self._note = msgspec.structs.replace(note, at_ms=int(time.time() * 1000))
        await self._target.registry.put(walks.OWN_KIND, "target", msgspec.json.encode(self._note))

    async def _online(self) -> None:
        counted = await totals(self._source, checksum=False)
        before = float("inf")
        for _ in range(PASSES_MAX):
            first = not self.report.passes
            outcome = await self._pass("Copied" if first else "Compared", counted)
            if not first and (outcome.seconds <= SHORT_PASS_S or outcome.steps == 0):
                return
            if not first and outcome.seconds > NO_SHORTER * before:
                self._progress.say(f"passes get no shorter: a cut-over now takes about {outcome.seconds:.0f} s, in which writes are refused")
                return
            before = outcome.seconds

    async def _pass(self, verb: str, counted: Totals) -> Outcome:
        self._progress.begin(verb, counted.versions + counted.delete_markers + counted.parts, counted.stored_bytes)
        one, begun = Pass(self._source, self._target, lanes=self._options.lanes, seen=self._progress.add), time.monotonic()
        try:
            await one.run()
        finally:
            one.outcome.seconds = round(time.monotonic() - begun, 3)
            self.report.passes.append(one.outcome)
        outcome = one.outcome
        await self._remember(msgspec.structs.replace(self._note, passes=self._note.passes + 1, things=self._progress.objects))
        self._progress.say(
            f"pass {len(self.report.passes)}: {outcome.copied} copied, {outcome.changed} changed, {outcome.removed} removed, "
            f"{outcome.left} left for the next pass, {outcome.bytes} bytes, {outcome.seconds:.1f} s"
        )
        if outcome.damages:
            raise MigrationError("cannot be read in the source:\n  " + "\n  ".join(outcome.damages))
        return outcome

    async def _cut_over(self) -> None:
        """The source stops taking writes, and takes them again where this does not come to its end."""
        source = self._source.moving
        begun = time.monotonic()
        await source.freeze(f"{MOVED} {self._options.target}")
        self._frozen = True
        try:
            await self._pass("Copied", Totals())
            if self._options.verify:
                await self._verify()
            self.report.source, self.report.target = await asyncio.gather(totals(self._source), totals(self._target))
            if self.report.source != self.report.target:
                raise MigrationError(f"the two sides differ: {self.report.source} and {self.report.target}")
            await self._target.moving.raise_counters(await source.counters())
        except BaseException:
            await source.release()
            raise
        # from here on the source stays read-only whatever happens: nobody can tell whether the target says already that it is complete
        await self._remember(msgspec.structs.replace(self._note, phase=DONE))
        await self._target.moving.release()
        self.report.frozen_s = round(time.monotonic() - begun, 3)
        self.report.cut_over = True

    async def _verify(self) -> None:
        """Reads the bytes of both sides and compares: of those versions only that no earlier call has compared, and of all parts."""
        source, target, verified_to = self._source, self._target, self._verified_to
        self._verified_to = (await source.moving.counters()).seq
        counted = Totals() if self._frozen else await totals(source, checksum=False)
        self._progress.begin("Verified", counted.versions + counted.parts, counted.stored_bytes)
        lanes = Lanes(self._options.lanes)
        try:
            async for bucket in walks.buckets(source):
                pair = walks.beside(walks.versions(source, bucket.id), walks.versions(target, bucket.id), walks.place_of_version)
                async for one, other in pair:
                    if one is not None and other is not None and one.seq > verified_to:
                        await lanes.put(walks.place_of_version(one), self._same(one.blobs, other.blobs, f"{bucket.name}/{one.key}"))
                async for upload in walks.uploads(source, bucket.id):
                    async for part, copied in walks.beside(walks.parts(source, upload), walks.parts(target, upload), lambda part: part.number):
                        if part is not None and copied is not None and self._is_new(upload.upload_id, part):
                            await lanes.put((upload.upload_id, part.number), self._same(part.blobs, copied.blobs, upload.upload_id))
            await lanes.drain()
        finally:
            await lanes.cancel()
        self._progress.say(f"verified: {self.report.verified} bodies, {self.report.verified_bytes} bytes")

    def _is_new(self, upload_id: str, part: Part) -> bool:
        place = (upload_id, part.number, part.modified_ms, part.etag)
        if place in self._verified_parts:
            return False
        self._verified_parts.add(place)
        return True

    async def _same(self, one: tuple[Blob, ...], other: tuple[Blob, ...], name: str) -> None:
        try:
            size = await bodies.same_bytes(self._source, self._target, one, other)
        except Gone:
            if self._frozen:
                raise MigrationError(f"{name}: its bytes are missing") from None
            return  # replaced meanwhile
        except Damaged as error:
            raise MigrationError(f"{name}: {error}") from None
        self.report.verified += 1
        self.report.verified_bytes += size
        self._progress.add(1, size)


MOVED, FILLED = "moved to", "filled from"
"""How the reasons begin for which a source and a target are read-only."""


async def freeze(store: Engine, reason: str) -> None:
    """Makes a store read-only for a reason of one's own. Errors: MigrationError where it is read-only already."""
    before = await store.moving.frozen()
    if before and before != reason:
        raise MigrationError(f"it is read-only already: {before}")
    await store.moving.freeze(reason)


async def store_id(source: Engine, target: Engine) -> str:
    """The source's name in its own registry, made at its first migration. Errors: MigrationError where both are one store."""
    found = await source.registry.get(walks.OWN_KIND, "store")
    if found is None:
        found = await source.registry.put(walks.OWN_KIND, "store", secrets.token_hex(16).encode(), expect_revision=0)
    same = await target.registry.get(walks.OWN_KIND, "store")
    if same is not None and same.value == found.value:
        raise MigrationError("source and target are the same store")
    return found.value.decode()


async def _require_empty(target: Engine, name: str) -> None:
    """Errors: MigrationError: what is there is nobody's to be replaced."""
    if await target.moving.documents(limit=1) or await target.moving.buckets(limit=1):
        raise MigrationError(f"{name} holds a store already: a migration needs an empty target, or the one that it began to fill")
    reason = await target.moving.frozen()
    if reason and not reason.startswith(FILLED):
        raise MigrationError(f"{name} is read-only ({reason})")


async def difference(source: Engine, target: Engine | None) -> tuple[Totals, Outcome | None]:
    """What there is to move, and how far the target, if there is one, is from it; nothing is written."""
    found = await totals(source, checksum=False)
    return found, None if target is None else await Pass(source, target, lanes=1, dry=True).run()


async def release(source: Engine) -> str:
    """Lets a source that was moved be written to again, or one that was frozen for a backup; why it was read-only, "" if it was not. Errors:
    MigrationError for a store that is being filled."""
    reason = await source.moving.frozen()
    if reason.startswith(FILLED):
        raise MigrationError(f"it is not a whole store, but {reason}")
    await source.moving.release()
    return reason
