"""Which releases of Ceph let in who should not be let in: a table, and the look at a cluster that is about to be used."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from holdfast.engine.api import Unavailable

log = logging.getLogger("holdfast.engine")

Release = tuple[int, int, int]


class Hole(NamedTuple):
    """A way around Ceph's authentication, and the releases that have it: each range from its first to before its second."""

    id: str
    what: str
    ranges: tuple[tuple[Release, Release], ...]

    def is_in(self, release: Release) -> bool:
        return any(first <= release < fixed for first, fixed in self.ranges)


HOLES = (
    Hole(
        "CVE-2018-1128, CVE-2018-1129",
        "who listens on the network can authenticate again with what was said, or change signed messages",
        (((0, 0, 0), (10, 2, 11)), ((11, 0, 0), (12, 2, 6)), ((13, 0, 0), (13, 2, 1))),
    ),
    Hole("CVE-2020-1759", "encrypted connections use a nonce twice", (((14, 0, 0), (14, 2, 9)), ((15, 0, 0), (15, 2, 1)))),
    Hole("CVE-2020-10736", "clients reach commands of monitors and managers that they have no capability for", (((15, 2, 0), (15, 2, 2)),)),
    Hole(
        "CVE-2020-25660",
        "who listens on the network can authenticate again with what was said",
        (((14, 0, 0), (14, 2, 14)), ((15, 0, 0), (15, 2, 6))),
    ),
    Hole(
        "CVE-2021-20288",
        "who has any key can take over another client's identity",
        (((0, 0, 0), (14, 2, 20)), ((15, 0, 0), (15, 2, 11)), ((16, 0, 0), (16, 2, 1))),
    ),
    Hole(
        "CVE-2025-30156",
        "who has one key of little power and sees the traffic can forge tickets with all power",
        (((0, 0, 0), (19, 2, 6)), ((20, 0, 0), (20, 2, 4))),
    ),
    Hole(
        "CVE-2026-50152",
        "who may read maps can read the monitors' store of secrets",
        (((19, 0, 0), (19, 2, 6)), ((20, 0, 0), (20, 2, 4))),
    ),
)
"""From the CVE records and Ceph's release notes. A distribution may have mended a release without changing its number."""

_RELEASE = re.compile(r"ceph version (\d+)\.(\d+)\.(\d+)")
_RECLAIM = "AUTH_INSECURE_GLOBAL_ID_RECLAIM_ALLOWED"


def release_of(version: str) -> Release | None:
    """The release in "ceph version 16.2.15 (...) pacific (stable)", or None."""
    found = _RELEASE.match(version)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def warnings(versions: Iterable[str], health_checks: Iterable[str] = ()) -> list[str]:
    """What is known to be open in a cluster whose daemons run `versions` (as Ceph writes them) and whose health says `health_checks`: one line
    for each release that has holes, none when nothing is known."""
    lines = []
    for version in sorted(set(versions)):
        release = release_of(version)
        if release is None:
            lines.append(f"Ceph's release cannot be told from {version[:100]!r}: whether its authentication holds is not known")
            continue
        holes = [hole for hole in HOLES if hole.is_in(release)]
        if holes:
            said = "; ".join(f"{hole.id}: {hole.what}" for hole in holes)
            lines.append(f"Ceph {'.'.join(map(str, release))} has known holes in its authentication ({said}). Update it, or keep its network closed")
    if _RECLAIM in health_checks:
        lines.append("Ceph allows insecure global_id reclaim (CVE-2021-20288): set auth_allow_insecure_global_id_reclaim to false")
    return lines


def look(handle: Any) -> list[str]:
    """`warnings` of the cluster that a `rados.Rados` is connected to. Waits; never raises for what it may not ask."""
    answer = _ask(handle, "versions")
    if not answer:
        return ["the cephx user may not ask which releases of Ceph run: whether its authentication holds is not known"]
    return warnings(answer.get("overall", {}), _ask(handle, "health").get("checks", {}))


def _ask(handle: Any, prefix: str) -> dict[str, Any]:
    status, answer, _ = handle.mon_command(json.dumps({"prefix": prefix, "format": "json"}), b"", timeout=5)
    try:
        found = json.loads(answer) if status == 0 else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def guard(insecure: str) -> Callable[[Any], None]:
    """For `open_pools`: says aloud, once for each process, what is known to be open in the cluster; with `insecure` "refuse" such a cluster is
    not used (Unavailable)."""
    told: set[str] = set()

    def connected(handle: Any) -> None:
        lines = look(handle)
        for line in lines:
            if line not in told:
                told.add(line)
                log.warning("%s", line)
        if lines and insecure == "refuse":
            raise Unavailable(f"this Ceph is refused, as insecure_ceph=refuse asks: {lines[0]}")

    return connected
