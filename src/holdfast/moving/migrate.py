"""A migration: everything is copied and compared while the source serves, then what its journal says has changed, until that is little; then a
short time in which it only reads, for the last of the changes.

What is where is read from the two stores each time, so a migration that was cut off anywhere is begun again by the same command. What
it has to remember is a document on each side: in the source its name, in the target what it is filled from and how far that is.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Collection

import msgspec

from holdfast.engine.api import Engine
from holdfast.engine.moving import Place
from holdfast.moving import walks
from holdfast.moving.changes import Changes, Journal, JournalLost, end_journal
from holdfast.moving.comparison import Ledger, compare
from holdfast.moving.passes import Outcome, Pass
from holdfast.moving.progress import Progress
from holdfast.moving.totals import Totals, totals
from holdfast.moving.verification import Unverified, Verification

SHORT_PASS_S = 0.5
"""A pass over changes that took no longer than this is short enough for the next one to be the last."""
SHORTER, PATIENCE, PATIENCE_S = 0.8, 3, 60.0
"""Where none of so many passes, nor any for so long, took less than this share of the shortest before, further ones bring nothing: clients
write as fast as is copied."""
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
    """`source`, `target`: how the two are called in what people read. `lanes`: bodies copied at once. `check_all`: count every row again in the
    cut-over."""

    source: str
    target: str
    lanes: int = 16
    verify: bool = False
    cutover: bool = True
    check_all: bool = False


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
        self._journal = Journal(source)
        self._ledger = Ledger()
        self._again: set[Place] = set()
        self._verification = Verification(source, target, lanes=options.lanes, progress=self._progress)
        self.report = Report()

    async def run(self) -> Report:
        """Errors: MigrationError; Full, Unavailable, Damaged of either side. Unless it was cut over, the source serves on afterwards."""
        begun = time.monotonic()
        note = await self._begin()
        if note.phase == DONE:
            if not await self._source.moving.frozen():
                raise MigrationError(f"{self._options.target} was filled from {note.source} and is complete; the source was released since")
            await self._target.moving.release()
            await end_journal(self._source)
            self.report.already = self.report.cut_over = True
            return self.report
        self._note = note
        try:
            await self._online()
            if self._options.cutover:
                await self._cut_over()
        except JournalLost:
            raise MigrationError(f"the journal of {self._options.source} is not this migration's any more: another one began, or --release") from None
        except Unverified as error:
            raise MigrationError(str(error)) from None
        finally:
            await self._journal.end()
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

    # ---- while the source is written to ----

    async def _online(self) -> None:
        await self._journal.begin()
        counted = await totals(self._source, checksum=False)
        await self._copy(counted)
        await self._changes(await self._compare(counted))
        if self._options.verify:
            self._progress.begin("Verified", counted.versions + counted.parts, counted.stored_bytes)
            await self._verification.whole()
            await self._changes(set())  # what was written meanwhile, so that the cut-over is short
            self._progress.say(f"verified: {self._verification.bodies} bodies, {self._verification.bytes} bytes")

    async def _copy(self, counted: Totals) -> None:
        """A pass over everything."""
        self._progress.begin("Copied", counted.versions + counted.delete_markers + counted.parts, counted.stored_bytes)
        one, begun = Pass(self._source, self._target, lanes=self._options.lanes, seen=self._progress.add), time.monotonic()
        try:
            await one.run()
        finally:
            self._done(one.outcome, begun)
        await self._remember(msgspec.structs.replace(self._note, passes=self._note.passes + 1, things=self._progress.objects))
        _require_no(one.outcome)

    async def _compare(self, counted: Totals) -> set[Place]:
        """Reads all rows of both sides back; the places that are to be dealt with. What differs must have changed since the journal began, and
        the journal must say so: this is how it is tried before it is relied on. Errors: MigrationError."""
        changed = {hash(place) for place in await self._journal.take()}
        self._progress.begin("Compared", counted.versions + counted.delete_markers)
        begun = time.monotonic()
        differ = await compare(self._source, self._target, self._ledger, self._progress.add)
        places = await self._journal.take()
        unexplained = [place for place in differ - places if hash(place) not in changed]
        if unexplained:
            raise MigrationError(
                f"both sides differ where nothing is known to have changed ({_named(unexplained)}): either a target was altered, or the journal "
                "of changes cannot be relied on; a new run copies this again"
            )
        self._progress.say(f"compared: {len(differ)} places differ, {len(places)} changed meanwhile, {time.monotonic() - begun:.1f} s")
        return differ | places

    async def _changes(self, places: set[Place]) -> None:
        """Passes over what changed, until one is short."""
        best, best_at, since = float("inf"), time.monotonic(), 0
        while True:
            outcome = await self._pass(places | await self._journal.take())
            if outcome.seconds <= SHORT_PASS_S or outcome.steps == 0:
                return
            if outcome.seconds < SHORTER * best:
                best, best_at, since = outcome.seconds, time.monotonic(), 0
            since += 1
            if since > PATIENCE and time.monotonic() > best_at + PATIENCE_S:
                self._progress.say(f"passes get no shorter: a cut-over now takes about {outcome.seconds:.0f} s, in which writes are refused")
                return
            places = set()

    async def _pass(self, changed: Collection[Place], *, frozen: bool = False) -> Outcome:
        """A pass over some places, and those that the one before left."""
        places = {*changed, *self._again}
        one = Changes(self._source, self._target, self._ledger, lanes=self._options.lanes, seen=self._progress.add)
        begun = time.monotonic()
        self._progress.begin("Copied", len(places))
        try:
            await one.at(places)
        finally:
            self._done(one.outcome, begun)
        self._again = one.again
        _require_no(one.outcome)
        if self._verification.begun:
            await self._verification.at(places, frozen=frozen)
        return one.outcome

    def _done(self, outcome: Outcome, begun: float) -> None:
        outcome.seconds = round(time.monotonic() - begun, 3)
        self.report.passes.append(outcome)
        where = "" if outcome.places is None else f"{outcome.places} places changed; "
        self._progress.say(
            f"pass {len(self.report.passes)}: {where}{outcome.copied} copied, {outcome.changed} changed, {outcome.removed} removed, "
            f"{outcome.left} left for the next pass, {outcome.bytes} bytes, {outcome.seconds:.1f} s"
        )

    # ---- while it only reads ----

    async def _cut_over(self) -> None:
        """The source stops taking writes, and takes them again where this does not come to its end."""
        source = self._source.moving
        begun = time.monotonic()
        await source.freeze(f"{MOVED} {self._options.target}")
        try:
            await self._pass(await self._journal.take(frozen=True), frozen=True)
            await self._require_equal()
            await self._target.moving.raise_counters(await source.counters())
        except BaseException:
            await source.release()
            raise
        # from here on the source stays read-only whatever happens: nobody can tell whether the target says already that it is complete
        await self._remember(msgspec.structs.replace(self._note, phase=DONE))
        await self._target.moving.release()
        self.report.frozen_s = round(time.monotonic() - begun, 3)
        self.report.cut_over = True
        self.report.verified, self.report.verified_bytes = self._verification.bodies, self._verification.bytes

    async def _require_equal(self) -> None:
        """Errors: MigrationError."""
        report = self.report
        report.source, report.target = await self._ledger.totals(self._source, self._target)
        if report.source != report.target:
            raise MigrationError(f"the two sides differ ({_named(self._ledger.unequal())}): {report.source} and {report.target}")
        if self._options.check_all:
            one, other = await asyncio.gather(totals(self._source), totals(self._target))
            if (one, other) != (report.source, report.target):
                raise MigrationError(f"all rows counted again, the two sides are {one} and {other}, where {report.source} was expected of both")


def _require_no(outcome: Outcome) -> None:
    """Errors: MigrationError for what could not be read."""
    if outcome.damages:
        raise MigrationError("cannot be read in the source:\n  " + "\n  ".join(outcome.damages))


def _named(places: list[Place]) -> str:
    """Some of them, for people."""
    some = [f"{kind} {name!r}" + (f" of bucket {bucket_id}" if bucket_id else "") for kind, bucket_id, name in sorted(places)[:3]]
    return ", ".join(some) + (f" and {len(places) - 3} more" if len(places) > 3 else "")


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
    """Lets a source that was moved be written to again, or one that was frozen for a backup; why it was read-only, "" if it was not. What a
    migration that was cut off left of its journal goes too. Errors: MigrationError for a store that is being filled."""
    reason = await source.moving.frozen()
    if reason.startswith(FILLED):
        raise MigrationError(f"it is not a whole store, but {reason}")
    await source.moving.release()
    if not reason or reason.startswith(MOVED):
        await end_journal(source)
    return reason
