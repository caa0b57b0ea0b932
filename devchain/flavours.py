"""The chains that the dev chain can behave like."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Flavour(StrEnum):
    """A chain whose nodes were recorded: see tests/data."""

    PEERPLAYS = "peerplays"
    BITSHARES = "bitshares"

    @property
    def traits(self) -> "Traits":
        """How it differs from others."""
        return _TRAITS[self]


@dataclass(frozen=True, slots=True)
class Traits:
    """How a flavour differs from others, beside the words of its errors."""

    symbol: str  #: of the core asset, by default, and what public keys begin with
    has_results: bool  #: blocks contain operation results
    takes_foreign_keys: bool  #: public keys may begin with another chain's prefix
    knows_nobody: bool  #: an unknown account has an empty balance instead of being an error
    reserved_ending: str | None  #: that no name may have
    first_accounts: tuple[str, ...]  #: those that the chain begins with, in the order of their ids (db_init.cpp)


_SPECIAL = (
    "committee-account", "witness-account", "relaxed-committee-account", "null-account", "temp-account",
    "proxy-to-self",
)  # fmt: skip
_TRAITS: Mapping[Flavour, Traits] = {
    Flavour.PEERPLAYS: Traits(
        symbol="TEST",
        has_results=True,
        takes_foreign_keys=True,
        knows_nobody=True,
        reserved_ending="-dividend-distribution",
        first_accounts=(*_SPECIAL, "default-dividend-distribution"),
    ),
    Flavour.BITSHARES: Traits(
        symbol="BTS",
        has_results=False,
        takes_foreign_keys=False,
        knows_nobody=False,
        reserved_ending=None,
        first_accounts=(*_SPECIAL, "init0"),  # the first of those that a genesis adds
    ),
}
