"""Twenty thousand signups at once: every connection is open before the first signup is sent."""

import asyncio
import json
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure
from bench.load import write_keys
from bench.processes import all_registered, faucet, memory, peak_memory, query_ledger
from commands.processes import raise_file_limit
from tests.harness.chain_totals import read_totals
from tests.harness.program import ROOT, DevChainProgram, Faucet, dev_chain

CROWD = 20_000
CLIENTS = 4  #: processes, each from a loopback address of its own
SPARE = 500  #: open files that a server needs for itself
MEMORY = 600.0  #: megabytes that the server may take


@dataclass(frozen=True)
class Answers:
    """What the clients were answered."""

    statuses: Counter[int]  #: 0 is a connection that ended without an answer
    seconds: list[float]  #: to each answer
    began: float  #: when all were connected and let go, seconds since 1970
    last: float  #: seconds from there to the last answer

    @property
    def slowest(self) -> float:
        """Seconds within which 99 % were answered."""
        return statistics.quantiles(self.seconds, n=100)[98]


@dataclass(frozen=True)
class Outcome:
    """What became of a crowd."""

    crowd: int
    answers: Answers
    resident: float  #: megabytes at the last answer, what processes share counted once
    registered: float  #: seconds from the first signup to the last account
    on_chain: int  #: accounts
    peak: float  #: megabytes, the sum of the processes' own peaks


async def measure(size: float, folder: Path) -> list[Figure]:
    """All of the crowd with two workers, and with one process as many as may have open files."""
    files = raise_file_limit()
    crowd = max(100, int(CROWD * size))
    keys = write_keys(folder / "keys")
    most = min(crowd, files - SPARE)
    return [
        *await _at_once(folder / "two", keys, crowd, workers=2),
        *await _at_once(folder / "one", keys, most, workers=1),
    ]


async def _at_once(folder: Path, keys: Path, crowd: int, *, workers: int) -> list[Figure]:
    async with dev_chain("--block-interval", "1") as chain, faucet(folder, chain.url, workers=workers) as service:
        answers = await ask_at_once(service.url, keys, crowd)
        outcome = Outcome(
            crowd,
            answers,
            resident=memory(service.pid),
            registered=await last_registered(service) - answers.began,
            on_chain=await _on_chain(chain),
            peak=peak_memory(service.pid),
        )
    return _figures(f"{crowd:,}, {'one process' if workers == 1 else f'--workers {workers}'}", outcome)


def _figures(who: str, outcome: Outcome) -> list[Figure]:
    crowd, answers, on_chain, peak = outcome.crowd, outcome.answers, outcome.on_chain, outcome.peak
    latencies = f"50 %: {statistics.median(answers.seconds):.1f} s, 99 %: {answers.slowest:.1f} s"
    resident = f"sum of the processes' peaks; {outcome.resident:.0f} MB at the last answer, shared pages counted once"
    return [
        *answer_figures(who, crowd, answers),
        Figure(f"{who}: on the chain once", on_chain, "", "all", on_chain / crowd, on_chain == crowd, "block by block"),
        Figure(f"{who}: last answer after", answers.last, "s", note=latencies),
        Figure(f"{who}: last account after", outcome.registered, "s", note="the dev chain shares the cores"),
        Figure(f"{who}: peak memory", peak, "MB", f"{MEMORY:.0f} MB", met=peak <= MEMORY, note=resident),
    ]


def answer_figures(who: str, crowd: int, answers: Answers) -> list[Figure]:
    """How many were answered 200, and how many otherwise."""
    answered = answers.statuses[200]
    others = answers.statuses.total() - answered
    return [
        Figure(f"{who}: answered 200", answered, "", "all", answered / crowd, answered == crowd),
        Figure(f"{who}: other answers, errors", others, "", "0", met=others == 0, note=_told(answers)),
    ]


def _told(answers: Answers) -> str:
    others = {status or "no answer": count for status, count in answers.statuses.items() if status != 200 and count}
    return ", ".join(f"{status}: {count}" for status, count in others.items())


async def ask_at_once(url: str, keys: Path, crowd: int) -> Answers:
    """Open a connection for each of the crowd; only then let all sign up."""
    shares = [crowd // CLIENTS + (place < crowd % CLIENTS) for place in range(CLIENTS)]
    clients = [
        await _start_client(url, keys, f"127.0.0.{place + 2}", sum(shares[:place]), share)
        for place, share in enumerate(shares)
    ]
    await asyncio.gather(*(_line(client) for client in clients))
    began, start = time.time(), time.monotonic()
    for client in clients:
        _writer(client).write(b"now\n")
    reports = [json.loads(line) for line in await asyncio.gather(*(_line(client) for client in clients))]
    await asyncio.gather(*(client.wait() for client in clients))
    return Answers(
        statuses=sum(
            (Counter({int(status): n for status, n in one["statuses"].items()}) for one in reports), Counter()
        ),
        seconds=[seconds for one in reports for seconds in one["seconds"]],
        began=began,
        last=max(one["last"] for one in reports) - start,
    )


async def _start_client(url: str, keys: Path, source: str, first: int, count: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.crowd", url, str(keys), "crowd", source, str(first), str(count),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT, limit=2**26,
    )  # fmt: skip


async def _line(client: asyncio.subprocess.Process) -> bytes:
    if client.stdout is None:
        raise AssertionError("a pipe was asked for")
    line = await client.stdout.readline()
    if not line:
        raise AssertionError("a client ended early")
    return line


def _writer(client: asyncio.subprocess.Process) -> asyncio.StreamWriter:
    if client.stdin is None:
        raise AssertionError("a pipe was asked for")
    return client.stdin


async def last_registered(service: Faucet) -> float:
    """When the last of the jobs was in a block, seconds since 1970, once all are."""
    await all_registered(service)
    return float(query_ledger(service, "SELECT max(registered_at) FROM jobs")[0][0]) / 1000


async def _on_chain(chain: DevChainProgram) -> int:
    """How many of the crowd are accounts, once each."""
    registered = (await read_totals(chain.node)).registered
    return sum(count == 1 for name, count in registered.items() if name.startswith("crowd-"))
