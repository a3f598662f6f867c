"""The sessions that `holdfast login` keeps: one for each control listener, in a file that only its user may read."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple


class Session(NamedTuple):
    """A session as it is kept."""

    token: str
    expires: str
    user: str

    def __repr__(self) -> str:
        """Without the token."""
        return f"Session(user={self.user!r}, expires={self.expires!r})"

    @property
    def ended(self) -> bool:
        try:
            return datetime.fromisoformat(self.expires) <= datetime.now(UTC)
        except (ValueError, TypeError):
            return True


def path_of(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")) / "holdfast" / "sessions.json"


def find(environ: Mapping[str, str], control: str) -> Session | None:
    """The session for a control listener, ended or not; None where there is none."""
    kept = _read(path_of(environ)).get(_name(control))
    if not isinstance(kept, dict) or not all(isinstance(kept.get(name), str) for name in Session._fields):
        return None
    return Session(kept["token"], kept["expires"], kept["user"])


def keep(environ: Mapping[str, str], control: str, session: Session | None) -> None:
    """Keeps a session in place of the one before; None forgets it. Errors: OSError."""
    path = path_of(environ)
    kept = _read(path)
    kept.pop(_name(control), None)
    if session is not None:
        kept[_name(control)] = session._asdict()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # its mode is 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(kept, file, indent=1)
    os.replace(name, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _name(control: str) -> str:
    return control.lower().rstrip("/")
