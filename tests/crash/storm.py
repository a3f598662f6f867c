"""Rounds of load, sudden end, restart and audit: one loop for kills and power cuts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.crash.ledger import Ledger, audit
from tests.crash.server import CrashServer
from tests.crash.workload import Load, Writer

BUCKET = "crash"
CLIENTS = 6


def load_on(server: CrashServer, ledger: Ledger, seed: int) -> Load:
    """Writers at full speed, each with a connection and keys of its own."""
    return Load([Writer(f"w{n}", server.client(), BUCKET, ledger, seed * 1000 + n) for n in range(CLIENTS)]).start()


def storm(
    server: CrashServer, ledger: Ledger, rounds: int, seed: int, end: Callable[[], None], longest_s: float = 0.5, whole: bool = True
) -> list[float]:
    """Each round ends at a random moment by `end` (after which the server must be dead); the seconds of every restart.

    Raises AssertionError at the first round after which the store does not agree with the ledger. With `whole`, an answer
    that the protocol has no place for (a 500) is an error too.
    """
    dice, restarts = random.Random(seed), []
    for number in range(rounds):
        load = load_on(server, ledger, seed + number)
        time.sleep(dice.uniform(0.03, longest_s))
        end()
        load.finish()
        restarts.append(server.restart())
        if wrong := audit(server.client(), BUCKET, ledger):
            raise Disagreement(f"round {number}: {len(wrong)} keys disagree with what was acknowledged:\n" + "\n".join(wrong[:20]))
        if whole and (odd := [name for name in ledger.counts if name.startswith(("unexpected", "unknown", "refused"))]):
            raise AssertionError(f"round {number}: {odd}")
        if (number + 1) % 50 == 0:
            print(f"{number + 1} of {rounds} rounds, {dict(ledger.counts)}, longest restart {max(restarts):.2f} s", flush=True)
    return restarts


class Disagreement(AssertionError):
    """The store is not what the clients were told."""
