"""Files and functions that a person can hold in the head, each module with a sentence about itself, names without fog."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, Module, modules, tracked

FILE_LINES_MAX, FUNCTION_LINES_MAX = 400, 70
FOG = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
PYTHON = [path for path in tracked() if path.suffix == ".py"]


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_and_its_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= FILE_LINES_MAX, f"{text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= FUNCTION_LINES_MAX, f"{node.name}: {lines} lines"


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_module_says_what_it_is_for(module: Module) -> None:
    said = ast.get_docstring(module.tree)
    assert said, f"{module.name} has no docstring"
    if module.name.startswith("holdfast.s3.ops."):  # an operation is its name
        return
    assert len(said.split()) >= 3, f"{module.name}: {said!r} says nothing"


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_module_name_means_something(module: Module) -> None:
    assert not FOG & set(module.name.split(".")[-1].split("_")), module.name


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_secrets_are_not_compared_with_equals(module: Module) -> None:
    """A signature, token, MAC or digest sent by a client is compared in constant time."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Constant) for side in sides):
                continue
            names = {getattr(side, "id", getattr(side, "attr", "")).lower() for side in sides}
            assert not names & {"signature", "token", "mac"}, f"{module.path}:{node.lineno}"
