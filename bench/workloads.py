"""What is measured: each workload prepares a target once, makes what every run needs, runs, and checks what is left behind."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.load import body, curl, curl_parallel, request_file, wrk
from bench.machine import MIB
from bench.targets import Target

BUCKET, LIST_BUCKET = "bench", "bench-list"
SMALL_BYTES = 4096
PART_MIB = 8
PAGE = 1000
KEYS_A_FOLDER = 500


@dataclass
class Plan:
    """How much of everything. `list_keys` holds for Holdfast; slow peers get `slow_list_keys`."""

    where: Path
    seconds: float = 3
    connections: int = 32
    large_mib: int = 256
    list_keys: int = 1_000_000
    slow_list_keys: int = 2_000
    put_keys: int = 30_000
    delete_keys: int = 8_000
    tag: str = ""
    """Part of the keys that must be new, where the servers' data is older than this run."""

    @property
    def large(self) -> Path:
        """A file of random bytes, made once."""
        path = self.where / f"large-{self.large_mib}"
        if not path.exists():
            with path.open("wb") as file:
                for _ in range(self.large_mib):
                    file.write(os.urandom(MIB))
        return path


def list_key(number: int) -> str:
    return f"{number // KEYS_A_FOLDER:05d}/{number % KEYS_A_FOLDER:05d}"


def fill(plan: Plan, target: Target, keys: list[str], size: int, bucket: str = BUCKET) -> None:
    """Makes objects: by PUT, or as files of the web root."""
    if target.web_root:
        for key in keys:
            path = target.web_root / bucket / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body(size))
        return
    requests = request_file(plan.where, (target.endpoint.target("PUT", f"/{bucket}/{key}") for key in keys))
    result = wrk(target.endpoint, "PUT", requests, size, once=True, seconds=120)
    if result["requests"] < len(keys):
        raise SystemExit(f"{target.name}: only {result['requests']} of {len(keys)} objects were made")


class Workload:
    """`static`: a plain web server can do it too. `large`: rates in MB/s and CPU a GiB, else requests a second and CPU a request."""

    static = large = False

    def __init__(self, name: str, plan: Plan) -> None:
        self.name, self.plan = name, plan
        self.files: dict[str, Path] = {}

    def prepare(self, target: Target) -> None:
        """Once, before the first run."""

    def fresh(self, target: Target, run: int) -> Any:
        """Before each run, outside of what is measured; the result is handed to `run`."""

    def run(self, target: Target, arg: Any) -> dict[str, Any]:
        raise NotImplementedError

    def check(self, target: Target) -> None:
        """After the last run. Errors: SystemExit."""


class Get(Workload):
    """GET of 4 KiB at random among 1,000 keys; get_c1 is one connection, where 40 ms would betray Nagle and delayed ACK."""

    static = True
    method, size = "GET", SMALL_BYTES

    def prepare(self, target: Target) -> None:
        keys = [f"{self.method.lower()}/{n:04d}" for n in range(1000)]
        fill(self.plan, target, keys, self.size)
        self.files[target.name] = request_file(self.plan.where, (target.endpoint.target(self.method, f"/{BUCKET}/{key}") for key in keys))
        if target.endpoint.call("GET", f"/{BUCKET}/{keys[7]}") != body(self.size):
            raise SystemExit(f"{target.name}: {keys[7]} reads back other bytes")

    def run(self, target: Target, arg: Any) -> dict[str, Any]:
        connections = 1 if self.name.endswith("_c1") else self.plan.connections
        result = wrk(target.endpoint, self.method, self.files[target.name], seconds=self.plan.seconds, connections=connections)
        if self.method == "GET" and result["bytes"] < self.size * result["requests"]:
            raise SystemExit(f"{target.name}: short bodies: {result}")
        return result


class Get64(Get):
    """GET of 64 KiB: bodies that the cluster engine keeps in RADOS, and not beside the row."""

    size = 64 << 10

    def prepare(self, target: Target) -> None:
        keys = [f"get64/{n:03d}" for n in range(200)]
        fill(self.plan, target, keys, self.size)
        self.files[target.name] = request_file(self.plan.where, (target.endpoint.target("GET", f"/{BUCKET}/{key}") for key in keys))


