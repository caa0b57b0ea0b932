"""Trouble that operators must know of, and the mails that tell them, kept until the mail server has them."""

from collections.abc import Iterable, Sequence

from jobs.ledger.book import Book, as_list
from jobs.ledger.database import Connection
from jobs.model.operators import Alert, Mail


class Mailbox(Book):
    """Alerts and mails."""

    async def alerts(self) -> list[Alert]:
        """Trouble that has not ended, the oldest first."""
        rows = await self._database.read("SELECT name, text, since, seen_at, told_at FROM alerts ORDER BY since, name")
        return [Alert(*row) for row in rows]

    async def put_alerts(
        self, alerts: Iterable[Alert], *, ended: Iterable[str], mails: Sequence[tuple[str, str]]
    ) -> None:
        """Keep `alerts` as they are now, forget those that `ended`, and write `mails`, (subject, body), all at once."""
        now = self._now()

        def step(connection: Connection) -> None:
            connection.executemany(
                "INSERT OR REPLACE INTO alerts (name, text, since, seen_at, told_at) VALUES (?, ?, ?, ?, ?)",
                [(alert.name, alert.text, alert.since, alert.seen_at, alert.told_at) for alert in alerts],
            )
            connection.execute("DELETE FROM alerts WHERE name IN (SELECT value FROM json_each(?))", (as_list(ended),))
            connection.executemany(
                "INSERT INTO mails (subject, body, created_at) VALUES (?, ?, ?)",
                [(subject, body, now) for subject, body in mails],
            )

        await self._database.run(step)

    async def due_mails(self, limit: int = 10) -> list[Mail]:
        """The oldest `limit` mails that wait and may be tried now."""
        rows = await self._database.read(
            "SELECT number, subject, body, created_at, attempts FROM mails "
            "WHERE sent_at IS NULL AND retry_at <= ? ORDER BY number LIMIT ?",
            (self._now(), limit),
        )
        return [Mail(*row) for row in rows]

    async def mails_waiting(self) -> int:
        """How many mails the mail server has not taken."""
        rows = await self._database.read("SELECT count(*) FROM mails WHERE sent_at IS NULL")
        return int(rows[0][0])

    async def note_sent(self, mail: Mail) -> None:
        """The mail server took `mail`."""
        await self._database.write(
            "UPDATE mails SET sent_at = ?, attempts = attempts + 1, problem = NULL WHERE number = ?",
            (self._now(), mail.number),
        )

    async def put_mail_off(self, mail: Mail, problem: str, seconds: float) -> None:
        """The mail server did not take `mail`, for `problem`: it is tried again after `seconds`."""
        await self._database.write(
            "UPDATE mails SET attempts = attempts + 1, problem = ?, retry_at = ? WHERE number = ?",
            (problem, self._now() + int(seconds * 1000), mail.number),
        )

    async def forget_mails(self, before: int) -> None:
        """Erase mails written before `before`, milliseconds, sent or not: old trouble is no news."""
        await self._database.write("DELETE FROM mails WHERE created_at < ?", (before,))
