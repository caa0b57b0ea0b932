"""The pages' templates."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from handlers.pages.explorer import Explorer
from handlers.render import core_amount, day, iso_time, moment, readable_json
from jobs.model.readable import duration, host, visible

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "static"


class Pages:
    """Renders templates; what they show is escaped."""

    def __init__(self, explorer: Explorer, *, has_signup: bool = False) -> None:
        """`has_signup`: there is a page to sign up on, and the others link to it."""
        self._environment = Environment(
            loader=FileSystemLoader(ROOT / "templates"),
            autoescape=True,
            finalize=_visible,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(static=static_url, explorer=explorer, has_signup=has_signup)
        self._environment.filters.update(time=iso_time, moment=moment, core=core_amount, duration=duration, host=host)
        self._environment.filters.update(readable_json=readable_json, day=day)

    def render(self, template: str, **values: Any) -> str:
        """The page that `template` makes of `values`. Raises UndefinedError where one is missing."""
        return self._environment.get_template(template).render(**values)


def _visible(value: Any) -> Any:
    """`value`, without what would turn the text around it; what a template made already stays."""
    return visible(value) if type(value) is str else value


@cache
def static_url(name: str) -> str:
    """The address of a static file, which changes with its content so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"
