"""The clock of the machine that the faucet runs on is set an hour wrong."""

import os
import signal
from pathlib import Path

import pytest

from tests.harness.fault_scenario import CLOCKED, fault_scenario

pytestmark = pytest.mark.usefixtures("every_flavour")

RIGHT = (CLOCKED, "0")
HOUR_AHEAD, HOUR_BACK = signal.SIGUSR1, signal.SIGUSR2


async def test_clock_jumps_an_hour_ahead(tmp_path: Path) -> None:
    """Every node seems an hour behind, so none is used until the clock is right; signups are still accepted."""

    async with fault_scenario(tmp_path, script=RIGHT) as scenario:
        await scenario.broadcast("before-1")
        os.kill(scenario.service.pid, HOUR_AHEAD)
        await scenario.reported("head", "seconds old")
        await scenario.chain.control("stall", False)
        await scenario.sign_up("ahead-1")
        os.kill(scenario.service.pid, HOUR_BACK)


async def test_clock_jumps_an_hour_back(tmp_path: Path) -> None:
    """Expirations count from block times, so all goes on, also when the clock is right again."""

    async with fault_scenario(tmp_path, script=RIGHT) as scenario:
        await scenario.broadcast("before-1")
        os.kill(scenario.service.pid, HOUR_BACK)
        await scenario.chain.control("stall", False)
        await scenario.sign_up("back-1")
        await scenario.reach("done")
        os.kill(scenario.service.pid, HOUR_AHEAD)
        await scenario.sign_up("right-1")
