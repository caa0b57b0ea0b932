"""`check` as a program: its lines, and its exit code wherever nothing can be registered."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.harness.program import REGISTRAR_WIF, Faucet, command, dev_chain, faucet, on_chain, wait_ready

OTHER_WIF = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"


async def check(service: Faucet) -> tuple[int, list[str]]:
    """The exit code of `check`, and its failing lines. Asserts that it prints no key."""
    code, output, _ = await command("check", "--config", str(service.config))
    assert REGISTRAR_WIF not in output
    return code, [line.removeprefix("FAIL ") for line in output.splitlines() if line.startswith("FAIL ")]


def reconfigure(service: Faucet, chain_url: str | list[str], **settings: Any) -> None:
    """Change the configuration for the next command."""
    service.config.write_text(json.dumps(on_chain(chain_url, **settings)))


async def test_check_prints_a_line_for_each_condition(tmp_path: Path) -> None:
    async with dev_chain() as chain:
        service = Faucet(tmp_path, on_chain(chain.url))
        code, output, _ = await command("check", "--config", str(service.config))
        assert code == 0
        names = [line.split(":")[0].split()[1] for line in output.splitlines()]
        assert names == [
            "config", "ledger", "api", "node", "trust", "chain", "accounts",
            "registrar", "membership", "key", "fee", "balance", "budget", "mail",
        ]  # fmt: skip
        assert not list(tmp_path.glob("faucet.db*"))


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        ({"registrar": "nobody-1"}, "registrar", "The chain has no account nobody-1"),
        ({"proxy": "nobody-1"}, "accounts", "The chain has no account nobody-1, which the configuration names."),
        ({"additional_owner_accounts": ["nobody-1"]}, "accounts", "The chain has no account nobody-1"),
        ({"registrar": "plain-account1"}, "membership", "The registrar plain-account1 is not a lifetime member."),
        ({"wif": OTHER_WIF}, "key", "does not match the active authority of the registrar faucet."),
        ({"core_asset": "OTHER"}, "chain", "has the core asset TEST, the configuration says OTHER"),
        ({"max_account_fee": 5}, "fee", "now, more than max_account_fee allows (5 TEST)."),
        ({"daily_budget": 5}, "budget", "daily_budget is 5 TEST, and one signup takes"),
        (
            {"enable_initial_balance": True, "initial_balance": 20_000_000},
            "initial_balance",
            "more than the registrar has (10,000,000 TEST)",
        ),
        (
            {"enable_initial_balance": True, "initial_balance": 0.000009},
            "initial_balance",
            "initial_balance is 0.000009, less than the chain's smallest amount, 0.00001 TEST.",
        ),
    ],
)
async def test_check_fails_where_nothing_can_be_registered(
    tmp_path: Path, change: dict[str, Any], name: str, words: str
) -> None:
    async with dev_chain() as chain:
        code, failing = await check(Faucet(tmp_path, {**on_chain(chain.url), **change}))
        (line,) = [line for line in failing if line.startswith(f"{name}: ")]
        assert code == 1
        assert line.startswith(f"{name}: {chain.url}: ")
        assert words in line


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"nobroadcast": True}, "broadcast: The configuration says nobroadcast: nothing is sent to the chain."),
        ({"mail_host": "127.0.0.1:1"}, "mail: 127.0.0.1:1 does not answer: "),
    ],
)
async def test_check_fails_by_the_configuration_alone(tmp_path: Path, change: dict[str, Any], line: str) -> None:
    async with dev_chain() as chain:
        code, (failing,) = await check(Faucet(tmp_path, {**on_chain(chain.url), **change}))
        assert code == 1
        assert failing.startswith(line)


async def test_check_fails_without_a_node(tmp_path: Path) -> None:
    service = Faucet(tmp_path, on_chain([]))
    code, _, errors = await command("check", "--config", str(service.config))
    assert (code, errors) == (2, "config.yaml:1: witness_url: is empty: give it a value, or leave the key out\n")


async def test_check_fails_where_no_node_is_reached(tmp_path: Path) -> None:
    code, (failing,) = await check(Faucet(tmp_path, on_chain("ws://127.0.0.1:1")))
    assert code == 1
    assert failing.startswith("node: ws://127.0.0.1:1: ")


async def test_check_fails_where_the_balance_is_below_one_signup(tmp_path: Path) -> None:
    async with dev_chain() as chain:
        await chain.control("set_balance", "faucet", 5)
        code, (failing,) = await check(Faucet(tmp_path, on_chain(chain.url, ready_signups=0)))
        assert code == 1
        assert failing.startswith(f"balance: {chain.url}: 0.00005 TEST pays for 0 more signups at ")


async def test_check_fails_where_nodes_are_of_different_chains(tmp_path: Path) -> None:
    async with dev_chain() as first, dev_chain() as second:
        code, (failing,) = await check(Faucet(tmp_path, on_chain([first.url, second.url])))
        assert code == 1
        assert failing.startswith(f"agreement: {second.url}: is on the chain ")
        assert f", but {first.url} is on " in failing


async def test_check_fails_on_the_ledger_of_another_chain(tmp_path: Path) -> None:
    async with dev_chain() as first, faucet(tmp_path, first.url) as service:
        await wait_ready(service)
    async with dev_chain() as second:
        reconfigure(service, second.url)
        code, (failing,) = await check(service)
        assert code == 1
        assert failing.startswith(f"ledger: {second.url}: is on the chain ")
        assert "but the ledger belongs to" in failing


async def test_check_fails_where_the_budget_is_spent(tmp_path: Path) -> None:
    async with dev_chain() as chain:
        async with faucet(tmp_path, chain.url, daily_budget=6) as service:
            job = (await service.sign_up("alice-1")).body["job"]["id"]
            await service.job(job, until=("registered", "done"))
        code, (failing,) = await check(service)
        assert code == 1
        assert failing.startswith(f"budget: {chain.url}: The daily budget of 6 TEST is spent")


@pytest.mark.parametrize(("mode", "said"), [(0o700, None), (0o750, "list"), (0o705, "list"), (0o777, "write to")])
async def test_folder_open_to_others_is_named(tmp_path: Path, mode: int, said: str | None) -> None:
    """By `check`, which does not fail for it, and at the start, which leaves it as it is."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    folder.chmod(mode)
    service = Faucet(tmp_path, on_chain("ws://127.0.0.1:1", ledger="state/faucet.db"))
    _, output, _ = await command("check", "--config", str(service.config))
    lines = [line for line in output.splitlines() if "folder: " in line]
    start = None if said is None else f"ok   folder: other users can {said} {folder}"
    assert [line.partition(",")[0] for line in lines] == ([] if start is None else [start])
    await service.start()
    await service.stop()
    log = (tmp_path / "log").read_text()
    assert (f"other users can {said} {folder}" in log, "folder open to other users" in log) == (said is not None,) * 2
    assert stat.S_IMODE(folder.stat().st_mode) == mode
