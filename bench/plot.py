"""Bars in an SVG picture."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from bench.figure import Figure

WIDTH = 820
LABELS = 390  #: pixels left of the bars
VALUES = 110  #: pixels right of the longest bar
ROW = 26
HEAD = 44
FILL = {True: "#2e7d5b", False: "#b3402e", None: "#5b7fa6"}  #: by whether the target is met; without one


def bars(title: str, figures: Sequence[Figure]) -> str:
    """A picture with a bar for each of `figures`, on white, so that it is readable on any page."""
    most = max(figure.value for figure in figures) or 1.0
    height = HEAD + ROW * len(figures) + 10
    rows = "\n".join(_bar(figure, HEAD + ROW * place, most) for place, figure in enumerate(figures))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="13" fill="#222">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#fff"/>\n'
        f'<text x="16" y="27" font-size="15" font-weight="600">{escape(title)}</text>\n{rows}\n</svg>\n'
    )


def _bar(figure: Figure, top: int, most: float) -> str:
    length = max(1.0, (WIDTH - LABELS - VALUES) * figure.value / most)
    middle = top + ROW // 2 + 1
    return (
        f'<text x="{LABELS - 10}" y="{middle}" text-anchor="end">{escape(figure.what)}</text>\n'
        f'<rect x="{LABELS}" y="{top}" width="{length:.1f}" height="{ROW - 8}" rx="2" fill="{FILL[figure.met]}"/>\n'
        f'<text x="{LABELS + length + 8:.1f}" y="{middle}">{escape(figure.reached)}</text>'
    )
