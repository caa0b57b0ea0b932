"""The calls that a node answers, as far as account creation, transfers and reading need them."""

from collections.abc import Callable
from typing import Any

from chain.devchain import errors
from chain.devchain.blocks import Block, Chain
from chain.devchain.evaluate import in_own_prefix, validate
from chain.transactions import ACCOUNT_CREATE, CORE_ASSET, TRANSFER, format_time, pack

APIS = {"login": 1, "network_broadcast": 3, "database": 4, "history": 5}
DYNAMIC_DATA = "2.3.0"


class Api:
    """Methods by name; each takes the call's arguments and returns the result. They raise NodeError."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._state = chain.state
        self._settings = chain.settings

    def method(self, name: str) -> Callable[..., Any] | None:
        """The method `name`; None if this node has none such."""
        return getattr(self, f"do_{name}", None)

    # Sessions. An API's number is the same for everybody, and every one answers every method.

    def do_login(self, _user: str, _password: str) -> bool:
        return True

    def do_database(self) -> int:
        return APIS["database"]

    def do_network_broadcast(self) -> int:
        return APIS["network_broadcast"]

    def do_history(self) -> int:
        return APIS["history"]

    def do_cancel_all_subscriptions(self) -> None:
        return None

    def do_set_subscribe_callback(self, _callback: int, _clear: bool = False) -> None:
        return None

    # The chain.

    def do_get_chain_id(self) -> str:
        return self._chain.chain_id

    def do_get_chain_properties(self) -> dict[str, Any]:
        immutable = {"min_committee_member_count": 11, "min_witness_count": 11, "num_special_accounts": 0}
        return {"id": "2.11.0", "chain_id": self._chain.chain_id, "immutable_parameters": immutable}

    def do_get_config(self) -> dict[str, Any]:
        return {
            "GRAPHENE_SYMBOL": self._settings.symbol,
            "GRAPHENE_ADDRESS_PREFIX": self._settings.prefix,
            "GRAPHENE_BLOCKCHAIN_PRECISION": 10**self._settings.precision,
            "GRAPHENE_BLOCKCHAIN_PRECISION_DIGITS": self._settings.precision,
            "GRAPHENE_MIN_ACCOUNT_NAME_LENGTH": 1,
            "GRAPHENE_MAX_ACCOUNT_NAME_LENGTH": 63,
            "GRAPHENE_100_PERCENT": 10000,
            "GRAPHENE_1_PERCENT": 100,
        }

    def do_get_global_properties(self) -> dict[str, Any]:
        parameters = self._chain.parameters
        transfer = {"fee": parameters.transfer_fee, "price_per_kbyte": parameters.transfer_price_per_kbyte}
        account_create = {
            "basic_fee": self._state.numbers["basic_fee"],
            "premium_fee": parameters.premium_fee,
            "price_per_kbyte": parameters.price_per_kbyte,
        }
        fees = [[TRANSFER, transfer], [ACCOUNT_CREATE, account_create]]
        shown = {
            "current_fees": {"parameters": fees, "scale": parameters.fee_scale},
            "block_interval": max(1, round(self._settings.block_interval)),
            "maintenance_interval": parameters.maintenance_interval,
            "maximum_transaction_size": parameters.maximum_transaction_size,
            "maximum_block_size": parameters.maximum_block_size,
            "maximum_time_until_expiration": parameters.maximum_time_until_expiration,
            "accounts_per_fee_scale": parameters.accounts_per_fee_scale,
            "account_fee_scale_bitshifts": parameters.account_fee_scale_bitshifts,
            "network_percent_of_fee": 2000,
            "lifetime_referrer_percent_of_fee": 3000,
        }
        return {"id": "2.0.0", "parameters": shown, "active_witnesses": ["1.6.1"], "next_available_vote_id": 1}

    def do_get_dynamic_global_properties(self) -> dict[str, Any]:
        chain = self._chain
        interval = chain.parameters.maintenance_interval
        return {
            "id": "2.1.0",
            "head_block_number": chain.head_number,
            "head_block_id": chain.head_id,
            "time": format_time(chain.head_time),
            "current_witness": "1.6.1",
            "next_maintenance_time": format_time((chain.head_time // interval + 1) * interval),
            "accounts_registered_this_interval": self._state.numbers["registered"],
            "dynamic_flags": 0,
            "last_irreversible_block_num": chain.irreversible,
        }

    # Objects and accounts; pending transactions are seen.

    def do_get_objects(self, ids: list[str]) -> list[dict[str, Any] | None]:
        return [self._object(object_id) for object_id in ids]

    def do_get_accounts(self, ids: list[str]) -> list[dict[str, Any] | None]:
        return [self._state.accounts.get(i) or self._state.by_name(i) for i in ids]

    def do_get_account_by_name(self, name: str) -> dict[str, Any] | None:
        return self._state.by_name(name)

    def do_lookup_account_names(self, names: list[str]) -> list[dict[str, Any] | None]:
        return [self._state.by_name(name) for name in names]

    def do_lookup_accounts(self, lower: str, limit: int) -> list[list[str]]:
        if limit > 1000:
            raise errors.assertion("limit <= 1000: ", method="lookup_accounts", file="database_api.cpp")
        return self._state.names_from(lower, limit)

    def do_get_account_count(self) -> int:
        return len(self._state.accounts)

    def do_get_account_balances(self, account_id: str, assets: list[str]) -> list[dict[str, Any]]:
        balance = self._state.balances.get(account_id, 0)
        wanted = assets or [CORE_ASSET]
        return [{"amount": balance if asset == CORE_ASSET else 0, "asset_id": asset} for asset in wanted]

    def do_get_named_account_balances(self, name: str, assets: list[str]) -> list[dict[str, Any]]:
        return self.do_get_account_balances(self._state.ids.get(name, ""), assets)

    def do_get_full_accounts(self, names: list[str], _subscribe: bool = False) -> list[list[Any]]:
        found = {name: self._state.accounts.get(name) or self._state.by_name(name) for name in names}
        return [[name, self._full(account)] for name, account in found.items() if account is not None]

    def do_lookup_asset_symbols(self, symbols: list[str]) -> list[dict[str, Any] | None]:
        return [self._asset() if symbol in (CORE_ASSET, self._settings.symbol) else None for symbol in symbols]

    def do_get_assets(self, ids: list[str]) -> list[dict[str, Any] | None]:
        return self.do_lookup_asset_symbols(ids)

    # Transactions and blocks.

    def do_get_required_fees(self, operations: list[Any], _asset: str) -> list[dict[str, Any]]:
        validate(operations)
        own = [in_own_prefix(operation, self._settings.prefix) for operation in operations]
        fees = [self._chain.evaluator.required_fee(operation) for operation in own]
        return [{"amount": fee, "asset_id": CORE_ASSET} for fee in fees]

    def do_validate_transaction(self, transaction: dict[str, Any]) -> dict[str, Any]:
        self._chain.validate_only(transaction)
        return transaction

    def do_get_transaction_hex(self, transaction: dict[str, Any]) -> str:
        signatures = transaction.get("signatures", [])
        return pack(transaction, self._settings.prefix).hex() + f"{len(signatures):02x}" + "".join(signatures)

    def do_broadcast_transaction(self, transaction: dict[str, Any]) -> None:
        self._chain.push(transaction)

    def do_get_block(self, number: int) -> dict[str, Any] | None:
        block = self._chain.block_at(number)
        return None if block is None else {**_header(block), "transactions": _transactions(block)}

    def do_get_block_header(self, number: int) -> dict[str, Any] | None:
        block = self._chain.block_at(number)
        return None if block is None else _header(block)

    def do_get_transaction(self, number: int, position: int) -> dict[str, Any]:
        block = self._chain.block_at(number)
        if block is None or position >= len(block.transactions):
            raise errors.assertion("opt_block && opt_block->transactions.size() > trx_num: ")
        return _transactions(block)[position]

    def do_get_recent_transaction_by_id(self, transaction_id: str) -> dict[str, Any] | None:
        recent = [entry for block in self._chain.blocks[-100:] for entry in block.transactions]
        found = [entry.body for entry in [*self._chain.pending, *recent] if entry.id == transaction_id]
        return found[0] if found else None

    def do_get_account_history(self, account_id: str, _stop: str, limit: int, _start: str) -> list[dict[str, Any]]:
        entries = [
            {"op": operation, "result": result, "block_num": block.number, "trx_in_block": number}
            for block in self._chain.blocks
            for number, entry in enumerate(block.transactions)
            for operation, result in zip(entry.body["operations"], entry.results, strict=True)
            if account_id in (*_parties(operation), result[1])
        ]
        numbered = [{"id": f"1.11.{i}", **entry} for i, entry in enumerate(entries)]
        return numbered[::-1][:limit]

    def _object(self, object_id: str) -> dict[str, Any] | None:
        if object_id == CORE_ASSET:
            return self._asset()
        if object_id == "2.0.0":
            return self.do_get_global_properties()
        if object_id == "2.1.0":
            return self.do_get_dynamic_global_properties()
        if object_id == DYNAMIC_DATA:
            return {"id": DYNAMIC_DATA, "current_supply": 10**15, "confidential_supply": 0, "accumulated_fees": 0}
        return self._state.accounts.get(object_id)

    def _asset(self) -> dict[str, Any]:
        options = {
            "max_supply": "1000000000000000", "market_fee_percent": 0, "issuer_permissions": 0, "flags": 0,
            "core_exchange_rate": {
                "base": {"amount": 1, "asset_id": CORE_ASSET}, "quote": {"amount": 1, "asset_id": CORE_ASSET},
            },
            "description": "", "extensions": [],
        }  # fmt: skip
        return {
            "id": CORE_ASSET,
            "symbol": self._settings.symbol,
            "precision": self._settings.precision,
            "issuer": "1.2.3",
            "options": options,
            "dynamic_asset_data_id": DYNAMIC_DATA,
        }

    def _full(self, account: dict[str, Any]) -> dict[str, Any]:
        names = {key: self._state.accounts[account[key]]["name"] for key in ("registrar", "referrer")}
        balance = self._state.balances.get(account["id"], 0)
        row = {"id": "2.5.0", "owner": account["id"], "asset_type": CORE_ASSET, "balance": balance}
        return {
            "account": account,
            "statistics": {"id": account["statistics"], "owner": account["id"], "total_ops": 0},
            "registrar_name": names["registrar"],
            "referrer_name": names["referrer"],
            "lifetime_referrer_name": names["referrer"],
            "votes": [], "balances": [row], "vesting_balances": [], "limit_orders": [], "call_orders": [],
            "settle_orders": [], "proposals": [], "assets": [], "withdraws": [],
        }  # fmt: skip


def _header(block: Block) -> dict[str, Any]:
    return {
        "previous": block.previous,
        "timestamp": format_time(block.time),
        "witness": "1.6.1",
        "next_secret_hash": "00" * 20,
        "previous_secret": "00" * 20,
        "transaction_merkle_root": "00" * 20,
        "extensions": [],
        "witness_signature": "20" + "00" * 64,
    }


def _transactions(block: Block) -> list[dict[str, Any]]:
    return [{**entry.body, "operation_results": entry.results} for entry in block.transactions]


def _parties(operation: list[Any]) -> list[str]:
    body = operation[1]
    return [body[key] for key in ("registrar", "from", "to") if key in body]
