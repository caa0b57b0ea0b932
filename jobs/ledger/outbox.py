"""Open alerts, and the mails about them, kept until the mail server has accepted them."""

from collections.abc import Iterable, Sequence

from jobs.ledger.sql import IN_TEXTS, Query, names_of, to_json
from jobs.ledger.store import Part, Tx
from jobs.model.operators import Alert, Mail

ALERTS = Query(f"SELECT {names_of(Alert)} FROM alerts ORDER BY since, name", Alert)
SAVE_ALERT = """
    INSERT INTO alerts (name, text, since, seen_at, told_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET
        text = excluded.text, since = excluded.since, seen_at = excluded.seen_at, told_at = excluded.told_at
"""
BEGIN_ALERT = """
    INSERT INTO alerts (name, text, since, seen_at, told_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (name) DO NOTHING RETURNING name
"""
DELETE_ALERTS = f"DELETE FROM alerts WHERE name {IN_TEXTS}"
INSERT_MAIL = "INSERT INTO mails (subject, body, created_at) VALUES (?, ?, ?)"
DUE_MAILS = Query(
    f"SELECT {names_of(Mail)} FROM mails WHERE sent_at IS NULL AND retry_at <= ? ORDER BY number LIMIT ?", Mail
)
WAITING = "SELECT count(*) AS mails FROM mails WHERE sent_at IS NULL"
MARK_SENT = "UPDATE mails SET sent_at = ?, attempts = attempts + 1, problem = ? WHERE number = ?"
DEFER_MAIL = "UPDATE mails SET attempts = attempts + 1, problem = ?, retry_at = ? WHERE number = ?"
PURGE_MAILS = "DELETE FROM mails WHERE created_at < ?"


class Outbox(Part):
    """Alerts and mails."""

    async def alerts(self) -> list[Alert]:
        """The open alerts, the oldest first."""
        return await self._store.rows(ALERTS)

    async def save_alerts(
        self, alerts: Iterable[Alert], *, ended: Iterable[str], mails: Sequence[tuple[str, str]]
    ) -> None:
        """Keep `alerts` as they are now, delete those that `ended`, and write `mails`, (subject, body), all at once."""

        def step(tx: Tx) -> None:
            tx.executemany(
                SAVE_ALERT,
                [(alert.name, alert.text, alert.since, alert.seen_at, alert.told_at) for alert in alerts],
            )
            tx.execute(DELETE_ALERTS, (to_json(ended),))
            tx.executemany(INSERT_MAIL, [(subject, body, tx.now) for subject, body in mails])

        await self._store.run(step)

    async def begin_alert(self, alert: Alert, mails: Sequence[tuple[str, str]]) -> bool:
        """Keep `alert` and write its mails, unless it is open already, as where another process was quicker.

        Whether it was not.
        """

        def step(tx: Tx) -> bool:
            begun = tx.execute(BEGIN_ALERT, (alert.name, alert.text, alert.since, alert.seen_at, alert.told_at))
            if begun:
                tx.executemany(INSERT_MAIL, [(subject, body, tx.now) for subject, body in mails])
            return bool(begun)

        return await self._store.run(step)

    async def due_mails(self, limit: int = 10) -> list[Mail]:
        """The oldest `limit` mails that wait and may be tried now."""
        return await self._store.rows(DUE_MAILS, (self._store.now(), limit))

    async def mails_waiting(self) -> int:
        """How many mails the mail server has not taken."""
        rows = await self._store.read(WAITING)
        return int(rows[0]["mails"])

    async def mark_sent(self, mail: Mail, problem: str | None = None) -> None:
        """The mail server took `mail`, perhaps with a `problem`: not for everybody."""
        await self._store.run(lambda tx: tx.execute(MARK_SENT, (tx.now, problem, mail.number)))

    async def defer_mail(self, mail: Mail, problem: str, seconds: float) -> None:
        """The mail server did not take `mail`, for `problem`: it is tried again after `seconds`."""
        await self._store.run(lambda tx: tx.execute(DEFER_MAIL, (problem, tx.now + int(seconds * 1000), mail.number)))

    async def purge_mails(self, before: int) -> None:
        """Delete mails written before `before`, milliseconds, sent or not: old alerts are no news."""
        await self._store.execute(PURGE_MAILS, (before,))
