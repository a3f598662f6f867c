"""`holdfast migrate`, `backup` and `restore` as tests run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.serving import ROOT


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_") and name != "PYTHONDONTWRITEBYTECODE"}
    return {"PYTHONPYCACHEPREFIX": str(ROOT / ".build" / "bytecode"), **kept, "PYTHONPATH": str(ROOT / "src")}


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "holdfast", *map(str, arguments)], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(*arguments: str | Path, code: int = 0) -> tuple[Any, str]:
    """Its result as JSON (None where it printed none) and what it said on stderr; its exit code must be `code`."""
    process = start(*arguments)
    out, said = process.communicate(timeout=100)
    assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{said}"
    return json.loads(out) if out.startswith("{") else None, said + ("" if out.startswith("{") else out)


def url(path: Path) -> str:
    return f"embedded://{path}"
