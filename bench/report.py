"""The figures as a table on a terminal, and as docs/benchmarks.md with its plots."""

import os
import platform
import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from rich.table import Table

from bench.figure import Figure, number
from bench.plot import bars

LIBRARIES = ("tornado", "msgspec", "coincurve", "aiosqlite", "psycopg", "websockets", "peerplays")

#: Of the parts whose heading is not their name.
HEADINGS = {"machines": "One ledger, many machines", "growth_postgresql": "Growth in PostgreSQL"}

#: The heading of a section that is kept: `python -m bench.against` writes it.
AGAINST = "## Against"

INTRODUCTION = """# Benchmarks

Written by `make bench`, which measures all of this in one run. Server, chain and load share the cores of the machine
named below, so only what stands in the same run can be compared: a ratio means something on another machine, a number
alone does not.
"""


def machine() -> dict[str, str]:
    """What the figures depend on, and when they were measured."""
    kernel = re.match(r"[\d.]*\d", platform.release())
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {kernel[0] if kernel else ''}".rstrip(),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        **{library: version(library) for library in LIBRARIES},
    }


def table(part: str, figures: Sequence[Figure]) -> Table:
    """The figures of `part` for a terminal."""
    table = Table("figure", "reached", "target", "ratio", "met", "note", title=part, title_justify="left")
    for figure in figures:
        table.add_row(*_cells(figure))
    return table


def write_report(results: Mapping[str, Sequence[Figure]], folder: Path) -> None:
    """Write benchmarks.md into `folder`, and the plots into its folder benchmarks; plots of before go."""
    plots = folder / "benchmarks"
    plots.mkdir(exist_ok=True)
    for old in plots.glob("*.svg"):
        old.unlink()
    for title, figures in _plots([figure for part in results.values() for figure in part]).items():
        (plots / f"{_slug(title)}.svg").write_text(bars(title, figures))
    document = folder / "benchmarks.md"
    kept = document.read_text().partition(AGAINST)[1:] if document.exists() else ()
    document.write_text("\n".join([markdown(results), "".join(kept)]) if any(kept) else markdown(results))


def replace_section(document: str, section: str) -> str:
    """`document` with `section` at its end, in place of the one of before."""
    return f"{document.partition(AGAINST)[0].rstrip()}\n\n{section}"


def markdown(results: Mapping[str, Sequence[Figure]]) -> str:
    """The document."""
    of_machine = rows(("", ""), list(machine().items()))
    return "\n".join([INTRODUCTION, of_machine, *(_section(part, figures) for part, figures in results.items())])


def _section(part: str, figures: Sequence[Figure]) -> str:
    lines = rows(("figure", "reached", "target", "ratio", "met", "note"), [_cells(figure) for figure in figures])
    pictures = "".join(f"\n![{title}](benchmarks/{_slug(title)}.svg)\n" for title in _plots(figures))
    return f"## {HEADINGS.get(part, part.capitalize())}\n\n{lines}{pictures}"


def _plots(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """The figures of each plot, by its title."""
    titles = dict.fromkeys(figure.plot for figure in figures if figure.plot)
    return {title: [figure for figure in figures if figure.plot == title] for title in titles}


def _slug(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def _cells(figure: Figure) -> tuple[str, ...]:
    ratio = "" if figure.ratio is None else number(figure.ratio)
    return figure.what, figure.reached, figure.target, ratio, figure.verdict, figure.note


def rows(head: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *cells]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
