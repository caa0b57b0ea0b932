"""A node that loses calls, or answers them late, wrongly or not at all."""

from pathlib import Path

import pytest

from tests.harness.fault_scenario import fault_scenario

pytestmark = pytest.mark.usefixtures("every_flavour")

LOCK_TIMEOUT = 0.4  #: seconds that the faucet waits for an answer
CLOCK_SLACK = 0.6  #: seconds after which a late one comes

FAULTS = [
    "drop_before", "drop_after", "half_reply", "hang", "late", "garbage", "wrong_id", "wrong_type", "huge_reply",
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
async def test_faulty_calls_lose_nothing(tmp_path: Path, fault: str) -> None:
    """Broadcasts first, then any calls, a new connection's first ones included."""

    async with fault_scenario(tmp_path, node_timeout=LOCK_TIMEOUT) as scenario:
        wrong = {"do": fault, "seconds": CLOCK_SLACK}
        await scenario.chain.control("fault", {**wrong, "on": "broadcast_transaction", "times": 3})
        await scenario.sign_up("broadcast-1", "broadcast-2")
        await scenario.reach("registered", "funding", "funded", "done")
        await scenario.chain.control("fault", {**wrong, "on": "*", "times": 2})
        await scenario.sign_up("any-1")
