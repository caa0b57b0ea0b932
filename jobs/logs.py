"""The log: one line an event, on standard error."""

import logging

from jobs.config import Settings

log = logging.getLogger("faucet")


def start_logging(settings: Settings) -> None:
    """Log what is at least as important as `log_level`."""
    level = settings.log_level.upper()
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True)
    for library in ("websockets", "tornado.general"):  # they name addresses and tell of every connection
        logging.getLogger(library).setLevel(logging.WARNING)
    for note in settings.notes:
        log.warning("%s", note)
