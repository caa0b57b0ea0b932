"""/metrics, over HTTP."""

from pathlib import Path

from jobs.model.chain import ChainStatus
from tests.harness.ledger_states import raise_every_alarm
from tests.harness.serving import serving


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
