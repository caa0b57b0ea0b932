"""What a transaction must fulfil, and what it changes (chain source: account_evaluator.cpp, transfer_evaluator.cpp)."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from chain.devchain import errors
from chain.devchain.settings import DevChainSettings
from chain.devchain.state import State, new_account
from chain.fees import AccountCreateFee, TransferFee
from chain.keys import InvalidKeyError, format_public_key, key_prefix, parse_public_key, recover
from chain.names import name_problem
from chain.transactions import ACCOUNT_CREATE, TRANSFER, Operation, operation_size, parse_time

COMMITTEE = "1.2.0"  #: takes the referrer's place without being a member
ANY_PREFIX = None

Result = list[Any]  #: [variant, value]: [0, {}] nothing, [1, "1.2.x"] an object's id


def validate(operations: Sequence[Operation]) -> None:
    """What the chain checks before it looks at its state. Raises NodeError, which names no operation."""
    if not operations:
        text = "operations.size() > 0: A transaction must have at least one operation"
        raise errors.assertion(text, method="validate", file="transaction.cpp")
    for number, body in operations:
        if number not in _EVALUATORS:
            raise errors.assertion("w < count(): ", method="set_which", file="static_variant.hpp")
        if number == ACCOUNT_CREATE:
            for key in _keys_of(body):
                _check_key(key)
            if name_problem(body["name"]) is not None:
                raise errors.assertion("is_valid_name( name ): ", method="validate", file="account.cpp")


def in_own_prefix(operation: Operation, prefix: str) -> Operation:
    """`operation` with its public keys as this chain writes them: a node takes any chain's (measured)."""
    number, body = operation
    if number != ACCOUNT_CREATE:
        return operation
    own = {key: format_public_key(parse_public_key(key, ANY_PREFIX), prefix) for key in _keys_of(body)}
    sides = {side: {**body[side], "key_auths": _own_auths(body[side], own)} for side in ("owner", "active")}
    options = {**body["options"], "memo_key": own[body["options"]["memo_key"]]}
    return [number, {**body, **sides, "options": options}]


def payer(operation: Operation) -> str:
    """The account whose active authority `operation` needs."""
    number, body = operation
    return str(body["registrar" if number == ACCOUNT_CREATE else "from"])


def check_authority(
    state: State, operations: Iterable[Operation], signatures: list[str], digest: bytes, prefix: str
) -> None:
    """Raises NodeError unless `signatures` are just what the payers' active authorities need."""
    keys = [_recover(digest, signature, prefix) for signature in signatures]
    if len(set(keys)) != len(keys):
        raise errors.duplicate_signature()
    used: set[str] = set()
    for account_id in {payer(operation) for operation in operations}:
        account = state.accounts.get(account_id)
        if account is None:
            text = "maybe_found != nullptr: Unable to find Object"
            raise errors.assertion(text, method="get", file="index.hpp", id=account_id)
        weights = {key: int(weight) for key, weight in account["active"]["key_auths"] if key in keys}
        if sum(weights.values()) < account["active"]["weight_threshold"]:
            raise errors.missing_authority(account)
        used.update(weights)
    if used != set(keys):
        raise errors.irrelevant_signature()


