"""A ledger that fails while a node is looked at."""

import asyncio
from pathlib import Path

import pytest

from jobs.errors import Code, FaucetError
from jobs.ledger.pins import Pins
from tests.harness.chain_harness import chain_side

SENTENCE = "The ledger can't be written now, please try again."


async def test_failing_ledger_at_contact_is_no_bug_of_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the ledger's sentence without a traceback, and the node is used once the ledger serves again."""
    save, refused = Pins.save, asyncio.Event()

    async def fail_once(pins: Pins, values: dict[str, str], *, agreed: bool) -> None:
        if not refused.is_set():
            refused.set()
            raise FaucetError(Code.LEDGER_UNAVAILABLE, SENTENCE)
        await save(pins, values, agreed=agreed)

    monkeypatch.setattr(Pins, "save", fail_once)
    async with chain_side(tmp_path):  # begins once the node is in use
        lines = [record for record in caplog.records if record.message == "node not in use"]
    assert [(SENTENCE in vars(line)["fields"]["reason"], line.exc_info) for line in lines] == [(True, None)]
