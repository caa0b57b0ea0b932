"""The clock and the settings of a dev chain."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from devchain import DevChain, DevChainSettings
from tests.harness.dev_chain import SETTINGS, START, new_dev_chain, serving


async def test_blocks_follow_the_clock_unless_stalled() -> None:
    """Intervals below a second let the chain's own clock run ahead: its times are whole seconds."""

    dev_chain = DevChain(replace(SETTINGS, block_interval=0.01))
    async with serving(dev_chain) as client:
        await client.get(0, "set_block_applied_callback", 1)
        for _ in range(5):
            await client.notice()
        await client.get("devchain", "stall", True)
        times = [block.time for block in dev_chain.chain.blocks]
        assert times == list(range(times[0], times[0] + len(times)))
        stalled = dev_chain.chain.head_number
        await asyncio.sleep(0.05)  # five intervals, in which nothing may happen
        assert dev_chain.chain.head_number == stalled
        await client.get("devchain", "stall", False)
        client.notices.clear()
        await client.notice()


def test_block_times_follow_the_clock() -> None:
    now = START
    dev_chain = DevChain(SETTINGS, clock=lambda: now)
    times = []
    for seconds in (3, 3, 0, 10):
        now += seconds
        times.append(dev_chain.produce().time - START)
    assert times == [3, 6, 7, 16]


@pytest.mark.parametrize(
    "changes",
    [
        {"block_interval": -1},
        {"irreversible_lag": -1},
        {"registrar": "referrer"},
        {"registrar": "committee-account"},
        {"registrar": "Not A Name"},
        {"chain_id": "ab"},
    ],
)
def test_invalid_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        DevChainSettings(**changes)


def test_new_chain_has_a_random_id_by_default() -> None:
    ids = {
        new_dev_chain().chain_id,
        new_dev_chain().chain_id,
        new_dev_chain(replace(SETTINGS, chain_id="ab" * 32)).chain_id,
    }
    assert len(ids) == 3
    assert "ab" * 32 in ids
