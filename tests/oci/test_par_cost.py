"""What a GET through a pre-authenticated request costs, beside a presigned one: both through the gateway of a worker, without a network."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from holdfast import server as wiring
from holdfast.config.settings import Settings
from holdfast.engine.api import Engine
from holdfast.gateway import Gateway
from holdfast.http.body import EMPTY
from holdfast.identities import master
from holdfast.identities.directory import Directory
from holdfast.model.buckets import Bucket
from holdfast.model.identity import User
from holdfast.model.messages import Request, Response
from holdfast.observe.metrics import Metrics
from holdfast.pars.creation import Asked, new_par
from holdfast.pars.url import access_uri
from tests.engine.stored import put

ROUNDS, REQUESTS = 7, 400
CALLS_MORE = 90
"""Calls of functions that a request through a pre-authenticated request makes beyond those of a presigned one: what it costs in time is
printed, never asserted."""
KEY, SECRET = "COSTKEY000001", "a secret of no worth"
HEADERS = {b"host": b"127.0.0.1:9000"}


async def spent_us(gateway: Gateway, target: bytes, requests: int = REQUESTS, headers: dict[bytes, bytes] = HEADERS) -> float:
    """Processor time of one request."""
    begun = time.process_time()
    for _ in range(requests):
        request = Request("GET", target, dict(headers), EMPTY, received_at=time.time(), id="0123456789ABCDEF", peer="127.0.0.1")
        answer = gateway.handle(request)
        if not isinstance(answer, Response):
            answer = await answer
        gateway.finished(request, answer, 1024)
        assert answer.status == 200 and isinstance(answer.body, bytes) and len(answer.body) == 1024
    return (time.process_time() - begun) / requests * 1e6


async def calls(gateway: Gateway, target: bytes, headers: dict[bytes, bytes] = HEADERS) -> int:
    """Calls of Python and of C functions in one request, the same on every machine: the least of several, since what is done once a second (the
    text of the time, a look at the clock's second) falls on any one of them, and a second may end between two."""
    count = 0

    def event(frame: object, what: str, about: object) -> None:
        nonlocal count
        count += what in ("call", "c_call")

    await spent_us(gateway, target, 3, headers)
    counted = []
    for _ in range(ROUNDS):
        count = 0
        sys.setprofile(event)
        try:
            await spent_us(gateway, target, 1, headers)
        finally:
            sys.setprofile(None)
        counted.append(count)
    return min(counted)


async def opened(settings: Settings) -> tuple[Engine, Bucket, User, Gateway]:
    """A store on disk with an object of 1 KiB, `bench/key` of its administrator, and the gateway of a worker for it."""
    await wiring._prepare(settings)
    engine = wiring.open_engine(settings)
    server = wiring.Server.__new__(wiring.Server)
    server.settings = settings
    metrics = Metrics(("GetObject",), (), 1)
    metrics.use(0)
    gateway = Gateway(server._doors(engine, None), metrics, None)
    key = master.load(wiring.master_path(settings))
    assert key is not None
    directory = Directory(engine.registry, key)
    tenancy = await directory.tenancies.by_namespace("default")
    assert tenancy is not None
    creator = (await directory.users.all(tenancy.id))[0]
    bucket = await engine.catalog.create_bucket(
        Bucket(namespace="default", name="bench", region="us-east-1", owner=creator.canonical_id, compartment=tenancy.id)
    )
    await put(engine, bucket, "key", b"x" * 1024, owner=creator.canonical_id)
    return engine, bucket, creator, gateway


async def made(engine: Engine, bucket: Bucket, creator: str) -> bytes:
    asked = Asked(name="n", access_type="AnyObjectRead", time_expires="2099-01-01T00:00:00Z")
    par, token = new_par(asked, bucket, creator, 0)
    return (access_uri(await engine.catalog.create_par(par), token) + "key").encode()


def test_a_get_costs_little_more_than_a_presigned_one_however_many_there_are_M58(tmp_path: Path) -> None:
    """Counted in calls, and the same with 10,000 requests on the bucket as with one; times are printed, the least of several rounds in turns."""

    async def run() -> tuple[int, int, int]:
        engine, bucket, creator, gateway = await opened(Settings(data_dir=str(tmp_path), root_access_key=KEY, root_secret_key=SECRET))
        first = await made(engine, bucket, creator.id)
        signed = AWSRequest("GET", "http://127.0.0.1:9000/bench/key")
        S3SigV4QueryAuth(Credentials(KEY, SECRET), "s3", "us-east-1", expires=3600).add_auth(signed)
        parts = urlsplit(signed.url)
        presigned = f"{parts.path}?{parts.query}".encode()

        async def least() -> tuple[float, float]:
            rounds = [(await spent_us(gateway, presigned), await spent_us(gateway, first)) for _ in range(ROUNDS)]
            return min(a for a, _ in rounds), min(b for _, b in rounds)

        by_signature, alone = await least()
        counted = await calls(gateway, presigned), await calls(gateway, first)
        await asyncio.gather(*[made(engine, bucket, creator.id) for _ in range(10_000)])
        _, among_many = await least()
        print(f"presigned {by_signature:.1f} us, pre-authenticated {alone:.1f} us, among 10,001 {among_many:.1f} us")
        of_many = await calls(gateway, first)
        await engine.close()
        return *counted, of_many

    by_signature, alone, among_many = asyncio.run(run())
    print(f"presigned {by_signature} calls, pre-authenticated {alone}, among 10,001 {among_many}")
    assert among_many == alone
    assert alone <= by_signature + CALLS_MORE
