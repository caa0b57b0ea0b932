"""The most telling tests of the program, on a chain like BitShares; FLAVOURS=all runs all of them there."""

import functools
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from devchain import Flavour
from tests.chaos import test_chaos as chaos
from tests.end_to_end import test_end_to_end as end_to_end
from tests.faults import test_answers as answers
from tests.faults import test_blocks as blocks
from tests.faults import test_killed as killed
from tests.faults import test_link as link
from tests.faults import test_money as money
from tests.harness.flavours import flavoured

Scenario = Callable[[Path], Awaitable[None]]

WHOLE: list[Scenario] = [
    end_to_end.test_signup_becomes_an_account_with_its_keys,
    end_to_end.test_initial_balance_is_paid_once,
    end_to_end.test_name_registered_elsewhere_fails_the_job,
    end_to_end.test_fee_step_is_paid,
    blocks.test_unbroadcast_transaction_expires_and_is_signed_again,
    link.test_failover_amid_a_batch,
    money.test_registrar_out_of_funds_and_refilled,
    money.test_changed_registrar_key_pauses_the_drain,
]
#: The steps at which the faucet is killed: those that learn ids, and those that use them.
STEPS = [
    "after:drain.record_signed:1",
    "after:node.broadcast:1",
    "after:node.account_ids:1",
    "after:blocks.finalize:1",
    "before:drain.record_signed:2",
    "after:node.broadcast:2",
]
PARTS: dict[str, Scenario] = {
    **{step: functools.partial(killed.test_faucet_killed_at_any_step_resumes, step=step) for step in STEPS},
    "chaos": functools.partial(chaos.test_records_agree_after_chaos, lies=False),
    "orphaned unpaid": functools.partial(blocks.test_orphaned_blocks, blocks=1, paid=False),
    "orphaned paid": functools.partial(blocks.test_orphaned_blocks, blocks=5, paid=True),
    "lost after it was applied": functools.partial(answers.test_faulty_calls_lose_nothing, fault="drop_after"),
}


@pytest.mark.parametrize("scenario", WHOLE, ids=lambda scenario: scenario.__name__)
async def test_fault_scenario_passes_on_bitshares(tmp_path: Path, scenario: Scenario) -> None:
    with flavoured(Flavour.BITSHARES):
        await scenario(tmp_path)


@pytest.mark.parametrize("part", PARTS)
async def test_part_of_a_fault_scenario_passes_on_bitshares(tmp_path: Path, part: str) -> None:
    with flavoured(Flavour.BITSHARES):
        await PARTS[part](tmp_path)
