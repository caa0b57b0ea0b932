"""The log: one line an event, on standard error, as key=value text or as a JSON object.

A call names the event in constant words and hands its values over as `extra={"fields": {...}}`. So no value is read
back out of a text, and none can pass for another one.
"""

import json
import logging
import re
import time
from functools import lru_cache
from typing import Any

from jobs.settings import Settings

log = logging.getLogger("faucet")

#: Printable ASCII without blank, quotation mark, equals sign and backslash: what a value may be without quotes.
_BARE = re.compile(r"[!#-<>-\[\]-~]+")
MAX_VALUE = 2000  #: characters of a field; a traceback has no limit
_ascii, _readable = json.JSONEncoder().encode, json.JSONEncoder(ensure_ascii=False).encode


def start_logging(settings: Settings) -> None:
    """Log what is at least as important as `log_level`, in `log_format`, and the notes that loading `settings` left."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLine() if settings.log_format == "json" else TextLine())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    # No line shows these, and finding them out takes as long as the rest of a line.
    logging._srcfile = None  # noqa: SLF001  # as the library's own manual says (HOWTO, Optimization)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for library in ("websockets", "aiosqlite", "mail.log"):
        # They log client addresses, or every step.
        logging.getLogger(library).setLevel(logging.WARNING)
    # Its warnings repeat what a client sent, such as a forged cookie.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    for note in settings.notes:
        log.warning(note)


class TextLine(logging.Formatter):
    """time=… level=… logger=… event="…" and the fields, with quotes where a value needs them."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; no value can add a second line or another key."""
        head = f"time={_time(record)} level={record.levelname.lower()} logger={record.name}"
        fields = [f"{key}={_value(text)}" for key, text in _fields(self, record).items()]
        return " ".join((head, _event(record.getMessage()), *fields))


class JsonLine(logging.Formatter):
    """A JSON object: time, level, logger, message, and each field as a member. All values are strings."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end, in ASCII."""
        head = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name}
        return _ascii(head | {"message": record.getMessage()} | _fields(self, record))


def _fields(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, str]:
    """The record's fields as texts, the traceback being the last."""
    fields: dict[str, Any] = getattr(record, "fields", {})
    texts = {key: _cut(str(value)) for key, value in fields.items()}
    return texts | {"trace": formatter.formatException(record.exc_info)} if record.exc_info else texts


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"


def _time(record: logging.LogRecord) -> str:
    return f"{_utc(int(record.created))}.{record.msecs:03.0f}Z"


@lru_cache(maxsize=1)
def _utc(second: int) -> str:
    """Date and time, to the second; cached because a busy second has thousands of lines."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


@lru_cache(maxsize=256)
def _event(text: str) -> str:
    """The event's words; cached because they are constant."""
    return f"event={_quoted(text)}"


def _value(text: str) -> str:
    return text if _BARE.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    """`text` as a JSON string; in ASCII if it has a character that may break a line or not be encoded."""
    return _readable(text) if text.isprintable() else _ascii(text)
