"""A handful of the suite's own tests from outside, on gateways of a cluster: the whole of it runs there with HOLDFAST_TEST_ENGINE=cluster."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from deploy.local.ceph import Ceph
from deploy.local.postgres import Postgres
from tests.cluster_servers import ENGINE
from tests.serving import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

CHOSEN = [
    "s3/test_multipart.py::test_m162_the_transfer_manager",
    "s3/test_multipart.py::test_m173_to_m177_by_hand",
    "s3/test_multipart.py::test_part_copies",
    "s3/test_multipart.py::test_m178_abort",
    "s3/test_objects.py::test_versions_are_read_hidden_and_removed",
    "s3/test_objects.py::test_copies_share_bytes_that_outlive_their_source_M166_M167_M168",
    "s3/test_objects.py::test_one_of_two_racing_writers_wins_M184",
    "s3/test_listings.py::test_m228_to_m231_as_curl_sees_it",
    "s3/test_encryption.py::test_M187_what_is_stored_is_read_back_in_any_range_and_nothing_of_it_is_on_the_disk",
    "s3/test_object_lock.py::test_a_retained_version_is_not_removed_and_only_governance_can_be_bypassed",
    "oci/test_par_use.py::test_put_get_and_head_M70_M72_M82_M83",
    "identity/test_tokens.py::test_M129_M130_any_secret_goes_with_a_token",
    "identity/test_bootstrap.py::test_a_world_applied_twice_changes_nothing",
]


def test_the_doors_behave_on_a_cluster_as_they_do_on_one_machine(postgres: Postgres, ceph: Ceph) -> None:
    names = [f"tests/{name}" for name in CHOSEN]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {ENGINE: "cluster"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *names]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=380)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None and int(passed[1]) >= len(CHOSEN), done.stdout[-2000:]
    assert "skipped" not in done.stdout, done.stdout[-2000:]
