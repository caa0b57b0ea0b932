"""/readyz: what it says, and when the faucet is not ready."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness.ledger_states import drop_table, spend
from tests.harness.pages import SPENT, page
from tests.harness.serving import CHAIN_STATUS, NOW, serving


async def test_ready(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reply = await served.fetch("/readyz")
        assert (reply.status, reply.body["ready"]) == (200, True)
        assert {name: check["text"] for name, check in reply.body["checks"].items()} == {
            "ledger": "writable",
            "owner": "machine-1 owns the chain, epoch 1",
            "chain": "connected to node.example:8090",
            "head": "block 1007 is 2 seconds old",
            "registrar": "faucet is a lifetime member",
            "key": "TEST5bPp signs for faucet",
            "balance": "10,000 TEST pays for 1941 more signups at 5.14941 TEST",
            "budget": "2,500 TEST are left of today's budget of 2,500 TEST, for 485 more signups",
            "drain": "open",
            "intake": "open",
            "queue": "nobody is waiting",
        }


@pytest.mark.parametrize(
    ("change", "name", "text"),
    [
        ({"connected": False, "last_error": "node.example: on the chain 00…"}, "chain", "on the chain 00"),
        ({"head_time": NOW - 61}, "head", "61 seconds old"),
        ({"registrar_id": None}, "registrar", "no account faucet"),
        ({"registrar_member": False}, "registrar", "not a lifetime member"),
        ({"key_matches": False}, "key", "does not match the active authority"),
        ({"balance": 9 * 5_14941}, "balance", "pays for 9 more"),
        ({"budget": None}, "budget", "not known yet"),
        ({"budget": 5_14940}, "budget", "daily_budget is 5.1494 TEST, and one signup takes 5.14941 TEST"),
        ({"waiting": "No irreversible block was followed yet."}, "drain", "No irreversible block was followed yet."),
    ],
)
async def test_not_ready(tmp_path: Path, change: dict[str, Any], name: str, text: str) -> None:
    async with serving(tmp_path, chain_status=replace(CHAIN_STATUS, **change), ready_signups=10) as served:
        reply = await served.fetch("/readyz")
        failing = {name: check["text"] for name, check in reply.body["checks"].items() if not check["ok"]}
        assert (reply.status, list(failing)) == (503, [name])
        assert text in failing[name]


async def test_not_ready_while_the_database_could_forget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signups are taken all the same, and wait."""

    async def unfit() -> str:
        return "Nothing is signed."

    async with serving(tmp_path) as served:
        monkeypatch.setattr(served.ledger, "unfit", unfit)
        reply = await served.fetch("/readyz")
        assert (reply.status, reply.body["checks"]["ledger"]) == (503, {"ok": False, "text": "Nothing is signed."})
        assert (await served.fetch("/healthz/intake")).status == 200


async def test_not_ready_while_a_signup_waits_too_long(tmp_path: Path) -> None:
    time = float(NOW)
    async with serving(tmp_path, clock=lambda: time, max_head_age=10_000) as served:
        await served.accept("alice-1")
        time += 300
        assert (await served.fetch("/readyz")).status == 200
        time += 1
        reply = await served.fetch("/readyz")
        assert reply.body["checks"]["queue"] == {"ok": False, "text": "The oldest signup has waited for 5 min."}


async def test_signup_that_was_put_off_is_no_sign_of_a_queue(tmp_path: Path) -> None:
    time = float(NOW)
    async with serving(tmp_path, clock=lambda: time, max_head_age=10_000) as served:
        first, second = await served.accept("premium"), await served.accept("alice-1")
        await served.ledger.drain.defer({first.number: "Its name costs too much."}, 60)
        time += 301
        assert (await served.fetch("/readyz")).body["checks"]["queue"]["ok"] is False
        await served.ledger.drain.defer({second.number: "Two nodes disagree."}, 60)
        assert (await served.fetch("/readyz")).body["checks"]["queue"] == {"ok": True, "text": "nobody is waiting"}
        assert "Waiting 2 all deferred" in (await page(served, "/status")).text


async def test_readiness_shows_what_is_left_of_the_budget(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await spend(served.ledger, await served.accept("alice-1"), 2_494_85059)
        assert (await served.fetch("/readyz")).body["checks"]["budget"] == {
            "ok": True, "text": "5.14941 TEST are left of today's budget of 2,500 TEST, for 1 more signup",
        }  # fmt: skip
        await spend(served.ledger, await served.accept("bob-1"), 1)
        check = (await served.fetch("/readyz")).body["checks"]["budget"]
        assert check == {"ok": False, "text": SPENT}


async def test_ledger_that_is_not_writable_is_noticed_within_a_second(tmp_path: Path) -> None:
    """The check writes, so it is made once a second at the most, however many ask."""

    time = float(NOW)
    async with serving(tmp_path, clock=lambda: time) as served:
        assert (await served.fetch("/readyz")).status == 200
        drop_table(tmp_path, "facts")
        replies = await asyncio.gather(*(served.fetch("/readyz") for _ in range(5)))
        assert [reply.status for reply in replies] == [200] * 5
        time += 1
        reply = await served.fetch("/readyz")
        assert (reply.status, reply.body["checks"]["ledger"]["ok"]) == (503, False)
        assert (await served.fetch("/healthz")).status == 200


@pytest.mark.usefixtures("each_engine")
async def test_intake_is_healthy_whatever_the_chain_does(tmp_path: Path) -> None:
    """A balancer that asked /readyz would send nobody anywhere, though all could sign up and wait."""
    broke: dict[str, Any] = {"connected": False, "balance": 0, "key_matches": False, "head_time": 0}
    async with serving(tmp_path, chain_status=replace(CHAIN_STATUS, **broke), owner=None) as served:
        for part in ("drain", "intake"):
            await served.ledger.operators.pause(part, by="ann", reason="x")
        await served.see(served.context.snapshot.chain_status)
        assert (await served.fetch("/readyz")).status == 503
        reply = await served.fetch("/healthz/intake")
        assert (reply.status, reply.body) == (200, {"ok": True})


@pytest.mark.usefixtures("each_engine")
async def test_intake_is_unhealthy_while_the_ledger_can_not_be_written(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.ledger._store.execute("DROP TABLE facts")
        for method in ("GET", "HEAD"):
            reply = await served.fetch("/healthz/intake", method=method)
            assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
        assert (await served.fetch("/healthz/intake")).body["error_code"] == "ledger_unavailable"
        assert (await served.fetch("/healthz")).status == 200
