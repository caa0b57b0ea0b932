"""The table of configuration keys in docs/configuration.md; `python -m jobs.settings.table` prints it."""

import sys
from dataclasses import fields as fields_of
from typing import Any

from jobs.settings import Settings


def describe() -> list[tuple[str, Any, str]]:
    """(key, default, description) of every key."""
    return [
        (entry.name, entry.default, entry.metadata["description"]) for entry in fields_of(Settings) if entry.metadata
    ]


def table() -> str:
    """The keys as rows of a Markdown table."""
    rows = [f"| `{key}` | {_cell(default)} | {description} |" for key, default, description in describe()]
    return "\n".join(rows)


def _cell(default: Any) -> str:
    if isinstance(default, tuple):
        return " ".join(f"`{entry}`" for entry in default)
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return "" if default is None else f"`{default}`"


if __name__ == "__main__":
    sys.stdout.write(f"{table()}\n")
