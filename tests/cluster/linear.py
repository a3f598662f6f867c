"""Is a history of one key linearizable? Wing and Gong's search with Lowe's memory of the configurations already tried; pure.

The object is S3's: a value or nothing; put, get, delete, put with If-None-Match: *, put with If-Match. An operation that got no clear answer (a
timeout, a 5xx) is pending for ever: it may take effect at any later moment, or never. Every write of a history must bring a value of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

PUT, GET, DELETE, CREATE, REPLACE = "put", "get", "delete", "create", "replace"
NOTHING = ""  # the key holds no object
STEPS_MAX = 2_000_000


class Undecided(Exception):
    """The search took more steps than it may; the history must be shorter or have fewer operations without an answer."""


class Operation(NamedTuple):
    """What a client did to the key. `start` and `end` are on one clock for all clients; `end` is inf where no clear answer came.

    `value`: what a write brings, what a get returned (NOTHING: 404). `match`: the value that a REPLACE asked for. `held`: whether the condition of
    a CREATE or REPLACE held (True: written; False: 412, or 404 of a REPLACE).
    """

    kind: str
    start: float
    end: float = math.inf
    value: str = NOTHING
    match: str = NOTHING
    held: bool = True
    who: str = ""

    def __str__(self) -> str:
        return f"{self.who} {self.kind}{'' if self.held else ' refused'} {self.value or '-'} [{self.start:.4f}, {self.end:.4f}]"

    @property
    def known(self) -> bool:
        return self.end != math.inf


def after(state: str, operation: Operation) -> str | None:
    """The state after an operation that takes effect in `state`, None where its answer could not have been given then."""
    kind, known = operation.kind, operation.known
    if kind == GET:
        return state if operation.value == state else None
    if kind in (PUT, DELETE):
        return operation.value if kind == PUT else NOTHING
    holds = state == NOTHING if kind == CREATE else state == operation.match != NOTHING
    if known and holds != operation.held:
        return None
    return operation.value if holds else state


def check(history: Sequence[Operation], first: str = NOTHING) -> str:
    """"" when the history of one key, which began as `first`, is linearizable, else what could not be explained. Errors: Undecided."""
    told = sorted((one for one in history if one.known or one.kind != GET), key=lambda one: one.start)
    written = [one.value for one in told if one.kind in (PUT, CREATE, REPLACE)]
    if len(set(written)) != len(written):
        raise ValueError("two writes of one history bring the same value")
    return _Search(told).run(first)


class _Search:
    """Depth first over (which operations took effect, the state): the memory makes each such pair visited once."""

    def __init__(self, told: list[Operation]) -> None:
        self.told = told
        self.needed = sum(1 << index for index, one in enumerate(told) if one.known)
        self.tried: set[tuple[int, str]] = set()
        self.farthest: tuple[int, int, str] = (-1, 0, NOTHING)

    def run(self, first: str) -> str:
        stack = [(0, first)]
        steps = 0
        while stack:
            done, state = self._settle(*stack.pop())
            if done & self.needed == self.needed:
                return ""
            if (done, state) in self.tried:
                continue
            self.tried.add((done, state))
            steps += 1
            if steps > STEPS_MAX:
                raise Undecided(f"{len(self.told)} operations, {len(self.told) - self.needed.bit_count()} without an answer")
            count = (done & self.needed).bit_count()
            if count > self.farthest[0]:
                self.farthest = (count, done, state)
            for index in reversed(self._open(done)):
                found = after(state, self.told[index])
                if found is not None and (self.told[index].known or found != state):
                    stack.append((done | 1 << index, found))
        return self._why()

    def _settle(self, done: int, state: str) -> tuple[int, str]:
        """Lets every read and refused write that has its answer now take effect at once: it changes nothing, and later would be no freer."""
        again = True
        while again:
            again = False
            for index in self._open(done):
                one = self.told[index]
                if one.known and (one.kind == GET or not one.held) and after(state, one) == state:
                    done |= 1 << index
                    again = True
        return done, state

    def _open(self, done: int) -> list[int]:
        """What may take effect next: not done, and begun before the earliest end of what is not done. Answered ones come first."""
        found: list[int] = []
        soonest = math.inf
        first = (~done & (done + 1)).bit_length() - 1  # all before it are done
        for index in range(first, len(self.told)):
            one = self.told[index]
            if one.start > soonest:
                break
            if not done >> index & 1:
                found.append(index)
                soonest = min(soonest, one.end)
        return sorted((index for index in found if self.told[index].start <= soonest), key=lambda index: self.told[index].end)

    def _why(self) -> str:
        count, done, state = self.farthest
        stuck = [self.told[index] for index in self._open(done) if self.told[index].known]
        shown = "; ".join(str(one) for one in stuck[:6])
        return f"after {count} of {self.needed.bit_count()} operations the key holds {state or 'nothing'}, and none of these can be next: {shown}"
