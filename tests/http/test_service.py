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


async def test_stop_ends_the_look_at_the_ledger_in_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger is closed next."""
    begun, ended = asyncio.Event(), asyncio.Event()
    async with opened(tmp_path) as ledger:
        service = HttpService(Settings(), ledger, Metrics(), owns_chain=lambda: False)
        await service.start(bind("127.0.0.1", 0))

        async def endless(*_query: Any) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        monkeypatch.setattr(ledger._store, "read", endless)
        await ledger.operators.pause("intake", by="ann", reason="Something to read.")
        await begun.wait()
        await service.finish()
        assert ended.is_set()
        await service.close()
