"""Bar charts of signups per minute or day, computed here and drawn by the template. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.model.operators import Span

MINUTE_MS = 60_000  #: milliseconds
DAY_MS = 86_400_000
PITCH = 10  #: units of width from one column to the next
HEIGHT = 100  #: units of height


@dataclass(frozen=True, slots=True)
class Column:
    """The signups of a minute or a day, and their bars."""

    start: int  #: milliseconds since 1970, UTC
    accepted: int
    registered: int
    x: int  #: left edge, units
    accepted_height: float  #: units
    registered_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The columns, PITCH units wide each."""

    columns: tuple[Column, ...]
    scale: int  #: the number of signups at full height

    @property
    def width(self) -> int:
        """The width of all columns, units."""
        return PITCH * len(self.columns)

    @property
    def accepted(self) -> int:
        """The sum over all columns."""
        return sum(column.accepted for column in self.columns)

    @property
    def registered(self) -> int:
        """The sum over all columns."""
        return sum(column.registered for column in self.columns)

    @property
    def busy(self) -> list[Column]:
        """The columns that are not zero, newest first."""
        return [column for column in reversed(self.columns) if column.accepted or column.registered]


def chart(spans: Sequence[Span], *, until: int, size: int, count: int) -> Chart:
    """The chart of `count` spans of `size` milliseconds; the last contains `until`, milliseconds since 1970."""
    last = until // size * size
    known = {span.start: span for span in spans}
    starts = [last - size * back for back in range(count - 1, -1, -1)]
    charted = [known.get(start, Span(start, 0, 0, 0)) for start in starts]
    scale = round_up(max(max(span.accepted, span.registered) for span in charted))
    return Chart(tuple(_column(place, span, scale) for place, span in enumerate(charted)), scale)


def round_up(number: int) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50 … that is at least `number`."""
    size = 1
    while True:
        for step in (1, 2, 5):
            if number <= step * size:
                return step * size
        size *= 10


def _column(place: int, span: Span, scale: int) -> Column:
    return Column(
        start=span.start,
        accepted=span.accepted,
        registered=span.registered,
        x=PITCH * place,
        accepted_height=round(HEIGHT * span.accepted / scale, 1),
        registered_height=round(HEIGHT * span.registered / scale, 1),
    )
