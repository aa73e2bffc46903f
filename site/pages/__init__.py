"""The pages, each a component of its own."""

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dwell.site.pages.front import Front
from dwell.site.pages.not_found import NotFound
from dwell.site.pages.page import Page
from dwell.site.pages.page_a import PageA
from dwell.site.pages.page_b import PageB
from dwell.site.pages.page_c import TABS

PAGES: tuple[Page, ...] = (Front(), PageA(), PageB(), *TABS)
NOT_FOUND = NotFound()

__all__ = ["NOT_FOUND", "PAGES", "Page", "templates"]


def templates(
    asset: Callable[[str], str],
    script_url: str | None,
    honours_opt_out: bool,
    requires_consent: bool,
) -> Environment:
    """What the templates can name.

    Args:
        asset: the URL path of a static file.
        script_url: of the beacon; None leaves it out.
        honours_opt_out: whether visitors who send Sec-GPC or DNT are left alone, as pages then say.
        requires_consent: whether nothing is measured without consent, for which no page here asks.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "asset": asset,
        "script_url": script_url,
        "honours_opt_out": honours_opt_out,
        "requires_consent": requires_consent,
        "pages": {type(page).__name__: page for page in PAGES},
        "tabs": TABS,
    }
    return environment
