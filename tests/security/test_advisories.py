"""The map from published weaknesses to the tests that hold them: complete, true, and never smaller than it was."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from tests.architecture.source import ROOT

ROWS: list[dict[str, Any]] = tomllib.loads((ROOT / "tests" / "security" / "advisories.toml").read_text())["row"]
ROWS_FLOOR, TESTED_FLOOR = 146, 120
"""So many rows there are, and so many of them have tests. Only ever raise these."""


def test_each_row_has_tests_that_exist_or_says_why_not() -> None:
    assert len({row["id"] for row in ROWS}) == len(ROWS), "an id stands twice"
    for row in ROWS:
        assert ("tests" in row) != ("why" in row), row["id"]
        for test in row.get("tests", ()):
            path, _, name = test.partition("::")
            assert (ROOT / path).is_file(), f"{row['id']}: {path} is not there"
            assert not name or re.search(rf"def {name}\b", (ROOT / path).read_text()), f"{row['id']}: {test} is not there"


def test_no_row_is_lost() -> None:
    assert len(ROWS) >= ROWS_FLOOR
    assert sum("tests" in row for row in ROWS) >= TESTED_FLOOR


def test_each_test_that_names_a_weakness_stands_in_the_map() -> None:
    """So that the map says what is tested, and a test of a row is found from it."""
    mapped = {test.partition("::")[2] for row in ROWS for test in row.get("tests", ())}
    for path in (ROOT / "tests" / "security").glob("test_*.py"):
        for name in re.findall(r"def (test_\w*(?:cve_\d{4}_\d+|ghsa_\w{4}_\w{4}_\w{4})\w*)", path.read_text()):
            assert name in mapped, f"{path.name}::{name} has no row"
