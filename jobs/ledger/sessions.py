"""Operators' sessions. The ledger keeps a hash of each one's id: whoever reads it can use none."""

import hashlib

from chain.text import cut
from jobs.ledger.operators import MAX_REASON, RECORD
from jobs.ledger.sql import Query, names_of
from jobs.ledger.store import Part, Tx
from jobs.model.operators import Session

LIFETIME = 12 * 3_600_000  #: milliseconds that a session lasts
IDLE_TIMEOUT = 3_600_000  #: … that it may go unused
USE_INTERVAL = 60_000  #: … between two writes of its last use

#: What makes a session live, with the parameters of _live.
LIVE = "key_id = ? AND created_at >= ? AND used_at >= ?"
FIND = Query(f"SELECT {names_of(Session)} FROM sessions WHERE hash = ? AND {LIVE}", Session)
ALL = Query(f"SELECT {names_of(Session)} FROM sessions WHERE {LIVE} ORDER BY created_at DESC, hash", Session)
OPEN = "INSERT INTO sessions (hash, who, key_id, created_at, used_at) VALUES (?, ?, ?, ?, ?)"
USE = "UPDATE sessions SET used_at = ? WHERE hash = ?"
END = "DELETE FROM sessions WHERE hash = ?"
END_ALL = "DELETE FROM sessions"
PURGE = "DELETE FROM sessions WHERE key_id <> ? OR created_at < ? OR used_at < ?"


class Sessions(Part):
    """Sessions by the random ids in their cookies; `key_id` tells which key is in force: those of another are ended."""

    async def open(self, session_id: str, *, who: str, key_id: str, instead_of: str | None = None) -> None:
        """Log `who` in, instead of the session of another id if there is one."""

        def step(tx: Tx) -> None:
            tx.execute(PURGE, _live(key_id, tx.now))
            if instead_of is not None:
                tx.execute(END, (hash_of(instead_of),))
            tx.execute(OPEN, (hash_of(session_id), cut(who), key_id, tx.now, tx.now))
            tx.execute(RECORD, (tx.now, cut(who), "login", "", ""))

        await self._store.run(step)

    async def find(self, session_id: str, *, key_id: str) -> Session | None:
        """The session of this id; None if there is none that lasts."""
        found = await self._store.rows(FIND, (hash_of(session_id), *_live(key_id, self._store.now())))
        return found[0] if found else None

    async def use(self, session: Session) -> None:
        """Let the session go on."""
        if self._store.now() - session.used_at >= USE_INTERVAL:
            await self._store.run(lambda tx: tx.execute(USE, (tx.now, session.hash)))

    async def all(self, *, key_id: str) -> list[Session]:
        """The sessions that last, the newest first."""
        return await self._store.rows(ALL, _live(key_id, self._store.now()))

    async def end(self, session: Session) -> None:
        """Log out."""
        await self._store.execute(END, (session.hash,))

    async def end_all(self, *, by: str, reason: str = "") -> None:
        """Log everybody out."""

        def step(tx: Tx) -> None:
            tx.execute(RECORD, (tx.now, cut(by), "end sessions", "", cut(reason, MAX_REASON)))
            tx.execute(END_ALL)

        await self._store.run(step)

    async def purge(self, *, key_id: str) -> None:
        """Delete the sessions that are over."""
        await self._store.run(lambda tx: tx.execute(PURGE, _live(key_id, tx.now)))


def hash_of(session_id: str) -> str:
    """What the ledger keeps of a session's id, which is random and long enough to need no salt."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def _live(key_id: str, now: int) -> tuple[str, int, int]:
    return key_id, now - LIFETIME, now - IDLE_TIMEOUT
