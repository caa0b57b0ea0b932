"""Replies that are held until the account is in a block, as wallets need them: what a crowd of them costs."""

from pathlib import Path

from bench.figure import Figure
from bench.load import PATH, Load, load
from bench.processes import all_registered, faucet, peak_memory
from bench.registering import sink

CONNECTIONS = 5_000
SECONDS = 30  #: of each load
REPLY_WAIT = 15  #: seconds, reply_wait
OF_UNHELD = 0.90  #: of the rate without
MEMORY = 600.0  #: megabytes that the server may take


async def measure_held(size: float, folder: Path, keys: Path) -> list[Figure]:
    """A crowd's rate with `reply_wait` beside that without, while the drain is open, and the server's memory."""
    seconds = max(5, round(SECONDS * size))
    return [
        *await _held(folder / "one", keys, seconds, workers=1),
        *await _held(folder / "two", keys, seconds, workers=2),
    ]


async def _held(folder: Path, keys: Path, seconds: int, *, workers: int) -> list[Figure]:
    async with sink() as url:
        plain, _ = await _crowd(folder / "plain", url, keys, seconds, workers, hold=0)
        held, memory = await _crowd(folder / "held", url, keys, seconds, workers, hold=REPLY_WAIT)
    who = f"{CONNECTIONS:,} connections, {'one process' if workers == 1 else f'--workers {workers}'}"
    waiting = f"{who}, reply_wait {REPLY_WAIT}"
    share = held.rate / plain.rate
    return [
        Figure(f"{who}, drain open", plain.rate, "/s", note=_latencies(plain)),
        Figure(
            waiting, held.rate, "/s", f"{OF_UNHELD:.2f} of that without", share, share >= OF_UNHELD,
            _latencies(held),
        ),
        Figure(f"{waiting}: other answers", held.others, "", "0", met=held.others == 0),
        Figure(
            f"{waiting}: peak memory", memory, "MB", f"{MEMORY:.0f} MB", met=memory <= MEMORY,
            note="sum of the processes' peaks",
        ),
    ]  # fmt: skip


async def _crowd(folder: Path, url: str, keys: Path, seconds: int, workers: int, *, hold: int) -> tuple[Load, float]:
    """A load on a faucet that holds replies so long, and the most memory that it took."""
    async with faucet(folder, url, workers=workers, reply_wait=hold) as service:
        await load(service.url + PATH, keys, "warm", seconds=1)
        result = await load(service.url + PATH, keys, "held", seconds=seconds, connections=CONNECTIONS)
        await all_registered(service)
        return result, peak_memory(service.pid)


def _latencies(result: Load) -> str:
    return f"50 %: {result.p50 / 1000:.1f} s, 99 %: {result.p99 / 1000:.1f} s"
