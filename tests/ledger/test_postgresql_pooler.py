"""A commit that waits for the standby while its caller leaves: PgBouncer must not cancel it either."""

import pytest

from jobs.errors import Code
from jobs.ledger import Ledger
from jobs.ledger.postgresql import link_thread
from tests.harness.ledgers import FREE, code_of, signup
from tests.harness.pooler import pooling
from tests.harness.postgresql import serving
from tests.harness.serving import turn
from tests.harness.standby import wait_for_standbys
from tests.harness.turns import until


async def test_pooler_cancels_no_commit_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server, pooling(server) as pooler:
        ledger = await Ledger.open(pooler.url(pooler.new_schema()))
        wait_for_standbys(server, "nobody")
        with monkeypatch.context() as patch, server.connect() as shell:
            patch.setattr(link_thread, "REPLY_TIMEOUT", 0.2)
            assert await code_of(ledger.signups.accept(signup("left-1"), FREE)) is Code.LEDGER_UNAVAILABLE
            await until(shell, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            while "client disconnect" not in (pooler.folder / "log").read_text():
                await turn()
            assert shell.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchall()
        assert await ledger.queries.jobs() == []
        wait_for_standbys(server, "")
        while await code_of(ledger.signups.accept(signup("left-1"), FREE)) is not None:
            """Asking is the waiting."""
        job = await ledger.signups.accept(signup("left-1"), FREE)
        assert [each.id for each in await ledger.queries.jobs()] == [job.id]
        await ledger.close()
        assert "canceling wait" not in (server.folder / "log").read_text()
