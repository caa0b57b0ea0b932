"""An owner of the chain that another one follows: it sends nothing more, and what it wrote ahead is the next one's."""

from pathlib import Path
from typing import Any

import pytest

from jobs.ledger import DeposedError
from jobs.model.job import State
from tests.harness.chain_harness import ChainSide, chain_side

BROADCAST = "broadcast_transaction"


def deposed_after_writing(side: ChainSide, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another process own the chain between the transaction that writes ahead and the broadcast."""
    record = side.ledger.drain.record_signed

    async def recorded(*arguments: Any) -> Any:
        written = await record(*arguments)
        side.ledger.deposed.set()
        return written

    monkeypatch.setattr(side.ledger.drain, "record_signed", recorded)


async def test_deposed_owner_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("alice-1", "bob-1")
        deposed_after_writing(side, monkeypatch)
        await side.drainer.drain()
        assert await side.states() == [State.BROADCAST] * 2
        with pytest.raises(DeposedError):
            await side.drainer.drain()  # which would send it again
        assert side.node.calls[BROADCAST] == 0


async def test_next_owner_sends_what_was_written_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("alice-1")
        with monkeypatch.context() as patch:
            deposed_after_writing(side, patch)
            await side.drainer.drain()
        (written,) = await side.ledger.drain.live()
        side.ledger.deposed.clear()  # as the next owner's ledger
        await side.drainer.drain()
        assert side.node.calls[BROADCAST] == 1
        assert [sent.signature for sent in await side.ledger.drain.live()] == [written.signature]
