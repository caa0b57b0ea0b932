"""An owner of the chain whose clock is ahead of the ledger's."""

from pathlib import Path

from jobs.errors import Code
from jobs.monitoring.metrics import Metrics
from jobs.owner import ChainOwner
from jobs.settings import Settings
from tests.harness.dev_chain import REGISTRAR_KEY
from tests.harness.ledgers import Clock, code_of, from_address, opened, signup

AHEAD = 5.0  #: seconds
INTERVAL = 300  #: seconds


async def test_address_is_limited_as_long_as_the_ledgers_clock_says(tmp_path: Path) -> None:
    """It is not erased before, whatever the owner's machine takes for the time."""
    clock, limits = Clock(), from_address("192.0.2.1", INTERVAL)
    async with opened(tmp_path, clock) as ledger:
        owner = ChainOwner(
            settings=Settings(minIPAge=INTERVAL), urls=("ws://127.0.0.1:9",), key=REGISTRAR_KEY, ledger=ledger,
            metrics=Metrics(), clock=lambda: clock() + AHEAD,
        )  # fmt: skip
        await ledger.signups.accept(signup("first-1"), limits)
        for seconds, code in ((INTERVAL - 2, Code.THROTTLED), (2, None)):
            clock.now += seconds
            await owner._purge_quotas()
            assert await code_of(ledger.signups.accept(signup("second-1"), limits)) is code
