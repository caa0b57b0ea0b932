"""The clock of the machine that the faucet runs on is set an hour wrong."""

import os
import signal
from pathlib import Path

import pytest

from tests.harness.fault_scenario import CLOCKED, healing

pytestmark = pytest.mark.usefixtures("every_flavour")

RIGHT = (CLOCKED, "0")
HOUR_AHEAD, HOUR_BACK = signal.SIGUSR1, signal.SIGUSR2


async def test_clock_jumps_an_hour_ahead(tmp_path: Path) -> None:
    """Every node looks an hour behind, so none is used until the clock is right; signups are accepted meanwhile."""

    async with healing(tmp_path, script=RIGHT) as scene:
        await scene.broadcast("before-1")
        os.kill(scene.service.pid, HOUR_AHEAD)
        await scene.told("head", "seconds old")
        await scene.chain.control("stall", False)
        await scene.sign_up("ahead-1")
        os.kill(scene.service.pid, HOUR_BACK)


async def test_clock_jumps_an_hour_back(tmp_path: Path) -> None:
    """Expirations count from the chain's blocks, so all goes on, and stays so when the clock is right again."""

    async with healing(tmp_path, script=RIGHT) as scene:
        await scene.broadcast("before-1")
        os.kill(scene.service.pid, HOUR_BACK)
        await scene.chain.control("stall", False)
        await scene.sign_up("back-1")
        await scene.reach("done")
        os.kill(scene.service.pid, HOUR_AHEAD)
        await scene.sign_up("right-1")
