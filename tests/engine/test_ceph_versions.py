"""Which releases of Ceph are warned of."""

from __future__ import annotations

import logging

import pytest

from deploy.local.ceph import Ceph
from holdfast.engine.api import Unavailable
from holdfast.engine.cluster.ceph_versions import HOLES, guard, release_of, warnings
from holdfast.engine.cluster.rados_pool import open_pools


def version(release: str) -> str:
    return f"ceph version {release} (a618a1c55f7676456ab4c6ac21c2a0a1c3a5e9b0) pacific (stable)"


@pytest.mark.parametrize(
    ("release", "named", "not_named"),
    [
        ("12.2.5", ["CVE-2018-1128", "CVE-2021-20288"], ["CVE-2020-25660"]),
        ("12.2.6", ["CVE-2021-20288"], ["CVE-2018-1128"]),
        ("14.2.8", ["CVE-2020-1759", "CVE-2020-25660", "CVE-2021-20288"], ["CVE-2018-1128"]),
        ("14.2.19", ["CVE-2021-20288"], ["CVE-2020-25660"]),
        ("14.2.20", ["CVE-2025-30156"], ["CVE-2021-20288"]),
        ("15.2.1", ["CVE-2020-10736"], ["CVE-2020-1759"]),
        ("15.2.10", ["CVE-2021-20288"], ["CVE-2020-10736"]),
        ("15.2.11", ["CVE-2025-30156"], ["CVE-2021-20288"]),
        ("16.2.0", ["CVE-2021-20288"], []),
        ("16.2.1", ["CVE-2025-30156"], ["CVE-2021-20288"]),
        ("18.2.7", ["CVE-2025-30156"], ["CVE-2026-50152"]),
        ("19.2.5", ["CVE-2025-30156", "CVE-2026-50152"], []),
        ("20.2.3", ["CVE-2025-30156", "CVE-2026-50152"], []),
    ],
)
def test_cve_2021_20288_and_its_like_are_warned_of_by_release(release: str, named: list[str], not_named: list[str]) -> None:
    (line,) = warnings([version(release)])
    assert release in line
    assert all(hole in line for hole in named) and not any(hole in line for hole in not_named)


@pytest.mark.parametrize("release", ["19.2.6", "20.2.4", "21.0.0"])
def test_a_mended_release_is_not_warned_of(release: str) -> None:
    assert warnings([version(release)]) == []


def test_each_release_of_a_mixed_cluster_is_told_and_what_cannot_be_read_too() -> None:
    lines = warnings([version("20.2.4"), version("16.2.0"), version("16.2.15"), "mystery"])
    assert len(lines) == 3 and "mystery" in lines[2]
    assert release_of("ceph version 20.3.0-1234-gabc (x) tentacle (dev)") == (20, 3, 0)
    assert "reclaim" in warnings([version("20.2.4")], ["AUTH_INSECURE_GLOBAL_ID_RECLAIM_ALLOWED"])[0]


def test_every_hole_has_its_ranges_in_order() -> None:
    for hole in HOLES:
        edges = [edge for pair in hole.ranges for edge in pair]
        assert edges == sorted(edges), hole.id


async def test_a_cluster_with_holes_is_told_of_aloud_and_refused_where_that_is_asked(
    ceph: Ceph, shared_pool: str, caplog: pytest.LogCaptureFixture
) -> None:
    running = next(iter(ceph.look("versions")["overall"]))
    expected = warnings([running])
    for insecure in ("warn", "refuse"):
        caplog.clear()
        pool = open_pools(str(ceph.conf), "holdfast", shared_pool, {}, 10, guard(insecure))[""]
        with caplog.at_level(logging.WARNING, "holdfast.engine"):
            if insecure == "refuse" and expected:
                with pytest.raises(Unavailable, match="refused"):
                    await pool.number()
            else:
                assert await pool.number() > 0
        assert [record.getMessage() for record in caplog.records] == expected
        await pool.close()
