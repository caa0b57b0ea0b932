"""A ledger to move, and where to."""

from pathlib import Path

import pytest

from tests.harness.ledger_states import reach_every_state
from tests.harness.moves import used
from tests.harness.postgresql import Server


@pytest.fixture
def url(postgresql: Server) -> str:
    """An empty database."""
    return postgresql.url(postgresql.new_schema())


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """A ledger with a job in every state and rows in every table; nobody has it open."""
    path = tmp_path / "faucet.db"
    await used(path, reach_every_state)
    return path
