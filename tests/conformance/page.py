"""docs/conformance.md from the results of a run: counts by area, and for every failure the later work that it waits for or why it stays."""

from __future__ import annotations

import tomllib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

KNOWN = Path(__file__).parent / "known.toml"

_HEAD = """\
# Conformance: ceph/s3-tests

What an independent suite for S3 says about Holdfast. This page is made by `make conformance`: do not edit it. To repeat it, check out
ceph/s3-tests, make a virtual environment in it with its requirements, and run

    make conformance S3TESTS_DIR=../s3-tests

The runner starts a server with `tests/s3tests.bootstrap.toml` and runs the suite unmodified, but for two things: each test gets a bucket prefix of
its own, and a time limit. The suite is not part of `make test`.
"""


class Verdict(NamedTuple):
    """What a failed test is: `kind` "later", "explained" or "open"; `what` the later work or the explanation."""

    kind: str
    what: str


def load(path: Path = KNOWN) -> dict[str, Any]:
    """The areas, the later work and the explanations."""
    return tomllib.loads(path.read_text())


def area_of(row: dict[str, Any], known: dict[str, Any]) -> str:
    """The first area whose words or marks fit."""
    for area in known["area"]:
        if any(word in row["test"] for word in area.get("words", ())) or set(area.get("marks", ())) & set(row["marks"]):
            return str(area["name"])
    return "objects and the rest"


def verdict(row: dict[str, Any], known: dict[str, Any]) -> Verdict:
    """Why a test failed: an explanation of its own comes first, then the later work that the reason or the name speaks of."""
    said = known["explained"].get(row["test"].rpartition("::")[2])
    if said is not None:
        return Verdict("explained", said)
    for later in known["later"]:
        if any(word in row["why"] for word in later.get("reasons", ())) or any(word in row["test"] for word in later.get("words", ())):
            return Verdict("later", later["name"])
    return Verdict("open", row["why"].replace("\n", " ").replace("|", "/")[:160])


def cluster_line(found: dict[str, Any], noted: dict[str, Any]) -> str:
    """What the run on the cluster engine noted, beside the rows of the embedded one's."""
    passed = {row["test"] for row in found["rows"] if row["outcome"] == "passed"}
    differs = sorted(passed & set(noted["failed"]))
    broken = ", ".join(map(str, noted["broken"])) or "none"
    tests = "each test with the same result" if not differs else "failing there: " + ", ".join(map(_short, differs))
    return (f"On the cluster engine (PostgreSQL and Ceph; `make conformance ARGS=\"--engine cluster\"`), suite at `{noted['commit']}`: "
            f"**{noted['passed']} of {noted['tests']}** pass, {tests}; answers of 5xx other than 501: {broken}.\n")  # fmt: skip


def page(found: dict[str, Any], known: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None) -> str:
    """The page in Markdown. `cluster` is what was noted of the run on the cluster engine."""
    known = known or load()
    rows = sorted(found["rows"], key=lambda row: row["test"])
    failed = {row["test"]: verdict(row, known) for row in rows if row["outcome"] == "failed"}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        kind = failed[row["test"]].kind if row["outcome"] == "failed" else row["outcome"]
        counts[area_of(row, known)][kind] += 1
        counts["**all**"][kind] += 1
    total = counts["**all**"]
    core = [row for row in rows if "auth_aws2" not in row["marks"]]
    passed = sum(row["outcome"] == "passed" for row in core)
    broken = ", ".join(map(str, found["broken"])) or "none"
    out = [
        _HEAD,
        f"Suite at commit `{found['commit']}`, tests selected by `{found['select']}`.",
        f"**{total['passed']} of {total.total()} pass.** In {found['requests']:,} requests, answers of 5xx other than 501: {broken}.\n",
        f"Without those of Signature Version 2 (the profile s3_core): **{passed} of {len(core)}**.\n",
        *([cluster_line(found, cluster)] if cluster else []),
        "| area | tests | pass | later work | explained | open | skipped |",
        "|---|---|---|---|---|---|---|",
    ]
    order = sorted(counts, key=lambda name: (name.startswith("**"), name))
    out += [
        f"| {name} | {c.total()} | {c['passed']} | {c['later']} | {c['explained']} | {c['open']} | {c['skipped']} |"
        for name, c in ((name, counts[name]) for name in order)
    ]
    out.append("\n## Later work\n\nRefused with NotImplemented until it is built; the tests that wait for it:\n")
    for later in known["later"]:
        tests = [_short(test) for test, found_verdict in failed.items() if found_verdict == Verdict("later", later["name"])]
        if tests:
            out.append(f"- **{later['name']}** ({len(tests)}): {', '.join(tests)}")
    out += ["\n## Explained\n", "| test | why it fails |", "|---|---|"]
    out += [f"| {_short(test)} | {said.what} |" for test, said in failed.items() if said.kind == "explained"]
    if total["open"]:
        out += ["\n## Open\n", "| test | what came |", "|---|---|"]
        out += [f"| {_short(test)} | {said.what} |" for test, said in failed.items() if said.kind == "open"]
    return "\n".join(out) + "\n"


def _short(test: str) -> str:
    return f"`{test.rpartition('::')[2].removeprefix('test_')}`"
