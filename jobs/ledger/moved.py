"""Why nobody may use a ledger that was moved elsewhere, or that another one is being moved to."""

from shlex import quote

from jobs.ledger.errors import LedgerError

MOVED = "SELECT moved_to, moving_from FROM ledger"


def why_unused(moved_to: str | None, moving_from: str | None) -> LedgerError | None:
    """What to raise instead of using a ledger with this row; None where it is in use."""
    if moved_to is not None:
        return LedgerError(
            f"this ledger was moved to {moved_to}, which is the one to use; "
            f"`faucet.py move --from {quote(moved_to)} --to …` moves it back, to a new place"
        )
    if moving_from is not None:
        return LedgerError(
            f"the ledger {origin_of(moving_from)} is being moved here, and is not whole yet: run the same "
            "`faucet.py move` again, which goes on where it stopped"
        )
    return None


def moving(identity: str, place: str) -> str:
    """What the new place of a ledger keeps of the old one."""
    return f"{identity} {place}"


def identity_of(moving_from: str | None) -> str | None:
    """Which ledger is being moved."""
    return None if moving_from is None else moving_from.partition(" ")[0]


def origin_of(moving_from: str) -> str:
    """Where it was, for people."""
    return moving_from.partition(" ")[2]
