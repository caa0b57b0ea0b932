"""A wallet's signup becomes an account: the real program, and a dev chain in its own process."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tornado.httpclient import HTTPClientError

from devchain import Flavour
from tests.harness.flavours import flavoured, has_results
from tests.harness.program import (
    QUICK,
    REGISTRAR_WIF,
    Faucet,
    dev_chain,
    faucet,
    keys_of,
    on_chain,
    start_dev_chain,
    wait_ready,
)
from tests.harness.support import DATA

pytestmark = pytest.mark.usefixtures("every_flavour")

ALIASES = ("/api/v1/accounts", "/faucet", "/faucet/api/v1/accounts", "/referrer/api/v1/accounts")
FUNDED = {"enable_initial_balance": True, "initial_balance": 12.5}


@pytest.mark.usefixtures("each_engine")
async def test_signup_becomes_an_account_with_its_keys(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        reply = await service.sign_up("alice-1")
        assert reply.status == 200
        assert reply.headers["Location"] == reply.body["job"]["url"]
        assert reply.body["account"] == {"name": "alice-1", **keys_of("alice-1"), "referrer": "faucet"}
        job = await service.job(reply.body["job"]["id"], until="done")
        account = (await chain.node.accounts(["alice-1"]))[0]
        assert account is not None
        assert account.id == job["account_id"]
        assert account.owner.keys == ((keys_of("alice-1")["owner_key"], 1),)
        assert account.active.keys == ((keys_of("alice-1")["active_key"], 1),)
        block = await chain.node.block(job["block_num"])
        assert block is not None
        assert [body["name"] for _, body in block.transactions[0].operations] == ["alice-1"]
        assert job["account_id"] in block.transactions[0].made or not has_results()


@pytest.mark.usefixtures("each_engine")
async def test_repeated_signup_returns_the_same_job(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        first = await service.sign_up("alice-1")
        await service.job(first.body["job"]["id"], until="done")
        again = await service.sign_up("alice-1", headers={"X-Forwarded-For": "192.0.2.1"})
        assert again.body["job"]["id"] == first.body["job"]["id"]
        other = msgspec.json.encode({"account": {"name": "alice-1", **keys_of("alice-1", "other")}})
        refused = await service.fetch("/faucet", method="POST", body=other)
        assert (refused.status, refused.body["error_code"]) == (409, "account_exists")


async def test_signup_works_at_all_four_addresses(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        await wait_ready(service)
        replies = [await service.sign_up(f"wallet-{i}", path) for i, path in enumerate(ALIASES)]
        assert [reply.status for reply in replies] == [200] * 4
        assert [reply.body["account"]["referrer"] for reply in replies] == ["faucet"] * 3 + ["referrer"]
        for reply in replies:
            await service.job(reply.body["job"]["id"], until="done")


async def test_reply_waits_until_the_account_is_in_a_block(tmp_path: Path) -> None:
    """A wallet that reads the account right after the reply finds it."""

    async with dev_chain() as chain, faucet(tmp_path, chain.url, reply_wait=20) as service:
        reply = await service.sign_up("alice-1")
        assert reply.body["job"]["state"] in ("registered", "done")
        assert (await chain.node.accounts(["alice-1"]))[0] is not None
        preferred = await service.sign_up("alice-2", headers={"Prefer": "wait=10"})
        assert preferred.headers["Preference-Applied"] == "wait=10"
        assert preferred.body["job"]["state"] in ("registered", "done")


@pytest.mark.usefixtures("each_engine")
async def test_initial_balance_is_paid_once(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url, **FUNDED) as service:
        replies = [await service.sign_up(f"rich-{i}") for i in range(5)]
        jobs = [await service.job(reply.body["job"]["id"], until="done") for reply in replies]
        assert [job["initial_balance"] for job in jobs] == [12.5] * 5
        assert [await chain.node.balance(job["account_id"]) for job in jobs] == [1_250_000] * 5


async def test_start_without_a_node(tmp_path: Path) -> None:
    """Signups are accepted without a node, and registered once there is one."""

    first = await start_dev_chain("--block-interval", "0.1")
    port = int(first.url.rsplit(":", 1)[1])
    await first.stop()
    async with faucet(tmp_path, f"ws://127.0.0.1:{port}") as service:
        reply = await service.sign_up("early-1")
        assert reply.status == 200
        assert (await service.fetch("/readyz")).status == 503
        chain = await start_dev_chain("--block-interval", "0.1", "--irreversible-lag", "4", port=port)
        try:
            await service.job(reply.body["job"]["id"], until="done")
        finally:
            await chain.stop()


async def test_failover_to_the_next_node(tmp_path: Path) -> None:
    """The first node is on another chain, the second goes down: the third is used."""

    data = ("--data", str(tmp_path / "chain.journal"))
    async with dev_chain(*QUICK, "--chain-id", "ab" * 32) as foreign, dev_chain(*QUICK, *data) as only:
        service = Faucet(tmp_path, {**on_chain(only.url), "log_level": "info"})
        await service.start()
        first = await service.sign_up("first-1")
        await service.job(first.body["job"]["id"], until="done")
        await service.stop()
        await only.program.stop()
        heir = await start_dev_chain(*QUICK, *data)
        try:
            service.config.write_text(json.dumps(on_chain([foreign.url, only.url, heir.url])))
            await service.start()
            await wait_ready(service)
            second = await service.sign_up("second-1")
            await service.job(second.body["job"]["id"], until="done")
            assert (await heir.node.accounts(["second-1"]))[0] is not None
            assert (await foreign.node.accounts(["second-1"]))[0] is None
        finally:
            await service.stop()
            await heir.stop()


async def test_name_registered_elsewhere_fails_the_job(tmp_path: Path) -> None:
    """It alone fails, and its address may sign up again."""

    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        await wait_ready(service)
        await chain.control("stall", True)
        await chain.control("register", "taken-1", keys_of("stranger")["owner_key"])
        headers = {"X-Forwarded-For": "192.0.2.7"}
        reply = await service.sign_up("taken-1", headers=headers)
        others = [await service.sign_up(f"free-{i}") for i in range(5)]
        await chain.control("stall", False)
        job = await service.job(reply.body["job"]["id"], until="failed")
        assert job["code"] == "account_exists"
        for other in others:
            await service.job(other.body["job"]["id"], until="done")
        assert (await service.sign_up("free-6", headers=headers)).status == 200


async def test_fee_step_is_paid(tmp_path: Path) -> None:
    """No transaction straddles the step, and above the ceiling the drain pauses, with the reason."""

    step = ("--parameter", "accounts_per_fee_scale=10", "--parameter", "account_fee_scale_bitshifts=4")
    async with dev_chain(*QUICK, *step) as chain, faucet(tmp_path, chain.url, max_account_fee=6) as service:
        await wait_ready(service)
        replies = [await service.sign_up(f"step-{i}") for i in range(14)]
        for reply in replies[:10]:
            await service.job(reply.body["job"]["id"], until="done")
        await wait_ready(service, ready=False)
        page = (await service.fetch("/status")).body.decode()
        assert "more than max_account_fee allows" in page
        waiting = await service.fetch(f"/api/v1/jobs/{replies[12].body['job']['id']}")
        assert (waiting.body["job"]["state"], waiting.body["job"]["attempts"]) == ("queued", 0)
        await chain.control("set_basic_fee", 500_000)
        for reply in replies[10:]:
            await service.job(reply.body["job"]["id"], until=("registered", "done"))


async def test_dry_run_stores_nothing(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        await wait_ready(service)
        for name, path in (("try-1", "/api/v1/accounts?dry_run=1"), ("test-faucet-9", "/api/v1/accounts")):
            reply = await service.sign_up(name, path)
            assert reply.status == 200
            assert reply.body["dry_run"] is True
            assert "job" not in reply.body
            number, body = reply.body["operation"]
            assert (number, body["name"], body["registrar"]) == (5, name, "1.2.7")
        free = (await service.fetch("/api/v1/accounts/try-1")).body["account"]
        assert free == {"name": "try-1", "available": True, "code": None, "reason": None, "state": None}


async def test_event_stream_sends_every_state(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url) as service:
        reply = await service.sign_up("alice-1")
        stream = (await service.fetch(reply.body["job"]["url"] + "/events")).body.decode()
        states = [json.loads(line[6:])["job"]["state"] for line in stream.splitlines() if line.startswith("data: ")]
        assert states[-1] == "done"
        assert "registered" in states


async def test_predecessor_configuration(tmp_path: Path) -> None:
    """The predecessor's file works unchanged but for the node's address."""

    old = (DATA / "predecessor-config.yml").read_text()
    wif = next(line.split('"')[1] for line in old.splitlines() if line.startswith("wif"))
    options = (*QUICK, "--registrar", "nathan", "--registrar-wif", wif, "--symbol", "TEST")
    async with dev_chain(*options) as chain:
        service = Faucet(tmp_path, {})
        service.config.write_text(old.replace("ws://10.11.12.101:8090", chain.url))
        await service.start()
        try:
            reply = await service.sign_up("old-1")
            job = await service.job(reply.body["job"]["id"], until="done")
            assert job["initial_balance"] == 10000
            assert await chain.node.balance(job["account_id"]) == 10_000 * 10**5
        finally:
            await service.stop()


async def test_stop_answers_what_was_accepted(tmp_path: Path) -> None:
    """SIGTERM under load: every signup answered 200 is in the ledger, and the program exits by itself."""

    async with dev_chain() as chain:
        service = Faucet(tmp_path, on_chain(chain.url))
        await service.start()
        posting = [asyncio.create_task(_try_sign_up(service, f"crowd-{i}")) for i in range(200)]
        await asyncio.wait(posting, return_when=asyncio.FIRST_COMPLETED)
        assert await service.stop() == 0
        accepted = [reply for reply in await asyncio.gather(*posting) if reply is not None]
        assert accepted
        await service.start()
        try:
            for reply in accepted:
                await service.job(reply["job"]["id"], until="done")
        finally:
            await service.stop()


async def test_stop_does_not_wait_for_a_node_that_hangs(tmp_path: Path) -> None:
    """A waiting client is answered as if its wait had timed out, and the job continues after the next start."""

    async with dev_chain() as chain:
        service = Faucet(tmp_path, {**on_chain(chain.url), "node_timeout": 50})
        await service.start()
        await wait_ready(service)
        await chain.control("fault", {"on": "*", "do": "hang", "times": 10_000})
        job_id = (await service.sign_up("held-1")).body["job"]["id"]
        waiting = asyncio.create_task(service.fetch(f"/api/v1/jobs/{job_id}?wait=30"))
        await service.fetch("/healthz")
        assert await service.stop() == 0
        assert (await waiting).body["job"]["state"] in ("queued", "broadcast")
        await chain.control("clear_faults")
        await service.start()
        try:
            await service.job(job_id, until="done")
        finally:
            await service.stop()


async def test_embedded_dev_chain_survives_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = {"devchain_block_interval": 0.1, "drain_interval": 0.1, "max_head_age": 1000}
        service = Faucet(tmp_path, settings)
        await service.start()
        first = await service.sign_up("alice-1")
        await service.job(first.body["job"]["id"], until="done")
        assert await service.stop() == 0
        await service.start()
        try:
            again = await service.sign_up("alice-1")
            assert again.body["job"]["id"] == first.body["job"]["id"]
            second = await service.sign_up("alice-2")
            await service.job(second.body["job"]["id"], until="done")
        finally:
            await service.stop()

    with flavoured(Flavour.PEERPLAYS):  # like the embedded one
        await scenario()


async def _try_sign_up(service: Faucet, name: str) -> Any:
    """The reply's body if the signup was accepted; None if it was not, or its connection ended before."""
    try:
        reply = await service.sign_up(name)
    except (OSError, HTTPClientError):
        return None
    return reply.body if reply.status == 200 else None


async def test_registrar_key_never_leaks(tmp_path: Path) -> None:
    """Not in replies, pages, metrics, the log, files beside the configuration, or the command line."""

    async with dev_chain() as chain, faucet(tmp_path, chain.url, log_level="debug", **FUNDED) as service:
        reply = await service.sign_up("alice-1")
        job_id = (await service.job(reply.body["job"]["id"], until="done"))["id"]
        refused = await service.sign_up("BAD")
        paths = ("/", "/status", f"/jobs/{job_id}", "/metrics", "/readyz", "/api/v1/chain", "/api/v1/openapi.json")
        texts = [str(refused.body), *[str((await service.fetch(path)).body) for path in paths]]
        texts += [path.read_bytes().decode(errors="replace") for path in tmp_path.iterdir() if path != service.config]
        texts += [path.read_text() for path in Path("/proc").glob("[0-9]*/cmdline")]
        assert "node in use" in (tmp_path / "log").read_text()
        assert not [text for text in texts if REGISTRAR_WIF in text]
