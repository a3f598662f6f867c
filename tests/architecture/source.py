"""The source tree as the architecture tests see it: files, modules and what each imports."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "holdfast"


class Module(NamedTuple):
    """One module: its dotted name, file and syntax tree."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def room(self) -> str:
        """The first package below holdfast, or the module's own name ("server", "config")."""
        return self.name.split(".")[1] if "." in self.name else ""

    def imports(self) -> list[str]:
        """Every module name that it imports, "from" imports with the imported name joined."""
        found: list[str] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.path}: relative import"
                found += [f"{node.module}.{alias.name}" for alias in node.names]
        return found


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ["holdfast", *path.relative_to(PACKAGE).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, path, ast.parse(path.read_text(), str(path))))
    return tuple(found)


@cache
def tracked() -> tuple[Path, ...]:
    """The files of the tree: what git knows (or would add), or, outside a checkout, everything but what builds leave."""
    try:
        listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        names = [name for name in listing.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        skip = {".git", ".venv", ".build", "build", "dist", "holdfast-data", "__pycache__"}
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file() and not skip & set(path.relative_to(ROOT).parts)]
    return tuple(path for name in names if (path := ROOT / name).is_file())
