"""Whether what the faucet owes may be waived. Pure."""

from jobs.errors import Code, FaucetError
from jobs.settings import Settings


def check_waivable(settings: Settings) -> None:
    """Raise FaucetError `bad_request` while initial balances are switched on: they are on their way then."""
    if settings.payment is not None:
        raise FaucetError(
            Code.BAD_REQUEST,
            "Initial balances are switched on: what is owed is paid. To waive it, switch them off first.",
        )
