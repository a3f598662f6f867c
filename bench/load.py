"""The load generators: wrk for small requests, curl for large bodies; each run's result is checked before it counts."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.presign import Endpoint

HERE = Path(__file__).parent
PIECE = b"holdfast"


def require(*programs: str) -> None:
    """Errors: SystemExit that names what is missing and the one command that installs it."""
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        raise SystemExit(f"the benchmark needs {' and '.join(missing)}: apt install {' '.join(missing)}")


def body(size: int) -> bytes:
    """What replay.lua sends as a body of that size."""
    return PIECE * (size // len(PIECE))


def request_file(where: Path, targets: Iterable[str]) -> Path:
    with tempfile.NamedTemporaryFile("w", dir=where, prefix="requests.", delete=False) as file:
        file.writelines(line + "\n" for line in targets)
    return Path(file.name)


def wrk(
    endpoint: Endpoint, method: str, requests: Path, size: int = 0, *, seconds: float = 60, connections: int = 32, once: bool = False
) -> dict[str, Any]:
    """Replays a file of requests. Errors: SystemExit when wrk fails or any answer is not a 2xx."""
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", str(HERE / "replay.lua"), endpoint.url + "/"]
    argv += ["--", method, str(requests), str(size), "1" if once else "0"]
    done = subprocess.run(argv, capture_output=True, text=True)
    try:
        result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise SystemExit(f"wrk: {done.stdout[-500:]}{done.stderr[-500:]}") from None
    if result["bad"] or not result["requests"]:
        raise SystemExit(f"{method} at {endpoint.host}: {result['bad']} of {result['requests']} requests failed\n{done.stdout[-800:]}")
    return result


def curl(transfers: list[list[str]], size: int, *, up: bool) -> dict[str, Any]:
    """Runs curls at the same time, one a transfer. Errors: SystemExit on a status that is not 2xx or a byte too few."""
    told = "%{http_code} %{" + ("size_upload" if up else "size_download") + "}\n"
    begin = time.perf_counter()
    common = ["curl", "-sS", "-m", "120", "-o", "/dev/null", "-w", told]
    running = [subprocess.Popen([*common, *argv], stdout=subprocess.PIPE, text=True) for argv in transfers]
    lines = [line for process in running for line in process.communicate()[0].splitlines()]
    seconds = time.perf_counter() - begin
    return _checked(lines, len(transfers), size, seconds)


def curl_parallel(where: Path, urls: list[str], part: Path, at_once: int) -> dict[str, Any]:
    """One curl that uploads the same file to each URL, `at_once` at a time."""
    config = where / "parallel.curl"
    config.write_text("".join(f'url = "{url}"\nupload-file = "{part}"\noutput = "/dev/null"\n' for url in urls))
    argv = ["curl", "-sS", "-m", "120", "-H", "Expect:", "-Z", "--parallel-max", str(at_once), "-K", str(config)]
    argv += ["-w", "%{http_code} %{size_upload}\n"]
    begin = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True)
    return _checked(done.stdout.splitlines(), len(urls), part.stat().st_size, time.perf_counter() - begin)


def _checked(lines: list[str], count: int, size: int, seconds: float) -> dict[str, Any]:
    good = [line for line in lines if line.startswith("2") and line.split()[1] == str(size)]
    if len(good) != count:
        raise SystemExit(f"curl: {count - len(good)} of {count} transfers failed: {[line for line in lines if line not in good][:5]}")
    return {"requests": count, "seconds": seconds, "bytes": size * count, "bad": 0}
