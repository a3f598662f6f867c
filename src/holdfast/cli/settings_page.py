"""Writes docs/settings.md from the table of settings: `python -m holdfast.cli.settings_page > docs/settings.md`, or `make docs`."""

from __future__ import annotations

from holdfast.cli.main import shown
from holdfast.config.settings import TABLE, Row

HEAD = """\
# Settings

Written by `make docs` from `src/holdfast/config/settings.py`; a test compares the two.

A value is looked for in this order, and the last one found holds: the default, the TOML file (`--config FILE` or `HOLDFAST_CONFIG`; the
names below are its keys), the environment, the command line of `holdfast serve`. `holdfast config` takes the same options and shows what is in
force and where it comes from. Sizes are bytes, or a number with KiB, MiB, GiB or TiB where they are text; times are seconds. An unknown name is
refused.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    group = ""
    for row in TABLE.values():
        if row.about.group != group:
            group = row.about.group
            parts.append(f"\n## {group}\n\n| setting | environment | command line | default | |\n|---|---|---|---|---|\n")
        parts.append(_line(row))
    return "".join(parts)


def _line(row: Row) -> str:
    flag = "environment only" if row.about.secret else f"`{row.flag}`"
    default = "" if row.default == "" else f"`{shown(row, row.default)}`"
    text = row.about.text.replace("|", "\\|")
    if row.about.choices:
        text += " One of " + ", ".join(f"`{choice}`" for choice in row.about.choices) + "."
    if row.about.example:
        text += f" Example: `{row.about.example}`."
    return f"| `{row.name}` | `{row.env}` | {flag} | {default} | {text} |\n"


if __name__ == "__main__":
    print(page(), end="")
