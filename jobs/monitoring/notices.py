"""What waits for an operator's decision, in sentences. Pure."""

from jobs.errors import Code, FaucetError
from jobs.settings import Settings


def held_payments(count: int) -> str | None:
    """That `count` initial balances are held; None for none."""
    if not count:
        return None
    what = "An initial balance is" if count == 1 else f"{count:,} initial balances are"
    return (
        f"{what} held: it expired, and one stranger's node alone says that no block holds it. "
        "Look for it on the chain. If a block holds it, run: faucet.py refollow; if none does, release it."
    )


def owed_payments(count: int) -> str | None:
    """That `count` accounts wait for an initial balance though none is configured; None for none."""
    if not count:
        return None
    who = "an account waits" if count == 1 else f"{count:,} accounts wait"
    return f"Initial balances are switched off, and {who} for one: switch them on again, or run: faucet.py waive"


def check_waivable(settings: Settings) -> None:
    """Raise FaucetError `bad_request` while initial balances are switched on: they are on their way then."""
    if settings.payment is not None:
        raise FaucetError(
            Code.BAD_REQUEST,
            "Initial balances are switched on: what is owed is paid. To waive it, switch them off first.",
        )
