"""What a registration costs, and when its fee steps up."""

from chain.transactions import operation_size
from tests.harness.dev_chain import (
    PLAIN,
    REGISTRAR,
    SETTINGS,
    new_chain,
    payment,
    refusal,
    register,
    registration,
    signed,
)

BASIC_FEE = 500_000
FEE = BASIC_FEE + 153 * 100_000 // 1024  #: of a name of 14 characters


def test_fee_is_the_basic_fee_plus_the_size() -> None:
    chain = new_chain()
    operation = registration(chain, "account-000001")
    size = operation_size(operation, SETTINGS.prefix) - 1
    assert operation[1]["fee"]["amount"] == FEE == BASIC_FEE + size * 100_000 // 1024


def test_fee_of_a_premium_name() -> None:
    chain = new_chain()
    assert registration(chain, "bananapie")[1]["fee"]["amount"] > 200_000_000


def test_offered_fee_is_paid_in_full() -> None:
    chain = new_chain()
    before = chain.state.balances[REGISTRAR]
    chain.push(signed(chain, registration(chain, "alice-1", fee=700_000), payment(chain, 300)))
    assert chain.state.balances[REGISTRAR] == before - 700_000 - 2_000_000 - 300
    assert chain.state.balances[PLAIN] == 300


def test_fee_steps_up_with_the_number_of_registrations() -> None:
    chain = new_chain(accounts_per_fee_scale=3, account_fee_scale_bitshifts=4)
    register(chain, "alice-1", "alice-2", "alice-3")
    assert chain.state.numbers["basic_fee"] == BASIC_FEE * 16
    cheap = signed(chain, registration(chain, "alice-4", fee=BASIC_FEE * 2))
    error = refusal(chain, cheap)
    assert error["data"]["code"] == 3030007
    assert error["data"]["stack"][0]["data"]["required"] > BASIC_FEE * 16


def test_operations_after_the_fee_step_cost_more() -> None:
    chain = new_chain(accounts_per_fee_scale=3, account_fee_scale_bitshifts=4)
    operations = [registration(chain, f"alice-{i}") for i in range(4)]
    error = refusal(chain, signed(chain, *operations))
    assert error["data"]["stack"][0]["data"]["core_fee_paid"] < BASIC_FEE * 2
    rejected = next(frame for frame in error["data"]["stack"] if frame["context"]["method"] == "apply_operation")
    assert rejected["data"]["op"][1]["name"] == "alice-3"


def test_maintenance_resets_the_fee() -> None:
    chain = new_chain(accounts_per_fee_scale=2, account_fee_scale_bitshifts=4, maintenance_interval=5)
    register(chain, "alice-1", "alice-2")
    while chain.produce().time % 5:
        pass
    assert (chain.state.numbers["registered"], chain.state.numbers["basic_fee"]) == (0, BASIC_FEE)
