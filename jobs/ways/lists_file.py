"""The file of lists: read whole or not at all; a mistake is blamed on its line."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import re2
import yaml

from jobs.settings.values import Network, ValueProblemError, exact_network, text
from jobs.ways.lists import Lists, Networks
from jobs.ways.lookalikes import MIN_SKELETON, Brands, skeleton
from jobs.ways.patterns import Patterns, options

MAX_SIZE = 512 * 1024  #: bytes of the file
MAX_PATTERNS = 500  #: regular expressions in a list
MAX_PATTERN = 200  #: characters of one
MAX_DEPTH = 4  #: lists within each other; three have a use, and one more gets a sentence of its own
MAX_BRANDS = 1_000
MAX_ENTRIES = 10_000  #: of any other list

_WORD = re.compile(r"[a-z0-9]+")
_BRAND = re.compile(r"[a-z0-9.-]+")
#: libyaml's parser is ten times as fast.
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Entry = TypeVar("Entry")
Nodes = dict[str, yaml.Node]


class ListsError(Exception):
    """A mistake in the file of lists: one line that names the file's line and the list."""


def read_pattern(value: Any) -> str:
    """A regular expression of RE2."""
    pattern = text(value)
    if len(pattern) > MAX_PATTERN:
        raise ValueProblemError(f"is longer than {MAX_PATTERN} characters")
    try:
        re2.compile(pattern, options())
    except re2.error as error:
        what = error.args[0].decode(errors="replace").partition(":")[0] if error.args else ""
        raise ValueProblemError(f"is not a regular expression of RE2: {what}") from None
    return pattern


def read_word(value: Any) -> str:
    """A word of a name."""
    if not _WORD.fullmatch(text(value)):
        raise ValueProblemError("must be a word of a to z and 0 to 9")
    return str(value)


def read_brand(value: Any) -> str:
    """The skeleton of a brand."""
    if not _BRAND.fullmatch(text(value)):
        raise ValueProblemError("must be written as a name is: a to z, 0 to 9, '-' and '.'")
    if len(skeleton(value)) < MIN_SKELETON:
        raise ValueProblemError("is too short, too much looks like it: put it among the reserved words")
    return skeleton(value)


#: The lists of each section, with what reads an entry and how many there may be.
SECTIONS: dict[str, dict[str, tuple[Callable[[Any], Any], int]]] = {
    "names": {
        "deny": (read_pattern, MAX_PATTERNS),
        "allow": (read_pattern, MAX_PATTERNS),
        "reserved": (read_word, MAX_ENTRIES),
        "brands": (read_brand, MAX_BRANDS),
    },
    "networks": {"deny": (exact_network, MAX_ENTRIES), "allow": (exact_network, MAX_ENTRIES)},
    "referrers": {"deny": (read_pattern, MAX_PATTERNS), "allow": (read_pattern, MAX_PATTERNS)},
}


def read_lists(path: Path) -> Lists:
    """The lists in the file at `path`. Raises ListsError."""
    reader = _Reader(path.name)
    entries = reader.read(reader.root_of(path))
    networks: dict[str, list[Network]] = entries["networks"]
    names, referrers = entries["names"], entries["referrers"]
    return Lists(
        names_deny=Patterns(names["deny"]),
        names_allow=Patterns(names["allow"]),
        reserved=frozenset(names["reserved"]),
        brands=Brands(names["brands"]),
        networks_deny=Networks(networks["deny"]),
        networks_allow=Networks(networks["allow"]),
        referrers_deny=Patterns(referrers["deny"]),
        referrers_allow=Patterns(referrers["allow"]),
    )


class _Reader:
    """Reads the nodes of a file, which know their lines."""

    def __init__(self, name: str) -> None:
        self._name = name

    def root_of(self, path: Path) -> yaml.Node | None:
        """The file's only node; None where it is empty. Raises ListsError."""
        try:
            with path.open("rb") as file:
                content = file.read(MAX_SIZE + 1)
        except OSError as error:
            raise ListsError(f"{self._name}: can't be read: {error.strerror}") from None
        if len(content) > MAX_SIZE:
            raise ListsError(f"{self._name}: is larger than {MAX_SIZE:,} bytes")
        try:
            self._check_events(content)
            root: yaml.Node | None = yaml.compose(content, Loader=_LOADER)
        except (yaml.YAMLError, ValueError) as error:
            mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
            raise self._mistake(mark, f"is not YAML: {problem or 'it is no text'}") from None
        return root

    def _check_events(self, content: bytes) -> None:
        """Raise ListsError for what would crash libyaml's composer, or repeat itself."""
        depth = 0
        for event in yaml.parse(content, Loader=_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise self._mistake(event.start_mark, "the file is nested too deeply: a section has lists of texts")
            if isinstance(event, yaml.AliasEvent):
                raise self._mistake(event.start_mark, "the file has an alias, of which lists make no use")

    def read(self, root: yaml.Node | None) -> dict[str, dict[str, list[Any]]]:
        """The entries of each list of each section. Raises ListsError."""
        sections = self._members(root, "the file", SECTIONS)
        found = {}
        for section, lists in SECTIONS.items():
            nodes = self._members(sections.get(section), section, lists)
            found[section] = {
                name: list(self._entries(nodes.get(name), f"{section}.{name}", read, most))
                for name, (read, most) in lists.items()
            }
        return found

    def _members(self, node: yaml.Node | None, what: str, known: dict[str, Any]) -> Nodes:
        if _is_empty(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise self._mistake(node and node.start_mark, f"{what} must have keys: {', '.join(known)}")
        members: Nodes = {}
        for key_node, value in node.value:
            key = str(key_node.value)
            if key not in known:
                raise self._mistake(key_node.start_mark, f"{what} has an unknown key; it may have {', '.join(known)}")
            if key in members:
                raise self._mistake(key_node.start_mark, f"{what} has the key {key} twice")
            members[key] = value
        return members

    def _entries(self, node: yaml.Node | None, what: str, read: Callable[[Any], Entry], most: int) -> Iterator[Entry]:
        if node is None or _is_empty(node):
            return
        if not isinstance(node, yaml.SequenceNode):
            raise self._mistake(node.start_mark, f"{what} must be a list, each entry after a dash")
        if len(node.value) > most:
            raise self._mistake(node.start_mark, f"{what} has more than {most:,} entries")
        for entry in node.value:
            # All are taken as they are written: YAML would read 1e3 as a number, and no as false.
            if not isinstance(entry, yaml.ScalarNode) or _is_empty(entry):
                raise self._mistake(entry.start_mark, f"{what}: an entry must be a text")
            try:
                yield read(entry.value)
            except ValueProblemError as error:
                raise self._mistake(entry.start_mark, f"{what}: {error}") from None

    def _mistake(self, mark: Any, sentence: str) -> ListsError:
        return ListsError(f"{self._name}{'' if mark is None else f':{mark.line + 1}'}: {sentence}")


def _is_empty(node: yaml.Node | None) -> bool:
    return node is None or (isinstance(node, yaml.ScalarNode) and not node.style and node.value in ("", "~", "null"))