class Evaluator:
    """Applies operations to a state."""

    def __init__(self, settings: DevChainSettings, state: State) -> None:
        self._settings = settings
        self._state = state
        self.parameters = settings.parameters

    def apply(self, operation: Operation, now: int) -> Result:
        """Apply `operation` at head time `now`; its result. Raises NodeError that names the operation."""
        try:
            return _EVALUATORS[operation[0]](self, operation, now)
        except errors.NodeError as error:
            raise error.within("apply_operation", op=operation) from None

    def required_fee(self, operation: Operation) -> int:
        """Satoshi that `operation` costs as the next one."""
        parameters = self.parameters
        number, body = operation
        if number == TRANSFER:
            schedule = TransferFee(parameters.transfer_fee, parameters.transfer_price_per_kbyte, parameters.fee_scale)
            return schedule.required()
        fee = AccountCreateFee(
            self._state.numbers["basic_fee"],
            parameters.premium_fee,
            parameters.price_per_kbyte,
            parameters.fee_scale,
        )
        return fee.required(body["name"], operation_size(operation, self._settings.prefix) - 1)

    def create_account(self, operation: Operation, now: int) -> Result:
        """Register an account, and count it: the fee steps up after every so many."""
        body = operation[1]
        state = self._state
        if not _is_member(state.accounts[body["registrar"]], now, for_life=True):
            text = "fee_paying_account->is_lifetime_member(): Only Lifetime members may register an account."
            raise errors.assertion(text, file="account_evaluator.cpp")
        referrer = state.accounts.get(body["referrer"])
        if body["referrer"] != COMMITTEE and (referrer is None or not _is_member(referrer, now)):
            text = (
                "op.referrer(d).is_member(d.head_block_time()): "
                "The referrer must be either a lifetime or annual subscriber."
            )
            raise errors.assertion(text, file="account_evaluator.cpp")
        if body["name"] in state.ids:
            text = "current_account_itr == acnt_indx.indices().get<by_name>().end(): "
            raise errors.assertion(text, file="account_evaluator.cpp")
        self._charge(operation, body["registrar"])
        keys = (body["owner"], body["active"], body["options"]["memo_key"])
        account = new_account(body["name"], keys, registrar=body["registrar"], referrer=body["referrer"])
        account_id = state.add_account(account)
        self._count_registration()
        return [1, account_id]

    def transfer(self, operation: Operation, _now: int) -> Result:
        """Move core asset."""
        body = operation[1]
        amount = int(body["amount"]["amount"])
        balance = self._state.balances.get(body["from"], 0)
        if body["to"] not in self._state.accounts:
            text = "maybe_found != nullptr: Unable to find Object"
            raise errors.assertion(text, method="get", file="index.hpp", id=body["to"])
        if balance < amount:
            text = "insufficient_balance: Insufficient Balance: ${balance}, unable to transfer '${total_transfer}'"
            raise errors.assertion(text, file="transfer_evaluator.cpp", balance=self._readable(balance))
        self._charge(operation, body["from"], beside=amount)
        self._state.pay(body["from"], -amount)
        self._state.pay(body["to"], amount)
        return [0, {}]

    def _charge(self, operation: Operation, account_id: str, beside: int = 0) -> None:
        paid = int(operation[1]["fee"]["amount"])
        required = self.required_fee(operation)
        if paid < required:
            raise errors.insufficient_fee(paid, required)
        balance = self._state.balances.get(account_id, 0)
        if balance < paid + beside:
            text = "delta.amount > 0: Insufficient Balance: ${a}'s balance of ${b} is less than required ${r}"
            data = {"b": self._readable(balance), "r": self._readable(paid + beside)}
            raise errors.assertion(text, method="adjust_balance", file="db_balance.cpp", a=account_id, **data)
        self._state.pay(account_id, -paid)

    def _count_registration(self) -> None:
        numbers, parameters = self._state.numbers, self.parameters
        registered = numbers["registered"] + 1
        self._state.put(numbers, "registered", registered)
        if registered % parameters.accounts_per_fee_scale == 0:
            fee = numbers["basic_fee"] << parameters.account_fee_scale_bitshifts
            self._state.put(numbers, "basic_fee", fee)

    def _readable(self, satoshi: int) -> str:
        return f"{Decimal(satoshi).scaleb(-self._settings.precision)} {self._settings.symbol}"


_EVALUATORS: dict[int, Callable[[Evaluator, Operation, int], Result]] = {
    TRANSFER: Evaluator.transfer,
    ACCOUNT_CREATE: Evaluator.create_account,
}


def _is_member(account: dict[str, Any], now: int, *, for_life: bool = False) -> bool:
    until = parse_time(account["membership_expiration_date"])
    return until >= parse_time("2106-01-01T00:00:00") if for_life else until > now


def _keys_of(body: dict[str, Any]) -> list[str]:
    auths = [*body["owner"]["key_auths"], *body["active"]["key_auths"]]
    return [*(key for key, _ in auths), body["options"]["memo_key"]]


def _own_auths(side: dict[str, Any], own: dict[str, str]) -> list[list[Any]]:
    return [[own[key], int(weight)] for key, weight in side["key_auths"]]


def _check_key(text: str) -> None:
    try:
        parse_public_key(text, key_prefix(text))
    except InvalidKeyError:
        raise errors.unreadable_key() from None


def _recover(digest: bytes, signature: str, prefix: str) -> str:
    try:
        return format_public_key(recover(digest, bytes.fromhex(signature)), prefix)
    except ValueError as error:
        raise errors.bad_signature(str(error)) from None
