"""The real ledger, its model and a model of the chain, side by side."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.model.job import Job, Signup, Unfunded
from tests.harness.engines import Shell, delete_ledger
from tests.harness.ledgers import open_ledger
from tests.harness.modelchain import GENESIS, ModelChain
from tests.harness.modelledger import ModelLedger

NOBODY = Unfunded((), None)

T = TypeVar("T")


class LedgerAndModel(RuleBasedStateMachine):
    """Reads and runs the ledger; what both sides do is in the subclasses."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.now = 1_700_000_000.0
        self.ledger = self.run(self._open())
        self.shell = Shell(self.folder)
        self.model = ModelLedger()
        self.chain = ModelChain()
        # In memory only: a crash loses it.
        self.queued: list[Job] = []
        self.unfunded = NOBODY
        self.unsent: set[str] = set()  # signatures of what was signed and never sent

    def teardown(self) -> None:
        self.run(self.ledger.close())
        self.shell.close()
        self.runner.close()
        delete_ledger(self.folder)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def _open(self) -> Ledger:
        return await open_ledger(self.folder, lambda: self.now)

    def _rows(self, sql: str, *parameters: Any) -> list[Any]:
        """Rows as another process reads them."""
        return self.shell.rows(sql, parameters)

    def _code_of(self, attempt: Coroutine[Any, Any, Any]) -> Code:
        """The code of the FaucetError that `attempt` must raise."""
        try:
            self.run(attempt)
        except FaucetError as error:
            return error.code
        raise AssertionError("it was done")

    def _is_ours(self, signup: Signup) -> bool:
        """Whether the chain has the account with the signup's keys."""
        return signup.name in self.chain.accounts and self.chain.accounts[signup.name][1] == signup.keys

    def _is_on_chain(self, number: int, block_id: str) -> bool:
        return number <= self.chain.head and self.chain.block(number).id == block_id

    def _reference(self) -> tuple[int, str] | None:
        """The reference block of a registration: an irreversible block that was followed."""
        if self.chain.irreversible == 0:
            return GENESIS
        oldest = self.run(self.ledger.blocks.oldest())
        return oldest if oldest is not None and oldest[0] <= self.chain.irreversible else None

    def _first_block(self) -> int:
        """The first block to follow: a live transaction may be in any block after its reference block."""
        oldest = self.run(self.ledger.blocks.oldest_reference())
        known = [self.chain.irreversible] if oldest is None else [self.chain.irreversible, oldest]
        return max(1, min(known))

    def _followed_for_good(self) -> int:
        """The last irreversible block among those followed."""
        last = self.run(self.ledger.blocks.last())
        return min(self.chain.irreversible, last[0]) if last else 0
