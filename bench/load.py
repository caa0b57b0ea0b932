"""Load by wrk, which is written in C and takes a small part of a core: distinct valid signups over kept connections."""

import asyncio
import hashlib
import resource
from dataclasses import astuple, dataclass
from pathlib import Path

from coincurve import PrivateKey

from chain.keys import format_public_key
from tests.harness.program import PREFIX

CONNECTIONS = 64
PATH = "/api/v1/accounts"  #: where signups are posted
SCRIPT = Path(__file__).with_name("post.lua")
#: Public keys that signups are made of, three each, in turn: more than any sensible cache keeps.
KEYS = 5000


@dataclass(frozen=True)
class Clients:
    """Whom signups come from, and what they are let in by."""

    addresses: str = ""  #: of one each, as a proxy says: two groups of hexadecimal digits count, the first one quicker
    first: int = 0  #: where they begin
    api_key: str = ""
    invite: str = ""


@dataclass(frozen=True)
class Load:
    """What wrk saw."""

    seconds: float
    statuses: dict[int, int]  #: answers by status
    silent: int  #: answers 503 without Retry-After
    broken: int  #: connections that failed, and answers that did not come in time
    p50: float  #: milliseconds to an answer
    p95: float
    p99: float
    cpu: float  #: share of a core that wrk took

    @property
    def answered(self) -> int:
        """Answers 200."""
        return self.statuses.get(200, 0)

    @property
    def others(self) -> int:
        """Answers that were not 200, and those that did not come."""
        return sum(self.statuses.values()) - self.answered + self.broken

    @property
    def rate(self) -> float:
        """Answers 200 a second."""
        return self.answered / self.seconds


def write_keys(path: Path, count: int = KEYS) -> Path:
    """Write so many public keys, a line each; returns `path`."""
    secrets = (hashlib.sha256(f"bench {number}".encode()).digest() for number in range(count))
    points = (PrivateKey(secret).public_key.format() for secret in secrets)
    path.write_text("".join(f"{format_public_key(point, PREFIX)}\n" for point in points))
    return path


async def load(
    url: str,
    keys: Path,
    tag: str,
    *,
    seconds: int,
    connections: int = CONNECTIONS,
    pause: int = 0,
    clients: Clients | None = None,
) -> Load:
    """Post signups to `url` for so many seconds, of one client unless `clients` says more.

    `tag` makes their names differ from those of other loads; each connection rests `pause` milliseconds between two.
    """
    before = _cpu_of_children()
    more = map(str, astuple(clients or Clients()))
    process = await asyncio.create_subprocess_exec(
        "wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--timeout=60s",
        f"--script={SCRIPT}", url, "--", str(keys), tag, str(pause), *more,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    return read_summary(output.decode(), cpu=_cpu_of_children() - before)


def read_summary(output: str, *, cpu: float) -> Load:
    """What the line of post.lua says; `cpu` is the seconds that wrk took. Raises ValueError where there is none."""
    (line,) = [line for line in output.splitlines() if line.startswith("summary ")]
    values = {name: float(value) for name, value in (pair.split("=") for pair in line.split()[1:])}
    seconds = values["us"] / 1e6
    return Load(
        seconds=seconds,
        statuses={int(name): int(value) for name, value in values.items() if name.isdigit()},
        silent=int(values.get("silent", 0)),
        broken=int(values["broken"]),
        p50=values["p50"] / 1000,
        p95=values["p95"] / 1000,
        p99=values["p99"] / 1000,
        cpu=cpu / seconds,
    )


def _cpu_of_children() -> float:
    """Seconds of processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
