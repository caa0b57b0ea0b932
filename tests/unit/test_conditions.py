"""Each condition of registering: when it fails, and its sentence."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from commands.nodecheck import LINES
from commands.preflight import OF_CONFIGURATION
from handlers.api.readiness import CHECKS
from handlers.pages.overview import NOTICES
from jobs.conditions import CONDITIONS, LedgerStatus, conditions, first_failing
from jobs.drain.context import OBSTACLES
from jobs.model.chain import ChainStatus
from jobs.model.operators import Pause
from jobs.settings import Settings
from tests.harness.serving import CHAIN_STATUS, NOW

PAYS: dict[str, Any] = {"enable_initial_balance": True, "initial_balance": Decimal(1)}
THROUGH_A_STRANGER: dict[str, Any] = {
    "stranger": True, "takes_assertions": True, "assertion_fee": 2_00000, "max_assertion_fee": 1_00000,
}  # fmt: skip


def failing(status: ChainStatus, settings: Settings | None = None, **ledger: Any) -> dict[str, str]:
    evaluated = conditions(status, settings or Settings(), NOW, LedgerStatus(**ledger))
    return {condition.name: condition.text for condition in evaluated if not condition.ok}


def test_consumers_name_declared_conditions_only() -> None:
    of_readiness = {name for names in CHECKS.values() for name in names}
    of_check = {name for names in LINES.values() for name in names}
    assert of_readiness | of_check | NOTICES | {*OBSTACLES} | OF_CONFIGURATION.keys() <= CONDITIONS.keys()


def test_healthy_faucet_has_no_failing_condition() -> None:
    assert failing(CHAIN_STATUS) == {}


def test_only_the_connection_fails_before_the_first_node() -> None:
    assert failing(ChainStatus()) == {"connection": "no node was reached yet"}


@pytest.mark.parametrize(
    ("status", "settings", "name", "sentence"),
    [
        ({}, {"witness_url": ()}, "nodes", "The configuration names no node: witness_url is empty."),
        ({"head_time": NOW - 61}, {}, "head", "is out of sync: its head block is 61 seconds old"),
        ({"missing": "b, c"}, {}, "accounts", "The chain has no account b, c, which the configuration names."),
        ({"registrar_id": None}, {}, "registrar", "The chain has no account faucet, which the configuration names."),
        ({"registrar_member": False}, {}, "membership", "The registrar faucet is not a lifetime member."),
        ({"symbol": "BTS"}, {"core_asset": "TEST"}, "asset", "has the core asset BTS, the configuration says TEST"),
        (
            {"max_fee": 5_00000}, {}, "fee",
            "An account costs 5.14941 TEST now, more than max_account_fee allows (5 TEST).",
        ),
        (
            {"transfer_fee": 20000, "max_transfer_fee": 10000}, PAYS, "fee",
            "A transfer costs 0.2 TEST now, more than max_account_fee allows (0.1 TEST).",
        ),
        (
            {"balance": 1, "budget": 10**12}, {"ready_signups": 0}, "account",
            "0.00001 TEST pays for 0 more signups at 5.14941 TEST",
        ),
        ({"budget": 5}, {}, "daily_budget", "daily_budget is 0.00005 TEST, and one signup takes 5.14941 TEST"),
    ],
)  # fmt: skip
def test_failing_condition_has_its_sentence(
    status: dict[str, Any], settings: dict[str, Any], name: str, sentence: str
) -> None:
    assert failing(replace(CHAIN_STATUS, **status), Settings(**settings))[name] == sentence


def test_head_ahead_of_the_clock_fails_untrusted_nodes_only() -> None:
    ahead = replace(CHAIN_STATUS, head_time=NOW + 100)
    assert failing(ahead) == {}
    assert "100 seconds ahead of this machine's clock" in failing(replace(ahead, stranger=True))["head"]


@pytest.mark.parametrize("options", [PAYS, {"proxy": "bob"}, {"default_referrer": "bob"}])
def test_dear_assertion_fails_where_a_signup_needs_one(options: dict[str, Any]) -> None:
    status = replace(CHAIN_STATUS, **THROUGH_A_STRANGER)
    sentence = "An assertion costs 2 TEST now, more than max_account_fee allows (1 TEST)."
    assert failing(status, Settings(**options))["fee"] == sentence
    assert failing(status) == {}


def test_initial_balance_without_assertions_needs_a_second_node() -> None:
    status = replace(CHAIN_STATUS, stranger=True, takes_assertions=False)
    first, second = "ws://a.example", "ws://b.example"
    assert failing(status, Settings(**PAYS, witness_url=(first,))).keys() == {"assertions"}
    assert failing(status, Settings(**PAYS, witness_url=(first, second))) == {}
    assert failing(status, Settings(witness_url=(first,))) == {}


def test_spent_budget_fails_until_midnight() -> None:
    assert failing(CHAIN_STATUS, spent=2_500_00000 - 5_14940) == {
        "budget": "The daily budget of 2,500 TEST is spent: it goes on at midnight UTC, or when daily_budget is raised."
    }


def test_pause_explains_itself() -> None:
    pause = Pause("Upgrade.", "ann", 0)
    assert failing(replace(CHAIN_STATUS, waiting="No node is in use."), drain=pause) == {"drain": "Upgrade."}
    assert failing(replace(CHAIN_STATUS, waiting="No node is in use.")) == {"drain": "No node is in use."}


def test_first_failing_condition_follows_the_given_order() -> None:
    status = replace(CHAIN_STATUS, registrar_member=False, key_matches=False)
    evaluated = conditions(status, Settings(), NOW)
    assert (first_failing(evaluated, ("head", "key", "membership")) or "").startswith("The key TEST5bPp does not match")
    assert first_failing(evaluated, ("head", "chain")) is None
