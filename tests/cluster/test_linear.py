"""The checker of linearizability itself: histories that happened are accepted, whatever their interleaving; those that cannot have are refused."""

from __future__ import annotations

import math
import random
import time
from itertools import combinations, permutations

import pytest

from tests.cluster.linear import CREATE, DELETE, GET, NOTHING, PUT, REPLACE, Operation, Undecided, after, check

LOST = math.inf


def put(start: float, end: float, value: str) -> Operation:
    return Operation(PUT, start, end, value)


def get(start: float, end: float, value: str) -> Operation:
    return Operation(GET, start, end, value)


def delete(start: float, end: float) -> Operation:
    return Operation(DELETE, start, end)


def create(start: float, end: float, value: str, held: bool = True) -> Operation:
    return Operation(CREATE, start, end, value, held=held)


def replace(start: float, end: float, match: str, value: str, held: bool = True) -> Operation:
    return Operation(REPLACE, start, end, value, match, held)


GOOD = {
    "nothing": [],
    "nothing is there at first": [get(0, 1, NOTHING)],
    "what was written is read": [put(0, 1, "a"), get(2, 3, "a")],
    "a read during a write sees either": [put(0, 9, "a"), get(1, 2, NOTHING), get(3, 4, "a")],
    "two writes at once end in any order": [put(0, 5, "a"), put(0, 5, "b"), get(6, 7, "a"), get(8, 9, "a")],
    "an unanswered write may count later": [put(0, 1, "a"), put(2, LOST, "b"), get(3, 4, "a"), get(5, 6, "b"), get(7, 8, "b")],
    "or never": [put(0, 1, "a"), put(2, LOST, "b"), get(30, 40, "a")],
    "an unanswered delete may count": [put(0, 1, "a"), delete(2, LOST), get(3, 4, NOTHING)],
    "one of two creations": [create(0, 5, "a"), create(0, 5, "b", held=False), get(6, 7, "a")],
    "a creation refused by an unanswered one": [create(0, LOST, "a"), create(5, 6, "b", held=False), get(7, 8, "a")],
    "a creation after a delete": [put(0, 1, "a"), delete(2, 3), create(4, 5, "b"), get(6, 7, "b")],
    "a replacement of what is there": [put(0, 1, "a"), replace(2, 3, "a", "b"), get(4, 5, "b")],
    "one of two replacements": [put(0, 1, "a"), replace(2, 6, "a", "b"), replace(2, 6, "a", "c", held=False), get(7, 8, "b")],
    "no replacement of nothing": [replace(0, 1, "a", "b", held=False), get(2, 3, NOTHING)],
    "a get without an answer says nothing": [put(0, 1, "a"), get(2, LOST, "never written"), get(3, 4, "a")],
}
BAD = {
    "a stale read after an acknowledged write": [put(0, 1, "a"), put(2, 3, "b"), get(4, 5, "a")],
    "a lost write": [put(0, 1, "a"), get(2, 3, NOTHING)],
    "a write lost behind a later read of it": [put(0, 1, "a"), put(2, 3, "b"), get(4, 5, "b"), get(6, 7, "a")],
    "reads that go back while a write is under way": [put(0, 1, "a"), put(2, 9, "b"), get(3, 4, "b"), get(5, 6, "a")],
    "a value that nobody wrote": [put(0, 1, "a"), get(2, 3, "z")],
    "a read of a write that comes later": [get(0, 1, "a"), put(2, 3, "a")],
    "a deleted object that is still there": [put(0, 1, "a"), delete(2, 3), get(4, 5, "a")],
    "a delete that comes back": [put(0, 1, "a"), delete(2, 3), get(4, 5, NOTHING), get(6, 7, "a")],
    "two winners of If-None-Match": [create(0, 5, "a"), create(0, 5, "b")],
    "two winners of If-None-Match, far apart": [create(0, 1, "a"), create(2, 3, "b"), get(4, 5, "b")],
    "two winners of If-Match": [put(0, 1, "a"), replace(2, 6, "a", "b"), replace(2, 6, "a", "c")],
    "no winner of If-None-Match": [create(0, 5, "a", held=False), create(0, 5, "b", held=False)],
    "a refused write that counted": [put(0, 1, "a"), replace(2, 3, "x", "b", held=False), get(4, 5, "b")],
    "a replacement of what had been replaced": [put(0, 1, "a"), put(2, 3, "b"), replace(4, 5, "a", "c")],
    "an unanswered write that counted twice": [put(0, LOST, "u"), get(1, 2, "u"), put(3, 4, "b"), get(5, 6, "b"), get(7, 8, "u")],
    "an unanswered write that counted before it began": [put(0, 1, "a"), get(2, 3, "u"), put(4, LOST, "u")],
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_have_happened_is_accepted(name: str) -> None:
    assert check(GOOD[name]) == ""


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_have_happened_is_refused(name: str) -> None:
    assert "can be next" in check(BAD[name])


def played(rng: random.Random, *, clients: int, count: int, unanswered: float) -> list[Operation]:
    """A history that is linearizable by its making: each operation takes effect at one moment of its own interval."""
    waiting, state, moment, made = [0.0] * clients, NOTHING, 0.0, []
    effects = []
    for number in range(count):
        client = min(range(clients), key=lambda one: waiting[one])
        start = waiting[client] + rng.random() * 0.1
        effects.append((start + rng.random(), start, client, f"v{number}"))
        waiting[client] = effects[-1][0] + rng.random()
    for moment, start, client, value in sorted(effects):
        kind = rng.choice([PUT, GET, GET, DELETE, CREATE, REPLACE])
        match = (state if rng.random() < 0.5 else "other") if kind == REPLACE else NOTHING
        end = moment + rng.random()
        lost = kind != GET and rng.random() < unanswered
        if kind == GET:
            made.append(Operation(GET, start, end, state, who=str(client)))
            continue
        holds = kind in (PUT, DELETE) or (kind == CREATE and state == NOTHING) or (kind == REPLACE and state == match != NOTHING)
        brought = NOTHING if kind == DELETE else value
        made.append(Operation(kind, start, LOST if lost else end, brought, match, holds, str(client)))
        if holds and not (lost and rng.random() < 0.5):
            state = brought
    assert moment > 0
    return made


@pytest.mark.parametrize("seed", range(12))
def test_histories_made_linearizable_are_accepted_and_their_mutants_refused(seed: int) -> None:
    rng = random.Random(seed)
    history = played(rng, clients=rng.choice([2, 4, 8]), count=120, unanswered=0.02)
    assert check(history) == ""
    read = rng.choice([one for one in history if one.kind == GET and one.value])
    position = history.index(read)
    assert check([*history[:position], read._replace(value="never written"), *history[position + 1 :]]) != ""
    late = max(one.end for one in history if one.known) + 1
    gone = next(one.value for one in history if one.kind == PUT and one.known)
    settled = [put(late, late + 1, "settled"), get(late + 2, late + 3, "settled")]
    assert check([*history, *settled]) == ""
    assert check([*history, *settled, get(late + 4, late + 5, gone)]) != ""


def tried_all(history: list[Operation]) -> bool:
    """The definition itself: some order of all answered and some unanswered operations that keeps what came after what, and gives each answer."""
    must = [one for one in history if one.known]
    may = [one for one in history if not one.known and one.kind != GET]
    for count in range(len(may) + 1):
        for chosen in combinations(may, count):
            for order in permutations([*must, *chosen]):
                state: str | None = NOTHING
                for place, one in enumerate(order):
                    if any(later.end < one.start for later in order[place + 1 :]):
                        state = None
                    state = after(state, one) if state is not None else None
                if state is not None:
                    return True
    return False


def test_the_search_finds_what_trying_every_order_finds() -> None:
    rng, answers = random.Random(7), []
    for _ in range(400):
        history = []
        for number in range(5):
            start = rng.random()
            kind = rng.choice([PUT, GET, DELETE, CREATE, REPLACE])
            value = "" if kind == DELETE else rng.choice(["", *"01234"]) if kind == GET else str(number)
            end = LOST if rng.random() < 0.15 else start + rng.random() * 0.5
            match, held = rng.choice("01234") if kind == REPLACE else "", kind not in (CREATE, REPLACE) or rng.random() < 0.5
            history.append(Operation(kind, start, end, value, match, held))
        answers.append(tried_all(history))
        assert (check(history) == "") == answers[-1], history
    assert 40 < sum(answers) < 360


def test_every_answer_of_the_model_is_one_of_s3s() -> None:
    assert after("a", get(0, 1, "b")) is None
    assert after("a", create(0, LOST, "b")) == "a"
    assert after(NOTHING, create(0, LOST, "b")) == "b"
    assert after(NOTHING, replace(0, 1, NOTHING, "b")) is None


def test_equal_values_are_told_and_a_search_without_end_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="same value"):
        check([put(0, 1, "a"), put(2, 3, "a")])
    monkeypatch.setattr("tests.cluster.linear.STEPS_MAX", 50)
    with pytest.raises(Undecided):
        check([*(put(0, LOST, f"u{number}") for number in range(20)), put(0, 1, "a"), get(2, 3, "z")])


def test_a_history_of_two_hundred_operations_takes_less_than_seconds() -> None:
    began = time.process_time()
    for seed in range(5):
        assert check(played(random.Random(1000 + seed), clients=8, count=200, unanswered=0.02)) == ""
    assert time.process_time() - began < 20
