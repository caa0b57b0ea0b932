"""A faucet killed between any two steps of a job loses no signup and pays none twice."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.harness.chain_totals import read_totals
from tests.harness.program import Faucet, dev_chain, on_chain

pytestmark = pytest.mark.usefixtures("every_flavour", "each_engine")

NAMES = [f"kill-{number}" for number in range(4)]
PAYMENT = 1_250_000  #: satoshi

#: Before or after which call of which method of the node or the ledger. Registrations come first, then transfers.
STEPS = [
    "before:signups._commit:1",
    "after:signups._commit:1",
    "before:drain.record_signed:1",
    "after:drain.record_signed:1",
    "before:node.broadcast:1",
    "after:node.broadcast:1",
    "before:blocks.follow:3",
    "after:blocks.follow:3",
    "before:blocks.follow:8",
    "after:blocks.follow:8",
    "before:drain.record_signed:2",
    "after:drain.record_signed:2",
    "before:node.broadcast:2",
    "after:node.broadcast:2",
    "before:blocks.finalize:1",
    "after:blocks.finalize:1",
    "before:blocks.finalize:2",
    "after:blocks.finalize:2",
]


@pytest.mark.parametrize("step", STEPS)
async def test_faucet_killed_at_any_step_resumes(tmp_path: Path, step: str) -> None:
    async with dev_chain() as chain:
        before = await chain.node.balance("1.2.7")
        payment = {"enable_initial_balance": True, "initial_balance": 12.5}
        service = Faucet(tmp_path, on_chain(chain.url, **payment))
        await service.start(script=("tests/harness/killed_faucet.py", step))
        posting = asyncio.gather(*(service.sign_up(name) for name in NAMES), return_exceptions=True)
        assert await service.ended() == -signal.SIGKILL
        await posting
        await service.start()
        try:
            replies = [await service.sign_up(name) for name in NAMES]
            for reply in replies:
                await service.job(reply.body["job"]["id"], until="done")
        finally:
            await service.stop()
        totals = await read_totals(chain.node)
        assert dict(totals.registered) == dict.fromkeys(NAMES, 1)
        assert dict(totals.paid) == {totals.ids[name]: 1 for name in NAMES}
        assert dict(totals.amounts) == {totals.ids[name]: PAYMENT for name in NAMES}
        assert await chain.node.balance("1.2.7") == before - totals.spent
