"""The chain's objects in the JSON of the API."""

from typing import Any

from chain.packing import ACCOUNT_CREATE, ASSERT, TRANSFER
from chain.transactions import CORE_ASSET, format_time
from devchain.blocks import Chain
from devchain.fields import wire_number
from devchain.settings import ChainParameters, DevChainSettings
from devchain.state import NETWORK_PERCENT, NEVER, REFERRER_PERCENT, State

WITNESS = "1.6.1"  #: makes every block
MAX_SUPPLY = 10**15
CORE_ASSET_DATA = "2.3.0"

Object = dict[str, Any]


def single(chain: Chain, object_id: str) -> Object | None:
    """An object of which the chain has just one."""
    match object_id:
        case "1.3.0":
            return core_asset(chain.settings)
        case "2.0.0":
            return global_properties(chain)
        case "2.1.0":
            return dynamic_global_properties(chain)
        case "2.3.0":
            return _core_asset_data()
        case "2.11.0":
            return chain_properties(chain)
    return None


def chain_properties(chain: Chain) -> Object:
    """2.11.0: what never changes."""
    immutable = {
        "min_committee_member_count": 11,
        "min_witness_count": 11,
        "min_son_count": 5,
        "num_special_accounts": 0,
        "num_special_assets": 0,
    }
    return {"id": "2.11.0", "chain_id": chain.chain_id, "immutable_parameters": immutable}


def config(settings: DevChainSettings) -> Object:
    """What a node is compiled with."""
    return {
        "GRAPHENE_SYMBOL": settings.symbol,
        "GRAPHENE_ADDRESS_PREFIX": settings.prefix,
        "GRAPHENE_MIN_ACCOUNT_NAME_LENGTH": 1,
        "GRAPHENE_MAX_ACCOUNT_NAME_LENGTH": 63,
        "GRAPHENE_MAX_SHARE_SUPPLY": wire_number(MAX_SUPPLY),
        "GRAPHENE_MAX_SIG_CHECK_DEPTH": 2,
        "GRAPHENE_MIN_TRANSACTION_SIZE_LIMIT": 1024,
        "GRAPHENE_MIN_BLOCK_INTERVAL": 1,
        "GRAPHENE_MAX_BLOCK_INTERVAL": 30,
        "GRAPHENE_BLOCKCHAIN_PRECISION": 10**settings.precision,
        "GRAPHENE_BLOCKCHAIN_PRECISION_DIGITS": settings.precision,
        "GRAPHENE_100_PERCENT": 10000,
        "GRAPHENE_1_PERCENT": 100,
        "GRAPHENE_COMMITTEE_ACCOUNT": "1.2.0",
        "GRAPHENE_NULL_ACCOUNT": "1.2.3",
        "GRAPHENE_TEMP_ACCOUNT": "1.2.4",
    }


def global_properties(chain: Chain) -> Object:
    """2.0.0: what the committee has set; the fee of the next registration, too."""
    parameters = chain.parameters
    as_json = {
        "current_fees": {"parameters": _fees(chain), "scale": parameters.fee_scale},
        "block_interval": max(1, round(chain.settings.block_interval)),
        "maintenance_interval": parameters.maintenance_interval,
        "maintenance_skip_slots": 0,
        "maximum_transaction_size": parameters.maximum_transaction_size,
        "maximum_block_size": parameters.maximum_block_size,
        "maximum_time_until_expiration": parameters.maximum_time_until_expiration,
        "maximum_authority_membership": parameters.maximum_authority_membership,
        "max_authority_depth": parameters.max_authority_depth,
        "max_predicate_opcode": parameters.max_predicate_opcode,
        "network_percent_of_fee": NETWORK_PERCENT,
        "lifetime_referrer_percent_of_fee": REFERRER_PERCENT,
        "accounts_per_fee_scale": parameters.accounts_per_fee_scale,
        "account_fee_scale_bitshifts": parameters.account_fee_scale_bitshifts,
        "extensions": {},
    }
    return {
        "id": "2.0.0",
        "parameters": as_json,
        "next_available_vote_id": 0,
        "active_committee_members": [],
        "active_witnesses": [WITNESS],
        "active_sons": [],
    }


