"""Operations in blocks that no chain has, or that few have."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from chain.transactions import account_create, transfer
from tests.harness.lying.lie import Ask, Json, Lie, Request

REGISTRAR, STRANGER, NOBODY = "1.2.7", "1.2.9", "1.2.123456"
DEPTH = 20_000  #: levels of a nested value
NESTED = "@nested@"  #: stands for such a value in what the encoder writes

_KEY = "TEST6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV"
_PAYMENT: dict[str, Any] = transfer(sender=REGISTRAR, receiver=NOBODY, amount=5)[1]


def _registration(registrar: str = STRANGER, **changes: Any) -> list[Any]:
    number, body = account_create(
        name="ghost-1",
        registrar=registrar,
        referrer=registrar,
        referrer_percent=0,
        owner_key=_KEY,
        active_key=_KEY,
        memo_key=_KEY,
    )
    return [number, {**body, **changes}]


#: Operations by what is odd about them. A node can't show the accounts that some of them name.
ODD_OPERATIONS: Mapping[str, Any] = {
    "null": None,
    "number": 5,
    "text": "transfer",
    "object": {"transfer": {}},
    "empty": [],
    "without a body": [5],
    "two bodies": [5, {}, {}],
    "negative number": [-1, {}],
    "huge number": [10**4000, {}],
    "fraction": [0.5, {}],
    "number as a text": ["0", {}],
    "flag": [True, {}],
    "nested number": [[0], {}],
    "unknown": [200, {"what": "is this?"}],
    "unknown list": [77, [1, [2]]],
    "unknown nested": [77, NESTED],
    "unknown surrogate": [77, "\ud800"],
    "null body": [5, None],
    "list body": [0, [1, 2]],
    "no members": [5, {}],
    "nested": [0, {**_PAYMENT, "memo": NESTED}],
    "surrogate": [0, {**_PAYMENT, "memo": "\udc00 x"}],
    "large": [0, {**_PAYMENT, "memo": "x" * 70_000}],
    "huge amount": [0, {**_PAYMENT, "amount": {"amount": 2**70, "asset_id": "1.3.0"}}],
    "amount of many digits": [0, {**_PAYMENT, "amount": {"amount": "9" * 5000, "asset_id": "1.3.0"}}],
    "negative amount": [0, {**_PAYMENT, "amount": {"amount": -1, "asset_id": "1.3.0"}}],
    "amount as a fraction": [0, {**_PAYMENT, "amount": {"amount": "5.0", "asset_id": "1.3.0"}}],
    "fee as a fraction": [0, {**_PAYMENT, "fee": {"amount": "5.0", "asset_id": "1.3.0"}}],
    "no fee": [0, {key: value for key, value in _PAYMENT.items() if key != "fee"}],
    "payment to nobody": [0, _PAYMENT],
    "payment to an impossible id": [0, {**_PAYMENT, "to": "1.2.999999999999999"}],
    "payment with a memo": [0, {**_PAYMENT, "memo": {"from": "x", "to": 5}}],
    "payment with extensions": [0, {**_PAYMENT, "extensions": [[7, {}]]}],
    "impossible name": _registration(name="Ghost One"),
    "long name": _registration(name="g" * 5000),
    "no account of that name": _registration(),
    "… by the registrar": _registration(REGISTRAR, name="ghost-2"),
    "no keys": _registration(REGISTRAR, owner={**_registration()[1]["owner"], "key_auths": []}),
    "authority of words": _registration(REGISTRAR, owner="nobody"),
    "key of no form": _registration(REGISTRAR, options={**_registration()[1]["options"], "memo_key": "?"}),
    "key that is none": _registration(REGISTRAR, options={**_registration()[1]["options"], "memo_key": "TEST1"}),
    "weights as texts": _registration(REGISTRAR, owner={**_registration()[1]["owner"], "key_auths": [[_KEY, "1"]]}),
    "votes": _registration(REGISTRAR, options={**_registration()[1]["options"], "votes": ["1:0"]}),
    "update of nothing": [6, {"account": NOBODY}],
    "update of words": [
        6,
        {"fee": _PAYMENT["fee"], "account": NOBODY, "new_options": "x", "owner": 5, "extensions": 1},
    ],
    "assertion of nothing": [36, {"fee": _PAYMENT["fee"], "fee_paying_account": REGISTRAR, "predicates": [[9, None]]}],
    "assertion of words": [36, "x"],
}

#: What stands where the results of one operation should.
ODD_RESULTS: tuple[Any, ...] = ([], None, "none", [[0, {}], [0, {}]], [[1, None]], [[1, "1.7.5"]], [[9, NESTED]], {}, 5)


@dataclass(frozen=True)
class OddOperations(Lie):
    """Each block holds a transaction for every odd operation, or one in `every` does."""

    every: int = 10
    methods: ClassVar[frozenset[str]] = frozenset({"get_block"})
    garbles: ClassVar[bool] = True

    async def serve(self, request: Request, ask: Ask, /) -> Any:
        block = await ask(request)
        if block is None or request.arguments[0] % self.every:
            return block
        odd = [_holding(block, operation) for operation in ODD_OPERATIONS.values()]
        odd += [_holding(block, [200, {}], operation_results=results) for results in ODD_RESULTS]
        odd += [_holding(block, [0, _PAYMENT], signatures=[])]
        text = json.dumps({**block, "transactions": [*odd, *block["transactions"]]})
        return Json(text.replace(f'"{NESTED}"', "[" * DEPTH + "]" * DEPTH))


def _holding(block: dict[str, Any], operation: Any, **changes: Any) -> dict[str, Any]:
    """A transaction of that block, with `operation` alone."""
    signature = "20" + hashlib.sha512(f"{block['previous']} {operation}".encode()).hexdigest()
    return {
        "ref_block_num": 1,
        "ref_block_prefix": 1,
        "expiration": block["timestamp"],
        "operations": [operation],
        "extensions": [],
        "signatures": [signature],
        **changes,
    }
