"""Whose turn it is to write."""

import threading
from pathlib import Path

import pytest

from jobs.ledger.turn import Turn


def test_turn_is_waited_for(tmp_path: Path) -> None:
    one, two = Turn(tmp_path), Turn(tmp_path)
    order = []

    def write() -> None:
        begun.set()
        with two():
            order.append("two")

    begun = threading.Event()
    writing = threading.Thread(target=write)
    with one():
        writing.start()
        begun.wait()
        order.append("one")
    writing.join()
    assert order == ["one", "two"]
    one.close()
    two.close()
    two.close()


def test_who_never_leaves_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.ledger.turn.LOCK_TIMEOUT", 0.01)
    one, two = Turn(tmp_path), Turn(tmp_path)
    with one(), two():
        """SQLite says whether it can be written."""
    one.close()
    two.close()


def test_turn_of_who_does_not_wait_any_more_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three = (Turn(tmp_path) for _ in range(3))
    with one():
        monkeypatch.setattr("jobs.ledger.turn.LOCK_TIMEOUT", 0.01)
        with two():
            """Its patience has ended."""
        monkeypatch.undo()
    three.wait()  # free, as soon as the one that gave up has had it
    for each in (one, two, three):
        each.close()
