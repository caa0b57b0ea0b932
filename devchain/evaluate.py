"""Checks operations against the state, and applies them.

Chain source: evaluator.hpp, account_evaluator.cpp, transfer_evaluator.cpp, assert_evaluator.cpp, db_balance.cpp.
"""

from typing import Any

from chain.fees import AccountCreateFee, AssertFee, TransferFee
from chain.transactions import CORE_ASSET, format_time
from devchain import errors
from devchain.assertions import AccountNamePredicate, Assert, AssetSymbolPredicate, Predicate
from devchain.errors import Frame, NodeError
from devchain.fields import Amount
from devchain.operations import AccountCreate, Authority, Body, DecodedOperation, Transfer
from devchain.settings import ChainParameters, DevChainSettings
from devchain.state import FOREVER, Keys, State, new_account

Result = list[Any]  #: [variant, value]: [0, {}] nothing, [1, "1.2.x"] an object's id

_FILES = {
    AccountCreate: "account_evaluator.cpp",
    Transfer: "transfer_evaluator.cpp",
    Assert: "assert_evaluator.cpp",
}


class Evaluator:
    """Applies operations to a state."""

    def __init__(self, settings: DevChainSettings, state: State) -> None:
        self.parameters: ChainParameters = settings.parameters
        self._symbol = settings.symbol
        self._precision = settings.precision
        self._state = state

    def apply(self, operation: DecodedOperation, now: int) -> Result:
        """Apply `operation` at head time `now`; its result. Raises NodeError that names the operation.

        Changes made before an error stay: the caller rolls the whole transaction back.
        """
        try:
            paid = self._check_fee(operation)
            result = self._evaluate(operation, now)
            self._adjust_balance(operation.body.payer, -paid)
        except NodeError as error:
            frame = Frame("apply_operation", "db_block.cpp", "", {"op": operation.as_json})
            raise error.through(Frame("start_evaluate", "evaluator.cpp"), frame) from None
        return result

    def required_fee(self, operation: DecodedOperation) -> int:
        """Satoshi that `operation` costs as the next one."""
        parameters, body = self.parameters, operation.body
        if isinstance(body, Transfer):
            price = parameters.transfer_price_per_kbyte
            return TransferFee(parameters.transfer_fee, price, parameters.fee_scale).required(operation.paid_size)
        if isinstance(body, Assert):
            return AssertFee(parameters.assert_fee, parameters.fee_scale).required(len(body.predicates))
        basic_fee = self._state.numbers["basic_fee"]
        premium_fee, price = parameters.premium_fee, parameters.price_per_kbyte
        schedule = AccountCreateFee(basic_fee, premium_fee, price, parameters.fee_scale)
        return schedule.required(body.name, operation.paid_size)

    def _check_fee(self, operation: DecodedOperation) -> int:
        """The fee that `operation` offers, which the chain checks first. Raises NodeError if it is too low."""
        paid = _core_amount(operation.body.fee)
        required = self.required_fee(operation)
        if paid < required:
            raise errors.insufficient_fee(paid, required)
        return paid

    def _evaluate(self, operation: DecodedOperation, now: int) -> Result:
        body = operation.body
        try:
            if isinstance(body, AccountCreate):
                return self._create_account(body, operation.as_json[1], now)
            return self._assert(body) if isinstance(body, Assert) else self._transfer(body)
        except NodeError as error:
            variable = "o" if isinstance(body, Assert) else "op"  # as the evaluator's source names it
            raise error.through(
                Frame("do_evaluate", _FILES[type(body)], "", {variable: operation.as_json[1]})
            ) from None

    def _create_account(self, body: AccountCreate, as_json: dict[str, Any], now: int) -> Result:
        """Register an account and count it, since the fee steps up with the count."""
        self._check_members(body, now)
        self._check_authority(body.owner)
        self._check_authority(body.active)
        self._check_proxy(body)
        if body.name in self._state.ids:
            error = _refused("current_account_itr == acnt_indx.indices().get<by_name>().end(): ", body)
            raise error.about(body.name)
        account = new_account(
            body.name,
            Keys(as_json["owner"], as_json["active"], as_json["options"]["memo_key"]),
            registrar=body.registrar,
            referrer=body.referrer,
            lifetime_referrer=self._account(body.referrer)["lifetime_referrer"],
            rewards_percent=body.referrer_percent,
            voting_account=body.options.voting_account,
        )
        account_id = self._state.add_account(account)
        self._count_registration()
        return [1, account_id]

    def _check_members(self, body: AccountCreate, now: int) -> None:
        if self._account(body.registrar)["membership_expiration_date"] != FOREVER:
            text = "fee_paying_account->is_lifetime_member(): Only Lifetime members may register an account."
            raise _refused(text, body)
        # ISO times sort as text.
        if self._account(body.referrer)["membership_expiration_date"] < format_time(now):
            text = "op.referrer(d).is_member(d.head_block_time()): The referrer must be either a lifetime or annual"
            raise _refused(f"{text} subscriber.", body)

    def _check_proxy(self, body: AccountCreate) -> None:
        try:
            self._account(body.options.voting_account)
        except NodeError as error:
            raise error.about("voting_account") from None

    def _check_authority(self, authority: Authority) -> None:
        if authority.members > self.parameters.maximum_authority_membership:
            raise errors.authority_too_large()
        for account_id, _ in authority.account_auths:
            if account_id not in self._state.accounts:
                raise errors.unknown_authority(account_id)

    def _count_registration(self) -> None:
        numbers, parameters = self._state.numbers, self.parameters
        registered = numbers["registered"] + 1
        self._state.put(numbers, "registered", registered)
        if registered % parameters.accounts_per_fee_scale == 0:
            fee = numbers["basic_fee"] << parameters.account_fee_scale_bitshifts
            self._state.put(numbers, "basic_fee", fee)

    def _transfer(self, body: Transfer) -> Result:
        sender, receiver = self._account(body.sender), self._account(body.receiver)
        amount = _core_amount(body.amount)
        balance = self._state.balances.get(body.sender, 0)
        if balance < amount:
            names = {"a": sender["name"], "t": receiver["name"]}
            amounts = {"total_transfer": self._readable(amount), "balance": self._readable(balance)}
            raise _insufficient_for_transfer({**names, **amounts})
        self._state.pay(body.sender, -amount)
        self._state.pay(body.receiver, amount)
        return [0, {}]

    def _assert(self, body: Assert) -> Result:
        for number, predicate in body.read_predicates():
            if number >= self.parameters.max_predicate_opcode:
                raise _refused("unsigned(p.which()) < max_predicate_opcode: ", body)
            self._check_predicate(predicate)
        return [0, {}]

    def _check_predicate(self, predicate: Predicate) -> None:
        """Raises NodeError unless the predicate is true. Parameters allow none on block ids."""
        if isinstance(predicate, AccountNamePredicate):
            if self._account(predicate.account_id)["name"] != predicate.name:
                raise _untrue("p.account_id(db).name == p.name: ")
        elif isinstance(predicate, AssetSymbolPredicate):
            if predicate.asset_id != CORE_ASSET:
                raise errors.unknown_object(predicate.asset_id)
            if predicate.symbol != self._symbol:
                raise _untrue("p.asset_id(db).symbol == p.symbol: ")

    def _adjust_balance(self, account_id: str, delta: int) -> None:
        """Add `delta` satoshi, zero or negative, to the account's balance. Raises NodeError."""
        balance = self._state.balances.get(account_id)
        if delta == 0:
            return
        if (balance or 0) < -delta:
            # An account without a balance object fails an earlier assertion than one with too little.
            expression = "delta.amount > 0" if balance is None else "itr->get_balance() >= -delta"
            raise self._insufficient_balance(expression, account_id, balance or 0, delta)
        self._state.pay(account_id, delta)

    def _insufficient_balance(self, expression: str, account_id: str, balance: int, delta: int) -> NodeError:
        text = f"{expression}: Insufficient Balance: ${{a}}'s balance of ${{b}} is less than required ${{r}}"
        amounts = {"b": self._readable(balance), "r": self._readable(-delta)}
        name = self._account(account_id)["name"]
        change = {"account": account_id, "delta": {"amount": delta, "asset_id": CORE_ASSET}}
        error = errors.assertion(text, "adjust_balance", "db_balance.cpp", a=name, **amounts)
        return error.through(Frame("adjust_balance", "db_balance.cpp", "", change))

    def _account(self, account_id: str) -> dict[str, Any]:
        """The account. Raises NodeError if there is none such."""
        account = self._state.accounts.get(account_id)
        if account is None:
            raise errors.unknown_object(account_id)
        return account

    def _readable(self, satoshi: int) -> str:
        """The amount with its symbol, as a node writes it: decimals only where there are any."""
        whole, rest = divmod(satoshi, 10**self._precision)
        decimals = f".{rest:0{self._precision}}" if rest else ""
        return f"{whole}{decimals} {self._symbol}"


def _core_amount(amount: Amount) -> int:
    """The amount in satoshi. Raises NodeError for another asset than the core one: there is no other."""
    if amount.asset_id != CORE_ASSET:
        raise errors.unknown_object(amount.asset_id)
    return amount.amount


def _refused(text: str, body: Body) -> NodeError:
    return errors.assertion(text, "do_evaluate", _FILES[type(body)])


def _untrue(text: str) -> NodeError:
    return errors.assertion(text, "operator()", _FILES[Assert])


def _insufficient_for_transfer(data: dict[str, str]) -> NodeError:
    expression = "insufficient_balance: Insufficient Balance: "
    text = "${balance}, unable to transfer '${total_transfer}' from account '${a}' to '${t}'"
    error = errors.assertion(expression + text, "do_evaluate", _FILES[Transfer], **data)
    outer = {"a": data["total_transfer"], "f": data["a"], "t": data["t"]}
    return error.through(Frame("do_evaluate", _FILES[Transfer], "Unable to transfer ${a} from ${f} to ${t}", outer))
