"""The registrar's key: served wherever the chain takes it, and why not wherever it does not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chain.keys import format_public_key
from devchain.settings import published_key
from tests.harness.fault_scenario import Scenario
from tests.harness.flavours import prefix
from tests.harness.program import DevChainProgram, Faucet, command, dev_chain, faucet, on_chain, wait_ready

pytestmark = pytest.mark.usefixtures("every_flavour")

REFERRER, PLAIN = "1.2.8", "1.2.9"  #: accounts of the genesis, beside the registrar faucet
CONFIGURED, OTHER = "registrar", "other"  #: names of keys
STRANGERS_WIF = published_key("stranger").wif()

#: By an account's name and the role of an authority: its threshold, with weights of keys by name and of accounts by id.
Authorities = Mapping[tuple[str, str], tuple[int, dict[str, int]]]

LOCKED: Authorities = {("faucet", "active"): (1, {OTHER: 1}), ("faucet", "owner"): (1, {OTHER: 1})}
BEHIND_PLAIN: Authorities = {**LOCKED, ("faucet", "active"): (1, {PLAIN: 1})}

SERVED: dict[str, tuple[Authorities, str]] = {
    "weight reaches": ({**LOCKED, ("faucet", "active"): (2, {CONFIGURED: 2, OTHER: 1})}, "signs for faucet"),
    "owner": ({**LOCKED, ("faucet", "owner"): (1, {CONFIGURED: 1})}, "signs for faucet by its owner authority"),
    "account": (
        {**BEHIND_PLAIN, ("plain-account1", "active"): (1, {CONFIGURED: 1})},
        "signs for faucet through the account plain-account1",
    ),
    "account of an account": (
        {
            **LOCKED,
            ("faucet", "active"): (1, {REFERRER: 1}),
            ("referrer", "active"): (1, {PLAIN: 1}),
            ("plain-account1", "active"): (1, {CONFIGURED: 1}),
        },
        "signs for faucet through the account referrer",
    ),
    "account of the owner authority": (
        {**LOCKED, ("faucet", "owner"): (1, {PLAIN: 1}), ("plain-account1", "active"): (1, {CONFIGURED: 1})},
        "signs for faucet by its owner authority through the account plain-account1",
    ),
}

REFUSED: dict[str, tuple[Authorities, dict[str, Any], str]] = {
    "matches nothing": ({}, {"wif": STRANGERS_WIF}, "does not match the active authority of the registrar faucet."),
    "too little weight": (
        {**LOCKED, ("faucet", "active"): (2, {CONFIGURED: 1, OTHER: 1})},
        {},
        "has weight 1 in the active authority of the registrar faucet, but its threshold is 2: it can't sign alone.",
    ),
    "too little weight in owner": (
        {**LOCKED, ("faucet", "owner"): (3, {CONFIGURED: 2, OTHER: 1})},
        {},
        "has weight 2 in the owner authority of the registrar faucet, but its threshold is 3: it can't sign alone.",
    ),
    "memo key": (LOCKED, {}, "authority of the registrar faucet. It is only its memo key, which signs nothing."),
    "account of too little weight": (
        {
            **LOCKED,
            ("faucet", "active"): (2, {PLAIN: 1, OTHER: 1}),
            ("plain-account1", "active"): (1, {CONFIGURED: 1}),
        },
        {},
        (
            "The account plain-account1, for which the key signs, has weight 1 in the active authority "
            "of the registrar faucet, but its threshold is 2: it can't sign alone."
        ),
    ),
    "too little weight in the account": (
        {**BEHIND_PLAIN, ("plain-account1", "active"): (2, {CONFIGURED: 1, OTHER: 1})},
        {},
        (
            "has weight 1 in the active authority of the account plain-account1, which may act for the registrar "
            "faucet, but its threshold is 2: it can't sign alone."
        ),
    ),
    "owner authority of the account": (
        {
            **BEHIND_PLAIN,
            ("plain-account1", "active"): (1, {OTHER: 1}),
            ("plain-account1", "owner"): (1, {CONFIGURED: 1}),
        },
        {},
        (
            "is in the owner authority of the account plain-account1, which may act for the registrar faucet by its "
            "active authority alone."
        ),
    ),
}


async def set_authorities(chain: DevChainProgram, authorities: Authorities) -> None:
    for (name, role), (threshold, weights) in authorities.items():
        keys = {
            format_public_key(published_key(each).public, prefix()): weight
            for each, weight in weights.items()
            if each not in (REFERRER, PLAIN)
        }
        accounts = {each: weight for each, weight in weights.items() if each in (REFERRER, PLAIN)}
        changed = {
            "weight_threshold": threshold,
            "account_auths": list(accounts.items()),
            "key_auths": sorted(keys.items()),
            "address_auths": [],
        }
        await chain.control("set_authority", name, role, changed)


async def key_line(service: Faucet) -> str:
    """The line of `check` about the key."""
    _, output, _ = await command("check", "--config", str(service.config))
    (line,) = [line for line in output.splitlines() if line.split(":")[0].split()[1] == "key"]
    return line


@pytest.mark.parametrize(("authorities", "words"), SERVED.values(), ids=SERVED)
async def test_key_that_the_chain_takes_is_served(tmp_path: Path, authorities: Authorities, words: str) -> None:
    async with dev_chain() as chain:
        await set_authorities(chain, authorities)
        async with faucet(tmp_path, chain.url) as service:
            await wait_ready(service)
            job = (await service.sign_up("alice-1")).body["job"]["id"]
            await service.job(job, until="done")
            assert words in (await service.fetch("/readyz")).body["checks"]["key"]["text"]
        line = await key_line(service)
        assert line.startswith("ok")
        assert words in line


@pytest.mark.parametrize(("authorities", "change", "words"), REFUSED.values(), ids=REFUSED)
async def test_key_that_the_chain_refuses_is_told_apart(
    tmp_path: Path, authorities: Authorities, change: dict[str, Any], words: str
) -> None:
    """Everywhere in the same words; signups wait."""
    async with dev_chain() as chain:
        await set_authorities(chain, authorities)
        line = await key_line(Faucet(tmp_path, on_chain(chain.url, **change)))
        assert line.startswith("FAIL")
        assert words in line
        async with faucet(tmp_path, chain.url, **change) as service:
            scenario = Scenario(chain, service, 0)
            await scenario.sign_up("alice-1")
            await scenario.reported("key", words)
            await scenario.reported("drain", words)
            await scenario.reach("queued")


async def test_key_is_served_once_its_weight_is_raised(tmp_path: Path) -> None:
    async with dev_chain() as chain:
        await set_authorities(chain, REFUSED["too little weight"][0])
        async with faucet(tmp_path, chain.url) as service:
            scenario = Scenario(chain, service, 0)
            await scenario.sign_up("alice-1")
            await scenario.reported("drain", "can't sign alone")
            await set_authorities(chain, {("faucet", "active"): (1, {CONFIGURED: 1})})
            await scenario.reach("done")
