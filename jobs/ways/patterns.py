"""Regular expressions of operators, matched against what strangers send."""

from collections.abc import Iterable

import re2

#: Bytes that RE2 may take for the patterns of a list, its cache included.
MEMORY = 32 * 2**20


def options() -> re2.Options:
    """How patterns are compiled."""
    chosen = re2.Options()
    chosen.log_errors = False
    chosen.max_mem = MEMORY
    return chosen


class Patterns:
    """Regular expressions, each of which must match a whole name; RE2 is linear in its length."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """`patterns` are correct."""
        self.patterns = tuple(patterns)
        self._set = re2.Set.FullMatchSet(options())
        for pattern in self.patterns:
            self._set.Add(pattern)
        if self.patterns:
            self._set.Compile()

    def match(self, name: str) -> bool:
        """Whether one of them matches `name`."""
        return bool(self.patterns) and bool(self._set.Match(name))
