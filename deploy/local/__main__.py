"""`make cluster` and `make cluster-down`: a PostgreSQL, a Ceph and two gateways on them under one folder."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.local import ceph, daemons, postgres
from deploy.local.ceph import Ceph
from deploy.local.gateways import Gateways, engine_url
from deploy.local.postgres import Postgres

POOL, REGION = "holdfast", "us-east-1"
HELLO = """
Two gateways on one PostgreSQL and one Ceph:
  S3        {urls}
  control   {controls}
  all of it {folder}   (make cluster-down stops it and keeps its data; make cluster-down ARGS=--purge removes it too)

Paste into a shell:
  . {folder}/env
  set -- $HOLDFAST_GATEWAYS

With holdfast, administering (the gateways are one store):
  {bin}/holdfast admin user list

With aws, written through one gateway and read through the other:
  aws --endpoint-url {first} s3 mb s3://first
  aws --endpoint-url {first} s3 cp /etc/hostname s3://first/hello.txt
  aws --endpoint-url {second} s3 cp s3://first/hello.txt -

With boto3 (in python3):

import boto3
one, other = (boto3.client("s3", endpoint_url=url) for url in ("{first}", "{second}"))
one.create_bucket(Bucket="second")
one.put_object(Bucket="second", Key="hello.txt", Body=b"hello")
print(other.get_object(Bucket="second", Key="hello.txt")["Body"].read())

With curl:
  curl -f --aws-sigv4 "aws:amz:{region}:s3" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -X PUT {first}/third
  curl -f --aws-sigv4 "aws:amz:{region}:s3" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -T /etc/hostname {first}/third/hello.txt
  curl -f --aws-sigv4 "aws:amz:{region}:s3" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" {second}/third/hello.txt
"""


def timed(what: str, do: Callable[[], object]) -> None:
    """Says what is started and how long it took."""
    began = time.monotonic()
    print(f"{what} ... ", end="", flush=True)
    do()
    print(f"{time.monotonic() - began:.1f} s", flush=True)


def up(folder: Path, arguments: argparse.Namespace) -> None:
    """Starts what does not run, makes what is missing, and writes `env`."""
    database = Postgres(folder / "postgres")
    store = Ceph(folder / "ceph", osds=arguments.osds, store=arguments.store, gib=arguments.gib, copies=min(arguments.osds, 3))
    timed("PostgreSQL", database.start)
    timed(f"Ceph, {arguments.osds} OSD{'s' if arguments.osds > 1 else ''} of {arguments.store}", store.start)
    timed(f"the pool {POOL}", lambda: store.pool(POOL))
    gateways = Gateways(folder / "gateways", engine_url(database.dsn(), store.conf, POOL), arguments.gateways)
    timed(f"{arguments.gateways} gateways", gateways.start)
    said = [gateways.run_json(number) for number in range(1, arguments.gateways + 1)]
    urls = " ".join(one["data_url"] for one in said)
    names = ["HOLDFAST_GATEWAYS", "HOLDFAST_CONTROL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"]
    values = [f'"{urls}"', said[0]["control_url"], gateways.facts["access_key"], gateways.facts["secret_key"], REGION]
    lines = [f"{name}={value}" for name, value in zip(names, values, strict=True)]
    daemons.write_secret(folder / "env", "\n".join([*lines, f"export {' '.join(names)}"]) + "\n")
    controls = " ".join(one["control_url"] for one in said)
    first, second, bin = urls.split()[0], urls.split()[-1], Path(sys.executable).parent
    print(HELLO.format(urls=urls, controls=controls, folder=folder, first=first, second=second, region=REGION, bin=bin), flush=True)


def down(folder: Path, arguments: argparse.Namespace) -> None:
    """Stops what was started here and nothing else, gateways first; its data stay unless they are purged."""
    if (folder / "gateways").exists():
        timed("stopping the gateways", Gateways(folder / "gateways", "").stop)
    database, store = Postgres(folder / "postgres"), Ceph(folder / "ceph")
    timed("stopping Ceph", store.purge if arguments.purge else store.stop)
    timed("stopping PostgreSQL", database.purge if arguments.purge else database.stop)
    (folder / "env").unlink(missing_ok=True)
    if arguments.purge:
        shutil.rmtree(folder / "gateways", ignore_errors=True)
        with contextlib.suppress(OSError):  # something else is in it
            folder.rmdir()


@contextlib.contextmanager
def alone(folder: Path, make: bool) -> Iterator[bool]:
    """Holds the folder while one command works in it, so that two at once do not both make what is missing. False where there is none."""
    if make:
        folder.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        yield False
        return
    lock = os.open(folder, os.O_RDONLY)  # of the folder itself: nothing is left in it (what is started here inherits no descriptor)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another make cluster is at work here; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield True
    finally:
        os.close(lock)


def install(_: Path, __: argparse.Namespace) -> None:
    """Installs what is missing of PostgreSQL and Ceph, once and for all. Errors: daemons.Missing."""
    daemons.install({**postgres.PROGRAMS, **ceph.PROGRAMS}, postgres.folders())
    postgres.install()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("--folder", default=".cluster", help="where everything is kept (default: .cluster)")
    verbs = parser.add_subparsers(dest="verb", required=True)
    upward = verbs.add_parser("up", help="start PostgreSQL, Ceph and the gateways, whatever of them does not run")
    upward.add_argument("--gateways", type=int, default=2, help="how many gateways (default: 2)")
    upward.add_argument("--osds", type=int, default=1, help="how many OSDs; an object is kept on each, on three at most (default: 1)")
    upward.add_argument("--store", choices=("bluestore", "memstore"), default="bluestore", help="memstore keeps bytes in memory only")
    upward.add_argument("--gib", type=float, default=10, help="size of an OSD; its file grows as it fills (default: 10)")
    upward.set_defaults(do=up)
    verbs.add_parser("install", help="install PostgreSQL's and Ceph's packages, where that can be").set_defaults(do=install)
    downward = verbs.add_parser("down", help="stop them")
    downward.add_argument("--purge", action="store_true", help="remove the data too")
    downward.set_defaults(do=down)
    arguments = parser.parse_args()
    folder = Path(arguments.folder).absolute()
    try:
        if arguments.do is install:
            install(folder, arguments)
            return 0
        with alone(folder, make=arguments.do is up) as there:
            if there:
                arguments.do(folder, arguments)
    except (daemons.Missing, daemons.Failed) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # nobody reads any more (`make cluster | head`): all runs, and env is written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
