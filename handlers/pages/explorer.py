"""Links of the pages to a block explorer."""

from jobs.settings import Settings
from jobs.settings.explorer import fill


class Explorer:
    """Where the configured explorer shows something; None where none is configured, or there is nothing to show."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def account(self, name: str | None) -> str | None:
        """The URL of the account `name`."""
        return _url(self._settings.explorer_url, "{name}", name)

    def block(self, number: int | str | None) -> str | None:
        """The URL of a block."""
        return _url(self._settings.explorer_block_url, "{number}", number)

    def transaction(self, transaction_id: str | None) -> str | None:
        """The URL of a transaction."""
        return _url(self._settings.explorer_transaction_url, "{id}", transaction_id)


def _url(template: str | None, placeholder: str, value: int | str | None) -> str | None:
    return None if template is None or value is None else fill(template, placeholder, value)
