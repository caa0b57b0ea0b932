"""The chain's grammar of names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.names import is_cheap, name_problem
from tests.harness.support import data


@pytest.mark.parametrize(
    "name", ["a", "x9", "alice-1", "a1.b", "aa--1b", "a.b.c", "a" * 63, "my-dividend-distribution.x"]
)
def test_valid_names_are_accepted(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "empty"),
        ("a" * 64, "longer than 63"),
        ("Alice", "capital letter"),
        ("under_score", "not allowed"),
        ("näme", "not allowed"),
        ("a/b", "not allowed"),
        ("a b", "not allowed"),
        (".a", "empty part"),
        ("a.", "empty part"),
        ("a..b", "empty part"),
        ("1a", "begin with a letter"),
        ("a.1b", "begin with a letter"),
        ("-a", "begin with a letter"),
        ("a-", "end with a letter or a digit"),
        ("a-.b", "end with a letter or a digit"),
    ],
)
def test_each_violated_rule_has_a_message(name: str, sentence: str) -> None:
    problem = name_problem(name)
    assert problem is not None
    assert sentence in problem


def test_reserved_ending_is_refused() -> None:
    assert name_problem("my-dividend-distribution") is None
    assert "keeps for itself" in (name_problem("my-dividend-distribution", "-dividend-distribution") or "")
    assert name_problem("my-dividend-distribution.x", "-dividend-distribution") is None


def test_name_rules_match_a_real_node() -> None:
    """The recorded names are refused exactly where the node refused them."""
    for case, reply in data("node-errors.json").items():
        match = re.fullmatch(r"bad name '(.*)'", case)
        if match:
            refused = reply["error"]["data"]["stack"][0]["format"].startswith("is_valid_name")
            assert (name_problem(match.group(1)) is not None) is refused, case


def test_name_rules_match_a_real_bitshares_node() -> None:
    for case, reply in data("node-errors-bitshares.json").items():
        match = re.fullmatch(r"(?:bad name:|name accepted by BitShares\?) '(.*)'", case)
        if match and match.group(1) != "xxxxxxxxxxxx":  # recorded shortened: it was too long
            assert (name_problem(match.group(1)) is not None) is ("error" in reply), case


@pytest.mark.parametrize(
    ("name", "cheap"),
    [("alice", False), ("alice1", True), ("al-ice", True), ("al.ice", True), ("bcdf", True), ("rhythm", False)],
)
def test_cheap_names(name: str, cheap: bool) -> None:
    assert is_cheap(name) is cheap


@given(st.text(max_size=70))
def test_accepted_names_fit_the_grammar(name: str) -> None:
    label = r"[a-z](?:[a-z0-9-]*[a-z0-9])?"
    fits = re.fullmatch(rf"{label}(?:\.{label})*", name) is not None and len(name) <= 63
    assert (name_problem(name) is None) is fits
