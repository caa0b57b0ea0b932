"""Every wallet in the field signs up, and shows its user why where it does not."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients.door import Door, account_of, door
from tests.clients.wallets import (
    SIGNED_UP,
    UNKNOWN,
    WALLETS,
    backend,
    bot,
    confused,
    core_gui,
    exchange,
    misconfigured,
    onboarding,
    trial,
)

#: What a refused signup shows, whatever the wallet.
TAKEN, PREMIUM, KEY = ["Account exists"], ["Only cheap names allowed!"], {"owner_key": ""}
NOBODY = ["Unknown referrer: nobody-1"]
MISSING = ["Please provide 'owner_key'"]

WAYS = pytest.mark.parametrize("through_nginx", [False, True], ids=["direct", "nginx"])
KINDS = pytest.mark.parametrize("old_clients", [False, True], ids=["new", "old"])


def settings(*, old_clients: bool) -> dict[str, Any]:
    """Of a faucet that every wallet of the field can use; old clients need no more than their own key."""
    served = {"old_clients": True} if old_clients else {"reply_wait": 15}
    return {"restrict_ip": False, **served}


@WAYS
@KINDS
async def test_every_wallet_signs_up_and_finds_its_account(
    tmp_path: Path, through_nginx: bool, old_clients: bool
) -> None:
    async with door(tmp_path, through_nginx=through_nginx, **settings(old_clients=old_clients)) as way:
        for number, wallet in enumerate(WALLETS):
            name = f"wallet-{number}"
            assert (wallet.__name__, await wallet(way, name)) == (wallet.__name__, SIGNED_UP)
            # It was held until the account was there.
            assert await way.on_chain(name) is not None
            again = account_of(name)
            if wallet is not backend:  # which gives the memo key's place to the active key
                assert (await way.post("/faucet", again)).json["account"]["name"] == name


@WAYS
@KINDS
async def test_every_wallet_shows_why_it_is_refused(tmp_path: Path, through_nginx: bool, old_clients: bool) -> None:
    """Those that read a reply of status 200 only show it where the faucet serves old clients."""

    async with door(tmp_path, through_nginx=through_nginx, **settings(old_clients=old_clients)) as way:
        for wallet in WALLETS:
            reads = old_clients or wallet is not backend
            assert await wallet(way, "premium") == (PREMIUM if reads else UNKNOWN), wallet.__name__
            assert await wallet(way, "wallet-1", **KEY) == (MISSING if reads else UNKNOWN), wallet.__name__
            if wallet not in (backend, exchange, onboarding, bot):  # which say themselves who refers
                assert await wallet(way, "wallet-1", referrer="nobody-1") == NOBODY, wallet.__name__


@WAYS
@KINDS
async def test_taken_name_is_understood_by_every_wallet(tmp_path: Path, through_nginx: bool, old_clients: bool) -> None:
    """A backend takes another one, if it can read that it must."""

    async with door(tmp_path, through_nginx=through_nginx, **settings(old_clients=old_clients)) as way:
        assert await core_gui(way, "null-account") == TAKEN
        assert await exchange(way, "null-account") == TAKEN
        assert await backend(way, "null-account") == (SIGNED_UP if old_clients else UNKNOWN)
        assert (await way.on_chain("null-account2") is not None) is old_clients


@WAYS
@KINDS
async def test_invalid_signup_costs_nothing(tmp_path: Path, through_nginx: bool, old_clients: bool) -> None:
    async with door(tmp_path, through_nginx=through_nginx, **settings(old_clients=old_clients)) as way:
        assert await trial(way, "alice-1") == ["tried out"]
        assert await misconfigured(way, "alice-1") == ["There is nothing at this address."] * 2
        (line,) = await confused(way, "alice-1")
        assert "consider it exposed" in line
        assert await way.on_chain("alice-1") is None
        assert await referrers(way) == {
            "1.2.0": "committee-account",
            "onboarding": "faucet",
            "referrer": "referrer",
        }


async def referrers(way: Door) -> dict[str, str]:
    """Whom the faucet names for what wallets say, in a dry run."""
    paths = {
        "1.2.0": "/1.2.0/api/v1/accounts",
        "onboarding": "/onboarding/api/v1/accounts",
        "referrer": "/referrer/api/v1/accounts",
    }
    named = {}
    for word, path in paths.items():
        reply = await way.post(f"{path}?dry_run=yes", account_of("alice-1"))
        named[word] = reply.json["account"]["referrer"]
    return named
