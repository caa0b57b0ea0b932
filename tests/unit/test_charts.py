"""Bar charts: their columns and heights."""

import pytest

from handlers.pages.charts import DAY_MS, MINUTE_MS, chart, round_up
from handlers.pages.overview import share_within
from jobs.model.operators import Span

NOW = 20_000 * DAY_MS + 5 * MINUTE_MS + 1


def test_columns_are_contiguous_and_end_now() -> None:
    bars = chart([], until=NOW, size=MINUTE_MS, count=3)
    start = NOW // MINUTE_MS * MINUTE_MS
    assert [column.start for column in bars.columns] == [start - 2 * MINUTE_MS, start - MINUTE_MS, start]
    assert [column.x for column in bars.columns] == [0, 10, 20]
    assert (bars.width, bars.scale, bars.accepted, bars.busy) == (30, 1, 0, [])


def test_heights_are_fractions_of_the_scale() -> None:
    start = NOW // DAY_MS * DAY_MS
    bars = chart([Span(start - DAY_MS, 40, 10, 0), Span(start, 0, 50, 3)], until=NOW, size=DAY_MS, count=30)
    before, last = bars.columns[-2:]
    assert bars.scale == 50
    assert (before.accepted_height, before.registered_height) == (80, 20)
    assert (last.accepted_height, last.registered_height) == (0, 100)
    assert (bars.accepted, bars.registered) == (40, 60)
    assert bars.busy == [last, before]


def test_older_spans_are_left_out() -> None:
    assert chart([Span(0, 9, 9, 0)], until=NOW, size=MINUTE_MS, count=60).accepted == 0


@pytest.mark.parametrize(("number", "scale"), [(0, 1), (1, 1), (3, 5), (6, 10), (11, 20), (500, 500), (501, 1000)])
def test_scale_ends_with_a_round_number(number: int, scale: int) -> None:
    assert round_up(number) == scale


def test_percentiles_are_in_seconds() -> None:
    waits = [*range(0, 100_000, 1000)]
    assert (share_within(waits, 0.5), share_within(waits, 0.95)) == (50, 95)
    assert share_within([700], 0.95) == 0.7
    assert share_within([], 0.5) is None
