"""The file of lists, and what it denies."""

from ipaddress import ip_address
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ways.lists import Lists, Reason
from jobs.ways.lists_file import MAX_ENTRIES, MAX_PATTERNS, MAX_SIZE, ListsError, read_lists
from jobs.ways.lookalikes import skeleton

NAMES = st.from_regex(r"[a-z][a-z0-9.-]{0,61}[a-z0-9]", fullmatch=True)


def lists_of(folder: Path, text: str) -> Lists:
    file = folder / "lists.yaml"
    file.write_text(text)
    return read_lists(file)


def names(folder: Path, **lists: list[str]) -> Lists:
    return lists_of(folder, f"names: {lists}")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("spam-1", Reason.NAME),
        ("spam-", Reason.NAME),
        ("my-spam-1", None),  # a pattern matches whole names
        ("spam-good", None),  # allowed after all
        ("admin", Reason.RESERVED),
        ("admin-1", Reason.RESERVED),
        ("the.admin", Reason.RESERVED),
        ("administrator-1", None),
        ("paypal", Reason.BRAND),
        ("paypal-1", Reason.BRAND),
        ("paypa1", Reason.BRAND),
        ("paypai-7", Reason.BRAND),
        ("paypall7", Reason.BRAND),
        ("p-a-y-p-a-l", Reason.BRAND),
        ("paypal.support-1", Reason.BRAND),
        ("help-pay-pal-1", Reason.BRAND),
        ("paypal-shop", None),  # the brand's own, allowed
        ("rnodern-vvave", Reason.BRAND),
        ("g00gle2", Reason.BRAND),
        ("goggles-1", None),
        ("alice-1", None),
    ],
)
def test_names_are_denied_by_pattern_word_and_look(tmp_path: Path, name: str, reason: Reason | None) -> None:
    lists = names(
        tmp_path, deny=["spam-.*"], allow=["spam-good", "paypal-shop"], reserved=["admin"],
        brands=["paypal", "modern-wave", "google"],
    )  # fmt: skip
    assert lists.name_refusal(name) is reason


@given(NAMES)
def test_look_is_the_same_without_separators_and_doubled(name: str) -> None:
    plain = skeleton(name)
    assert skeleton(name.replace(".", "-")) == plain
    assert skeleton("".join(character * 2 for character in name)) == plain
    assert skeleton(name.replace("m", "rn").replace("w", "vv")) == plain
    assert skeleton(name.replace("o", "0").replace("l", "1").replace("s", "5")) == plain


@pytest.mark.parametrize(
    ("address", "denied"),
    [
        ("192.0.2.7", True),
        ("192.0.2.8", False),  # allowed after all
        ("198.51.100.9", True),
        ("198.51.100.10", False),
        ("2001:db8::5", True),
        ("2001:db9::5", False),
        ("::c000:207", False),  # no IPv4 address
    ],
)
def test_networks_are_denied_but_for_those_allowed(tmp_path: Path, address: str, denied: bool) -> None:
    text = "networks: {deny: [192.0.2.0/24, 198.51.100.9, '2001:db8::/32'], allow: [192.0.2.8/31]}"
    if address == "192.0.2.7":
        text = text.replace("192.0.2.8/31", "192.0.2.8")
    assert lists_of(tmp_path, text).denies_network(ip_address(address)) is denied


def test_all_but_one_network_can_be_denied(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, "networks: {deny: [0.0.0.0/0, '::/0'], allow: [10.1.0.0/16]}")
    denied = [lists.denies_network(ip_address(address)) for address in ("10.1.2.3", "10.2.2.3", "2001:db8::1")]
    assert denied == [False, True, True]


def test_referrers_are_denied_but_for_those_allowed(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, "referrers: {deny: ['bad-.*'], allow: [bad-luck]}")
    assert [lists.denies_referrer(name) for name in ("bad-1", "bad-luck", "bob-1")] == [True, False, False]


@pytest.mark.parametrize("text", ["", "# nothing\n", "names:\n", "names: {deny: }\nnetworks: ~\n", "---\n"])
def test_empty_lists_deny_nothing(tmp_path: Path, text: str) -> None:
    lists = lists_of(tmp_path, text)
    assert (lists.name_refusal("admin"), lists.denies_network(ip_address("192.0.2.1"))) == (None, False)


