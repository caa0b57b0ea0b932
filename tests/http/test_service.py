"""The HTTP side as a part of the program."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from handlers.server import bind
from handlers.service import HttpService
from jobs.monitoring.metrics import Metrics
from jobs.settings import Settings
from tests.harness.ledgers import opened
from tests.harness.serving import turn


async def test_stop_waits_for_the_look_at_the_ledger_in_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger is closed next."""
    begun, over = asyncio.Event(), asyncio.Event()
    async with opened(tmp_path) as ledger:
        service = HttpService(Settings(), ledger, Metrics(), owns_chain=lambda: False)
        await service.start(bind("127.0.0.1", 0))
        ours = ledger._store.read

        async def slow(*query: Any) -> object:
            begun.set()
            await over.wait()
            return await ours(*query)

        monkeypatch.setattr(ledger._store, "read", slow)
        await begun.wait()
        stopping = asyncio.create_task(service.finish())
        for _ in range(10):
            await turn()
        assert not stopping.done()
        over.set()
        await stopping
        await service.close()
