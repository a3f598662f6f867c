"""What a GET through a pre-authenticated request costs, beside a presigned one: both through the gateway of a worker, without a network."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from holdfast import server as wiring
from holdfast.config import Settings
from holdfast.engine.api import Engine
from holdfast.gateway import Gateway
from holdfast.http.body import EMPTY
from holdfast.identities import master
from holdfast.identities.directory import Directory
from holdfast.model.buckets import Bucket
from holdfast.model.messages import Request, Response
from holdfast.observe.metrics import Metrics
from holdfast.pars.creation import Asked, new_par
from holdfast.pars.url import access_uri
from tests.engine.stored import put

ROUNDS, REQUESTS = 7, 400
MORE_US = 10.0
KEY, SECRET = "COSTKEY000001", "a secret of no worth"


async def spent_us(gateway: Gateway, target: bytes) -> float:
    """Processor time of one request."""
    begun = time.process_time()
    for _ in range(REQUESTS):
        request = Request("GET", target, {b"host": b"127.0.0.1:9000"}, EMPTY, received_at=time.time(), id="0123456789ABCDEF", peer="127.0.0.1")
        answer = gateway.handle(request)
        if not isinstance(answer, Response):
            answer = await answer
        gateway.finished(request, answer, 1024)
        assert answer.status == 200 and isinstance(answer.body, bytes) and len(answer.body) == 1024
    return (time.process_time() - begun) / REQUESTS * 1e6


async def made(engine: Engine, bucket: Bucket, creator: str) -> bytes:
    asked = Asked(name="n", access_type="AnyObjectRead", time_expires="2099-01-01T00:00:00Z")
    par, token = new_par(asked, bucket, creator, 0)
    return (access_uri(await engine.catalog.create_par(par), token) + "key").encode()


def test_a_get_costs_at_most_10_us_more_than_a_presigned_one_M58(tmp_path: Path) -> None:
    """The least of several rounds each, taken in turns; and the same with 10,000 requests on the bucket as with one."""

    async def run() -> tuple[float, float, float]:
        settings = Settings(data_dir=str(tmp_path), root_access_key=KEY, root_secret_key=SECRET)
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
        await put(engine, bucket, "key", b"x" * 1024)
        first = await made(engine, bucket, creator.id)
        client = boto3.client(
            "s3", endpoint_url="http://127.0.0.1:9000", aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1",
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )  # fmt: skip
        signed = urlsplit(client.generate_presigned_url("get_object", Params={"Bucket": "bench", "Key": "key"}, ExpiresIn=3600))
        presigned = f"{signed.path}?{signed.query}".encode()

        async def least() -> tuple[float, float]:
            rounds = [(await spent_us(gateway, presigned), await spent_us(gateway, first)) for _ in range(ROUNDS)]
            return min(a for a, _ in rounds), min(b for _, b in rounds)

        by_signature, alone = await least()
        await asyncio.gather(*[made(engine, bucket, creator.id) for _ in range(10_000)])
        _, among_many = await least()
        await engine.close()
        return by_signature, alone, among_many

    by_signature, alone, among_many = asyncio.run(run())
    print(f"presigned {by_signature:.1f} us, pre-authenticated {alone:.1f} us, among 10,001 {among_many:.1f} us")
    assert alone <= by_signature + MORE_US
    assert among_many <= by_signature + MORE_US