def dynamic_global_properties(chain: Chain) -> Object:
    """2.1.0: the head and what it counts."""
    interval = chain.parameters.maintenance_interval
    return {
        "id": "2.1.0",
        "head_block_number": chain.head_number,
        "head_block_id": chain.head_id,
        "time": format_time(chain.head_time - chain.staleness),
        "current_witness": WITNESS,
        "next_maintenance_time": format_time((chain.head_time // interval + 1) * interval),
        "last_budget_time": NEVER,
        "witness_budget": 0,
        "last_son_payout_time": NEVER,
        "son_budget": 0,
        "accounts_registered_this_interval": chain.state.numbers["registered"],
        "recently_missed_count": 0,
        "current_aslot": chain.head_number,
        "recent_slots_filled": wire_number(2**64 - 1),
        "dynamic_flags": 0,
        "last_irreversible_block_num": chain.irreversible,
    }


def core_asset(settings: DevChainSettings) -> Object:
    """1.3.0: the only asset."""
    rate = {"amount": 1, "asset_id": CORE_ASSET}
    options: Object = {
        "max_supply": wire_number(MAX_SUPPLY),
        "market_fee_percent": 0,
        "max_market_fee": wire_number(MAX_SUPPLY),
        "issuer_permissions": 0,
        "flags": 0,
        "core_exchange_rate": {"base": rate, "quote": rate},
        "whitelist_authorities": [],
        "blacklist_authorities": [],
        "whitelist_markets": [],
        "blacklist_markets": [],
        "description": "",
        "extensions": [],
    }
    return {
        "id": CORE_ASSET,
        "symbol": settings.symbol,
        "precision": settings.precision,
        "issuer": "1.2.0",
        "options": options,
        "dynamic_asset_data_id": CORE_ASSET_DATA,
    }


def _core_asset_data() -> Object:
    """2.3.0: how much of the asset there is."""
    return {
        "id": CORE_ASSET_DATA,
        "current_supply": wire_number(MAX_SUPPLY),
        "confidential_supply": 0,
        "accumulated_fees": 0,
        "fee_pool": 0,
    }


def account_statistics(account: Object) -> Object:
    """2.6.x: fees are paid here, but nobody gets them."""
    return {
        "id": account["statistics"],
        "owner": account["id"],
        "name": account["name"],
        "most_recent_op": "2.9.0",
        "total_ops": 0,
        "removed_ops": 0,
        "total_core_in_orders": 0,
        "core_in_balance": 0,
        "has_cashback_vb": False,
        "is_voting": False,
        "lifetime_fees_paid": 0,
        "pending_fees": 0,
        "pending_vested_fees": 0,
        "last_vote_time": NEVER,
    }


def full_account(state: State, account: Object) -> Object:
    """An account with everything that belongs to it."""
    names = {role: state.accounts[account[role]]["name"] for role in ("registrar", "referrer", "lifetime_referrer")}
    nothing: Object = {
        key: []
        for key in (
            "votes", "vesting_balances", "limit_orders", "call_orders", "settle_orders", "proposals", "assets",
            "withdraws", "pending_dividend_payments",
        )
    }  # fmt: skip
    return {
        "account": account,
        "statistics": account_statistics(account),
        **{f"{role}_name": name for role, name in names.items()},
        "balances": _balances(state, account["id"]),
        **nothing,
    }


def _balances(state: State, account_id: str) -> list[Object]:
    """2.5.x: one for each asset that the account has ever had."""
    balance = state.balances.get(account_id)
    if balance is None:
        return []
    number = account_id.removeprefix("1.2.")
    return [
        {
            "id": f"2.5.{number}",
            "owner": account_id,
            "asset_type": CORE_ASSET,
            "balance": wire_number(balance),
            "maintenance_flag": False,
        }
    ]


def _fees(chain: Chain) -> list[list[Any]]:
    parameters: ChainParameters = chain.parameters
    transfer = {"fee": parameters.transfer_fee, "price_per_kbyte": parameters.transfer_price_per_kbyte}
    account_create = {
        "basic_fee": wire_number(chain.state.numbers["basic_fee"]),
        "premium_fee": wire_number(parameters.premium_fee),
        "price_per_kbyte": parameters.price_per_kbyte,
    }
    assertion = {"fee": wire_number(parameters.assert_fee)}
    return [[TRANSFER, transfer], [ACCOUNT_CREATE, account_create], [ASSERT, assertion]]
