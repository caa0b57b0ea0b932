"""Why a ledger can't be opened, or refuses a move."""


class LedgerError(Exception):
    """The ledger can't be used; the sentence says why."""


class OldLedgerError(LedgerError):
    """The ledger is of an earlier version: it is migrated when the faucet starts."""


class IllegalMoveError(Exception):
    """A job was about to make a move that `jobs.model.job.MOVES` does not hold: a fault of this program."""


class ConstraintError(Exception):
    """A change would have broken a rule of the schema, and was undone: a fault of this program."""
