"""Transactions with assertions, for the dev chain."""

from collections.abc import Sequence
from typing import Any

from chain.packing import Operation
from chain.transactions import assert_account_name
from devchain.blocks import Chain
from tests.harness.dev_chain import PLAIN, REGISTRAR, paying

PLAIN_NAME = "plain-account1"
FEE = 100_000  #: for each predicate
UNTRUE = "p.account_id(db).name == p.name: "
FORBIDDEN = "unsigned(p.which()) < max_predicate_opcode: "
UNKNOWN = "maybe_found != nullptr: Unable to find Object"


def assertion(
    chain: Chain, account_id: str = PLAIN, name: str = PLAIN_NAME, *, payer: str = REGISTRAR, fee: int | None = None
) -> Operation:
    """An assertion with the fee that it costs now."""
    return paying(chain, assert_account_name(payer=payer, account_id=account_id, name=name), fee)


def asserting(chain: Chain, *predicates: Any, fee: int | None = None) -> Operation:
    """An assertion of any predicates."""
    number, body = assert_account_name(payer=REGISTRAR, account_id=PLAIN, name=PLAIN_NAME)
    return paying(chain, [number, {**body, "predicates": list(predicates)}], fee)


def named(account_id: str, name: str) -> list[Any]:
    return [0, {"account_id": account_id, "name": name}]


def balance(chain: Chain, account_id: str = REGISTRAR) -> int:
    return chain.state.balances[account_id]


def frame_methods(error: dict[str, Any]) -> Sequence[str]:
    return [frame["context"]["method"] for frame in error["data"]["stack"]]
