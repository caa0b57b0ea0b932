"""The database API: what the chain holds, transactions that wait for a block included. Public methods are the calls."""

import re
from functools import partial
from typing import Annotated, Any

from msgspec import Meta

from chain.slices import map_in_slices
from chain.transactions import CORE_ASSET, format_time
from devchain import errors, objects
from devchain.applied import Block
from devchain.blocks import Chain
from devchain.fields import AssetId, wire_number
from devchain.operations import READ_SLICE, read_to_price
from devchain.subscriptions import Listener, Subscriptions
from devchain.transaction import pack_signatures, read_transaction

MAX_LOOKUP = 1000  #: names in one reply (database_api.cpp)

Number = Annotated[int, Meta(ge=0)]

_ID = re.compile(r"\d+\.\d+\.\d{1,15}")


class Database:
    """The API that reads the chain."""

    def __init__(self, chain: Chain, subscriptions: Subscriptions, listener: Listener) -> None:
        self._chain = chain
        self._state = chain.state
        self._settings = chain.settings
        self._subscriptions = subscriptions
        self._listener = listener

    # Subscriptions

    def set_block_applied_callback(self, callback: int) -> None:
        """Send the id of each new block to `callback`."""
        self._subscriptions.on_block(self._listener, callback)

    def set_subscribe_callback(self, callback: int, clear: bool) -> None:
        """Accepted, but object changes are never announced; clients can't tell that from no change."""

    def cancel_all_subscriptions(self) -> None:
        """End the block subscription."""
        self._subscriptions.cancel(self._listener)

    # The chain

    def get_chain_id(self) -> str:
        """The chain's id."""
        return self._chain.chain_id

    def get_chain_properties(self) -> dict[str, Any]:
        """The chain's id and what never changes."""
        return objects.chain_properties(self._chain)

    def get_config(self) -> dict[str, Any]:
        """What the node was compiled with."""
        return objects.config(self._settings)

    def get_global_properties(self) -> dict[str, Any]:
        """What the committee has set."""
        return objects.global_properties(self._chain)

    def get_dynamic_global_properties(self) -> dict[str, Any]:
        """The head and what it counts."""
        return objects.dynamic_global_properties(self._chain)

    # Objects and accounts

    def get_objects(self, ids: list[str]) -> list[dict[str, Any] | None]:
        """Each object, null where there is none such."""
        return [self._object(object_id) for object_id in ids]

    def get_accounts(self, ids: list[str]) -> list[dict[str, Any] | None]:
        """Each account by its id."""
        return [self._state.accounts.get(_checked_id(account_id)) for account_id in ids]

    def get_account_by_name(self, name: str) -> dict[str, Any] | None:
        """The account, null if there is none."""
        return self._state.by_name(name)

    def lookup_account_names(self, names: list[str]) -> list[dict[str, Any] | None]:
        """Each account by its name."""
        return [self._state.by_name(name) for name in names]

    def lookup_accounts(self, lower: str, limit: Number) -> list[list[str]]:
        """[name, id] in the order of names, from `lower` on."""
        if limit > MAX_LOOKUP:
            raise errors.assertion("limit <= 1000: ", "lookup_accounts", "database_api.cpp")
        return self._state.names_from(lower, limit)

    def get_account_count(self) -> int:
        """How many accounts there are."""
        return len(self._state.accounts)

    def get_key_references(self, keys: list[str]) -> list[list[str]]:
        """For each key the ids of the accounts whose authorities or memo key hold it."""
        return [[i for i, account in self._state.accounts.items() if _holds(account, key)] for key in keys]

    def get_full_accounts(self, names_or_ids: list[str], subscribe: bool) -> list[list[Any]]:  # noqa: ARG002  # as the call has it
        """[what was asked for, the account and what belongs to it] for each that there is."""
        found = {key: self._state.accounts.get(key) or self._state.by_name(key) for key in names_or_ids}
        return [[key, objects.full_account(self._state, account)] for key, account in found.items() if account]

    def get_account_balances(self, account: str, assets: list[AssetId]) -> list[dict[str, Any]]:
        """What the account id has of each asset; without any, of all that it has."""
        if _checked_id(account) not in self._state.accounts and not self._settings.flavour.traits.knows_nobody:
            raise errors.assertion("account_ptr: no such account", "get_account_from_string", "database_api.cpp")
        balance = self._state.balances.get(account)
        wanted = assets or ([] if balance is None else [CORE_ASSET])
        return [
            {"amount": wire_number(balance or 0) if asset == CORE_ASSET else 0, "asset_id": asset} for asset in wanted
        ]

    def get_named_account_balances(self, name: str, assets: list[AssetId]) -> list[dict[str, Any]]:
        """What the account has of each asset."""
        if name not in self._state.ids:
            raise errors.assertion("itr != accounts_by_name.end(): ", "get_named_account_balances", "database_api.cpp")
        return self.get_account_balances(self._state.ids[name], assets)

    def lookup_asset_symbols(self, symbols_or_ids: list[str]) -> list[dict[str, Any] | None]:
        """Each asset by its symbol or id."""
        known = (CORE_ASSET, self._settings.symbol)
        return [objects.core_asset(self._settings) if symbol in known else None for symbol in symbols_or_ids]

    def get_assets(self, ids: list[AssetId]) -> list[dict[str, Any] | None]:
        """Each asset by its id."""
        return self.get_objects(list(ids))

    # Transactions and blocks

    async def get_required_fees(self, ops: list[Any], asset: AssetId) -> list[dict[str, Any]]:
        """What each operation costs as the next one: a fee that steps up between them is not foreseen."""
        if asset != CORE_ASSET:
            raise errors.unknown_object(asset)
        operations = await map_in_slices(partial(read_to_price, prefix=self._settings.prefix), ops, READ_SLICE)
        fees = [self._chain.evaluator.required_fee(operation) for operation in operations]
        return [{"amount": wire_number(fee), "asset_id": CORE_ASSET} for fee in fees]

    def validate_transaction(self, trx: dict[str, Any]) -> dict[str, Any]:
        """The transaction as it would be applied; nothing is kept."""
        entry = self._chain.validate(trx)
        return {**entry.transaction.as_json, "operation_results": entry.results}

    def get_transaction_hex(self, trx: dict[str, Any]) -> str:
        """The bytes of the transaction, signatures included."""
        transaction, packed = read_transaction(trx, self._settings.prefix)
        return (packed + pack_signatures(transaction.signatures)).hex()

    def get_block(self, number: Number) -> dict[str, Any] | None:
        """The block, null beyond the head."""
        block = self._chain.block_at(number)
        return None if block is None else _block(block)

    def get_block_header(self, number: Number) -> dict[str, Any] | None:
        """The block without its transactions."""
        block = self._chain.block_at(number)
        return None if block is None else _header(block)

    def get_transaction(self, number: Number, position: Number) -> dict[str, Any]:
        """One transaction of a block."""
        block = self._chain.block_at(number)
        if block is None or position >= len(block.transactions):
            text = "opt_block->transactions.size() > trx_num: "
            raise errors.assertion(text, "get_transaction", "database_api.cpp")
        return block.transactions[position].as_json

    def get_recent_transaction_by_id(self, transaction_id: str) -> dict[str, Any] | None:
        """A transaction that has not expired, pending or in a block."""
        found = self._state.transactions.get(transaction_id)
        return None if found is None else found.as_json

    def _object(self, object_id: str) -> dict[str, Any] | None:
        kind, number = _checked_id(object_id).rsplit(".", 1)
        account = self._state.accounts.get(f"1.2.{number}")
        if kind == "1.2":
            return account
        if kind == "2.6" and account is not None:
            return objects.account_statistics(account)
        return objects.single(self._chain, object_id)


def _checked_id(text: str) -> str:
    if _ID.fullmatch(text) is None:
        raise errors.unreadable_id(text)
    return text


def _holds(account: dict[str, Any], key: str) -> bool:
    auths = [*account["owner"]["key_auths"], *account["active"]["key_auths"]]
    return key == account["options"]["memo_key"] or key in (entry[0] for entry in auths)


def _header(block: Block) -> dict[str, Any]:
    return {
        "previous": block.previous,
        "timestamp": format_time(block.time),
        "witness": objects.WITNESS,
        "next_secret_hash": "00" * 20,
        "previous_secret": "00" * 20,
        "transaction_merkle_root": "00" * 20,
        "extensions": [],
    }


def _block(block: Block) -> dict[str, Any]:
    """A block's signature is for other nodes, of which there are none."""
    transactions = [entry.as_json for entry in block.transactions]
    return {**_header(block), "witness_signature": "00" * 65, "transactions": transactions}
