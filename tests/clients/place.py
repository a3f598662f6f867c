"""One server as a client sees it, and where the real clients are found."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON_CLIENTS = ROOT / ".build" / "clients"
TABLE_CLIENTS = ROOT / ".build" / "clients-tables"
JS_CLIENTS = ROOT / ".build" / "clients-js"
BIG_BYTES = 20 * 1024 * 1024


class Place:
    """One server as a client sees it: endpoint, key, region, certificate authority, and a directory with the two files to move."""

    def __init__(self, server: Any, home: Path) -> None:
        self.endpoint: str = server.endpoint
        self.hostport: str = server.endpoint.split("://", 1)[1]
        self.access_key: str = server.access_key
        self.secret_key: str = server.secret_key
        self.region: str = server.region
        self.ca: str | None = server.ca
        self.curl_options: list[str] = []
        self.bucket = f"client-{uuid.uuid4().hex[:12]}"
        self.home = home
        self.small = home / "in" / "small.txt"
        self.big = home / "in" / "big.bin"
        self.small.parent.mkdir()
        self.small.write_bytes(b"hello from a real client\n")
        self.big.write_bytes(random.Random(7).randbytes(BIG_BYTES))
        self.out = home / "out"
        self.out.mkdir()

    @property
    def secure(self) -> bool:
        return self.endpoint.startswith("https://")

    def environment(self, **more: str) -> dict[str, str]:
        """A clean environment: the client's home is the test's own directory, the key is in AWS's variables."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "S3_", "BOTO", "HOLDFAST"))}
        kept |= {
            "HOME": str(self.home),
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if self.ca:
            kept |= {
                "AWS_CA_BUNDLE": self.ca,
                "SSL_CERT_FILE": self.ca,
                "REQUESTS_CA_BUNDLE": self.ca,
                "NODE_EXTRA_CA_CERTS": self.ca,
                "CURL_CA_BUNDLE": self.ca,
            }
        return kept | more

    def run(
        self, *argv: str | Path, cwd: Path | None = None, timeout_s: float = 120, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a client to its end; a non-zero exit fails the test with what the client said."""
        done = subprocess.run(
            [str(a) for a in argv], env=self.environment(**environment), cwd=cwd or self.home, capture_output=True, text=True, timeout=timeout_s
        )
        if check and done.returncode:
            pytest.fail(f"{argv[0]} exited with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done

    def run_python(self, environment: Path, program: str, **values: object) -> subprocess.CompletedProcess[str]:
        """Runs a program (indented by eight) in the Python of one of the clients' environments; it finds `values` as its globals."""
        python = environment / "bin" / "python"
        if not (environment / "lock").exists():
            pytest.skip("these Python clients are not installed here (make clients)")
        known = {name: getattr(self, name) for name in ("endpoint", "access_key", "secret_key", "region", "bucket", "ca")} | values
        lines = "\n".join(line[8:] for line in program.split("\n"))
        return self.run(python, "-c", f"import json\nglobals().update(json.loads({json.dumps(known)!r}))\n{lines}")

    def compare(self, got: Path, wanted: Path) -> None:
        assert hashlib.sha256(got.read_bytes()).digest() == hashlib.sha256(wanted.read_bytes()).digest(), f"{got} differs from {wanted}"
