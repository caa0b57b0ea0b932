"""The log as operators read it, from the captured records."""

import re
from collections.abc import Iterable
from logging import LogRecord

from jobs.monitoring.logs import TextLine

#: A quotation mark inside a value is escaped, so no value matches.
_FAULT = re.compile(r'Traceback|time=\S+ level=critical |.* trace="Traceback')


def log_lines(records: Iterable[LogRecord], logger: str = "") -> list[str]:
    """The lines of the records whose logger's name begins with `logger`, fields and tracebacks included."""
    return [TextLine().format(record) for record in records if record.name.startswith(logger)]


def is_fault(line: str) -> bool:
    """Whether a line of output, in or outside the log, reports a bug of the program."""
    return _FAULT.match(line) is not None
