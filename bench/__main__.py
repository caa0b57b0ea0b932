"""What the faucet reaches on this machine, beside what it must reach: `python -m bench [PART ...] [--size 0.01]`."""

import asyncio
import tempfile
from importlib import import_module
from pathlib import Path

import click
from rich.console import Console

from bench.figure import Figure
from bench.report import machine, table, write_report, write_sections

#: Modules of this package, each with `async def measure(size: float, folder: Path) -> list[Figure]`.
PARTS = (
    "accepting", "profile", "registering", "sustained", "simultaneous", "growth", "idle", "overload", "pages",
    "ways", "uses", "machines", "growth_postgresql", "takeover",
)  # fmt: skip
DOCS = Path(__file__).parents[1] / "docs"


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--size", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Of the loads; 1 is the whole.")
@click.option("--write", is_flag=True, help="Write the sections of PARTS into docs/benchmarks.md.")
@click.option("--remark", default="", help="A sentence for these sections: what the run was like.")
def main(parts: tuple[str, ...], size: float, remark: str, *, write: bool) -> None:
    """Measure PARTS, or all, and print their tables. All in whole size are written to docs/benchmarks.md too."""
    console = Console(width=150)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    results = {}
    for part in parts or PARTS:
        results[part] = asyncio.run(measured(part, size))
        console.print(table(part, results[part]))
    if not parts and size == 1:
        write_report(results, DOCS)
    elif write:
        write_sections(results, DOCS, size=size, remark=remark)


async def measured(part: str, size: float) -> list[Figure]:
    """The figures of `part`, in a folder of its own that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{part}-") as folder:
        figures: list[Figure] = await import_module(f"bench.{part}").measure(size, Path(folder))
    return figures


if __name__ == "__main__":
    main()
