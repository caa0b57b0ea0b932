"""The log as operators read it, from what a test captured."""

from collections.abc import Iterable
from logging import LogRecord

from jobs.monitoring.logs import TextLine


def log_lines(records: Iterable[LogRecord], logger: str = "") -> list[str]:
    """The lines of the records whose logger's name begins with `logger`, fields and tracebacks included."""
    return [TextLine().format(record) for record in records if record.name.startswith(logger)]
