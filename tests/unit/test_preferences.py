"""Options of requests."""

import pytest

from handlers.http.preferences import is_flag_set, preferred_wait
from jobs.errors import Code, FaucetError


@pytest.mark.parametrize("value", ["1", "true", "True", "TRUE", "yes", "Yes", "on", "ON", "", " true "])
def test_truthy_values(value: str) -> None:
    assert is_flag_set("dry_run", [value])


@pytest.mark.parametrize("values", [["0"], ["false"], ["no"], ["off"], ["2"], ["maybe"], ["1", "0"], ["null"]])
def test_invalid_preference(values: list[str]) -> None:
    with pytest.raises(FaucetError) as caught:
        is_flag_set("dry_run", values)
    assert (caught.value.code, caught.value.field) == (Code.BAD_REQUEST, "dry_run")


def test_no_preference() -> None:
    assert not is_flag_set("dry_run", [])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=9", 9),
        ('wait="9"', 9),
        ("Wait = 9", 9),
        ('respond-async, wait="10"; x=y', 10),
        ("respond-async;wait=5", 5),
        ("wait=3, wait=5", 3),
        ("wait=" + "9" * 400, float("inf")),
        ('note="a, wait=9", handling=lenient', None),
        ('note="a \\", wait=9"', None),
        ("wait=soon", None),
        ("wait=9.5", None),
        ("wait", None),
        ("wait=", None),
        ("await=9", None),
        ('wait="9', None),
        ("", None),
    ],
)
def test_preferred_wait_is_parsed(header: str, seconds: float | None) -> None:
    assert preferred_wait(header) == seconds
