"""State changes without a transaction. The journal records each by name and arguments."""

from collections.abc import Callable
from typing import Any

from devchain.blocks import Chain
from devchain.state import FOREVER, NEVER, authority


def set_parameters(chain: Chain, changes: dict[str, Any]) -> None:
    """Change chain parameters by name."""
    chain.change_parameters(**changes)


def set_balance(chain: Chain, name: str, satoshi: int) -> None:
    """Set the balance of the account `name`."""
    chain.override(lambda state: state.put(state.balances, state.ids[name], satoshi))


def set_member(chain: Chain, name: str, member: bool) -> None:
    """Grant the account `name` lifetime membership, or revoke it."""
    until = FOREVER if member else NEVER
    chain.override(lambda state: state.change_account(name, membership_expiration_date=until))


def set_key(chain: Chain, name: str, public_key: str) -> None:
    """Replace both authorities of the account `name` by `public_key`."""
    only = authority(public_key)
    chain.override(lambda state: state.change_account(name, active=only, owner=only))


def set_authority(chain: Chain, name: str, role: str, changed: dict[str, Any]) -> None:
    """Replace the authority `role`, owner or active, of the account `name` by `changed`, as nodes show one."""
    chain.override(lambda state: state.change_account(name, **{role: changed}))


OVERRIDES: dict[str, Callable[..., None]] = {
    override.__name__: override for override in (set_parameters, set_balance, set_member, set_key, set_authority)
}
