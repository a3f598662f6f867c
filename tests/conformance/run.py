"""`make conformance`: a checkout of ceph/s3-tests against a server of its own, and docs/conformance.md from what came out.

The suite is not part of this tree: S3TESTS_DIR names the checkout, S3TESTS_PYTHON a Python that has the suite's requirements (by
default `.venv/bin/python` in the checkout). `--replay FILE` writes the page again from the results of an earlier run. `--engine cluster` runs it on
a PostgreSQL and a Ceph that it starts, and adds to the page what differs.
"""

from __future__ import annotations

import argparse
import configparser
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests import cluster_servers
from tests.conformance.page import page
from tests.serving import ROOT, Server

BOOTSTRAP = ROOT / "tests" / "s3tests.bootstrap.toml"
PAGE = ROOT / "docs" / "conformance.md"
RESULTS = {engine: ROOT / ".build" / f"conformance-{engine}.json" for engine in ("embedded", "cluster")}
FAILED_ON_CLUSTER = Path(__file__).parent / "cluster.json"
FILES = ("s3tests/functional/test_s3.py", "s3tests/functional/test_headers.py")
SELECT = "not fails_on_aws and not cloud_transition and not cloud_restore and not bucket_logging and not bucket_logging_cleanup and not appendobject"
"""What AWS itself passes, without Ceph's own extensions."""
ALONE = ("test_list_buckets_paginated",)
"""Tests that count all buckets of their user: with several processes they come after the others."""
SECTIONS = {"s3 main": "main", "s3 alt": "alt", "s3 tenant": "tenant", "iam": "iam", "iam root": "iam-root", "iam alt root": "iam-alt-root"}


def configuration(endpoint: str, users: dict[str, dict[str, Any]]) -> configparser.RawConfigParser:
    """The suite's configuration: where the server is, and the users of the bootstrap file."""
    place = urlsplit(endpoint)
    conf = configparser.RawConfigParser()
    conf.read_dict({
        "DEFAULT": {"host": str(place.hostname), "port": str(place.port), "is_secure": "False", "ssl_verify": "False"},
        "fixtures": {"bucket prefix": "conf-{random}-", "iam name prefix": "s3-tests-", "iam path prefix": "/s3-tests/"},
    })  # fmt: skip
    for section, name in SECTIONS.items():
        user = users["s3tests-" + name]
        key = user["keys"][0]
        conf[section] = {
            "display_name": user["display_name"], "user_id": user["canonical_id"], "email": user["email"],
            "access_key": key["access_key"], "secret_key": key["secret_key"],
        }  # fmt: skip
    conf["s3 main"].update({"api_name": "", "kms_keyid": "testkey-1", "kms_keyid2": "testkey-2", "lc_debug_interval": "10"})
    conf["s3 tenant"]["tenant"] = "testx"
    return conf


def runs(options: argparse.Namespace) -> list[list[str]]:
    """The words for pytest of each run, one after another."""
    if options.only:
        return [[*FILES, "-k", options.only]]
    if not options.workers:
        return [[*FILES]]
    alone = [f"{FILES[0]}::{name}" for name in ALONE]
    return [[*FILES, "-n", str(options.workers), *(f"--deselect={name}" for name in alone)], alone]


