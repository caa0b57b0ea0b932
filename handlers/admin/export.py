"""The download of a search."""

from collections.abc import AsyncIterator
from contextlib import suppress

from tornado.iostream import StreamClosedError

from handlers.admin.base import AdminForm
from handlers.admin.pages import searched
from handlers.spreadsheet import csv_of_jobs
from jobs.errors import FaucetError


class ExportAction(AdminForm):
    """All jobs that a search finds, as CSV."""

    route = "admin_export"

    async def act(self, operator: str, *_path: str) -> None:
        """Send them, as fast as they are taken. Raises FaucetError bad_request or ledger_unavailable."""
        text, state = searched(self)
        parts = csv_of_jobs(self.context.ledger, text, state, by=operator)
        self.write(await anext(parts))
        self.set_header("Content-Type", "text/csv; charset=UTF-8; header=present")
        self.set_header("Content-Disposition", 'attachment; filename="jobs.csv"')
        with suppress(StreamClosedError):
            await self._send(parts)

    async def _send(self, parts: AsyncIterator[str]) -> None:
        """Raises StreamClosedError if the client has gone."""
        try:
            async for lines in parts:
                self.write(lines)
                await self.flush()
        except FaucetError:
            # The client must see that the rest is missing, so the reply may not end well.
            self.request.connection.stream.close()  # type: ignore[union-attr]  # known of HTTP/1 only
