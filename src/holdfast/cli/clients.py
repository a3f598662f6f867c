"""The commands that ask a running server, each in a module of its own that is loaded when it is used."""

from __future__ import annotations

from collections.abc import Sequence


def run(name: str, arguments: Sequence[str]) -> int:
    """Runs one of `main.CLIENTS`; its exit code."""
    if name in ("explain", "why"):
        from holdfast.cli import reasons

        return reasons.explain(arguments) if name == "explain" else reasons.why(arguments)
    if name == "par":
        from holdfast.cli import par

        return par.main(arguments)
    if name == "session":
        from holdfast.cli import session

        return session.main(arguments)
    from holdfast.cli import admin

    return admin.main(arguments)