class Head(Get):
    """HEAD of empty objects, since wrk waits for the body that Content-Length names."""

    method, size = "HEAD", 0


class Put(Workload):
    """PUT of 4 KiB, durable when answered, to keys that are new in each run."""

    size = SMALL_BYTES

    def fresh(self, target: Target, run: int) -> Path:
        count = self.plan.put_keys // (10 if target.slow else 1)
        return request_file(self.plan.where, (target.endpoint.target("PUT", f"/{BUCKET}/{self.name}{self.plan.tag}{run}/{n}") for n in range(count)))

    def run(self, target: Target, arg: Any) -> dict[str, Any]:
        return wrk(target.endpoint, "PUT", arg, self.size, seconds=self.plan.seconds, connections=self.plan.connections)

    def check(self, target: Target) -> None:
        if target.endpoint.call("GET", f"/{BUCKET}/{self.name}{self.plan.tag}0/3") != body(self.size):
            raise SystemExit(f"{target.name}: {self.name}0/3 reads back other bytes")


class Put64(Put):
    """PUT of 64 KiB to a thousand keys again and again: the load generator holds every request."""

    size = 64 << 10

    def fresh(self, target: Target, run: int) -> Path:
        return request_file(self.plan.where, (target.endpoint.target("PUT", f"/{BUCKET}/{self.name}{self.plan.tag}{run}/{n}") for n in range(1000)))


