"""The log: one line an event, on standard error, as key=value or as a JSON object each."""

import logging
import re
import time
from functools import lru_cache
from typing import Any

import msgspec

from jobs.settings import Settings

log = logging.getLogger("faucet")

_FIELD = re.compile(r"(?:^|(?<= ))([a-z_]+)=(\S+)")


def start_logging(settings: Settings) -> None:
    """Log what is at least as important as `log_level`, in `log_format`."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLine() if settings.log_format == "json" else TextLine())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    # No line says them, and to find them out takes as long as the rest of a line.
    logging._srcfile = None  # noqa: SLF001  # as the library's own manual says (HOWTO, Optimization)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for library in ("websockets", "tornado.general", "aiosqlite", "mail.log"):
        # They name addresses, or tell of every step.
        logging.getLogger(library).setLevel(logging.WARNING)
    for note in settings.notes:
        log.warning("%s", note)


class TextLine(logging.Formatter):
    """time=… level=… logger=… and what happened, on one line whatever it holds."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        message, trace = record.getMessage(), _trace(self, record)
        told = message if _FIELD.match(message) else f"event={_quoted(message)}"
        text = f"time={_time(record)} level={record.levelname.lower()} logger={record.name} {told}"
        return _one_line(text if trace is None else f"{text} trace={_quoted(trace)}")


class JsonLine(logging.Formatter):
    """A JSON object: time, level, logger, message, and each key=value of the message as a member."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        message = record.getMessage()
        fields: dict[str, Any] = dict(_FIELD.findall(message))
        trace = _trace(self, record)
        fields |= {"time": _time(record), "level": record.levelname.lower(), "logger": record.name, "message": message}
        return msgspec.json.encode(fields if trace is None else fields | {"trace": trace}).decode()


def _time(record: logging.LogRecord) -> str:
    return f"{_moment(int(record.created))}.{record.msecs:03.0f}Z"


@lru_cache(maxsize=1)
def _moment(second: int) -> str:
    """The time but for its fraction, the same for all lines of a second."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str | None:
    return formatter.formatException(record.exc_info) if record.exc_info else None


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n").replace("\r", "\\r")
