"""Columns of a chart, from what happened when. Pure; the template draws them."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.model.operators import Span

MINUTE = 60_000  #: milliseconds
DAY = 86_400_000
PITCH = 10  #: units of width from one column to the next
HEIGHT = 100  #: units of height


@dataclass(frozen=True, slots=True)
class Column:
    """A minute or a day, zero or not."""

    start: int  #: milliseconds since 1970, UTC
    accepted: int
    registered: int
    x: int  #: of its left edge, units
    accepted_height: float  #: units
    registered_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """All columns, as wide as PITCH each."""

    columns: tuple[Column, ...]
    most: int  #: what the full height stands for

    @property
    def width(self) -> int:
        """Of all columns, units."""
        return PITCH * len(self.columns)

    @property
    def accepted(self) -> int:
        """In all columns together."""
        return sum(column.accepted for column in self.columns)

    @property
    def registered(self) -> int:
        """In all columns together."""
        return sum(column.registered for column in self.columns)

    @property
    def busy(self) -> list[Column]:
        """The columns in which something happened, the newest first."""
        return [column for column in reversed(self.columns) if column.accepted or column.registered]


def chart(spans: Sequence[Span], *, until: int, size: int, count: int) -> Chart:
    """The `count` spans of `size` milliseconds up to the one that `until` lies in."""
    last = until // size * size
    known = {span.start: span for span in spans}
    starts = [last - size * back for back in range(count - 1, -1, -1)]
    shown = [known.get(start, Span(start, 0, 0, 0)) for start in starts]
    most = round_up(max(max(span.accepted, span.registered) for span in shown))
    return Chart(tuple(_column(place, span, most) for place, span in enumerate(shown)), most)


def round_up(number: int) -> int:
    """The least of 1, 2, 5, 10, 20, 50 … that is not less than `number`."""
    size = 1
    while True:
        for step in (1, 2, 5):
            if number <= step * size:
                return step * size
        size *= 10


def _column(place: int, span: Span, most: int) -> Column:
    return Column(
        start=span.start,
        accepted=span.accepted,
        registered=span.registered,
        x=PITCH * place,
        accepted_height=round(HEIGHT * span.accepted / most, 1),
        registered_height=round(HEIGHT * span.registered / most, 1),
    )
