"""Names that look alike, after UTS #39 ("confusable detection") for the few characters that names may have. Pure."""

import re
from collections.abc import Iterable, Iterator

import re2

from jobs.ways.patterns import options

#: Digits become the letters that they are read as, what is told apart by a dot or a stroke becomes one, and what is
#: read as two becomes two: then the skeleton of a part of a name is part of the name's.
_AS_READ = str.maketrans(
    dict(zip("0123456789ij", "olzeasbtbgll", strict=True)) | {"m": "rn", "w": "vv", ".": None, "-": None}
)
_DOUBLED = re.compile(r"(rn|.)\1+")
_SEPARATOR = re.compile(r"[.-]")
MIN_SKELETON = 3  #: characters; shorter ones look like too much
MAX_RUN = 6  #: parts of a name that are read together, besides all of them


def skeleton(text: str) -> str:
    """What `text` looks like: the same for all that look alike."""
    longer, text = "", text.translate(_AS_READ)
    # What is dropped may leave another pair side by side.
    while len(longer) != len(text):
        longer, text = text, _DOUBLED.sub(r"\1", text)
    return text


class Brands:
    """Names that no part of another name may look like."""

    def __init__(self, skeletons: Iterable[str]) -> None:
        self.skeletons = frozenset(skeletons)
        self._anywhere = re2.Set.SearchSet(options())
        for each in self.skeletons:
            self._anywhere.Add(each)
        if self.skeletons:
            self._anywhere.Compile()

    def look_like(self, name: str) -> bool:
        """Whether some part of `name` looks like one of them."""
        # Of nearly all names one pass shows that none does.
        if not self.skeletons or not self._anywhere.Match(skeleton(name)):
            return False
        return any(found in self.skeletons for found in _skeletons_in(name))


def _skeletons_in(name: str) -> Iterator[str]:
    """The skeletons of whatever a reader may take for a word of its own in `name`.

    That is each part, and parts that stand side by side, all with and without the digits at the end, which many names
    only have to be cheap.
    """
    for text in _runs(_SEPARATOR.split(name)):
        yield skeleton(text)
        bare = text.rstrip("0123456789")
        if bare != text:
            yield skeleton(bare)


def _runs(parts: list[str]) -> Iterator[str]:
    yield "".join(parts)
    for start in range(len(parts)):
        for end in range(start + 1, min(start + MAX_RUN, len(parts)) + 1):
            yield "".join(parts[start:end])
