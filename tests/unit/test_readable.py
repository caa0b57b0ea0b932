"""Amounts, durations, times and nodes as people read them."""

import pytest

from handlers.render import core_amount, iso_time
from jobs.model.readable import duration, host
from tests.harness.serving import CHAIN_STATUS


@pytest.mark.parametrize(
    ("satoshi", "precision", "text"),
    [
        (514_941, 5, "5.14941 TEST"),
        (500_000, 5, "5 TEST"),
        (99_999_999, 5, "999.99999 TEST"),
        (123_456_789, 5, "1,234 TEST"),
        (0, 5, "0 TEST"),
        (7, 0, "7 TEST"),
        (None, 5, "unknown"),
        (5, None, "unknown"),
    ],
)
def test_amounts_are_formatted(satoshi: int | None, precision: int | None, text: str) -> None:
    assert core_amount(satoshi, precision, CHAIN_STATUS.symbol) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "119 min"),
        (7_200, "2 h"),
        (200_000, "2 days"),
    ],
)
def test_durations_are_formatted(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_times_are_rfc_3339_with_milliseconds() -> None:
    assert iso_time(1_767_323_045_678) == "2026-01-02T03:04:05.678Z"
    assert iso_time(0) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("url", "text"),
    [("ws://a.example:8090/x", "a.example:8090"), ("wss://me:secret@[::1]/", "[::1]"), (None, "")],
)
def test_node_is_shown_as_its_host(url: str | None, text: str) -> None:
    assert host(url) == text
