"""Three gateways on one PostgreSQL and one Ceph while links are cut, programs are killed and the database fails over.

What clients saw is linearizable, nothing acknowledged is lost, a revoked key is refused within a second, and all works again soon after it can.
"""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Callable, Iterator

import pytest

from tests.administration import new_user
from tests.cluster.field import Fault, Field
from tests.cluster.histories import Histories
from tests.cluster.seen import WELL, Seen, made
from tests.serving import ACCESS_KEY, SECRET_KEY

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.xdist_group("cluster-nemesis"), pytest.mark.timeout(600)]
BUCKET = "faults"
REVOKED_S = 1.0


@pytest.fixture(scope="module")
def field() -> Iterator[Field]:
    """Three gateways, a synchronous replica, one OSD."""
    yield from made(BUCKET)


@pytest.fixture
def wide() -> Iterator[Field]:
    """As `field`, with three OSDs that each have every object."""
    yield from made(BUCKET, osds=3)


def histories(field: Field, *, seed: int, clients: int = 6, rest_s: float = 0.03) -> Histories:
    return Histories(field.addresses, ACCESS_KEY, SECRET_KEY, BUCKET, clients=clients, open_keys=4, seed=seed, rest_s=rest_s)


def schedule(field: Field) -> list[Callable[[], Fault]]:
    """Every kind of fault, the one that cannot be undone last. Each is made when its turn comes: what it does depends on what went before."""
    return [
        lambda: field.partition(0, 1),
        lambda: field.crash(2),
        lambda: field.loss(15),
        lambda: field.restart_postgres(),
        lambda: field.stop_osd(),
        lambda: field.reset(1),
        lambda: field.fail_over(),
    ]


def played(field: Field, faults: list[Callable[[], Fault]], wanted: int, *, seed: int, seconds: float) -> tuple[Histories, dict[str, float]]:
    """Lets clients work while the faults befall the field, and after them until so many histories are full; the seconds each recovery took."""
    running, took = histories(field, seed=seed), {}
    running.start()
    try:
        time.sleep(1)
        for make in faults:
            fault = make()
            took[fault.name] = round(field.befall(fault, BUCKET), 1)
            time.sleep(1)
        until = time.monotonic() + seconds
        while len(running.done) < wanted and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        running.stop()
    running.settle()
    return running, took


def status_of(field: Field, number: int, access: str, secret: str) -> int:
    """What a read with that key is answered by one gateway; 0 for no answer."""
    client = field.client(number, 3)
    client.access, client.secret = access, secret
    try:
        return client.get(BUCKET, "small").status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        client.close()


def test_a_revoked_key_is_refused_by_every_gateway_within_a_second(field: Field) -> None:
    """M121: also while one gateway cannot reach the database: it lets nobody in on what it once knew."""
    root = field.root(0)
    for cut in (None, 2):
        user = new_user(root, f"Allow group G to read objects in tenancy where target.bucket.name = '{BUCKET}'")
        every = range(len(field.gateways))
        until = time.monotonic() + 5
        while [status_of(field, one, user.access_key, user.secret) for one in every] != [200] * 3:
            assert time.monotonic() < until
        if cut is not None:
            field.network.cut(cut)
        root.admin("key", "delete", "--id", user.access_key, "--force")
        time.sleep(REVOKED_S)
        answers = [status_of(field, one, user.access_key, user.secret) for one in every]
        assert [answer for one, answer in enumerate(answers) if one != cut] == [403] * (3 if cut is None else 2)
        assert cut is None or answers[cut] in (0, 403, 503)
        if cut is not None:
            field.network.heal(cut)
            field.recovered(BUCKET)
            assert [status_of(field, one, user.access_key, user.secret) for one in every] == [403] * 3


def test_a_lost_network_lets_nobody_wait_for_ever(field: Field) -> None:
    """M149: no packet comes back from the backends; clients and health get an answer."""
    pids = field.gateways[1].worker_pids()
    field.network.cut(1)
    seen = Seen(field, BUCKET, 1)
    assert set(seen.statuses.values()) == {503}, seen.said
    assert seen.troubles
    field.network.heal(1)
    field.recovered(BUCKET)
    assert Seen(field, BUCKET, 1).statuses == WELL
    assert field.gateways[1].worker_pids() == pids


def test_every_fault_leaves_histories_linearizable_and_nothing_lost(field: Field) -> None:
    """M149 M150: partitions of two gateways, a killed gateway, lost packets, PostgreSQL restarted and failed over, an OSD stopped."""
    ran, took = played(field, schedule(field), 20, seed=1, seconds=60)
    print(ran.summary(), took)
    assert ran.verdict() == []
    assert len(ran.done) >= 20
    assert sum(len(key.history) for key in ran.done) >= 1000


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_five_hundred_histories_under_a_storm_of_faults(wide: Field) -> None:
    """M149 M150, the long form: 500 histories of 200 operations, faults in random order all the while, the fail-over half-way."""
    rng = random.Random(11)
    running, took = histories(wide, seed=11, clients=9, rest_s=0.01), []
    kinds: list[Callable[[], Fault]] = [
        lambda: wide.partition(*rng.sample(range(3), 2)),
        lambda: wide.partition(rng.randrange(3)),
        lambda: wide.crash(rng.randrange(3)),
        lambda: wide.loss(rng.choice([5, 15, 25])),
        wide.restart_postgres,
        wide.crash_postgres,
        lambda: wide.stop_osd(rng.choice(wide.osds())) if wide.osds() else wide.crash(0),
        lambda: wide.stop_osd(rng.choice(wide.osds()), 9) if wide.osds() else wide.crash(1),
        lambda: wide.reset(rng.randrange(3)),
    ]
    running.start()
    try:
        while (complete := sum(len(key.history) >= 150 for key in running.done)) < 500:
            make = wide.fail_over if complete >= 250 and not wide.failed_over else rng.choice(kinds)
            fault = make()
            took.append((fault.name, round(wide.befall(fault, BUCKET), 1)))
            print(f"{complete} of {len(running.done)} histories long enough; {took[-1][0]}: works again after {took[-1][1]} s", flush=True)
            time.sleep(rng.random() * 5)
        running.stop()
        running.settle()
    finally:
        running.stop()
        print(running.summary(), f"{len(took)} faults, {len(wide.lost_osds)} OSDs lost", max(took, key=lambda one: one[1]), flush=True)
        print(running.verdict(), flush=True)
    assert running.verdict() == []
