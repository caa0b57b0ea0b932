"""Replies that are held until the account is in a block, as wallets need them: what a crowd of them costs."""

import time
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure, number
from bench.load import PATH, Load, load
from bench.overload import goodput
from bench.processes import all_registered, faucet, peak_memory
from bench.registering import sink
from bench.sink import INTERVAL

CONNECTIONS = 5_000
SECONDS = 30  #: of each load
FEWEST = 20  #: … so that the first block, for which all wait together, counts little
REPLY_WAIT = 15  #: seconds, reply_wait
OF_UNHELD = 0.90  #: of the rate without, or of what blocks allow
BLOCKS_ALLOW = CONNECTIONS / INTERVAL  #: held replies a second, as each connection gets one a block
MEMORY = 600.0  #: megabytes that the server may take


@dataclass(frozen=True)
class Crowd:
    """A load that was registered meanwhile."""

    load: Load
    registered: float  #: accounts a second in the blocks meanwhile: with `reply_wait`, as many replies
    memory: float  #: the most megabytes that the server took


async def measure_held(size: float, folder: Path, keys: Path) -> list[Figure]:
    """A crowd's rate with `reply_wait` beside that without, while the drain is open, and the server's memory."""
    seconds = max(FEWEST, round(SECONDS * size))
    return [
        *await _held(folder / "one", keys, seconds, workers=1),
        *await _held(folder / "two", keys, seconds, workers=2),
    ]


async def _held(folder: Path, keys: Path, seconds: int, *, workers: int) -> list[Figure]:
    plain = await _crowd(folder / "plain", keys, seconds, workers, hold=0)
    held = await _crowd(folder / "held", keys, seconds, workers, hold=REPLY_WAIT)
    who = f"{CONNECTIONS:,} connections, {'one process' if workers == 1 else f'--workers {workers}'}"
    waiting = f"{who}, reply_wait {REPLY_WAIT}"
    share = held.registered / min(plain.registered, BLOCKS_ALLOW)
    target = f"{OF_UNHELD:.2f} of that without, or of {number(BLOCKS_ALLOW)}/s, as blocks allow"
    return [
        Figure(f"{who}, registered meanwhile", plain.registered, "/s", note=_rates(plain)),
        Figure(waiting, held.registered, "/s", target, share, share >= OF_UNHELD, _rates(held)),
        Figure(f"{waiting}: other answers", held.load.others, "", "0", met=held.load.others == 0),
        Figure(
            f"{waiting}: peak memory", held.memory, "MB", f"{MEMORY:.0f} MB", met=held.memory <= MEMORY,
            note="sum of the processes' peaks",
        ),
    ]  # fmt: skip


async def _crowd(folder: Path, keys: Path, seconds: int, workers: int, *, hold: int) -> Crowd:
    """A load on a faucet that holds replies so long.

    It has a node of its own: an account that another faucet registered there would be found, and answered at once.
    """
    async with sink() as url, faucet(folder, url, workers=workers, reply_wait=hold) as service:
        await load(service.url + PATH, keys, "warm", seconds=1)
        start = time.time()
        result = await load(service.url + PATH, keys, "held", seconds=seconds, connections=CONNECTIONS)
        end = time.time()
        await all_registered(service)
        return Crowd(result, goodput(service, start, end), peak_memory(service.pid))


def _rates(crowd: Crowd) -> str:
    result = crowd.load
    answered = f"answered {number(result.rate)}/s, registered {number(crowd.registered)}/s"
    return f"{answered}; 50 %: {result.p50 / 1000:.1f} s, 99 %: {result.p99 / 1000:.1f} s"
