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
        "date": _today(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {kernel[0] if kernel else ''}".rstrip(),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        **{library: version(library) for library in LIBRARIES},
    }


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


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
    _draw([figure for part in results.values() for figure in part], plots)
    document = folder / "benchmarks.md"
    kept = document.read_text().partition(AGAINST)[1:] if document.exists() else ()
    document.write_text("\n".join([markdown(results), "".join(kept)]) if any(kept) else markdown(results))


def write_sections(results: Mapping[str, Sequence[Figure]], folder: Path, *, size: float, remark: str = "") -> None:
    """Write only the sections of these parts into benchmarks.md in `folder`, with what the run was like."""
    document = folder / "benchmarks.md"
    text = document.read_text()
    for part, figures in results.items():
        section = _section(part, figures, f"Measured by itself on {_today()}, at {size:g} of the whole size. {remark}")
        text = with_section(text, section)
        _draw(figures, folder / "benchmarks")
    document.write_text(text)


def with_section(document: str, section: str) -> str:
    """`document` with `section` in place of the one with its heading; a new one comes last, but before AGAINST."""
    heading = section.partition("\n")[0]
    sections = re.split(r"(?m)^(?=## )", document)
    kept = [each for each in sections if each.partition("\n")[0] != heading]
    ends = [place for place, each in enumerate(kept) if each.startswith(AGAINST)]
    place = next((place for place, each in enumerate(sections) if each.partition("\n")[0] == heading), None)
    kept.insert(place if place is not None else ends[0] if ends else len(kept), f"{section.rstrip()}\n\n")
    return "".join(kept).rstrip() + "\n"


def _draw(figures: Sequence[Figure], folder: Path) -> None:
    for title, bars_of in _plots(figures).items():
        (folder / f"{_slug(title)}.svg").write_text(bars(title, bars_of))


def replace_section(document: str, section: str) -> str:
    """`document` with `section` at its end, in place of the one of before."""
    return f"{document.partition(AGAINST)[0].rstrip()}\n\n{section}"


def markdown(results: Mapping[str, Sequence[Figure]]) -> str:
    """The document."""
    of_machine = rows(("", ""), list(machine().items()))
    return "\n".join([INTRODUCTION, of_machine, *(_section(part, figures) for part, figures in results.items())])


def _section(part: str, figures: Sequence[Figure], introduction: str = "") -> str:
    lines = rows(("figure", "reached", "target", "ratio", "met", "note"), [_cells(figure) for figure in figures])
    pictures = "".join(f"\n![{title}](benchmarks/{_slug(title)}.svg)\n" for title in _plots(figures))
    heading = f"## {HEADINGS.get(part, part.capitalize())}\n\n"
    return heading + (f"{introduction.rstrip()}\n\n" if introduction else "") + lines + pictures


def _plots(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """The figures of each plot, by its title."""
    titles = dict.fromkeys(figure.plot for figure in figures if figure.plot)
    return {title: [figure for figure in figures if figure.plot == title] for title in titles}


def _slug(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower().replace("µ", "u"), flags=re.ASCII).strip("-")


def _cells(figure: Figure) -> tuple[str, ...]:
    ratio = "" if figure.ratio is None else number(figure.ratio)
    return figure.what, figure.reached, figure.target, ratio, figure.verdict, figure.note


def rows(head: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *cells]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