def run(suite: Path, python: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Runs the selected tests. {"commit": of the suite, "select": the expression, "rows": one for each test}."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as home:
        results = Path(home) / "results"
        results.mkdir()
        os.environ[cluster_servers.ENGINE] = options.engine
        cluster_servers.announce()
        server: Server | None = None
        try:
            server = Server(Path(home) / "server", bootstrap=BOOTSTRAP)
            server.start()
            users = {user["name"]: user for user in tomllib.loads(BOOTSTRAP.read_text())["users"]}
            with (Path(home) / "s3tests.conf").open("w") as file:
                configuration(server.endpoint, users).write(file)
            env = {name: value for name, value in os.environ.items() if not name.upper().startswith("AWS_") and "proxy" not in name.lower()} | {
                "S3TEST_CONF": file.name, "CONFORMANCE_RESULTS": str(results), "CONFORMANCE_TEST_S": str(options.timeout),
                "PYTHONPATH": str(Path(__file__).parent), "PYTHONDONTWRITEBYTECODE": "1", "AWS_DEFAULT_REGION": server.region,
                "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            }  # fmt: skip
            for words in runs(options):
                command = [str(python), "-m", "pytest", "-p", "record", "-p", "no:cacheprovider", "-q", "--tb=no", "-m", options.select, *words]
                ended = subprocess.run(command, cwd=suite, env=env, stdout=None if options.verbose else subprocess.DEVNULL).returncode
                if ended not in (0, 1):
                    raise SystemExit(f"the suite did not run (pytest ended with {ended}); --verbose shows why")
            statuses = [line["status"] for line in server.access_log()]
            server.stop()
        finally:
            if server is not None:
                server.kill()
            cluster_servers.end()
        rows = [json.loads(line) for file in sorted(results.glob("*.jsonl")) for line in file.read_text().splitlines()]
    commit = subprocess.run(["git", "-C", str(suite), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True).stdout.strip()
    broken = sorted({status for status in statuses if status >= 500 and status != 501})
    return {"commit": commit or "unknown", "select": options.select, "rows": rows, "requests": len(statuses), "broken": broken}


def write(found: dict[str, Any], engine: str) -> None:
    """The page from these results; those of the cluster engine are noted, and the page needs those of the embedded one beside them."""
    if engine == "cluster":
        failed = sorted(row["test"] for row in found["rows"] if row["outcome"] == "failed")
        passed = sum(row["outcome"] == "passed" for row in found["rows"])
        noted = {"commit": found["commit"], "tests": len(found["rows"]), "passed": passed, "broken": found["broken"], "failed": failed}
        FAILED_ON_CLUSTER.write_text(json.dumps(noted, indent=1) + "\n")
        if not RESULTS["embedded"].exists():
            return print("noted; the page comes with the next run on the embedded engine")
        found = json.loads(RESULTS["embedded"].read_text())
    PAGE.write_text(page(found, cluster=json.loads(FAILED_ON_CLUSTER.read_text())))


def main() -> None:
    parser = argparse.ArgumentParser(prog="make conformance", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--select", default=SELECT, help="pytest -m expression on the suite's marks")
    parser.add_argument("--only", default="", help="pytest -k expression; the page is not written then")
    parser.add_argument("--engine", default="embedded", choices=list(RESULTS), help="the engine of the server")
    parser.add_argument("--workers", type=int, default=0, help="processes (needs pytest-xdist beside the suite)")
    parser.add_argument("--timeout", type=float, default=60, help="seconds that one test may run")
    parser.add_argument("--verbose", action="store_true", help="show what pytest says")
    parser.add_argument("--replay", type=Path, help="results of an earlier run")
    options = parser.parse_args()
    if options.replay:
        found = json.loads(options.replay.read_text())
    else:
        suite = Path(os.environ.get("S3TESTS_DIR", "")).resolve()
        if not os.environ.get("S3TESTS_DIR") or not (suite / FILES[0]).is_file():
            sys.exit("S3TESTS_DIR must name a checkout of ceph/s3-tests, for example: make conformance S3TESTS_DIR=../s3-tests")
        python = Path(os.environ.get("S3TESTS_PYTHON") or suite / ".venv" / "bin" / "python")
        if not python.is_file():
            sys.exit(f"{python} is not there: make a virtual environment with the suite's requirements.txt, or set S3TESTS_PYTHON")
        found = run(suite, python, options)
        if not options.only:
            RESULTS[options.engine].parent.mkdir(exist_ok=True)
            RESULTS[options.engine].write_text(json.dumps(found, indent=1))
    passed = sum(row["outcome"] == "passed" for row in found["rows"])
    print(f"{passed} of {len(found['rows'])} pass; {found['requests']} requests, statuses of 5xx other than 501: {found['broken'] or 'none'}")
    if not options.only:
        write(found, options.engine)
    for row in found["rows"]:
        if options.only and row["outcome"] != "passed":
            print(row["outcome"], row["test"], row["why"])


if __name__ == "__main__":
    main()
