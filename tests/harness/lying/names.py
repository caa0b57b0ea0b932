"""Lies about the list of all names."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from tests.harness.lying.lie import Lie, Request

LONG_NAME = 10_000  #: characters

#: Malformed pages, by what is wrong with them.
GARBAGE: dict[str, list[Any]] = {
    "capitals": [["ALICE", "1.2.11"], ["Bob-1", "1.2.12"]],
    "long": [["a" * LONG_NAME, "1.2.11"]],
    "unsorted": [["zoe-1", "1.2.11"], ["alice-1", "1.2.12"], ["mike-1", "1.2.13"]],
    "repeated": [["alice-1", "1.2.11"]] * 1000,
    "numbers": [[1, 2], [3, 4]],
    "nulls": [[None, None], None],
    "names without ids": [["alice-1"], ["bob-1"]],
    "texts": ["alice-1", "bob-1"],
    "empty names": [["", ""], ["", "1.2.11"]],
    "control characters": [["a\x00b", "1.2.11"], ["a\nb", "1.2.12"], ["\ud83d", "1.2.13"]],
}

_MADE_UP = re.compile(r"zz-(\d{12})")
_FIRST_INSTANCE = 5_000_000  #: of the ids of names that do not exist


class ListLie(Lie):
    """Changes what lookup_accounts lists."""

    methods: ClassVar[frozenset[str]] = frozenset({"lookup_accounts"})

    def change(self, request: Request, result: Any, /) -> Any:
        lower, limit = request.arguments[:2]
        return self.page(lower, int(limit), result)

    def page(self, lower: str, limit: int, page: list[Any], /) -> list[Any]:
        """The page instead of this one."""
        raise NotImplementedError


@dataclass(frozen=True)
class MadeUpNames(ListLie):
    """These names, which do not exist, are listed too, in their places."""

    names: tuple[str, ...]

    def page(self, lower: str, limit: int, page: list[Any], /) -> list[Any]:
        last = page[-1][0] if len(page) == limit else None
        added = [
            [name, f"1.2.{_FIRST_INSTANCE + place}"]
            for place, name in enumerate(self.names)
            if name >= lower and (last is None or name <= last)
        ]
        return sorted(page + added)[:limit]


@dataclass(frozen=True)
class GarbageNames(ListLie):
    """The page is one of GARBAGE, whatever was requested."""

    kind: str
    garbles: ClassVar[bool] = True

    def page(self, _lower: str, _limit: int, _page: list[Any], /) -> list[Any]:
        return GARBAGE[self.kind]


@dataclass(frozen=True)
class LongerPages(ListLie):
    """Each page has so many times as many entries as were asked for: what follows is made up, in order."""

    times: int = 10

    def page(self, lower: str, limit: int, page: list[Any], /) -> list[Any]:
        return page + _following(lower, limit * self.times - len(page))


@dataclass(frozen=True)
class EndlessNames(ListLie):
    """There is always another full page of names, in order."""

    def page(self, lower: str, limit: int, page: list[Any], /) -> list[Any]:
        return page + _following(lower, limit - len(page))


def _following(lower: str, times: int) -> list[list[str]]:
    """Names that sort after most real ones, from `lower` on."""
    known = _MADE_UP.fullmatch(lower)
    first = int(known[1]) if known else 0
    return [[f"zz-{number:012}", f"1.2.{_FIRST_INSTANCE + number}"] for number in range(first, first + times)]