class Delete(Workload):
    """DELETE of keys that exist, each once."""

    def fresh(self, target: Target, run: int) -> Path:
        keys = [f"delete{run}/{n}" for n in range(self.plan.delete_keys // (10 if target.slow else 1))]
        fill(self.plan, target, keys, 0)
        return request_file(self.plan.where, (target.endpoint.target("DELETE", f"/{BUCKET}/{key}") for key in keys))

    def run(self, target: Target, arg: Any) -> dict[str, Any]:
        return wrk(target.endpoint, "DELETE", arg, once=True, seconds=60, connections=self.plan.connections)

    def check(self, target: Target) -> None:
        if b"<Key>" in target.endpoint.call("GET", f"/{BUCKET}", {"list-type": "2", "prefix": "delete0/"}):
            raise SystemExit(f"{target.name}: keys survive DELETE")


class List(Workload):
    """ListObjectsV2, pages of 1,000 at 97 places of a large bucket; `begin` and `end` keep to the first and last hundredth of it."""

    def keys(self, target: Target) -> int:
        return self.plan.slow_list_keys if target.slow else self.plan.list_keys

    def query(self, place: int) -> dict[str, str]:
        return {"list-type": "2", "max-keys": str(PAGE), "start-after": list_key(place)}

    def places(self, count: int) -> list[int]:
        last = max(0, count - PAGE - 2)
        low, high = {"list_begin": (0, last // 100), "list_end": (last - last // 100, last)}.get(self.name, (0, last))
        return [low + (high - low) * n // 96 for n in range(97)]

    def prepare(self, target: Target) -> None:
        count = self.keys(target)
        if target.slow and self.name == "list":
            target.endpoint.call("PUT", f"/{LIST_BUCKET}", ok=(200, 409))
            fill(self.plan, target, [list_key(n) for n in range(count)], 0, LIST_BUCKET)
        places = self.places(count)
        for place in (places[0], places[-1]):
            self.check_page(target, place, target.endpoint.call("GET", f"/{LIST_BUCKET}", self.query(place)))
        lines = (target.endpoint.target("GET", f"/{LIST_BUCKET}", self.query(p)) for p in places)
        self.files[target.name] = request_file(self.plan.where, lines)

    def check_page(self, target: Target, place: int, page: bytes) -> None:
        if page.count(b"<Key>") != PAGE or list_key(place + 1).encode() not in page or list_key(place + PAGE).encode() not in page:
            raise SystemExit(f"{target.name}: the page after {list_key(place)} has {page.count(b'<Key>')} keys")

    def run(self, target: Target, arg: Any) -> dict[str, Any]:
        return wrk(target.endpoint, "GET", self.files[target.name], seconds=self.plan.seconds, connections=self.plan.connections)


class ListDelimited(List):
    """The same bucket by folders: 1,000 common prefixes a page, each of 500 keys that are skipped."""

    def query(self, place: int) -> dict[str, str]:
        return {"list-type": "2", "max-keys": str(PAGE), "delimiter": "/", "start-after": list_key(place)}

    def places(self, count: int) -> list[int]:
        last = max(0, count - (PAGE + 1) * KEYS_A_FOLDER)
        return [last * n // 96 for n in range(97)]

    def check_page(self, target: Target, place: int, page: bytes) -> None:
        want = min(PAGE, self.keys(target) // KEYS_A_FOLDER)
        if (found := page.count(b"<CommonPrefixes>")) < want - 1:
            raise SystemExit(f"{target.name}: {found} common prefixes after {list_key(place)}, expected {want}")


class Large(Workload):
    """One object of `large_mib`: PUT by one client, or GET by one or four at a time."""

    large = True

    @property
    def static(self) -> bool:  # type: ignore[override]
        return self.name.startswith("get")

    def put(self, target: Target) -> dict[str, Any]:
        url = target.endpoint.url + target.endpoint.target("PUT", f"/{BUCKET}/large")
        return curl([["-X", "PUT", "-H", "Expect:", "-T", str(self.plan.large), url]], self.plan.large.stat().st_size, up=True)

    def prepare(self, target: Target) -> None:
        if self.name == "put_large":
            return
        if target.web_root:
            (target.web_root / BUCKET).mkdir(exist_ok=True)
            shutil.copy(self.plan.large, target.web_root / BUCKET / "large")
        else:
            self.put(target)

    def run(self, target: Target, arg: Any) -> dict[str, Any]:
        if self.name == "put_large":
            return self.put(target)
        count = 4 if self.name.endswith("_4") else 1
        url = target.endpoint.url + target.endpoint.target("GET", f"/{BUCKET}/large")
        return curl([[url]] * count, self.plan.large.stat().st_size, up=False)

    def check(self, target: Target) -> None:
        if target.endpoint.call("GET", f"/{BUCKET}/large") != self.plan.large.read_bytes():
            raise SystemExit(f"{target.name}: the large object reads back other bytes")


class Multipart(Workload):
    """A multipart upload of `large_mib` in parts of 8 MiB, eight at a time, with its completion."""

    large = True

    def run(self, target: Target, arg: Any) -> dict[str, Any]:
        part = self.plan.where / "part"
        if not part.exists():
            part.write_bytes(self.plan.large.read_bytes()[: PART_MIB * MIB])
        path, count = f"/{BUCKET}/multi", max(1, self.plan.large_mib // PART_MIB)
        upload = target.endpoint.start_upload(path)
        urls = [target.endpoint.url + target.endpoint.target("PUT", path, {"partNumber": str(n), "uploadId": upload}) for n in range(1, count + 1)]
        result = curl_parallel(self.plan.where, urls, part, 8)
        etag = hashlib.md5(part.read_bytes(), usedforsecurity=False).hexdigest()
        parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>&quot;{etag}&quot;</ETag></Part>" for n in range(1, count + 1))
        target.endpoint.call("POST", path, {"uploadId": upload}, f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode())
        return result

    def check(self, target: Target) -> None:
        part = (self.plan.where / "part").read_bytes()
        if target.endpoint.call("GET", f"/{BUCKET}/multi") != part * max(1, self.plan.large_mib // PART_MIB):
            raise SystemExit(f"{target.name}: the multipart object reads back other bytes")


WORKLOADS: dict[str, type[Workload]] = {
    "get": Get, "get_c1": Get, "head": Head, "put": Put, "delete": Delete,
    "list": List, "list_begin": List, "list_end": List, "list_delimiter": ListDelimited,
    "get_large_1": Large, "get_large_4": Large, "put_large": Large, "multipart": Multipart,
}  # fmt: skip

CLUSTER_WORKLOADS: dict[str, type[Workload]] = {
    "get": Get, "head": Head, "put": Put, "delete": Delete, "list": List, "get_64k": Get64, "put_64k": Put64,
    "get_large_1": Large, "get_large_4": Large, "put_large": Large,
}  # fmt: skip
"""What is measured beside radosgw, on one Ceph cluster."""
