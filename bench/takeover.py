"""How long the chain has no owner: from the end of one faucet's work to the beginning of another's, on one ledger."""

import signal
import statistics
import time
from pathlib import Path

from bench.database import postgresql
from bench.figure import Figure
from tests.harness.engines import on_postgresql
from tests.harness.machines import Machine, machines
from tests.harness.program import dev_chain

TIMES = 20  #: that each is measured
LEASE = 10.0  #: seconds, the default
#: What the owner gets, with the seconds that taking over from it may take.
ENDS = ((signal.SIGTERM, 1.0), (signal.SIGKILL, 1.0), (signal.SIGSTOP, LEASE + 2))


async def measure(size: float, folder: Path) -> list[Figure]:
    """By SIGTERM, by SIGKILL, and by SIGSTOP: each from the signal to the next owner's line in its log."""
    figures = await _figures(size, folder, "SQLite")
    with postgresql() as server, on_postgresql(server):
        return figures + await _figures(size, folder, "PostgreSQL")


async def _figures(size: float, folder: Path, engine: str) -> list[Figure]:
    figures = []
    for number, most in ENDS:
        (part := folder / engine / number.name).mkdir(parents=True)
        seconds = await _takeovers(part, number, max(1, round(TIMES * size * (LEASE / 40 if most > LEASE else 1))))
        longest = max(seconds)
        note = f"the longest of {len(seconds)}; median {statistics.median(seconds):.2f} s"
        what = f"owner gets {number.name}, on {engine}: another one owns the chain after"
        figures.append(Figure(what, longest, "s", f"under {most:.0f} s", met=longest < most, note=note))
    return figures


async def _takeovers(folder: Path, number: signal.Signals, times: int) -> list[float]:
    """Seconds that taking over took, by turns."""
    seconds: list[float] = []
    async with dev_chain() as chain, machines(folder, chain, "ann", "bob", lease_seconds=LEASE) as pair:
        owner, other = pair
        await other.logged('event="in line for the chain" owner=ann')
        for epoch in range(2, times + 2):
            seconds.append(await _takeover(owner, other, number, epoch))
            owner, other = other, owner
    return seconds


async def _takeover(owner: Machine, other: Machine, number: signal.Signals, epoch: int) -> float:
    began = time.monotonic()
    if number is signal.SIGSTOP:
        await owner.pause()
    else:
        owner.send(number)
    await other.logged(f'event="chain owned" owner={other.name} epoch={epoch}')
    seconds = time.monotonic() - began
    if number is signal.SIGSTOP:
        owner.send(signal.SIGCONT)
    else:
        await owner.ended()
        await owner.start()
    await owner.logged(f'event="in line for the chain" owner={other.name} epoch={epoch}')
    return seconds
