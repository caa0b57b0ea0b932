"""Texts from outside, cut to length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.errors import BadReply, LinkError, NotSent, UnfitNode
from chain.text import MAX_TEXT, cut
from jobs.model.readable import visible


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("as it is", "as it is"),
        ("two\nlines\tand more", "two lines and more"),
        ("\x1b[31mred\x00", "�[31mred�"),
        ("left \u202e right \ud800", "left � right �"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
    ],
)
def test_text_becomes_a_short_printable_line(text: str, line: str) -> None:
    assert cut(text) == line


@given(st.text(st.characters()))
def test_any_text_becomes_a_short_printable_line(text: str) -> None:
    line = cut(text)
    assert len(line) <= MAX_TEXT
    assert line.isprintable()
    assert cut(line) == line


@pytest.mark.parametrize("kind", [LinkError, NotSent, BadReply, UnfitNode])
def test_node_text_is_cut_in_every_error(kind: type[LinkError]) -> None:
    assert str(kind("the node says " + "\x07" * 1_000_000)) == cut("the node says " + "\x07" * 1_000)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \u00e4", "plain \u00e4"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x9b0m", "\ufffd[31mred\ufffd0m"),
        ("a\u202eb\u2066c\u200fd", "a\ufffdb\ufffdc\ufffdd"),
    ],
)
def test_unprintable_text_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
