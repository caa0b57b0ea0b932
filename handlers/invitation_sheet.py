"""Codes of invitations, to be handed out: as CSV, and as a sheet to print."""

import io
from collections.abc import Sequence

import segno
from markupsafe import Markup

from handlers.pages.explorer import Explorer
from handlers.pages.templates import Pages
from handlers.spreadsheet import csv_writer
from jobs.model.codes import sign_up_url
from jobs.settings import Settings


def csv_of_codes(codes: Sequence[str]) -> str:
    """A CSV file (RFC 4180) of one column."""
    text = io.StringIO()
    csv_writer(text).writerows([["code"], *([code] for code in codes)])
    return text.getvalue()


def sheet_of(codes: Sequence[str], note: str, url: str | None) -> str:
    """A page to print, with each code and its QR code, which leads to the signup page at `url` if that is given."""
    pages = Pages(Explorer(Settings()))
    return pages.render("invitation_sheet.html", cards=cards_of(codes, url), note=note)


def cards_of(codes: Sequence[str], url: str | None) -> list[tuple[str, Markup]]:
    """Each code with its QR code, an SVG."""
    return [(code, _qr_code(code if url is None else sign_up_url(url, code))) for code in codes]


def _qr_code(text: str) -> Markup:
    # Its title is escaped, and nothing else in it is of the text.
    return Markup(segno.make(text, error="m", micro=False).svg_inline(border=2, omitsize=True, title=text))  # noqa: S704
