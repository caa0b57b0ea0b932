"""What operators hand out to let signups in, each shown once and known by its hash: listed, found, revoked alike."""

from collections.abc import Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

from chain.text import cut
from jobs.errors import Code, FaucetError
from jobs.ledger.operators import MAX_REASON, RECORD
from jobs.ledger.sql import Query
from jobs.ledger.store import Part, Tx

PAGE = 100  #: credentials, or jobs of one, that are read at once


class Credential(Protocol):
    """One that was handed out."""

    @property
    def number(self) -> int:
        """Order of making."""

    @property
    def revoked_at(self) -> int | None:
        """When an operator ended it."""


Item = TypeVar("Item", bound=Credential)


class Credentials(Part, Generic[Item]):
    """Those of one kind."""

    kind: ClassVar[str]  #: what people call one
    newest_query: ClassVar[Query[Item]]
    one_query: ClassVar[Query[Item]]
    jobs_query: ClassVar[str]
    revoke_statement: ClassVar[str]

    async def newest(self, before: int = 2**62) -> list[Item]:
        """Up to PAGE of them that were made before the one of that number, the newest first."""
        return await self._store.rows(self.newest_query, (before,))

    async def find(self, number: int) -> Item | None:
        """The one of that number."""
        found = await self._store.rows(self.one_query, (number,))
        return found[0] if found else None

    async def jobs(self, number: int) -> Sequence[tuple[str, str, str]]:
        """Who used it: id, name and state of the last PAGE jobs."""
        return [(row["id"], row["name"], row["state"]) for row in await self._store.read(self.jobs_query, (number,))]

    async def revoke(self, number: int, *, by: str, reason: str = "") -> bool:
        """Let nobody else use it; whether it was not revoked before. Raises FaucetError not_found."""

        def step(tx: Tx) -> bool:
            found = tx.rows(self.one_query, (number,))
            if not found:
                raise FaucetError(Code.NOT_FOUND, f"There is no such {self.kind}.")
            if found[0].revoked_at is not None:
                return False
            tx.execute(self.revoke_statement, (tx.now, number))
            tx.execute(RECORD, (tx.now, cut(by), f"revoke {self.kind}", str(number), cut(reason, MAX_REASON)))
            return True

        return await self._store.run(step)
