"""Why a ledger can't be opened, or refuses a move."""

from jobs.errors import Code, FaucetError


class LedgerError(Exception):
    """The ledger can't be used; the sentence says why."""


class OldLedgerError(LedgerError):
    """The ledger is of an earlier version: it is migrated when the faucet starts."""


def unavailable() -> FaucetError:
    """FaucetError `ledger_unavailable`, as clients read it; its cause is the engine's."""
    return FaucetError(Code.LEDGER_UNAVAILABLE, "The ledger can't be written now, please try again.", retry_after=5)


class IllegalMoveError(Exception):
    """A job was about to make a move that `jobs.model.job.MOVES` does not hold: a fault of this program."""


class ConstraintError(Exception):
    """A change would have broken a rule of the schema, and was undone: a fault of this program."""


def unfit_sentence(why: str) -> str:
    """That nothing is signed, since the database may forget it."""
    return f"The ledger's database could forget what it confirms, so nothing is signed: {why}."


class UnfitLedgerError(FaucetError):
    """What the transaction was to write ahead may be forgotten: it was undone, and must not be sent."""

    def __init__(self, why: str) -> None:
        super().__init__(Code.LEDGER_UNAVAILABLE, unfit_sentence(why), retry_after=5)


class DeposedError(FaucetError):
    """Another process owns the chain since: this one's write was undone, and it must send nothing more."""

    def __init__(self) -> None:
        super().__init__(Code.LEDGER_UNAVAILABLE, "Another process owns the chain now.", retry_after=5)
