"""/metrics, over HTTP."""

from pathlib import Path

from jobs.model.chain import ChainStatus
from jobs.model.invitation import NewInvitation
from jobs.settings.network_limits import parse_limits
from tests.harness.ledger_states import raise_every_alarm
from tests.harness.serving import CLIENT, serving, signup_of


async def test_metrics_of_the_chain(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.accept("alice-1")
        await raise_every_alarm(served.ledger)
        await served.see()
        text = (await served.fetch("/metrics")).body
        for line in (
            "faucet_registrar_balance 10000.0",
            "faucet_account_fee 5.14941",
            "faucet_chain_connected 1.0",
            "faucet_chain_head_block 1007.0",
            "faucet_chain_head_age_seconds 2.0",
            'faucet_jobs{state="queued"} 1.0',
            'faucet_jobs{state="done"} 0.0',
            "faucet_chain_failovers 0.0",
            'faucet_paused{part="drain"} 1.0',
            'faucet_paused{part="intake"} 0.0',
            "faucet_oldest_job_seconds 0.0",
            "faucet_signups_paid 1941.0",
            "faucet_runway_days 1941.0",
            "faucet_daily_budget 2500.0",
            "faucet_budget_left 2500.0",
            "faucet_max_fee 10.29882",
            "faucet_payments_held 0.0",
            "faucet_payments_owed 0.0",
            "faucet_node_stranger 0.0",
            "faucet_unconfirmed 0.0",
            "faucet_ready 0.0",
            'faucet_alert{name="drain"} 1.0',
            'faucet_alert{name="balance"} 0.0',
            "faucet_mails_waiting 1.0",
            "faucet_reconciled_block 7.0",
            "faucet_differences 1.0",
        ):
            assert line in text.splitlines()
        await served.see(ChainStatus())
        assert "faucet_registrar_balance NaN" in (await served.fetch("/metrics")).body


async def test_metrics_of_the_ways_in(tmp_path: Path) -> None:
    code = "7KQ2-M0XV-9T3B-HW5D"
    async with serving(tmp_path, minIPAge=60, limits=parse_limits({"ipv4/24": "2 per hour"})) as served:
        await served.ledger.invitations.make([code], NewInvitation(), by="ann")
        neighbour, other = ({"X-Forwarded-For": f"192.0.2.{number}"} for number in (2, 3))
        for name, headers in (("name-1", CLIENT), ("name-2", CLIENT), ("name-3", neighbour), ("name-4", other)):
            await served.sign_up(name, headers=headers)
        for name in ("name-5", "name-6"):
            body = signup_of(name, invite=code)
            await served.fetch("/api/v1/accounts", method="POST", body=body, headers=CLIENT)
        text = (await served.fetch("/metrics")).body
        counts = [
            line for line in text.splitlines() if line.startswith(("faucet_throttled_total{", "faucet_invited_t"))
        ]
        assert sorted(counts) == [
            "faucet_invited_total 1.0",
            'faucet_throttled_total{limit="invitation"} 1.0',
            'faucet_throttled_total{limit="ipv4/24"} 1.0',
            'faucet_throttled_total{limit="ipv4/32"} 1.0',
        ]
