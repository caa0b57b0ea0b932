"""What operations cost (chain source, fee_schedule.cpp, account.cpp and assert.cpp)."""

from dataclasses import dataclass

from chain.names import is_cheap

SCALE = 10_000  #: the schedule's scale counts ten-thousandths
KBYTE = 1024


def _data_fee(size: int, price_per_kbyte: int) -> int:
    return size * price_per_kbyte // KBYTE


@dataclass(frozen=True, slots=True)
class AccountCreateFee:
    """The fee parameters of account_create, satoshi of the core asset."""

    basic_fee: int
    premium_fee: int
    price_per_kbyte: int
    scale: int = SCALE

    def required(self, name: str, size: int) -> int:
        """Satoshi for registering `name` by an operation whose body takes `size` bytes."""
        fee = self.basic_fee if is_cheap(name) else self.premium_fee
        return (fee + _data_fee(size, self.price_per_kbyte)) * self.scale // SCALE


@dataclass(frozen=True, slots=True)
class TransferFee:
    """The fee parameters of transfer, satoshi of the core asset."""

    fee: int
    price_per_kbyte: int
    scale: int = SCALE

    def required(self, memo_size: int = 0) -> int:
        """Satoshi for a transfer; only a memo, `memo_size` bytes, is paid by its size."""
        return (self.fee + _data_fee(memo_size, self.price_per_kbyte)) * self.scale // SCALE


@dataclass(frozen=True, slots=True)
class AssertFee:
    """The fee parameter of assert, satoshi of the core asset."""

    fee: int
    scale: int = SCALE

    def required(self, predicates: int = 1) -> int:
        """Satoshi for an assertion of so many predicates; its size costs nothing."""
        return self.fee * predicates * self.scale // SCALE
