"""How an answer is printed: JSON, a table, or what a JMESPath query picks of it."""

from __future__ import annotations

import json
from typing import Any

CELL_CHARACTERS_MAX = 60


class QueryError(Exception):
    """A query that is not JMESPath, or that cannot be asked of the answer."""


def check_query(query: str) -> None:
    """Errors: QueryError if a query is not JMESPath; what it needs of an answer is not looked at."""
    if not query:
        return
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(query)
    except JMESPathError as error:
        raise QueryError(f"--query is not JMESPath: {error}") from None


def picked(answer: Any, query: str) -> Any:
    """What a JMESPath query picks of an answer; "" picks all. Errors: QueryError."""
    if not query:
        return answer
    import jmespath
    from jmespath.exceptions import JMESPathError

    check_query(query)
    try:
        return jmespath.search(query, answer)
    except JMESPathError as error:
        raise QueryError(f"--query cannot be asked of the answer: {error}") from None


def text_of(found: Any, *, output: str, raw: bool) -> str:
    """What is printed. `raw`: a text stands without quotes. A query that finds nothing prints nothing."""
    if found is None:
        return ""
    if raw and isinstance(found, str):
        return found
    if output == "table":
        return table(found.get("data", found) if isinstance(found, dict) else found)
    return json.dumps(found, indent=2, ensure_ascii=False)


def table(found: Any) -> str:
    """Rows below their names for a list, names beside values for one thing."""
    if isinstance(found, dict):
        rows = [{"name": name, "value": value} for name, value in found.items()]
    elif isinstance(found, list):
        rows = [row if isinstance(row, dict) else {"value": row} for row in found]
    else:
        rows = [{"value": found}]
    if not rows:
        return "(nothing)"
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns, *([_cell(row.get(name)) for name in columns] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = ["|" + "|".join(f" {cell.ljust(width)} " for cell, width in zip(line, widths, strict=True)) + "|" for line in cells]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def _cell(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = "; ".join(value)
    else:
        text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= CELL_CHARACTERS_MAX or text.startswith("ocid1.") else text[: CELL_CHARACTERS_MAX - 1] + "…"
