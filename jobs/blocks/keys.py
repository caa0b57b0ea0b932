"""The keys of accounts as blocks show them: by them a signup is known that another faucet, or a lost ledger, served."""

from collections.abc import Iterator, Mapping
from typing import Any

from chain.blocks import Block, BlockTransaction
from chain.packing import ACCOUNT_UPDATE
from chain.slices import map_in_slices
from jobs.ledger.keys import Keys, digest_of, digest_of_key
from jobs.settings import Settings


async def keys_shown(block: Block, settings: Settings, ids: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """(name, account id, digest of its keys) of the accounts registered in `block`, by anyone.

    Those that anybody but the holder of these keys may sign for are left out, unless it is whom `settings` add to every
    account; `ids` are the account ids of those.
    """
    shown = await map_in_slices(lambda transaction: list(_shown(transaction, settings, ids)), block.transactions)
    return tuple(each for part in shown for each in part)


def _shown(transaction: BlockTransaction, settings: Settings, ids: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    additional = {*settings.additional_owner_keys, *settings.additional_active_keys}
    made = transaction.made
    for position, name, plain in transaction.operations.registrations():
        keys: Keys | None = plain
        if plain is None or not additional.isdisjoint(plain):
            _, body = transaction.operations[position]
            keys = _keys(body, settings, ids)
        if keys is not None and (account_id := made[position]) is not None:
            yield name, account_id, digest_of(keys)


def keys_changed(block: Block) -> tuple[tuple[str, str | None], ...]:
    """(account id, digest of its memo key) of the accounts whose keys `block` may have changed.

    None where an authority was set, or it is not known what was: of a large operation little is kept.
    """
    return tuple(
        (body["account"], _memo_alone(body))
        for transaction in block.transactions
        for _, body in transaction.operations.of_kind(ACCOUNT_UPDATE)
    )


def _memo_alone(body: Mapping[str, Any]) -> str | None:
    """The digest of the memo key, where an account_update sets no other."""
    match body:
        case {"new_options": {"memo_key": str(key)}} if body.get("owner") is None and body.get("active") is None:
            return digest_of_key(key)
    return None


def _keys(body: Mapping[str, Any], settings: Settings, ids: Mapping[str, str]) -> Keys | None:
    owner = _own_key(body["owner"], settings.additional_owner_keys, settings.additional_owner_accounts, ids)
    active = _own_key(body["active"], settings.additional_active_keys, settings.additional_active_accounts, ids)
    return None if owner is None or active is None else (owner, active, body["options"]["memo_key"])


def _own_key(
    authority: Mapping[str, Any], keys: tuple[str, ...], accounts: tuple[str, ...], ids: Mapping[str, str]
) -> str | None:
    """The one key of `authority`, beside `keys` and `accounts` where it has all of those; None without such a one."""
    found, members = dict(authority["key_auths"]), dict(authority["account_auths"])
    if authority["weight_threshold"] != 1 or {*found.values(), *members.values()} != {1} or authority["address_auths"]:
        return None
    if members.keys() == {ids.get(name, name) for name in accounts} and set(keys) <= found.keys():
        own = found.keys() - set(keys)
    else:
        own = set() if members else set(found)
    return next(iter(own)) if len(own) == 1 else None
