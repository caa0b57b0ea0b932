"""The reply's account equals the one on the chain: at a second faucet, after a lost ledger, in a dry run."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devchain.settings import PLAIN_ACCOUNT
from jobs.model.job import Limits, Signup, State
from tests.harness.chain_harness import chain_side
from tests.harness.program import DevChainProgram, Faucet, dev_chain, faucet, keys_of, wait_ready

PAID = {"enable_initial_balance": True, "initial_balance": 10, "restrict_ip": False}


async def names_read(service: Faucet) -> None:
    """Return when the names cache is complete."""
    await wait_ready(service)
    while (await service.fetch("/api/v1/accounts/null-account")).body["account"]["available"]:
        """Asking is the waiting."""


async def seen(service: Faucet, name: str) -> None:
    """Return when the faucet reports `name` as taken."""
    while (await service.fetch(f"/api/v1/accounts/{name}")).body["account"]["available"]:
        """Asking is the waiting."""


async def balance(chain: DevChainProgram) -> int:
    account = (await chain.node.accounts(["faucet"]))[0]
    assert account is not None
    return await chain.node.balance(account.id)


async def sign_up(service: Faucet, name: str, path: str = "/faucet?wait=20", **fields: Any) -> Any:
    body = msgspec.json.encode({"account": {"name": name, **keys_of(name), **fields}})
    return (await service.fetch(path, method="POST", body=body)).body


async def test_signup_at_a_second_faucet_is_the_same_success(tmp_path: Path) -> None:
    """Only the first faucet registers and pays it."""
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()

    async with (
        dev_chain() as chain,
        faucet(folders[0], chain.url, **PAID) as first,
        faucet(folders[1], chain.url, **PAID) as second,
    ):
        await asyncio.gather(names_read(first), names_read(second))
        there = await sign_up(first, "alice-1")
        paid = await first.job(there["job"]["id"], until="done")
        await seen(second, "alice-1")
        before = await balance(chain)
        here = await sign_up(second, "alice-1")
        assert (here["account"]["name"], here["job"]["state"] in {"registered", "done"}) == ("alice-1", True)
        job = await second.job(here["job"]["id"], until="done")
        assert (job["account_id"], job["initial_balance"]) == (paid["account_id"], None)
        assert (job["transaction_id"], job["attempts"]) == (None, 0)
        assert await balance(chain) == before
        assert (await sign_up(second, "alice-1"))["job"]["id"] == job["id"]
        other = msgspec.json.encode({"account": {"name": "alice-1", **keys_of("alice-1", "other")}})
        assert (await second.fetch("/faucet", method="POST", body=other)).status == 409


async def test_signup_after_a_lost_ledger_is_the_same_success(tmp_path: Path) -> None:
    async with dev_chain("--block-interval", "0.1", "--irreversible-lag", "200", "--faults") as chain:
        async with faucet(tmp_path, chain.url, **PAID) as service:
            await names_read(service)
            first = await sign_up(service, "alice-1")
            assert first["job"]["state"] in {"registered", "funding", "funded"}
        for file in tmp_path.glob("faucet.db*"):
            file.unlink()
        async with faucet(tmp_path, chain.url, **PAID) as service:
            await names_read(service)
            await seen(service, "alice-1")
            before = await balance(chain)
            again = await sign_up(service, "alice-1")
            assert again["job"]["state"] == "registered"
            assert again["job"]["id"] != first["job"]["id"]
            assert await balance(chain) == before


@pytest.mark.parametrize(
    ("requested", "recorded"), [("referrer", "referrer"), (PLAIN_ACCOUNT, "faucet"), (None, "faucet")]
)
async def test_dry_run_shows_the_operation_later_sent(tmp_path: Path, requested: str | None, recorded: str) -> None:
    """Its referrer, who gives way if he is no member, and its fee among it; the job says who it was, too."""

    async with dev_chain() as chain, faucet(tmp_path, chain.url, restrict_ip=False) as service:
        await names_read(service)
        tried = await sign_up(service, "alice-1", "/faucet?dry_run=1", referrer=requested)
        assert tried["account"]["referrer"] == recorded
        queued = await sign_up(service, "bob-1", "/faucet", referrer=requested)
        sent = await sign_up(service, "alice-1", referrer=requested)
        assert sent["account"]["referrer"] == recorded
        job = await service.job(sent["job"]["id"], until="done")
        assert job["referrer"] == recorded
        assert (await service.job(queued["job"]["id"], until="done"))["referrer"] == recorded
        block = await chain.node.block(job["block_num"])
        assert block is not None
        operations = [operation for entry in block.transactions for operation in entry.operations]
        (made,) = [body for _, body in operations if body.get("name") == "alice-1"]
        assert json.loads(json.dumps(tried["operation"][1])) == _without_extensions(made, tried["operation"][1])


def _without_extensions(made: dict[str, Any], tried: dict[str, Any]) -> dict[str, Any]:
    """An operation as the chain shows it, but for members that a client need not send."""
    return {name: made[name] for name in tried}


async def test_unsent_job_has_no_referrer(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url, nobroadcast=True) as service:
        reply = await sign_up(service, "alice-1", "/faucet")
        assert (await service.fetch(reply["job"]["url"])).body["job"]["referrer"] is None


async def test_referrer_by_id_before_the_names_are_known(tmp_path: Path) -> None:
    """The drain reads it once it can; one that it can't read gives way and keeps nobody waiting."""

    async with chain_side(tmp_path) as side:
        for name, spelled in (("alice-1", "1.2.8"), ("bob-1", "1.2.999")):
            await side.ledger.signups.accept(Signup(name, **keys_of(name), referrer=spelled), Limits(10))
        await side.ledger.names.save_page([("referrer", "1.2.8")], "referrer")
        await side.block()
        await side.drainer.drain()
        await side.block()
        jobs = [await side.job(name) for name in ("alice-1", "bob-1")]
        assert [job.sent_referrer for job in jobs] == ["referrer", "faucet"]
        assert [job.state for job in jobs] == [State.REGISTERED] * 2