def test_entries_are_taken_as_they_are_written(tmp_path: Path) -> None:
    """YAML would read them as false, a number, a date, nothing."""
    lists = lists_of(tmp_path, "names:\n  deny:\n  - no\n  - 1e3\n  - 2026-01-01\n  - 'null'\n")
    assert [lists.name_refusal(name) for name in ("no", "1e3", "2026-01-01", "null")] == [Reason.NAME] * 4


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("names:\n  deny:\n  - ok\n  - '('\n", "lists.yaml:4: names.deny: is not a regular expression of RE2: miss"),
        ("names:\n  deny:\n  - 'a(?=b)'\n", "lists.yaml:3: names.deny: is not a regular expression of RE2: invalid"),
        (f"names:\n  deny: [{'x' * 201}]\n", "lists.yaml:2: names.deny: is longer than 200 characters"),
        ("names:\n  reserved:\n  - Admin\n", "lists.yaml:3: names.reserved: must be a word of a to z"),
        ("names:\n  brands: [a-1]\n", "lists.yaml:2: names.brands: is too short"),
        ("names:\n  brands: ['Ä']\n", "lists.yaml:2: names.brands: must be written as a name is"),
        ("networks:\n  deny:\n  - 192.0.2.1/24\n", "lists.yaml:3: networks.deny: must be an address such as"),
        ("networks:\n  deny:\n  - here\n", "lists.yaml:3: networks.deny: must be an address or a network"),
        ("networks:\n  deny: 192.0.2.1\n", "lists.yaml:2: networks.deny must be a list, each entry after a dash"),
        ("names:\n  deny:\n  -\n", "lists.yaml:3: names.deny: an entry must be a text"),
        ("names:\n  deny:\n  - [a]\n", "lists.yaml:3: names.deny: an entry must be a text"),
        ("name:\n  deny: []\n", "lists.yaml:1: the file has an unknown key; it may have names, networks, referrers"),
        ("names:\n  block: []\n", "lists.yaml:2: names has an unknown key; it may have deny, allow, reserved, brands"),
        ("names: {}\nnames: {}\n", "lists.yaml:2: the file has the key names twice"),
        ("- names\n", "lists.yaml:1: the file must have keys: names, networks, referrers"),
        ("names:\n- deny\n", "lists.yaml:2: names must have keys: deny, allow, reserved, brands"),
        ("names: {deny: [a\n", "is not YAML"),
        ("a: 1\n--- \nb: 2\n", "is not YAML"),
        ("\x00", "is not YAML"),
        ("[" * 100_000, "lists.yaml:1: the file is nested too deeply"),
        ("#" * (MAX_SIZE + 1), "lists.yaml: is larger than 524,288 bytes"),
        (f"names: {{deny: [{', '.join(['a'] * (MAX_PATTERNS + 1))}]}}", "lists.yaml:1: names.deny has more than 500"),
        (f"names: {{reserved: [{', '.join(['a'] * (MAX_ENTRIES + 1))}]}}", "names.reserved has more than 10,000"),
    ],
    ids=range(23),
)  # fmt: skip
def test_mistake_is_blamed_on_its_line(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(ListsError) as caught:
        lists_of(tmp_path, text)
    assert mistake in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lists.yaml"
    file.write_bytes(b"names: {deny: ['\xff\xfe']}")
    with pytest.raises(ListsError, match="is not YAML"):
        read_lists(file)
    with pytest.raises(ListsError, match="can't be read"):
        read_lists(tmp_path)


def test_aliases_cost_no_more_than_they_show(tmp_path: Path) -> None:
    """A file of some bytes, and a billion entries."""
    levels = "".join(f"- &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12))
    with pytest.raises(ListsError, match=r"lists.yaml:4: the file has an alias"):
        lists_of(tmp_path, f"names:\n  deny:\n  - &a0 [x]\n{levels.replace('- &', '  - &')}")


def test_largest_lists_and_worst_patterns_stay_quick(tmp_path: Path) -> None:
    """Patterns at which a backtracking engine would hang, against names made for them."""
    deny = [f"(a+)+{'x' * number}" for number in range(1, 151)] + [
        f"(.*a){{20}}b{number}" for number in range(MAX_PATTERNS - 150)
    ]
    reserved = [f"word{number}" for number in range(MAX_ENTRIES)]
    networks = [f"10.{number // 256}.{number % 256}.0/24" for number in range(MAX_ENTRIES)]
    brands = [f"brand{'abcdefghijklmnopqrstuvwxyz'[number % 26]}x{number}" for number in range(1000)]
    quoted = [f"names:\n  deny: {deny}\n  reserved: {reserved}\n  brands: {brands}\nnetworks:\n  deny: {networks}\n"]
    lists = lists_of(tmp_path, "".join(quoted))
    began = perf_counter()
    for name in ("a" * 63, "-".join("a" * 32), "ab" * 31):
        assert lists.name_refusal(name) is None
    assert lists.name_refusal("a" * 62 + "x") is Reason.NAME
    assert lists.name_refusal("a" * 40 + "b7") is Reason.NAME
    assert lists.denies_network(ip_address("10.39.15.200"))
    assert not lists.denies_network(ip_address("11.0.0.1"))
    assert perf_counter() - began < 2
