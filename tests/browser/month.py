"""A month of a healthy faucet, made up for screenshots: the same each time, but for job ids."""

import asyncio
import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobs.errors import Code
from jobs.ledger import Ledger
from jobs.model.job import Job, Limits, Signup
from jobs.model.transaction import BlockEffects, Kind, SignedTransaction
from tests.harness.program import keys_of
from tests.harness.serving import CHAIN_STATUS as OTHER_FACTS
from tests.harness.serving import NOW

DAY = 86_400  #: seconds
HOUR = 3_600  #: seconds
BLOCK = 3  #: seconds between two blocks
LAG = 15  #: blocks until one is irreversible
HEAD = 48_211_904  #: the block of NOW
FEE = 514_941  #: satoshi

CHAIN_STATUS = replace(
    OTHER_FACTS, balance=21_403_27000, head_block=HEAD, irreversible_block=HEAD - LAG,
    registrar_member=True, key_matches=True, node="wss://node.example", budget=5_350_81000,
)  # fmt: skip
PEOPLE = ("ada", "alan", "anita", "barbara", "george", "dennis", "edsger", "frances", "grace", "hedy", "ken", "radia")
NO_LIMITS = Limits(10**9)


@dataclass
class Clock:
    """Seconds since 1970, advanced by the script."""

    now: float = NOW - 30 * DAY

    def __call__(self) -> float:
        return self.now


class Month:
    """Accepts signups, and includes them in blocks."""

    def __init__(self, ledger: Ledger, clock: Clock, *, seed: int = 7) -> None:
        self._ledger = ledger
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311  # the same month each time is what it is for
        self._count = 0

    async def live(self) -> None:
        """Run the month, until NOW."""
        for time in range(NOW - 30 * DAY, NOW - HOUR, 4 * HOUR):
            await self._signups(time, self._expected(time))
        await self._operate(NOW - 2 * HOUR)
        for time in range(NOW - HOUR, NOW - 60, 60):
            await self._signups(time, 0.9)
        self._clock.now = NOW - 20
        await self._register(await self._accept(3), after=6)
        self._clock.now = NOW - 4
        await self._sign(await self._accept(2))
        self._clock.now = NOW - 1
        await self._accept(1)
        self._clock.now = NOW

    def _expected(self, time: int) -> float:
        """Signups in four hours: more by day than by night, fewer on weekends, more each week."""
        days = (time - NOW) / DAY
        by_day = 1 + 0.5 * math.sin(2 * math.pi * days)
        by_week = 1 + 0.3 * math.sin(2 * math.pi * days / 7)
        return (14 + days / 4) * by_day * by_week

    async def _signups(self, time: int, expected: float) -> None:
        self._clock.now = time + self._random.random() * 30
        count = max(0, round(self._random.gauss(expected, math.sqrt(expected) / 2)))
        accepted = await self._accept(count)
        refused = [job.number for job in accepted if self._random.random() < 0.015]
        await self._ledger.drain.fail(dict.fromkeys(refused, (Code.ACCOUNT_EXISTS, "Account exists")))
        await self._register([job for job in accepted if job.number not in refused], after=self._random.uniform(1, 7))
        await self._settle()

    async def _accept(self, count: int) -> Sequence[Job]:
        names = []
        for _ in range(count):
            self._count += 1
            names.append(f"{self._random.choice(PEOPLE)}-{self._count}")
        signups = [Signup(name, **keys_of(name)) for name in names]
        return await asyncio.gather(*(self._ledger.signups.accept(signup, NO_LIMITS) for signup in signups))

    async def _register(self, jobs: Sequence[Job], *, after: float) -> None:
        """Put the accounts of `jobs` in a block, so many seconds later."""
        signature = await self._sign(jobs)
        self._clock.now += after
        number = block_at(self._clock.now)
        ids = tuple(f"1.2.{80_000 + job.number}" for job in jobs)
        block = BlockEffects(number, f"{number:08x}{'5e' * 16}", {signature: ids}, ())
        await self._ledger.blocks.follow([block], number - LAG)

    async def _sign(self, jobs: Sequence[Job]) -> str:
        """The signature of a transaction that registers `jobs`."""
        signature = self._random.randbytes(65).hex()
        block = block_at(self._clock.now)
        expiration = int(self._clock.now) + 60
        signed = SignedTransaction(
            Kind.REGISTRATION, self._random.randbytes(20).hex(), signature, body_of(jobs, block, expiration, signature),
            block - LAG, expiration, tuple(job.number for job in jobs), (FEE,) * len(jobs), cost=FEE * len(jobs),
        )  # fmt: skip
        if jobs:
            await self._ledger.drain.record_signed([signed])
        return signature

    async def _settle(self) -> None:
        for transaction in await self._ledger.blocks.unfinalized(block_at(self._clock.now + LAG * BLOCK)):
            await self._ledger.blocks.finalize([(transaction, [f"1.2.{80_000 + job}" for job in transaction.jobs])])

    async def _operate(self, time: int) -> None:
        """What operators did."""
        self._clock.now = time
        await self._ledger.operators.record(who="maria", what="login")
        await self._ledger.operators.pause("drain", by="maria", reason="The node is being upgraded.")
        brand, trial = await self._accept(2)
        await self._ledger.operators.fail([brand.id], by="maria", reason="The name is a trade mark.")
        await self._ledger.operators.cancel([trial.id], by="maria", reason="The wallet was only tried out.")
        self._clock.now = time + 11 * 60
        await self._ledger.operators.resume("drain", by="tom", reason="The node is back.")


def block_at(time: float) -> int:
    """The number of the head block at a time."""
    return HEAD - math.ceil((NOW - time) / BLOCK)


def body_of(jobs: Sequence[Job], block: int, expiration: int, signature: str) -> str:
    """A signed registration, as far as a screenshot shows it."""
    operations = [
        [5, {"fee": {"amount": FEE, "asset_id": "1.3.0"}, "registrar": "1.2.7", "name": job.signup.name,
             "owner": job.signup.owner_key, "active": job.signup.active_key}]
        for job in jobs
    ]  # fmt: skip
    head = {"ref_block_num": (block - LAG) & 0xFFFF, "ref_block_prefix": 2_863_311_530, "expiration": expiration}
    return json.dumps({**head, "operations": operations, "signatures": [signature]})
