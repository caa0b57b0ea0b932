"""This checkout against an earlier commit, in turn: `python -m bench.against REVISION PART ... [--size 0.15]`."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import click

from bench.__main__ import DOCS, PARTS
from bench.figure import number
from bench.report import AGAINST, replace_section, rows

ROOT = Path(__file__).parents[1]
ROUNDS = 5  #: each commit is measured so often; what changes with the machine's mood changes both

#: Runs in either checkout, with whatever its bench measures.
MEASURE = """
import asyncio, json, sys
from bench.__main__ import measured
print(json.dumps([(f.what, f.value, f.unit, f.ratio) for f in asyncio.run(measured(sys.argv[1], float(sys.argv[2])))]))
"""

Measured = tuple[float, str, float | None]  #: value and unit of a figure, and its ratio to a baseline
Round = Mapping[str, Measured]  #: by the figure's name


@click.command()
@click.argument("revision")
@click.argument("parts", nargs=-1, required=True, type=click.Choice(PARTS))
@click.option("--size", type=click.FloatRange(0, 1, min_open=True), default=0.15, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=ROUNDS, show_default=True)
@click.option("--write", is_flag=True, help="Keep the table in docs/benchmarks.md.")
def main(revision: str, parts: Sequence[str], size: float, rounds: int, *, write: bool) -> None:
    """Measure PARTS of REVISION and of this checkout in turn, and print how they compare."""
    with checkout(revision) as before:
        lines = [line for part in parts for line in compared(part, before, size=size, rounds=rounds)]
    text = section(revision, lines, size=size, rounds=rounds)
    click.echo(text)
    if write:
        document = DOCS / "benchmarks.md"
        document.write_text(replace_section(document.read_text(), text))


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """The tree of `revision`, in a folder that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-against-") as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, revision], cwd=ROOT, check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)


def compared(part: str, before: Path, *, size: float, rounds: int) -> Iterator[tuple[str, ...]]:
    """Each figure that both have: its medians, and the medians of the quotients of neighbours."""
    pairs = [(measure(before, part, size), measure(ROOT, part, size)) for _ in range(rounds)]
    first, last = pairs[0]
    for what in [name for name in last if name in first]:
        olds, news = ([pair[side][what] for pair in pairs] for side in (0, 1))
        values = (f"{number(median(value for value, _, _ in side))} {news[0][1]}" for side in (olds, news))
        yield what, *values, quotient(olds, news, 0), quotient(olds, news, 2)


def quotient(olds: Sequence[Measured], news: Sequence[Measured], place: int) -> str:
    """The median of what is at `place` now by what was there before; empty where nothing was."""
    pairs = [(new[place], old[place]) for old, new in zip(olds, news, strict=True)]
    quotients = [
        new / old for new, old in pairs if isinstance(new, float | int) and isinstance(old, float | int) and old
    ]
    return number(median(quotients)) if quotients else ""


def measure(tree: Path, part: str, size: float) -> Round:
    """The figures of `part` in the checkout `tree`."""
    command = [sys.executable, "-c", MEASURE, part, str(size)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    output = subprocess.run(command, cwd=tree, env=environment, check=True, capture_output=True, text=True).stdout
    return {what: (value, unit, ratio) for what, value, unit, ratio in json.loads(output.splitlines()[-1])}


def section(revision: str, lines: Sequence[Sequence[str]], *, size: float, rounds: int) -> str:
    """The table as a section of docs/benchmarks.md."""
    head = ("figure", "before", "after", "after / before", "the same of the ratio")
    introduction = (
        f"{AGAINST} {revision}\n\nBoth commits were measured in turn in one run, {rounds} times each, at {size:g} of "
        "the whole size; medians.\n"
    )
    return f"{introduction}\n{rows(head, lines)}"


if __name__ == "__main__":
    main()
