"""Lies about fees, balances and the chain's parameters."""

from dataclasses import dataclass
from typing import Any, ClassVar

from tests.harness.lying.lie import Lie, ObjectLie, Request, objects_with

TRANSFER, ACCOUNT_CREATE, ASSERTION = 0, 5, 36  #: operation numbers
EVERY_KIND = (TRANSFER, ACCOUNT_CREATE, ASSERTION)
REQUIRED, SCHEDULE = "required", "schedule"  #: the sources of fees: get_required_fees, the chain's fee schedule


def _altered(amount: int | str, times: float, fixed: int | None) -> int:
    return int(int(amount) * times) if fixed is None else fixed


@dataclass(frozen=True)
class Fees(Lie):
    """Operations of these kinds cost so many times as much, or a fixed number of satoshi, in one place or both."""

    times: float = 1
    fixed: int | None = None
    kinds: tuple[int, ...] = EVERY_KIND
    places: tuple[str, ...] = (REQUIRED, SCHEDULE)

    def change(self, request: Request, result: Any, /) -> Any:
        if request.method == "get_required_fees" and REQUIRED in self.places:
            return [self._fee(operation, fee) for operation, fee in zip(request.arguments[0], result, strict=True)]
        if SCHEDULE in self.places:
            for found in objects_with(result, "current_fees"):
                fees = found["current_fees"]["parameters"]
                found["current_fees"]["parameters"] = [self._entry(*entry) for entry in fees]
        return result

    def _fee(self, operation: Any, fee: dict[str, Any]) -> dict[str, Any]:
        if operation[0] not in self.kinds:
            return fee
        return {**fee, "amount": _altered(fee["amount"], self.times, self.fixed)}

    def _entry(self, kind: int, fees: dict[str, Any]) -> list[Any]:
        if kind not in self.kinds:
            return [kind, fees]
        return [kind, {member: _altered(fee, self.times, self.fixed) for member, fee in fees.items()}]


@dataclass(frozen=True)
class ChainParameter(ObjectLie):
    """A chain parameter has another value, such as 0 for max_predicate_opcode."""

    name: str
    value: Any
    member: ClassVar[str] = "accounts_per_fee_scale"

    def edit(self, found: dict[str, Any], /) -> None:
        found[self.name] = self.value


@dataclass(frozen=True)
class RegisteredAccounts(ObjectLie):
    """This many accounts were registered in the current maintenance interval."""

    number: int
    member: ClassVar[str] = "accounts_registered_this_interval"

    def edit(self, found: dict[str, Any], /) -> None:
        found["accounts_registered_this_interval"] = self.number


@dataclass(frozen=True)
class Balance(Lie):
    """Accounts have so many times as much, or a fixed number of satoshi; `account` None is all of them."""

    times: float = 1
    fixed: int | None = None
    account: str | None = None  #: an id or a name, as the client calls it
    methods: ClassVar[frozenset[str]] = frozenset({"get_account_balances", "get_named_account_balances"})

    def change(self, request: Request, result: Any, /) -> Any:
        if self.account not in (None, request.arguments[0]):
            return result
        return [{**entry, "amount": _altered(entry["amount"], self.times, self.fixed)} for entry in result]
