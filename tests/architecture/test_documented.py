"""What people rely on is written down: settings, operations, errors, invariants, make targets; and the tree names no machine or registry."""

from __future__ import annotations

import ast
import re

import pytest

from holdfast.cli import commands_page
from holdfast.cli.main import parser
from holdfast.cli.settings_page import page
from holdfast.config.settings import TABLE
from holdfast.model import errors
from holdfast.s3 import compat
from holdfast.wire.model import service
from tests.architecture.source import ROOT, modules, tracked

# Refusals that no code raises yet: words kept for object lock, tiers, session tokens and moved buckets. One that is raised leaves the list.
RESERVED = {
    "ConditionalRequestConflict", "ExpiredToken", "InvalidObjectState", "InvalidSecurity",
    "NoSuchObjectLockConfiguration", "PermanentRedirect", "TooManyBuckets", "XAmzContentChecksumMismatch",
}  # fmt: skip


def test_settings_page_is_the_table() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == page(), "run make docs"


def test_commands_page_is_the_table() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == commands_page.page(), "run make docs"


def test_every_setting_has_an_option_and_says_something() -> None:
    text = " ".join(next(iter(parser()._subparsers._group_actions)).choices["serve"].format_help().split())  # type: ignore[union-attr,index]
    for row in TABLE.values():
        assert row.env in text.replace("- ", "-"), row.name
        assert row.about.secret or row.flag in text, row.name
        assert row.about.text.endswith("."), row.name


_ABOUT_ALL = ("holdfast.config.settings", "holdfast.config.checks")
"""They name every setting, and use none."""


def test_every_setting_is_used() -> None:
    used: set[object] = set()
    for module in modules():
        if module.name not in _ABOUT_ALL:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Attribute | ast.Constant):
                    used.add(node.attr if isinstance(node, ast.Attribute) else node.value)
    assert not set(TABLE) - used, "settings that nothing reads"


def test_compatibility_page_is_what_is_built() -> None:
    text = (ROOT / "docs" / "compatibility.md").read_text()
    assert text == compat.page(), "run make docs"
    assert all(name in text for name in service().names if not service().operation(name).deprecated)


def test_every_refusal_is_raised_somewhere_or_reserved() -> None:
    names = {refusal.__name__ for refusal in errors.Refusal.__subclasses__()}
    used: set[str] = set()
    for module in modules():
        if module.name != "holdfast.model.errors":
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Name | ast.Attribute):
                    used.add(node.id if isinstance(node, ast.Name) else node.attr)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    used.add(node.value)
    assert not names - used - RESERVED, "raised nowhere and not reserved"


def test_each_invariant_names_tests_that_exist() -> None:
    text = (ROOT / "INVARIANTS.md").read_text()
    named = re.findall(r"`(tests/[\w/.-]+\.py)(?:::(\w+))?`", text)
    assert len(named) >= 10
    for path, function in named:
        file = ROOT / path
        assert file.is_file(), f"INVARIANTS.md names {path}, which is not there"
        assert not function or re.search(rf"def {function}\b", file.read_text()), f"INVARIANTS.md names {path}::{function}, which is not there"
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| promise", "|---"))]
    assert all("`tests/" in row for row in rows), "a promise without a test"


def test_readme_and_contributing_name_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"):
        assert set(re.findall(r"make ([a-z]+)\b", (ROOT / name).read_text())) <= targets, name


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-kerberos.lock", "requirements-cluster.lock"])
def test_lock_pins_by_hash_and_names_no_host(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text and "--index" not in text and "--extra-index" not in text and "--find-links" not in text
    pins = re.findall(r"^[a-z0-9][\w.\[\]-]*==", text, re.MULTILINE)
    assert len(pins) > 10
    assert len(re.findall(r"^[a-z0-9][^\n]*\\\n    --hash=sha256:", text, re.MULTILINE)) == len(pins)


def test_tree_names_no_registry_and_no_machine() -> None:
    registries = [word.replace("_", r"\.") for word in ("py" "pi_org", "python" "hosted_org", "registry_npm" "js", "npm" "js_org")]
    hosts = re.compile("|".join([*registries, r"(?<![\w.])/wor" r"k/", "/home/" r"\w+/"]))
    found = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in hosts.finditer(text)]
    assert not found, found
