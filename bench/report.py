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

LIBRARIES = ("tornado", "msgspec", "coincurve", "aiosqlite", "websockets", "peerplays")

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
    (folder / "benchmarks.md").write_text(markdown(results))


def markdown(results: Mapping[str, Sequence[Figure]]) -> str:
    """The document."""
    of_machine = _rows(("", ""), list(machine().items()))
    return "\n".join([INTRODUCTION, of_machine, *(_section(part, figures) for part, figures in results.items())])


def _section(part: str, figures: Sequence[Figure]) -> str:
    lines = _rows(("figure", "reached", "target", "ratio", "met", "note"), [_cells(figure) for figure in figures])
    pictures = "".join(f"\n![{title}](benchmarks/{_slug(title)}.svg)\n" for title in _plots(figures))
    return f"## {part.capitalize()}\n\n{lines}{pictures}"


def _plots(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """The figures of each plot, by its title."""
    titles = dict.fromkeys(figure.plot for figure in figures if figure.plot)
    return {title: [figure for figure in figures if figure.plot == title] for title in titles}


def _slug(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def _cells(figure: Figure) -> tuple[str, ...]:
    ratio = "" if figure.ratio is None else number(figure.ratio)
    return figure.what, figure.reached, figure.target, ratio, figure.verdict, figure.note


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
