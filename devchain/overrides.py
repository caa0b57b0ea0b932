"""What comes over a chain by no transaction. Each is kept in the journal by its name and arguments."""

from collections.abc import Callable
from typing import Any

from devchain.blocks import Chain
from devchain.state import FOREVER, NEVER, authority


def set_parameters(chain: Chain, changes: dict[str, Any]) -> None:
    """Change chain parameters by name."""
    chain.change_parameters(**changes)


def set_balance(chain: Chain, name: str, satoshi: int) -> None:
    """Give the account `name` another balance."""
    chain.override(lambda state: state.put(state.balances, state.ids[name], satoshi))


def set_member(chain: Chain, name: str, member: bool) -> None:
    """Make the account `name` a lifetime member, or none."""
    until = FOREVER if member else NEVER
    chain.override(lambda state: state.change_account(name, membership_expiration_date=until))


def set_key(chain: Chain, name: str, public_key: str) -> None:
    """Let only `public_key` sign for the account `name`."""
    only = authority(public_key)
    chain.override(lambda state: state.change_account(name, active=only, owner=only))


OVERRIDES: dict[str, Callable[..., None]] = {
    override.__name__: override for override in (set_parameters, set_balance, set_member, set_key)
}
