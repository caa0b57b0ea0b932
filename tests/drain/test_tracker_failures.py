"""Following blocks when something in them can't be read, or the tracker has a bug."""

from pathlib import Path

import pytest

from tests.harness.chain_harness import ChainSide, chain_side
from tests.harness.dev_chain import payment, signed

pytestmark = pytest.mark.usefixtures("both_flavours")


async def follow_payment(side: ChainSide) -> None:
    """Follow a block with a payment that the ledger has no record of."""
    chain = side.chain.chain
    await side.block()
    chain.push(signed(chain, payment(chain, 100)))
    await side.block()


async def test_payment_that_can_not_be_read_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is none of the ledger's, which are written ahead."""

    def fail(*_: object, **__: object) -> None:
        raise ValueError("no key")

    async with chain_side(tmp_path) as side:
        monkeypatch.setattr("jobs.blocks.transactions.signed_before", fail)
        await follow_payment(side)
        assert side.tracker.obstacle is None
        last = await side.ledger.blocks.last()
        assert last is not None
        assert last[0] == (await side.node.head()).number


async def test_bug_while_following_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with chain_side(tmp_path) as side:
        with monkeypatch.context() as patched:
            patched.setattr("jobs.blocks.tracker.registrar_transactions", lambda *_: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                await follow_payment(side)
        assert "its log says how" in (side.tracker.obstacle or "")
        await side.tracker.follow()
        assert side.tracker.obstacle is None
