"""An owner that is stopped amid a transaction of PostgreSQL holds up no other machine."""

from pathlib import Path

import pytest

from tests.harness.machines import check_taken_over

SHORT_LEASE = 1.5  #: seconds


@pytest.mark.usefixtures("every_flavour", "databases")
@pytest.mark.parametrize("step", ["drain.record_signed:1", "blocks.follow:3", "drain.record_signed:2"])
async def test_owner_stopped_amid_a_transaction_is_taken_over_from(tmp_path: Path, step: str) -> None:
    """What it had not committed is undone, and done by the next one; meanwhile the others accept."""
    await check_taken_over(tmp_path, f"amid:{step}:SIGSTOP", lease_seconds=SHORT_LEASE)
